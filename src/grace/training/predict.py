"""RUL, health state and interval of new engines, from a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import Fleet
from grace.data.load import as_fleet
from grace.data.tables.scan import Frame
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.models.baselines import input_of
from grace.training.evaluate import Predictions
from grace.training.model_file import TrainedNetwork
from grace.training.outcome import Member


@dataclass(frozen=True, eq=False)
class Forecast:
    """Of ``E`` engines, after their last recorded cycle; of rows that hold over an interval at the stop of the last one.

    Attributes:
        engine: Engine numbers or names, ``[E]``.
        cycle: Recorded cycles, int64 ``[E]``; of a table of the user's own the last time.
        rul: Predicted RUL, cycles (or the table's unit) ``[E]``; NaN of a network that was trained on health alone.
        low: Lower end of the interval, at least 0, ``[E]``; NaN where there were too few held-out engines for one, or no RUL.
        high: Upper end; the cap stands for "the cap or more", ``[E]``.
        health: Health state 0, 1 or 2, int64 ``[E]``; of a network that was trained on RUL alone it follows from the RUL.
    """

    engine: NDArray[Any]
    cycle: NDArray[Any]
    rul: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    health: NDArray[np.int64]


def predict(network: TrainedNetwork, engines: Fleet | Path | str | Frame) -> Forecast:
    """Predict every engine from its last window; a short engine is padded at the front, as in training.

    Args:
        network: A trained network, of :func:`grace.load_model`.
        engines: A fleet; a file (C-MAPSS text, or a table by its ending) or a frame of polars or pandas with the columns that the
            network was trained on: those of its table, or ``engine``, ``cycle``, ``setting_1``..``setting_3`` and its sensors.
            Other columns do no harm, and an RUL is not asked for.

    Raises:
        GraceError: A column that the network was trained on is missing, or the engines cannot be read.
    """
    features = network.members[0].conditioner.features
    fleet = as_fleet(engines, network.conventions.table, features)
    missing = [name for name in features if name not in fleet.columns]
    if missing:
        raise GraceError(f"{fleet.name} should have the column {missing[0]}. Found {', '.join(fleet.columns)}.")
    every = [_last(network, member, fleet) for member in network.members]
    found, (low, high) = Predictions.mean(every, network.spec), network.interval.ends(np.stack([p.rul for p in every]))
    sides = np.stack([found.rul, low, high]).astype(np.float64)
    if fleet.stops is not None:
        sides = _at_the_stop(sides, fleet, network.conventions.cap)
    if not network.spec.trains("rul"):
        sides[:] = np.nan
    last = fleet.lengths if fleet.last_time is None else fleet.last_time
    return Forecast(fleet.engines, last, sides[0], sides[1], sides[2], found.health)


def _at_the_stop(sides: NDArray[np.float64], fleet: Fleet, cap: float) -> NDArray[np.float64]:
    """RUL and interval ``[3, E]``, which hold at the start of each engine's last row, at its stop: less by the time between, at
    least 0; an upper end at the cap, "the cap or more", stays there."""
    found = np.maximum(sides - fleet.held, 0.0)
    found[2] = np.where(sides[2] >= cap, cap, found[2])
    return found


def _last(network: TrainedNetwork, member: Member, fleet: Fleet) -> Predictions:
    """A member's predictions of the last window of every engine."""
    windows = Windows.last(fleet, member.conditioner.transform(fleet), network.conventions)
    return Predictions.of(member.model, input_of(member.model, windows), network.spec)
