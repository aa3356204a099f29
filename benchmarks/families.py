"""Six real families as they come, out of fold, beside a tree: python benchmarks/families.py --fleets DIR

Each family is read by the options that its user would type. Ten folds of the units that failed (whole groups where units are
near replicates), RUL alone, seed 42; the scored fold is cut at 16 random rows a unit, uniform over its life; RUL is capped as the
lives of the table say. The tree is scikit-learn's HistGradientBoostingRegressor with its defaults, on the same statistics,
windows and folds; so are ridge regression and age. Differences are paired by unit, with groups by fold; their intervals are
Student's. The sizes of network were compared on these very folds. Results go to results/families.json, the table into
docs/training.md. With --age the families that name features have ``age`` among them, and the results go to
results/families_age.json alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pages import ROOT, replace_between
from torch import nn

from grace.cli.options import TrainingOptions
from grace.core.pools import on_one_thread
from grace.core.stats import Estimate, student
from grace.data.fleet import Fleet
from grace.data.load import load_train
from grace.files import write_text
from grace.models.baselines import BASELINES, input_of
from grace.models.rul_problem import usual_history
from grace.training.baselines import fit
from grace.training.evaluate import Predictions
from grace.training.outcome import Run
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec
from studies.fleets import CHARGE, USUAL, until_failure

SMART = ",".join(f"smart_{number}" for number in (5, 12, 187, 188, 189, 197, 198))
FAMILIES: dict[str, dict[str, str]] = {
    "battery_tju": {"table": "cycles.csv.gz", "unit_table": "units.csv.gz", "event": "failed", "group": "cond",
                    "features": CHARGE},
    "battery_hust": {"table": "cycles.csv.gz", "unit_table": "units.csv.gz", "event": "failed", "features": CHARGE},
    "filter_esrel22": {"table": "runs.csv.gz", "time": "time_s", "features": "flow,feed", "time_unit": "seconds"},
    "filter_phme20": {"table": "runs.csv.gz", "time": "time_s", "time_unit": "seconds",
                      "features": "flow_ml_min,p_up_psi,p_down_psi"},
    "bearing_femto": {"table": "features.csv.gz", "time": "t_s", "time_unit": "seconds"},
    "hdd_backblaze": {"table": "st3000dm001.csv.gz", "engine": "serial_number", "start": "tstart", "time": "tstop",
                      "event": "fails", "time_unit": "hours", "features": SMART},
}  # fmt: skip
"""Options of the command line; files lie in the folder of the family."""
SIZES = ("statistics", "quantiles")
MODELS = (*SIZES, *BASELINES)
FOLDS, SEED = 10, 42


def spec_of(family: str, size: str, folder: Path, age: bool = False) -> tuple[RunSpec, Fleet]:
    """The run that the command line makes of a family, with ``age`` among the features or without, and its units."""
    asked: dict[str, Any] = USUAL | FAMILIES[family]
    if age:
        asked["features"] += ",age"
    paths = {name: folder / family / asked[name] for name in ("table", "unit_table") if name in asked}
    if family == "filter_phme20":
        paths["table"] = until_failure(paths["table"])
    options = TrainingOptions(**(asked | paths), folds=FOLDS, size=size)
    opened = options.opened()
    fleet = load_train("", options.source(opened))
    spec = run_spec(family, "rul-only", seed=SEED, **options.choices(opened, fleet))
    plan = replace(spec.schedule, min_history=usual_history("quantiles"))  # all sizes on the same windows and cuts
    return replace(spec, schedule=plan), fleet


def measured(family: str, size: str, folder: Path, age: bool = False) -> list[dict[str, Any]]:
    """Squared errors of each unit, of a network and of what needs none."""
    spec, fleet = spec_of(family, size, folder, age)
    spec = replace(spec, max_validation_rul=0)
    run = train(spec, fleet)
    found = {size: [member.model for member in run.members]}
    if size == SIZES[-1]:
        found |= {name: [fit(name, split.train, spec.conventions) for split in run.splits] for name in BASELINES}
    facts = {"units": len(fleet.engines), "failed": len(fleet.failures), "cap": spec.conventions.cap}
    facts |= {"unit": spec.conventions.unit, "grouped": fleet.groups is not None}
    return [
        {"family": family, "model": name, **facts, "squared": of_units(models, run, spec)}
        for name, models in found.items()
    ]


def of_units(models: Sequence[nn.Module], run: Run, spec: RunSpec) -> list[list[float]]:
    """Mean squared error of each unit that a fold holds out, in square units of time, fold by fold."""
    folds = []
    for model, split in zip(models, run.splits, strict=True):
        held = split.validation
        wrong = np.square(Predictions.of(model, input_of(model, held), spec).rul.astype(float) - held.rul)
        engine = np.unique(held.engine, return_inverse=True)[1]
        folds.append([float(f"{value:.6g}") for value in np.bincount(engine, wrong) / np.bincount(engine)])
    return folds


def squared_errors(rows: list[dict[str, Any]], family: str, model: str) -> NDArray[np.float64]:
    """Squared errors of a family by unit, or by fold where units come in groups, in caps squared."""
    row = next(row for row in rows if (row["family"], row["model"]) == (family, model))
    folds = [np.array(fold) / row["cap"] ** 2 for fold in row["squared"]]
    return np.array([fold.mean() for fold in folds]) if row["grouped"] else np.concatenate(folds)


def rmse(rows: list[dict[str, Any]], family: str, model: str) -> float:
    """Over all units, in the unit of time."""
    row = next(row for row in rows if (row["family"], row["model"]) == (family, model))
    return float(np.sqrt(np.mean(np.concatenate(row["squared"]))))


def differences(rows: list[dict[str, Any]], other: str) -> dict[str, Estimate]:
    """Squared error of ``quantiles`` less that of another model, in caps squared, by family."""
    there = dict.fromkeys(row["family"] for row in rows)
    return {f: student(squared_errors(rows, f, "quantiles") - squared_errors(rows, f, other)) for f in there}


def table(rows: list[dict[str, Any]]) -> str:
    """RMSE out of fold, and paired differences in squares of a hundredth of the cap."""
    lines = [
        f"| family | failed / suspended | cap | {' | '.join(f'{model}, RMSE' for model in MODELS)} | quantiles less tree, "
        "squared % of the cap [95 %] | quantiles less statistics |",
        "|---|---|---|" + "---|" * (len(MODELS) + 2),
    ]
    pairs = [differences(rows, other) for other in ("tree", "statistics")]
    for family in pairs[0]:
        row = next(row for row in rows if row["family"] == family)
        errors = " | ".join(f"{rmse(rows, family, model):,.4g}" for model in MODELS)
        gains = " | ".join(_percent(pair[family]) for pair in pairs)
        fleet = f"{row['failed']:,} / {row['units'] - row['failed']:,} | {row['cap']:,} {row['unit']}"
        lines.append(f"| `{family}` | {fleet} | {errors} | {gains} |")
    return "\n".join(lines) + "\n"


def _percent(found: Estimate) -> str:
    return replace(found, mean=1e4 * found.mean, low=1e4 * found.low, high=1e4 * found.high).text(1, "+")


def main() -> None:
    """Measure what the file lacks, print the table and put it into the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fleets", type=Path, default=Path("fleets"), help="folder of the families")
    parser.add_argument("--age", action="store_true", help="age among the features, where a family names some")
    given = parser.parse_args()
    path = ROOT / "results" / ("families_age.json" if given.age else "families.json")
    families = [name for name, options in FAMILIES.items() if not given.age or "features" in options]
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    there = {(row["family"], row["model"]) for row in rows}
    for family, size in ((f, s) for f in families for s in SIZES if (f, s) not in there):
        rows += on_one_thread(measured, family, size, given.fleets, given.age)
        write_text(path, json.dumps(rows) + "\n")
        print(family, size, f"{rmse(rows, family, size):.4g}", flush=True)
    print(table(rows))
    if given.age:
        return
    replace_between(ROOT / "docs" / "training.md", {"families": table(rows)})


if __name__ == "__main__":
    main()
