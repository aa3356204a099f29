"""What needs no network, on the same windows: a tree and a ridge regression on statistics, and the age alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from grace.core.metrics import rmse
from grace.data.resident import ResidentWindows
from grace.data.windows import ManyWindows, Windows
from grace.models.window_statistics import StatisticsArchitecture
from grace.training.protocol import Split

MAX_WINDOWS = 50_000
"""Training windows that a baseline is fitted on, evenly spread; more would take longer than the network."""

Values = NDArray[np.float64]


def baseline_errors(splits: Sequence[Split], cap: int) -> dict[str, float]:
    """RMSE of each baseline on the engines that the splits hold out, cycles (or the table's unit), cut at 0 and the cap.

    ``tree``: scikit-learn's HistGradientBoostingRegressor with its defaults, ``ridge``: Ridge on standardised values, both on the
    statistics of :class:`~grace.models.window_statistics.StatisticsArchitecture`; ``age``: a falling step function of the
    recorded cycles (isotonic regression). Nothing of them is chosen on the validation windows.
    """
    from sklearn.ensemble import (
        HistGradientBoostingRegressor,  # a second to import: not for those who ask for no baseline
    )
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found: dict[str, list[Values]] = {}
    for split in splits:
        sides = _some(split.train), split.validation
        statistics, age = ([make(side) for side in sides] for make in (_statistics, _age))
        models = {
            "tree": (HistGradientBoostingRegressor(random_state=0), statistics),
            "ridge": (make_pipeline(StandardScaler(), Ridge()), statistics),
            "age": (IsotonicRegression(increasing=False, out_of_bounds="clip"), age),
        }
        for name, (model, (x, held_x)) in models.items():
            model.fit(x, sides[0].rul)
            found.setdefault(name, []).append(np.clip(model.predict(held_x), 0, cap))
    true = np.concatenate([split.validation.rul for split in splits])
    return {name: rmse(np.concatenate(parts), true) for name, parts in found.items()}


def _some(windows: Windows | ManyWindows) -> Windows:
    """Windows in memory, or as many of them as baselines are fitted on."""
    if isinstance(windows, ManyWindows):
        return windows.at(np.unique(np.linspace(0, len(windows) - 1, MAX_WINDOWS).astype(np.int64)))
    return windows


def _statistics(windows: Windows) -> Values:
    made = ResidentWindows(windows, statistics=StatisticsArchitecture().of)
    return np.asarray(made.batch(torch.arange(len(windows)))[0], dtype=np.float64)


def _age(windows: Windows) -> Values:
    """Recorded cycles up to each window's last one, ``[N]``."""
    return np.asarray(windows.ends - windows.first + 1, dtype=np.float64)
