"""What the defaults of a training were chosen by, on validation engines alone: python benchmarks/choices.py --data DIR

Every variant differs from the starting point (RUL in units of the cap, all else as the defaults are now) in one thing. Each is
trained on four subsets and two seeds that the sweep does not use, without reading a test file. Results go to
results/choices/*.json, the table into docs/training.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grace.alignment.replicate import processes, run_all
from grace.data.checksums import SUBSETS
from grace.data.cmapss import read_train
from grace.data.conventions import FEATURES
from grace.files import write_text
from grace.models.cnn_bilstm_attention import SIZES
from grace.training.run import train
from grace.training.schedule import SCHEDULES
from grace.training.spec import CONVENTIONS, RunSpec, run_spec

SEEDS = (1, 2)
DEFAULT = SCHEDULES["compact"]
SIZES["with-dropout"] = replace(SIZES["compact"], dropout=0.15)

# name -> (what differs, fields of run_spec)
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline": ("starting point: Baseline, head and loss in units of the cap", {"method_name": "baseline"}),
    "rul-only": ("RUL alone", {"method_name": "rul-only"}),
    "health-0.1": ("fixed weights 1 and 0.1", {"outer": "fixed", "inner": "mse", "options": {"weights": (1.0, 0.1)}}),
    "grace": ("GRACE", {"method_name": "grace"}),
    "grace-every-1": ("GRACE, Gramian in every step", {"method_name": "grace", "measure_every": 1}),
    "grace-every-50": ("GRACE, Gramian in every 50th step", {"method_name": "grace", "measure_every": 50}),
    "cap-head": (
        "Baseline, head in units of the cap, loss in cycles^2",
        {"method_name": "baseline", "unit": "cap-head"},
    ),
    "cycles": ("Baseline, head and loss in cycles", {"method_name": "baseline", "unit": "cycles"}),
    "grace-cap-head": (
        "GRACE, head in units of the cap, loss in cycles^2",
        {"method_name": "grace", "unit": "cap-head"},
    ),
    "grace-cycles": ("GRACE, head and loss in cycles", {"method_name": "grace", "unit": "cycles"}),
    "epochs-6": ("Baseline, 6 epochs", {"method_name": "baseline", "schedule": replace(DEFAULT, epochs=6)}),
    "epochs-20": ("Baseline, 20 epochs", {"method_name": "baseline", "schedule": replace(DEFAULT, epochs=20)}),
    "window-30": (
        "Baseline, windows of 30",
        {"method_name": "baseline", "conventions": replace(CONVENTIONS, window=30)},
    ),
    "window-50": (
        "Baseline, windows of 50",
        {"method_name": "baseline", "conventions": replace(CONVENTIONS, window=50)},
    ),
    "settings": (
        "Baseline, settings as features",
        {"method_name": "baseline", "conventions": replace(CONVENTIONS, features=FEATURES)},
    ),
    "dropout": ("Baseline, dropout 0.15", {"method_name": "baseline", "size": "with-dropout"}),
    "full-windows": (
        "Baseline, full windows only",
        {"method_name": "baseline", "schedule": replace(DEFAULT, padded=0)},
    ),
}


def measured(name: str, dataset: str, seed: int, data: Path) -> dict[str, Any]:
    """Validation figures of one training."""
    fields = {"unit": "cap"} | VARIANTS[name][1]
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
    """Mean validation RMSE of each subset, and the paired difference to the first variant of the same method."""
    lines = [
        "| variant | FD001 | FD002 | FD003 | FD004 | to its default, mean of 8 [range] | s a run |",
        "|" + "---|" * 7,
    ]
    found = {
        name: json.loads((folder / f"{name}.json").read_text())
        for name in VARIANTS
        if (folder / f"{name}.json").exists()
    }
    for name, rows in found.items():
        base = "grace" if name.startswith("grace") else "baseline"
        means = [np.mean([row["rmse"] for row in rows if row["dataset"] == d]) for d in SUBSETS]
        gain = np.array([row["rmse"] - other["rmse"] for row, other in zip(rows, found[base], strict=True)])
        change = "-" if name == base else f"{gain.mean():+.2f} [{gain.min():+.2f}, {gain.max():+.2f}]"
        seconds = np.mean([row["seconds"] for row in rows])
        lines.append(
            f"| {VARIANTS[name][0]} | " + " | ".join(f"{m:.2f}" for m in means) + f" | {change} | {seconds:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train what has no result yet, then write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("cmapss"))
    data = parser.parse_args().data
    root = Path(__file__).parents[1]
    folder = root / "results" / "choices"
    with processes() as executor:
        for name in VARIANTS:
            path = folder / f"{name}.json"
            if path.exists():
                continue
            calls = [(name, dataset, seed, data) for dataset in SUBSETS for seed in SEEDS]
            rows = run_all(measured, calls, executor)
            write_text(path, json.dumps(rows, indent=1) + "\n")
            print(name, [round(row["rmse"], 2) for row in rows], [row["epoch"] for row in rows], flush=True)
    page = root / "docs" / "training.md"
    if page.exists() and "<!-- choices -->" in page.read_text():
        before, rest = page.read_text().split("<!-- choices -->\n")
        _, after = rest.split("<!-- end choices -->")
        write_text(page, f"{before}<!-- choices -->\n{table(folder)}<!-- end choices -->{after}")
    print(table(folder))


if __name__ == "__main__":
    main()
