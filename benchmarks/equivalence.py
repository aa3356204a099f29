"""Does an engine train networks of the same quality as the one before? python benchmarks/equivalence.py --old CHECKOUT

Without dropout in double precision two engines can be compared number by number (tests/golden). With dropout their masks differ,
and in single precision rounding grows, so that whole trainings on simulated fleets are compared, paired by seed: the same fleet,
split, initial weights and batches. Equivalent is what lies within 2 % of the RMSE with its 90 % interval (two one-sided tests at
5 %). CHECKOUT is the other version's folder, e.g. of `git worktree add ../old 249eccd`. Writes results/equivalence.json and the
table of docs/training.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pages import replace_between
from scipy import stats

from grace.data.conventions import PUBLISHED
from grace.data.simulated.fleet import Simulation, simulate
from grace.files import write_text
from grace.models.cnn_bilstm_attention import SIZES
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES

ROOT = Path(__file__).parents[1]
MARGIN, SEEDS = 0.02, {"dropout": 60, "single precision": 20}
PLAN = replace(SCHEDULES["compact"], epochs=6, steps=50, batch_size=64)
# the source's network, narrower: BatchNorm, two LSTM layers, and dropout in all its places
SIZES["narrow"] = replace(
    SIZES["paper"], channels=(16, 32, 16), hidden=32, heads=4, shared=(32, 16, 8), rul=(16, 8), health=(8, 4)
)
TITLE = {
    "dropout": "narrow `paper` network with dropout, single precision",
    "single precision": "`compact` network, single precision",
}
SIZE = {"dropout": "narrow", "single precision": "compact"}


def trained(case: str, seeds: range) -> list[dict[str, float]]:
    """Validation and test RMSE of GRACE, cycles, one training a seed."""
    found = []
    for seed in seeds:
        fleets = simulate(Simulation(engines=24, test_engines=100, seed=seed))
        conventions = PUBLISHED
        spec = run_spec(
            "simulated",
            "grace",
            size=SIZE[case],
            schedule=PLAN,
            conventions=conventions,
            seed=seed,
            rul_scale="cap-head",
        )
        record = train(spec, *fleets).record
        found.append({"validation": record.validation["rmse"], "test": record.test["rmse"]})
    return found


def by(checkout: Path, case: str) -> list[dict[str, float]]:
    """The same with the package of a checkout, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--case", case]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    values: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return values


def compared(old: list[dict[str, float]], new: list[dict[str, float]], side: str) -> dict[str, Any]:
    """Paired relative difference, new to old, with its 90 % interval by Student's t."""
    a, b = (np.array([row[side] for row in rows]) for rows in (old, new))
    difference = (b - a) / a.mean()
    half = stats.t.ppf(0.95, len(a) - 1) * difference.std(ddof=1) / len(a) ** 0.5
    mean = float(difference.mean())
    low, high = mean - float(half), mean + float(half)
    return {
        "old": float(a.mean()),
        "new": float(b.mean()),
        "difference": mean,
        "low": low,
        "high": high,
        "seeds": len(a),
        "equivalent": bool(low > -MARGIN and high < MARGIN),
    }


def table(found: dict[str, Any]) -> str:
    """The comparison as a table."""
    lines = [
        "| GRACE | RMSE of | first engine | second | difference, % [90 %] | seeds | within 2 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in SEEDS:
        for side, row in found[case].items():
            change = f"{100 * row['difference']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
            answer = "yes" if row["equivalent"] else "not shown"
            lines.append(
                f"| {TITLE[case]} | {side} | {row['old']:.2f} | {row['new']:.2f} | {change} | {row['seeds']} | {answer} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Train with both and compare; or one case with the package that is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", type=Path)
    parser.add_argument("--case", choices=SEEDS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(trained(options.case, range(SEEDS[options.case]))))
        return
    found: dict[str, Any] = {"margin": MARGIN, "epochs": PLAN.epochs, "steps": PLAN.steps}
    for case in SEEDS:
        old, new = by(options.old, case), by(ROOT, case)
        found[case] = {side: compared(old, new, side) for side in ("validation", "test")}
        print(case, json.dumps(found[case], indent=1), flush=True)
    write_text(ROOT / "results" / "equivalence.json", json.dumps(found, indent=1) + "\n")
    replace_between(ROOT / "docs" / "training.md", {"equivalence": table(found) + "\n"})


if __name__ == "__main__":
    main()
