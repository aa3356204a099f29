"""A gradient-boosted tree on FD001 under the very protocol of the sweep: python benchmarks/tree.py --data DIR

Same splits, conditions, scaling and validation cuts as the runs of a seed; features are statistics of the window (last cycle,
mean, standard deviation, slope, means of the last 5 and 10 cycles). The window is chosen on the validation windows of each seed;
the test engines are read once, with that choice. Results go to results/tree.json, the table into docs/results.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pages import measure_into_page
from sklearn.ensemble import HistGradientBoostingRegressor

from grace.core.metrics import nasa_score, rmse
from grace.data.cmapss.fleets import read_test, read_train
from grace.data.windows import Windows
from grace.training.protocol import Split
from grace.training.run_spec import run_spec
from grace.training.spec import SEEDS

WINDOWS, SUBSETS = (30, 60, 80), ("FD001",)


def features(windows: Windows) -> NDArray[np.float32]:
    """Statistics of each window, ``[N, 6 F]``."""
    slope = np.linspace(-1, 1, windows.width)[None, :, None]
    parts = []
    for index in np.array_split(np.arange(len(windows)), len(windows) // 4096 + 1):
        x = windows.batch(index)
        statistics = (x[:, -1], x.mean(1), x.std(1), (x * slope).mean(1), x[:, -10:].mean(1), x[:, -5:].mean(1))
        parts.append(np.concatenate(statistics, axis=1))
    return np.concatenate(parts).astype(np.float32)


def fitted(split: Split) -> HistGradientBoostingRegressor:
    """The tree on the training windows."""
    tree = HistGradientBoostingRegressor(max_iter=300, learning_rate=0.05, min_samples_leaf=40, l2_regularization=1.0)
    return tree.set_params(random_state=0).fit(features(split.train), split.train.rul)


def measured(dataset: str, seed: int, data: Path) -> dict[str, Any]:
    """Validation RMSE of every choice, and the test figures of the best."""
    fleet, test = read_train(data, dataset), read_test(data, dataset)
    best: tuple[float, Any, Any] | None = None
    tried = {}
    spec = run_spec(dataset, seed=seed, size="compact")
    for window in WINDOWS:
        split = Split.of(replace(spec, conventions=replace(spec.conventions, window=window)), fleet, test)
        tree = fitted(split)
        error = rmse(predicted(tree, split.validation), split.validation.rul)
        tried[f"window {window}"] = round(error, 3)
        if best is None or error < best[0]:
            best = (error, tree, split.test)
    assert best is not None
    found = predicted(best[1], best[2])
    figures = {"rmse": rmse(found, best[2].rul), "score": nasa_score(found, best[2].rul)}
    return {"dataset": dataset, "seed": seed, "validation": tried, "test": figures}


def predicted(tree: HistGradientBoostingRegressor, windows: Windows) -> NDArray[np.float64]:
    """RUL in cycles, within the range of the targets."""
    return np.asarray(np.clip(tree.predict(features(windows)), 0, 125))


def table(rows: list[dict[str, Any]]) -> str:
    """Mean and SD over seeds."""
    lines = ["| data set | RMSE, mean (SD) of 5 seeds | score |", "|---|---|---|"]
    for dataset in SUBSETS:
        error, score = (
            np.array([row["test"][name] for row in rows if row["dataset"] == dataset]) for name in ("rmse", "score")
        )
        lines.append(f"| {dataset} | {error.mean():.2f} ({error.std(ddof=1):.2f}) | {score.mean():.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    wanted = [(dataset, seed) for dataset in SUBSETS for seed in SEEDS]
    measure_into_page("tree", ("dataset", "seed"), wanted, measured, table, page="results")
