"""RUL from the times of whole engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.tables.columns import TableSource
from grace.data.tables.intervals import rul_from_intervals
from grace.data.tables.table import SECONDS
from grace.errors import GraceError, UnitError

UNIT_TOLERANCE = 0.05
"""How far from 1 a target's fall per unit of time may be where the bound of suspended engines is a time."""
MAX_STEP_RATIO = 20
"""Factor within which all engines' steps of time lie; seconds and minutes, hours and days are further apart."""


def rul_of(
    source: TableSource, engines: NDArray[Any], starts: NDArray[np.int64], rows: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """RUL of each row of whole engines, and the step of time of each: :func:`rul_from_times`, or of rows that hold over an
    interval :func:`~grace.data.tables.intervals.rul_from_intervals`, whose steps say nothing of the unit (NaN)."""
    if "stop" in rows:
        return rul_from_intervals(source, engines, starts, rows), np.full(len(engines), np.nan)
    return rul_from_times(source, engines, starts, rows["time"], rows.get("target"), rows.get("shown"))


def rul_from_times(
    source: TableSource,
    engines: NDArray[Any],
    starts: NDArray[np.int64],
    time: NDArray[Any],
    target: NDArray[Any] | None = None,
    shown: NDArray[Any] | None = None,
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """RUL of each row of whole engines, ``[R]``, and the step of time of each engine, ``[E]``.

    RUL is the target, or the engine's last time minus the row's where there is none (NaN). A step shows an engine's unit: the
    median step of time; with a target, its fall per unit of time (:func:`_fall`); NaN where an engine does not show it. Engine
    ``e`` has the rows ``starts[e]`` to ``starts[e + 1]``, ``starts [E + 1]``, with ascending ``time [R]`` in the unit of RUL;
    ``shown [R]`` are times as in the file, dates perhaps.

    Raises:
        GraceError: A time stands twice in an engine, or a target is negative or rises as time goes on.
    """
    inside = np.ones(len(time) - 1, dtype=np.bool_)  # whether a row and the next are of one engine
    inside[starts[1:-1] - 1] = False
    at, left, refuse = source.columns.time, source.columns.target, partial(_refuse, source, engines, starts)
    again, once = inside & (np.diff(time) == 0), f"each {at} should stand once"
    back = " Where a clock was set back, export times in UTC." if source.columns.unit in SECONDS else ""
    said = time if shown is None else shown
    refuse(again, once, lambda row: f"{_text(said[row])} twice", f"Drop the repeated rows.{back}")
    least, steps = np.repeat(time[starts[1:] - 1], np.diff(starts)) - time, _steps(starts, time, target)
    if target is None:
        return np.asarray(least), steps
    remedy = "Give the RUL of each row, or leave --target out."
    refuse(target < 0, f"{left} should be at least 0", lambda row: f"{target[row]:g}", remedy)
    rises, rule = inside & (np.diff(target) > 0), f"{left} should never rise as {at} goes on"
    remedy = f"Check the column and the order of {at}."
    refuse(rises, rule, lambda row: f"{target[row + 1]:g} after {target[row]:g}", remedy)
    gone = np.isnan(target)
    return np.asarray(np.where(gone, least, target) if gone.any() else target), steps


def _text(time: Any) -> str:
    if isinstance(time, np.datetime64):
        return str(time.astype("datetime64[s]")).replace("T", " ")
    return f"{time:g}"


def _refuse(
    source: TableSource,
    engines: NDArray[Any],
    starts: NDArray[np.int64],
    wrong: NDArray[np.bool_],
    rule: str,
    found: Callable[[int], str],
    remedy: str,
) -> None:
    """Refuse the engines that have a row in which a rule is broken, each with what was found in the first one."""
    if wrong.any():
        rows = np.flatnonzero(wrong)
        owner, first = np.unique(np.searchsorted(starts, rows, side="right") - 1, return_index=True)
        faults = {engines[e].item(): f"{rule}. Found {found(int(rows[i]))}" for e, i in zip(owner, first, strict=True)}
        engine, fault = next(iter(faults.items()))
        raise UnitError(f"{source.path}, engine {engine}: {fault}. {remedy}", faults)


def _steps(starts: NDArray[np.int64], time: NDArray[Any], target: NDArray[Any] | None) -> NDArray[np.float64]:
    found = np.full(len(starts) - 1, np.nan)
    for index, (start, stop) in enumerate(pairwise(starts)):
        if target is not None:
            found[index] = _fall(time[start:stop], target[start:stop])
        elif stop - start > 1:
            found[index] = np.median(np.diff(time[start:stop]))
    return found


def _fall(time: NDArray[Any], target: NDArray[Any]) -> float:
    """Fall of an engine's target ``[N]`` per unit of time, from where it has first fallen to where it does last: neither a cap
    counts, nor whole numbers at times between, nor rows after the end. NaN where it never falls."""
    falls = np.flatnonzero(np.diff(target) < 0) + 1
    if not len(falls):
        return np.nan
    first, last = (falls[0] if len(falls) > 1 else falls[0] - 1), falls[-1]
    return float((target[first] - target[last]) / (time[last] - time[first]))


def check_steps(source: TableSource, engines: NDArray[Any], steps: NDArray[np.float64]) -> None:
    """Refuse engines whose step is more than :data:`MAX_STEP_RATIO` times larger or smaller than the median engine's: their
    times are in another unit."""
    columns, known = source.columns, np.isfinite(steps) & (steps > 0)
    if not known.any():
        return
    middle = float(np.median(steps[known]))
    far = known & ((steps > MAX_STEP_RATIO * middle) | (steps < middle / MAX_STEP_RATIO))
    if far.any():
        index = int(np.argmax(far))
        what = f"steps of {columns.time}" if not columns.target else f"a fall of {columns.target} per {columns.time}"
        rule, middle_one = "all engines should have one unit of time", f"of {middle:g} in the median engine"
        raise UnitError(
            f"{source.path}: {rule}. Found {what} of {steps[index]:g} in engine {engines[index]}, {middle_one}. Convert "
            f"{columns.time} to {columns.unit} in all of them, or sample alike.",
            {engines[e].item(): f"{rule}. Found {what} of {steps[e]:g}, {middle_one}" for e in np.flatnonzero(far)},
        )


def check_units(source: TableSource, steps: NDArray[np.float64], failed: NDArray[np.bool_] | None) -> None:
    """Refuse a target in another unit than the time where engines were suspended: their bound on RUL is a time.

    Args:
        source: The table.
        steps: Fall of the target per unit of time of each engine, ``[E]``, NaN where not known.
        failed: Whether each engine's RUL is known, bool ``[E]``; None: all are.

    Raises:
        GraceError: The median fall is more than :data:`UNIT_TOLERANCE` away from 1.
    """
    target, time, known = source.columns.target, source.columns.time, np.isfinite(steps)
    if not target or failed is None or not known.any():
        return
    fall = float(np.median(steps[known]))
    if abs(fall - 1) > UNIT_TOLERANCE:
        raise GraceError(
            f"{source.path}: {target} should fall by 1 per unit of {time} where it is empty in some engines, whose RUL is "
            f"bounded by {time}. Found {fall:g} in the median engine. Give {time} in the unit of {target}, or leave --target out."
        )
