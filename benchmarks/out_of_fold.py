"""Network sizes and a tree, judged on training engines that nothing was chosen on: python benchmarks/out_of_fold.py --data DIR

The training engines of each subset in five folds. Of the other four a fifth is held out for validation, as in any honest run, and
everything is chosen there: the epoch, and whether windows of any RUL or within 150 cycles of failure are trained on (``folds``,
the mean of ten networks on all four, chooses by its own folds). The scored fold is cut at 16 random cycles an engine, uniform
over its life; so are the validation engines. The tree is scikit-learn's HistGradientBoostingRegressor with its defaults, on the
statistics of all windows of the four folds. RMSE against labels capped at 125 cycles; differences are paired
by engine, their intervals Student's over engines. No test file is read. Results go to results/out_of_fold.json, the table into
docs/training.md.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pages import measure_into_page
from sklearn.ensemble import HistGradientBoostingRegressor

from grace.core.pools import on_one_thread
from grace.core.stats import student
from grace.data.cmapss.checksums import SUBSETS
from grace.data.cmapss.fleets import read_train
from grace.data.fleet import Fleet
from grace.data.resident import ResidentWindows
from grace.data.windows import Windows
from grace.models.rul_problem import resident
from grace.training.evaluate import Predictions
from grace.training.protocol import Split
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec

FOLDS, CUTS, CAP = 5, 16, 125
MODELS = ("statistics", "folds", "compact", "tree")
MAX_RULS = (0, 150)
PAIRS = (("folds", "compact"), ("folds", "tree"), ("statistics", "compact"), ("statistics", "tree"))
"""Of which the difference is taken."""


@lru_cache(maxsize=1)
def engines(dataset: str, data: Path) -> Fleet:
    """Training engines."""
    return read_train(data, dataset)


def sides(fleet: Fleet, fold: int) -> tuple[Fleet, Fleet]:
    """Engines of the other folds, and of this one."""
    parts = np.array_split(np.random.default_rng(0).permutation(len(fleet.engines)), FOLDS)
    others = np.concatenate([part for number, part in enumerate(parts) if number != fold])
    return fleet.select(np.sort(others)), fleet.select(np.sort(parts[fold]))


def spec_of(dataset: str, size: str, max_rul: int, fold: int) -> RunSpec:
    """An honest run of the baseline, its validation uniform over life."""
    network = "compact" if size == "compact" else "statistics"
    return run_spec(
        dataset,
        "rul-only",
        size=network,
        schedule=replace(SCHEDULES[network], max_train_rul=max_rul),
        seed=fold,
        folds=10 if size == "folds" else 0,
        rul_scale="cap" if size == "compact" else None,
        max_validation_rul=0,
        watch_test=False,
    )


def cut(fleet: Fleet, spec: RunSpec, conditioner: Any) -> Windows:
    """The scored windows."""
    rows = conditioner.transform(fleet)
    return Windows.after_cuts(fleet, rows, spec.conventions, CUTS, np.random.default_rng(1))


def network_errors(
    dataset: str, size: str, fold: int, fleet: Fleet, held: Fleet
) -> tuple[NDArray[np.float64], int, float]:
    """Errors ``[E, cuts]`` of the better of two trainings by its validation RMSE, which one that is, and seconds of one."""
    runs = {max_rul: train(spec_of(dataset, size, max_rul, fold), fleet) for max_rul in MAX_RULS}
    best = min(runs, key=lambda name: runs[name].record.validation["rmse"])
    run, spec = runs[best], spec_of(dataset, size, best, fold)
    every = []
    for member in run.members:
        windows = cut(held, spec, member.conditioner)
        every.append(Predictions.of(member.model, ResidentWindows(windows), spec))
    found = Predictions.mean(every, spec).rul
    return (found - windows.rul).reshape(-1, CUTS), best, run.record.seconds


def tree_errors(dataset: str, fold: int, fleet: Fleet, held: Fleet) -> tuple[NDArray[np.float64], int, float]:
    """Likewise of the tree; it needs no validation engines, and windows of any RUL."""
    spec = replace(spec_of(dataset, "statistics", 0, fold), protocol="source")
    split = Split.of(spec, fleet, held)
    windows = cut(held, spec, split.conditioner)

    def statistics(some: Windows) -> NDArray[np.float32]:
        made = resident(some, "statistics")
        return np.asarray(made.batch(torch.arange(len(some)))[0])

    assert isinstance(split.train, Windows)
    tree = HistGradientBoostingRegressor(random_state=0).fit(statistics(split.train), split.train.rul)
    found = np.clip(tree.predict(statistics(windows)), 0, CAP)
    return (found - windows.rul).reshape(-1, CUTS), 0, 0.0


def measured(dataset: str, model: str, fold: int, data: Path) -> dict[str, Any]:
    """Squared errors of each engine of a fold."""
    fleet, held = sides(engines(dataset, data), fold)
    if model == "tree":
        errors, chosen, seconds = on_one_thread(tree_errors, dataset, fold, fleet, held)
    else:
        errors, chosen, seconds = on_one_thread(network_errors, dataset, model, fold, fleet, held)
    squared = [round(float(value), 3) for value in np.square(errors).mean(1)]
    return {
        "dataset": dataset,
        "model": model,
        "fold": fold,
        "max_rul": chosen,
        "seconds": round(seconds, 2),
        "squared": squared,
    }


def squared_errors(rows: list[dict[str, Any]], dataset: str) -> dict[str, NDArray[np.float64]]:
    """Mean squared error of each engine of a data set, by model; empty where a fold is missing."""
    found = {m: [r["squared"] for r in rows if (r["dataset"], r["model"]) == (dataset, m)] for m in MODELS}
    if any(len(parts) < FOLDS for parts in found.values()):
        return {}
    return {model: np.concatenate(parts) for model, parts in found.items()}


def table(rows: list[dict[str, Any]]) -> str:
    """RMSE out of fold, and paired differences of the mean squared error of an engine."""
    lines = [
        "| data set | engines | " + " | ".join(f"{model}, RMSE" for model in MODELS) + " | "
        + " | ".join(f"{ours} less {other}, squared error [95 %]" for ours, other in PAIRS) + " |",
        "|---|---|" + "---|" * (len(MODELS) + len(PAIRS)),
    ]  # fmt: skip
    for dataset in SUBSETS:
        if found := squared_errors(rows, dataset):
            errors = " | ".join(f"{np.sqrt(found[model].mean()):.2f}" for model in MODELS)
            pairs = " | ".join(student(found[ours] - found[other]).text(1) for ours, other in PAIRS)
            lines.append(f"| {dataset} | {len(found['tree'])} | {errors} | {pairs} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    wanted = [(d, m, f) for d in SUBSETS for f in range(FOLDS) for m in MODELS]
    measure_into_page("out_of_fold", ("dataset", "model", "fold"), wanted, measured, table)
