"""RUL, health state and interval of new engines, from a trained network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import Fleet
from grace.data.resident import ResidentWindows
from grace.data.windows import last_windows
from grace.errors import GraceError
from grace.training.evaluate import predict
from grace.training.model_file import TrainedNetwork


@dataclass(frozen=True, eq=False)
class Forecast:
    """Of ``E`` engines, after their last recorded cycle.

    Attributes:
        engine: Engine numbers or names, ``[E]``.
        cycle: Recorded cycles, int64 ``[E]``; of a table of the user's own the last time.
        rul: Predicted RUL, cycles (or the table's unit) ``[E]``; NaN of a network that was trained on health alone.
        low: Lower end of the interval, at least 0, ``[E]``; NaN where there were too few validation engines for one, or no
            RUL.
        high: Upper end; the cap stands for "the cap or more", ``[E]``.
        health: Health state 0, 1 or 2, int64 ``[E]``; of a network that was trained on RUL alone it follows from the RUL.
    """

    engine: NDArray[Any]
    cycle: NDArray[Any]
    rul: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    health: NDArray[np.int64]


def forecast(network: TrainedNetwork, fleet: Fleet) -> Forecast:
    """Predict every engine of a fleet from its last window; a short engine is padded at the front, as in training.

    Raises:
        GraceError: A column that the network was trained on is missing.
    """
    missing = [name for name in network.conditioner.features if name not in fleet.columns]
    if missing:
        raise GraceError(f"{fleet.name} should have the column {missing[0]}. Found {', '.join(fleet.columns)}.")
    cap = float(network.conventions.cap)
    windows = last_windows(fleet, network.conditioner.transform(fleet), network.conventions)
    found = predict(network.model, ResidentWindows(windows), network.spec)
    rul = found.rul.astype(np.float64) if network.spec.trains("rul") else np.full(len(windows), np.nan)
    half = network.half_width if math.isfinite(network.half_width) else math.nan
    low, high = np.clip(rul - half, 0, cap), np.clip(rul + half, 0, cap)
    last = fleet.lengths if fleet.last_time is None else fleet.last_time
    return Forecast(fleet.engines, last, rul, low, high, found.health)
