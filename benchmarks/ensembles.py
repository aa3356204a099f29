"""Ensembles of ten folds on the test files, read once: python benchmarks/ensembles.py --data DIR

`grace bench run --folds 10` of RUL alone, GRACE and the tree with one seed, into results/folds; a run that has a record is left.
Test RMSE with its standard error over the test engines, what was expected of it out of fold, and how many of the test engines the
90 % intervals cover, with exact binomial (Clopper-Pearson) intervals. Nothing was chosen by these figures. Table into
docs/training.md.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from pages import replace_between
from scipy.stats import binomtest

from grace.bench.store import Store
from grace.bench.summary import engine_error
from grace.bench.sweep import grid, sweep
from grace.controllers.titles import TITLES
from grace.data.cmapss.checksums import SUBSETS
from grace.training.record import Record

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "results" / "folds"
METHODS = ("rul-only", "grace", "tree")
BANDS = ((0, 50), (50, 100), (100, 126))


def covered(record: Record) -> list[str]:
    """Share of the test engines in their interval: all, and by predicted RUL."""
    rul, low, high = (np.array(record.predictions[name]) for name in ("rul", "low", "high"))
    true = np.minimum(record.predictions["true"], record.spec["conventions"]["cap"])
    inside = (true >= low) & (true <= high)
    cells = []
    for first, last in ((0, 126), *BANDS):
        some = inside[(rul >= first) & (rul < last)]
        ends = binomtest(int(some.sum()), len(some)).proportion_ci(0.95)
        cells.append(f"{some.mean():.0%} [{ends.low:.0%}, {ends.high:.0%}]")
    return cells


def table(records: list[Record]) -> str:
    """A row a run, by data set and method."""
    lines = [
        "| data set | ten folds of | out of fold [95 % over engines] | test RMSE (SE over engines) | "
        "intervals cover | predicted RUL 0-49 | 50-99 | 100 or more |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for record in sorted(records, key=lambda r: (r.spec["dataset"], METHODS.index(r.spec["method"]))):
        v, test = record.validation, record.test["rmse"]
        lines.append(
            f"| {record.spec['dataset']} | {TITLES[record.spec['method']]} | {v['rmse']:.2f} [{v['rmse_low']:.2f}, "
            f"{v['rmse_high']:.2f}] | {test:.2f} ({engine_error([record]):.2f}) | {' | '.join(covered(record))} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what has no record yet, then write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("cmapss"))
    store = Store(FOLDER)
    specs = grid(SUBSETS, METHODS, [42], folds=10)
    sweep(specs, store, parser.parse_args().data, lambda: nullcontext(None))
    found = table(store.all_records())
    replace_between(ROOT / "docs" / "training.md", {"ensembles": found})
    print(found)


if __name__ == "__main__":
    main()
