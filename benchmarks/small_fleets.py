"""Ten draws of 8 and of 25 engines of FD001, as `grace train` comes: python benchmarks/small_fleets.py --data DIR

Test RMSE of a network on window statistics and of scikit-learn's HistGradientBoostingRegressor with its defaults on the same
statistics (of all the drawn engines; the network holds a fifth of them out). Nothing is chosen by it. Results go to
results/small_fleets.json, the table into docs/training.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pages import measured_once, replace_between
from sklearn.ensemble import HistGradientBoostingRegressor

from grace.core.metrics import rmse
from grace.core.pools import on_one_thread
from grace.core.stats import student
from grace.data.cmapss.fleets import read_test, read_train
from grace.data.windows import Windows
from grace.models.rul_problem import resident
from grace.training.protocol import Split
from grace.training.run import train
from grace.training.spec import run_spec

ROOT = Path(__file__).parents[1]
ENGINES, DRAWS = (8, 25), 10


def statistics(windows: Windows) -> NDArray[np.float32]:
    """Of each window, ``[N, S]``."""
    made = resident(windows, "statistics")
    return np.asarray(made.batch(torch.arange(len(windows)))[0])


def measured(engines: int, draw: int, data: Path) -> dict[str, Any]:
    """Test RMSE of both, and what the run says against itself."""
    whole, test = read_train(data, "FD001"), read_test(data, "FD001")
    fleet = whole.select(np.sort(np.random.default_rng(draw).permutation(len(whole.engines))[:engines]))
    spec = run_spec("FD001", "rul-only", size="statistics", schedule="statistics", rul_scale="cap")
    record = on_one_thread(train, spec, fleet, test).record
    split = Split.of(replace(spec, protocol="source"), fleet, test)
    assert isinstance(split.train, Windows)
    assert split.test is not None
    tree = HistGradientBoostingRegressor(random_state=0).fit(statistics(split.train), split.train.rul)
    found = np.clip(tree.predict(statistics(split.test)), 0, spec.conventions.cap)
    errors = {"network": record.test["rmse"], "tree": rmse(found, split.test.rul)}
    return {"engines": engines, "draw": draw, **errors, "concerns": record.concerns}


def table(rows: list[dict[str, Any]]) -> str:
    """Means over draws, and the paired difference."""
    lines = ["| engines | draws | network on statistics | tree | tree less network [95 %] |", "|---|---|---|---|---|"]
    for engines in ENGINES:
        network, tree = (np.array([r[name] for r in rows if r["engines"] == engines]) for name in ("network", "tree"))
        difference = student(tree - network).text(2, "+")
        lines.append(f"| {engines} | {len(tree)} | {network.mean():.2f} | {tree.mean():.2f} | {difference} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what has no result yet, then write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("cmapss"))
    data = parser.parse_args().data
    rows = measured_once(
        ROOT / "results" / "small_fleets.json",
        ("engines", "draw"),
        [(engines, draw) for engines in ENGINES for draw in range(DRAWS)],
        lambda engines, draw: measured(engines, draw, data),
    )
    replace_between(ROOT / "docs" / "training.md", {"small-fleets": table(rows)})
    print(table(rows))


if __name__ == "__main__":
    main()
