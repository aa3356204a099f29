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

from grace.alignment.replicate import processes
from grace.bench.store import Store
from grace.bench.sweep import counted, sweep
from grace.data.conventions import Conventions
from grace.training.spec import CONVENTIONS, RunSpec, run_spec

FOLDER = Path(__file__).parents[1] / "results" / "measured"
SEEDS = (42, 123, 456)
CHOICES: dict[str, Any] = {
    "size": "paper",
    "conventions": Conventions(window=30, features=CONVENTIONS.features),
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


def main() -> None:
    """Run what has no record yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the C-MAPSS files")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 is one a core")
    options = parser.parse_args()
    specs = [spec(way, seed) for seed in SEEDS for way in WAYS]
    pool = (lambda: nullcontext(None)) if options.jobs == 1 else (lambda: processes(options.jobs))
    print(counted(sweep(specs, Store(FOLDER), options.data, pool)))


if __name__ == "__main__":
    main()
