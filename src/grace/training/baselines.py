"""What needs no network, on the same windows: a tree and a ridge regression on statistics, and the age alone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from grace.core.clock import part
from grace.core.metrics import rmse
from grace.data.resident import ResidentWindows
from grace.data.windows import ManyWindows, Windows
from grace.models.window_statistics import StatisticsArchitecture
from grace.training.protocol import Split

MAX_WINDOWS = 50_000
"""Training windows that a baseline is fitted on, evenly spread; more would take longer than the network."""

Values = NDArray[np.float64]


@part("baselines")
def baseline_errors(split: Split, cap: int) -> dict[str, float]:
    """Validation RMSE of each baseline, cycles (or the table's unit), predictions cut at 0 and the cap.

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

    sides = _some(split.train), split.validation
    statistics, age = ([make(side) for side in sides] for make in (_statistics, _age))
    models = {
        "tree": (HistGradientBoostingRegressor(random_state=0), statistics),
        "ridge": (make_pipeline(StandardScaler(), Ridge()), statistics),
        "age": (IsotonicRegression(increasing=False, out_of_bounds="clip"), age),
    }
    found = {}
    for name, (model, (x, validation_x)) in models.items():
        model.fit(x, sides[0].rul)
        found[name] = rmse(np.clip(model.predict(validation_x), 0, cap), split.validation.rul)
    return found


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
