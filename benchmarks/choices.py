"""What the recipe of `compact` was chosen by, on validation engines alone: python benchmarks/choices.py --data DIR

Every variant differs from `compact` as it is, or from another variant, in one thing. Each is trained on four subsets and two
seeds that the sweep does not use, without reading a test file. Results go to results/choices/*.json, the table into
docs/training.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pages import replace_between

from grace.core.pools import processes, run_all
from grace.data.cmapss.checksums import SUBSETS
from grace.data.cmapss.fleets import read_train
from grace.data.conventions import PUBLISHED, Conventions
from grace.files import write_text
from grace.models.cnn_bilstm_attention import SIZES
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec

SEEDS = (1, 2)
DEFAULT = SCHEDULES["compact"]
SIZES["with-dropout"] = replace(SIZES["compact"], dropout=0.15)
SIZES["with-batch-norm"] = replace(SIZES["compact"], batch_norm=True)


class Variant(NamedTuple):
    """A training that differs from another variant in one thing."""

    text: str
    fields: dict[str, Any]
    reference: str = ""


def _baseline(text: str, **fields: Any) -> Variant:
    return Variant(f"Baseline, {text}", {"method_name": "baseline"} | fields, "baseline")


def _grace(text: str, **fields: Any) -> Variant:
    return Variant(f"GRACE, {text}", {"method_name": "grace"} | fields, "grace")


def _planned(text: str, **changes: Any) -> Variant:
    return _baseline(text, schedule=replace(DEFAULT, **changes))


def _windows(text: str, **changes: Any) -> Variant:
    return _baseline(text, conventions=replace(Conventions(), **changes))


ONE_TENTH = {"outer": "fixed", "inner": "mse", "options": {"weights": (1.0, 0.1)}, "rul_scale": "cap"}

VARIANTS: dict[str, Variant] = {
    "baseline": Variant("Baseline as it is", {"method_name": "baseline"}),
    "grace": Variant("GRACE as it is", {"method_name": "grace"}),
    "baseline-cap": _baseline("head and loss in units of the cap", rul_scale="cap"),
    "baseline-cap-head": _baseline("head in units of the cap, loss in cycles^2", rul_scale="cap-head"),
    "grace-cap": _grace("head and loss in units of the cap", rul_scale="cap"),
    "grace-cap-head": _grace("head in units of the cap, loss in cycles^2", rul_scale="cap-head"),
    "rul-only": Variant("RUL alone", {"method_name": "rul-only"}, "baseline"),
    "health-0.1": Variant("units of the cap, weights 1 and 0.1 in place of 0.5 and 0.5", ONE_TENTH, "baseline-cap"),
    "grace-every-1": _grace("Gramian in every step", measure_every=1),
    "grace-every-50": _grace("Gramian in every 50th step", measure_every=50),
    "grace-upper-every-1": _grace("Gramian of the upper part in every step", measure_on="upper", measure_every=1),
    "grace-bfloat16": _grace("in bfloat16", precision="bfloat16"),
    "offset-0": _planned("no random offsets", offset=0.0),
    "batch-norm": _baseline("with BatchNorm", size="with-batch-norm"),
    "rate": _planned("twice the learning rate", learning_rate=2e-3),
    "horizon-0": _planned("trained on windows of any RUL", max_train_rul=0),
    "window-30": _windows("windows of 30", window=30),
    "window-80": _windows("windows of 80", window=80),
    "epochs-6": _planned("6 epochs", epochs=6),
    "epochs-20": _planned("20 epochs", epochs=20),
    "full-windows": _planned("full windows only", min_history=0),
    "settings": _windows("settings as features", features=PUBLISHED.features),
    "dropout": _baseline("dropout 0.15", size="with-dropout"),
}


def measured(name: str, dataset: str, seed: int, data: Path) -> dict[str, Any]:
    """Validation figures of one training."""
    fields = {"size": "compact", "schedule": DEFAULT, "rul_scale": "cycles"} | VARIANTS[name].fields
    spec: RunSpec = run_spec(dataset, fields.pop("method_name", None), seed=seed, **fields)
    record = train(spec, read_train(data, dataset)).record
    curve = [round(entry["validation_rmse"], 3) for entry in record.history]
    best = record.validation.get("rmse")
    return {
        "dataset": dataset,
        "seed": seed,
        "rmse": best,
        "epoch": record.best_epoch,
        "curve": curve,
        "seconds": record.seconds,
    }


def table(folder: Path) -> str:
    """Mean validation RMSE of each subset, and the paired difference to the variant that it differs from in one thing."""
    lines = [
        "| variant | FD001 | FD002 | FD003 | FD004 | to what it differs from, mean of 8 [range] | s a run |",
        "|" + "---|" * 7,
    ]
    found = {
        name: json.loads((folder / f"{name}.json").read_text())
        for name in VARIANTS
        if (folder / f"{name}.json").exists()
    }
    for name, rows in found.items():
        reference = found.get(VARIANTS[name].reference)
        means = [np.mean([row["rmse"] for row in rows if row["dataset"] == d]) for d in SUBSETS]
        change = "-"
        if reference is not None:
            gain = np.array([row["rmse"] - other["rmse"] for row, other in zip(rows, reference, strict=True)])
            change = f"{gain.mean():+.2f} [{gain.min():+.2f}, {gain.max():+.2f}]"
        seconds = np.mean([row["seconds"] for row in rows])
        lines.append(
            f"| {VARIANTS[name].text} | " + " | ".join(f"{m:.2f}" for m in means) + f" | {change} | {seconds:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train what has no result yet, then write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("cmapss"))
    parser.add_argument("--only", default=",".join(VARIANTS), help="variants, with commas between; default all")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 is one a core")
    options = parser.parse_args()
    data = options.data
    root = Path(__file__).parents[1]
    folder = root / "results" / "choices"
    with processes(options.jobs) as executor:
        for name in options.only.split(","):
            path = folder / f"{name}.json"
            if path.exists():
                continue
            calls = [(name, dataset, seed, data) for dataset in SUBSETS for seed in SEEDS]
            rows = run_all(measured, calls, executor)
            write_text(path, json.dumps(rows, indent=1) + "\n")
            print(name, [round(row["rmse"], 2) for row in rows], [row["epoch"] for row in rows], flush=True)
    replace_between(root / "docs" / "training.md", {"choices": table(folder)})
    print(table(folder))


if __name__ == "__main__":
    main()
