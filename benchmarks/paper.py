"""The source's network at its full size, features, window and schedule: python benchmarks/paper.py --data DIR

One whole run of GRACE on FD001 on one thread, about a minute an epoch; killed or stopped, the same command goes on.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

from grace.bench.store import Store
from grace.bench.sweep import counted, sweep
from grace.data.conventions import Conventions
from grace.training.spec import run_spec

FOLDER = Path(__file__).parents[1] / "results" / "paper"


def main() -> None:
    """Run it, or go on with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the C-MAPSS files")
    data = parser.parse_args().data
    spec = run_spec("FD001", "grace", size="paper", schedule="paper", conventions=Conventions())
    print(counted(sweep([spec], Store(FOLDER), data, lambda: nullcontext(None))))


if __name__ == "__main__":
    main()
