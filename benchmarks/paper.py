"""The source's network at its full size, features, window, batch and rates: python benchmarks/paper.py --data DIR

Baseline and GRACE on FD001, seed 42, on one thread; killed or stopped, the same command goes on. The source trains for up to 500
epochs with early stopping; the moving average of the weights that is evaluated remembers 18 epochs of FD001, so that fewer than
about 70 say little. bfloat16 takes half a minute an epoch on a CPU with AMX, float32 more than twice that.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from grace.bench.store import Store
from grace.bench.sweep import counted, grid, sweep
from grace.data.conventions import PUBLISHED
from grace.training.schedule import Schedule

FOLDER = Path(__file__).parents[1] / "results" / "paper"


def main() -> None:
    """Run it, or go on with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the C-MAPSS files")
    parser.add_argument("--methods", nargs="*", default=["baseline", "grace"])
    parser.add_argument(
        "--epochs", type=int, default=500, help="most epochs; the source's are 500, with early stopping"
    )
    parser.add_argument("--precision", default="bfloat16", help="bfloat16 or float32")
    options = parser.parse_args()
    schedule = replace(Schedule.named("paper"), epochs=options.epochs)
    choices = {"size": "paper", "schedule": schedule, "conventions": PUBLISHED, "precision": options.precision}
    specs = grid(["FD001"], options.methods, [42], **choices)
    print(counted(sweep(specs, Store(FOLDER), options.data, lambda: nullcontext(None))))


if __name__ == "__main__":
    main()
