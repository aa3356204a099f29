"""RUL, health state and interval of new engines, from a trained network."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import Fleet, missing
from grace.data.load import as_fleet
from grace.data.tables.scan import Frame
from grace.data.tables.spared import said_of_left_out
from grace.data.windows import Windows
from grace.errors import GraceWarning, UnitError
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
        note: What should be known of each prediction, ``[E]``: which columns have gaps in the last window, of those that had none
            in training; mostly empty.
        left_out: Engines that cannot be predicted, by name, with the reason; none of the ``E``.
    """

    engine: NDArray[Any]
    cycle: NDArray[Any]
    rul: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    health: NDArray[np.int64]
    note: NDArray[np.str_]
    left_out: Mapping[int | str, str]


def predict(network: TrainedNetwork, engines: Fleet | Path | str | Frame) -> Forecast:
    """Predict every engine from its last window; a short engine is padded at the front, as in training.

    An engine that cannot be read (a reading that is no finite number, a column that was never read, a time that stands twice) is
    left out, with a warning, and the others are predicted. A missing reading is carried on from the engine's last one.

    Args:
        network: A trained network, of :func:`grace.load_model`.
        engines: A fleet; a file (C-MAPSS text, or a table by its ending) or a frame of polars or pandas with the columns that the
            network was trained on: those of its table, or ``engine``, ``cycle``, ``setting_1``..``setting_3`` and its sensors.
            Other columns do no harm, and an RUL is not asked for.

    Raises:
        GraceError: A column that the network was trained on is missing, or no engine can be read.

    Warns:
        GraceWarning: Engines are left out.
    """
    features = network.members[0].conditioner.features
    fleet = as_fleet(engines, network.conventions.table, features, leave_out=UnitError)
    fleet.need(features)
    every = [_last(network, member, fleet) for member in network.members]
    found, (low, high) = Predictions.mean(every, network.spec), network.interval.ends(np.stack([p.rul for p in every]))
    sides = np.stack([found.rul, low, high]).astype(np.float64)
    if fleet.stops is not None:
        sides = _at_the_stop(sides, fleet, network.conventions.cap)
    if not network.spec.trains("rul"):
        sides[:] = np.nan
    last = fleet.lengths if fleet.last_time is None else fleet.last_time
    notes = _notes(fleet, features, network.conventions.window)
    for line in said_of_left_out(fleet.left_out):
        warnings.warn(f"{fleet.name}: {line}", GraceWarning, 2)
    return Forecast(fleet.engines, last, sides[0], sides[1], sides[2], found.health, notes, fleet.left_out)


def _notes(fleet: Fleet, features: tuple[str, ...], window: int) -> NDArray[np.str_]:
    """Columns with gaps in the last ``window`` rows of each engine, without a feature that tells the network so, ``[E]``."""
    gappy = tuple(name for name in features if missing(name) in fleet.columns and missing(name) not in features)
    notes = np.full(len(fleet.engines), "", dtype=object)
    for engine, stop in enumerate(fleet.starts[1:] if gappy else ()):
        rows = np.arange(max(stop - window, fleet.starts[engine]), stop)
        gone = (fleet.taken(rows, tuple(map(missing, gappy))) > 0).sum(axis=0)
        said = (
            f"{name}: {count} of the last {len(rows)} readings missing" for name, count in zip(gappy, gone, strict=True)
        )
        notes[engine] = "; ".join(text for text, count in zip(said, gone, strict=True) if count)
    return notes.astype(np.str_)


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
