"""Ten draws of 8 and of 25 engines of FD001, as `grace train` comes: python benchmarks/small_fleets.py --data DIR

Test RMSE of the ensemble of folds that `grace train` makes below 40 engines, of one network that holds a fifth of the engines out
(`--folds 0`), and of a tree (`--model tree`, scikit-learn's HistGradientBoostingRegressor with its defaults) on the statistics of
all the drawn engines. Nothing is chosen by it. Results go to results/small_fleets.json, the table into docs/training.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pages import measure_into_page

from grace.core.pools import on_one_thread
from grace.core.stats import student
from grace.data.cmapss.fleets import read_test, read_train
from grace.training.run import train
from grace.training.run_spec import run_spec

ENGINES, DRAWS = (8, 25), 10


def measured(engines: int, draw: int, data: Path) -> dict[str, Any]:
    """Test RMSE of each, what was expected of the ensemble, and what it says against itself."""
    whole, test = read_train(data, "FD001"), read_test(data, "FD001")
    fleet = whole.select(np.sort(np.random.default_rng(draw).permutation(len(whole.engines))[:engines]))
    specs = {
        "folds": run_spec("FD001", "grace", folds=10),
        "one": run_spec("FD001", "grace"),
        "tree": run_spec("FD001", model="tree", protocol="source"),  # all drawn engines; a tree has no epoch to choose
    }
    records = {name: on_one_thread(train, spec, fleet, test).record for name, spec in specs.items()}
    folds = records["folds"]
    return {
        "engines": engines,
        "draw": draw,
        **{name: record.test["rmse"] for name, record in records.items()},
        "expected": folds.validation["rmse"],
        "coverage": folds.interval["coverage"] if engines >= 10 else None,
        "concerns": folds.concerns,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Means over draws, and the paired difference."""
    lines = [
        "| engines | draws | folds | one network | tree | tree less folds [95 %] | out of fold | coverage of 90 % intervals |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for engines in ENGINES:
        found = [r for r in rows if r["engines"] == engines]
        folds, one, tree, expected = (np.array([r[n] for r in found]) for n in ("folds", "one", "tree", "expected"))
        means = " | ".join(f"{values.mean():.2f}" for values in (folds, one, tree))
        known = [r["coverage"] for r in found if r["coverage"] is not None]
        covered = f"{np.mean(known):.0%} ({min(known):.0%}-{max(known):.0%})" if known else "-"
        lines.append(
            f"| {engines} | {len(tree)} | {means} | {student(tree - folds).text(2, '+')} | {expected.mean():.2f} | {covered} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    wanted = [(engines, draw) for engines in ENGINES for draw in range(DRAWS)]
    measure_into_page("small_fleets", ("engines", "draw"), wanted, measured, table)
