"""From recordings to what a network is trained on, checked, with the facts of the data that a decision needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grace.clock import part
from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.windows import ManyWindows, Windows, training_windows
from grace.errors import GraceError

MIN_HISTORY = 20
"""Shortest history that a window needs by default, in trainings and in a diagnosis, cycles (rows of a table)."""

ALL_FAILED = "every unit is taken as failed; if some still run, name --event"
"""What is said of a table that tells of no event."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Training windows, conditions and scaling to apply to other engines, and facts: operating conditions found, the share of
    windows with an RUL below ``near_failure``, and the share in each health state."""

    windows: Windows | ManyWindows
    conditioner: Conditioner
    conditions: int
    near_failure_share: float
    class_shares: tuple[float, ...]

    @classmethod
    @part("conditions, scaling, split")
    def of(cls, fleet: Fleet, conventions: Conventions, min_history: int = 0, timed: bool = False) -> Prepared:
        """A training fleet checked, its conditions found, its features scaled and the windows of engines that failed indexed.

        ``min_history`` is that of :func:`~grace.data.windows.training_windows`, ``timed`` of
        :meth:`Conditioner.fit <grace.data.conditions.Conditioner.fit>`.
        """
        check_training(fleet, conventions, min_history)
        conditioner = Conditioner.fit(fleet, conventions, timed)
        windows = training_windows(fleet, conditioner.transform(fleet), conventions, min_history, of=fleet.failures)
        near, shares = 0, np.zeros(3, dtype=np.int64)
        for piece in windows.pieces():
            near += int((piece.true_rul < conventions.near_failure).sum())
            shares += np.bincount(piece.label, minlength=3)
        classes = tuple(map(float, shares / len(windows)))
        return cls(windows, conditioner, len(conditioner.centres), near / len(windows), classes)


def suspension(fleet: Fleet, conventions: Conventions) -> str:
    """How many engines of a fleet failed, how many were suspended, and how they differ in age; of a table that tells of no
    event :data:`ALL_FAILED`, and nothing where there is nothing to say.

    Age is the time of an engine's last row, or of dates the time since its first one.
    """
    table = conventions.table
    if fleet.failed is None or fleet.failed.all():
        told = table is None or table.event or table.target
        return "" if told else ALL_FAILED
    ages = _ages(fleet)
    failed, others = (f"{np.median(ages[side]):g}" if side.any() else "-" for side in (fleet.failed, ~fleet.failed))
    return (
        f"{fleet.failed.sum():,} units failed, at a median age of {failed} {conventions.unit}, and {(~fleet.failed).sum():,} "
        f"were suspended, at {others}: if suspension tells something of RUL, all figures are biased"
    )


def _ages(fleet: Fleet) -> NDArray[np.float64]:
    """Age of each engine at its last row, in the unit of RUL, ``[E]``."""
    if fleet.time is None:
        return fleet.lengths.astype(np.float64)
    last = np.asarray(fleet.time[fleet.starts[1:] - 1], dtype=np.float64)
    dates = fleet.last_time is not None and fleet.last_time.dtype.kind in "mM"
    return last - fleet.time[fleet.starts[:-1]] if dates else last


def without_short(fleet: Fleet, conventions: Conventions, min_history: int) -> Fleet:
    """A fleet of a table without the engines that failed and have fewer rows than ``min_history``, the shortest history of a
    window; they are named as left out. Of C-MAPSS, and where fewer than two would be left, the fleet itself."""
    short = fleet.failures[fleet.lengths[fleet.failures] < _needed(conventions, min_history)]
    if conventions.table is None or not len(short) or len(fleet.failures) - len(short) < 2:
        return fleet
    words = f"should have at least {_needed(conventions, min_history)} rows, one window. Found"
    left = {fleet.engines[engine].item(): f"{words} {fleet.lengths[engine]}" for engine in short}
    others = fleet.select(np.setdiff1d(np.arange(len(fleet.engines)), short))
    return replace(others, sha256=fleet.sha256, left_out=dict(fleet.left_out) | left)


def _needed(conventions: Conventions, min_history: int) -> int:
    return min(min_history, conventions.window) or conventions.window


def check_training(fleet: Fleet, conventions: Conventions, min_history: int = 0) -> None:
    """Refuse a fleet of fewer than two engines that failed, without a feature, with one of them shorter than ``min_history``
    (0: a window), or with a constant sensor.

    A constant setting is fine (one operating condition); a constant sensor carries nothing and is mostly a fault of
    the export, so it has to be left out by name.
    """
    missing = [name for name in conventions.features if name not in fleet.columns]
    if missing:
        raise GraceError(f"{fleet.name} should have the column {missing[0]}. Found {', '.join(fleet.columns)}.")
    if len(fleet.engines) < 2:
        raise GraceError(
            f"{fleet.name} should hold at least two training engines. Found one. Engines are what is split and counted."
        )
    if len(fleet.failures) < 2:
        found = f"{len(fleet.failures) or 'no'} failed and {len(fleet.engines) - len(fleet.failures)} suspended"
        raise GraceError(
            f"{fleet.name} should hold at least two training engines that failed. Found {found}. RUL is learned from failures: "
            "wait for more, or correct the column of events."
        )
    least = int(fleet.failures[np.argmin(fleet.lengths[fleet.failures])])
    needed = _needed(conventions, min_history)
    if fleet.lengths[least] < needed:
        line, rows = (f" (line {fleet.starts[least] + 1})", "cycles") if conventions.table is None else ("", "rows")
        raise GraceError(
            f"{fleet.name}, engine {fleet.engines[least]}{line}: should have at least {needed} {rows}, one window. Found "
            f"{fleet.lengths[least]}. "
            "Remove it or lower --window."
        )
    _check_sensors(fleet, conventions)


def _check_sensors(fleet: Fleet, conventions: Conventions) -> None:
    names = tuple(name for name in conventions.features if name not in conventions.settings)
    first = fleet.taken(np.zeros(1, dtype=np.int64), names)[0]
    constant = np.ones(len(names), dtype=np.bool_)
    for rows in fleet.chunks():
        constant &= (fleet.taken(rows, names) == first).all(axis=0)
    if constant.any():
        name, value = names[int(np.argmax(constant))], first[int(np.argmax(constant))]
        remedy = f"with --without {name}" if conventions.table is None else "of --features"
        raise GraceError(
            f"{fleet.name}: {name} should vary. Found {value:g} in every row. Correct the file, or leave the sensor out {remedy}."
        )
