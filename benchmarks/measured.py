"""What measuring the Gramian less often, and bfloat16, cost at full size: python benchmarks/measured.py --data DIR

GRACE with the network of full size on FD001, windows of 30 cycles and the compact schedule, in bfloat16: the Gramian in every
10th step, as shipped, in every step, and as shipped in float32. Killed or stopped, the same command goes on.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pages import replace_between

from grace.bench.store import Store
from grace.bench.sweep import counted, sweep
from grace.core.pools import processes
from grace.core.stats import student
from grace.data.conventions import Conventions
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec

ROOT = Path(__file__).parents[1]
FOLDER, PAGE = ROOT / "results" / "measured", ROOT / "docs" / "training.md"
SEEDS = (42, 123, 456)
CHOICES: dict[str, Any] = {
    "size": "paper",
    "schedule": "compact",
    "conventions": Conventions(window=30),
    "precision": "bfloat16",
}
WAYS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "every step": {"measure_every": 1},
    "as shipped, float32": {"precision": "float32"},
}
"""What the ways differ in."""


def spec(way: str, seed: int) -> RunSpec:
    """The run of one way and seed."""
    return replace(run_spec("FD001", "grace", seed=seed, **CHOICES), **WAYS[way])


def table(store: Store) -> str:
    """Test RMSE of each way and its difference to the first one, paired by seed."""
    lines = [
        "| GRACE, full size, FD001 | "
        + " | ".join(f"seed {seed}" for seed in SEEDS)
        + " | to as shipped [95 %] | s a run |"
    ]
    lines.append("|---" * (len(SEEDS) + 3) + "|")
    first = None
    for way in WAYS:
        records = [store.record(spec(way, seed).id) for seed in SEEDS]
        done = [record for record in records if record is not None]
        if len(done) < len(SEEDS):
            continue
        rmse = np.array([record.test["rmse"] for record in done])
        first = rmse if first is None else first
        gain = rmse - first
        change = "-" if way == next(iter(WAYS)) else student(gain).text(2, "+")
        seconds = np.mean([record.seconds for record in done])
        lines.append(f"| {way} | " + " | ".join(f"{value:.2f}" for value in rmse) + f" | {change} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what has no record yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the C-MAPSS files")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 is one a core")
    options = parser.parse_args()
    specs = [spec(way, seed) for seed in SEEDS for way in WAYS]
    pool = (lambda: nullcontext(None)) if options.jobs == 1 else (lambda: processes(options.jobs))
    print(counted(sweep(specs, Store(FOLDER), options.data, pool)))
    replace_between(PAGE, {"measured": table(Store(FOLDER))})


if __name__ == "__main__":
    main()
