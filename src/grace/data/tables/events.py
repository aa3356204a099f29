"""Which engines failed and which were suspended: a column of events in the rows of a table, or of one row an engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.fleet import Fleet
from grace.data.tables.arrays import EMPTY, events_of, names_of
from grace.data.tables.columns import TableSource
from grace.data.tables.scan import scan
from grace.errors import GraceError

SHOWN = 5
"""Engines that are named where some are missing."""


def failed_of(
    source: TableSource, engines: NDArray[Any], starts: NDArray[np.int64], rows: Mapping[str, NDArray[Any]]
) -> NDArray[np.bool_] | None:
    """Whether the RUL of each of some whole engines is known, bool ``[E]``; None where nothing says that one is not.

    Of the arrays ``rows``, in which engine ``e`` has the rows ``starts[e]`` to ``starts[e + 1]``, ``time``, ``target`` and
    ``event`` are read. With a target RUL is known where the target is; without one the event at the last row decides.

    Raises:
        GraceError: The target is empty in some of an engine's rows, or an event is no event; see :func:`_at_end`.
    """
    failed = _at_end(source, engines, starts, rows["event"]) if "event" in rows else None
    if "target" not in rows:
        return failed
    known = _target_known(source, engines, starts, rows["time"], rows["target"])
    if failed is not None and (failed & ~known).any():
        engine, target = engines[np.argmax(failed & ~known)], source.columns.target
        raise GraceError(
            f"{source.path}, engine {engine}: {target} should be known where {source.columns.event} is 1. Found none. Give the "
            "RUL of its rows, or correct the event."
        )
    return None if known.all() else known


def _target_known(
    source: TableSource, engines: NDArray[Any], starts: NDArray[np.int64], time: NDArray[Any], target: NDArray[Any]
) -> NDArray[np.bool_]:
    gone = np.isnan(target)
    count = np.add.reduceat(gone.astype(np.int64), starts[:-1])
    some = (count > 0) & (count < np.diff(starts))
    if some.any():
        engine = int(np.argmax(some))
        row = int(starts[engine] + np.argmax(gone[starts[engine] :]))
        raise GraceError(
            f"{source.path}, engine {engines[engine]}, {source.columns.time} {time[row]:g}: {source.columns.target} should be a "
            "finite number. Found nan. Fill it, or leave it empty in all rows of an engine that was suspended."
        )
    return np.asarray(count == 0)


def _at_end(
    source: TableSource, engines: NDArray[Any], starts: NDArray[np.int64], event: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Whether each engine failed at its last row: the same in every row, or said there alone, with 0 or nothing before.

    Raises:
        GraceError: The last row says nothing, or an engine has rows after a failure.
    """
    last, lengths = event[starts[1:] - 1], np.diff(starts)
    ones = np.add.reduceat((event == 1).astype(np.int64), starts[:-1])
    right = np.where(last == 1, (ones == 1) | (ones == lengths), ones == 0)
    if (wrong := (last == EMPTY) | ~right).any():
        engine = int(np.argmax(wrong))
        where, name = f"{source.path}, engine {engines[engine]}", source.columns.event
        if last[engine] == EMPTY:
            raise GraceError(
                f"{where}: {name} should be 1 (failed) or 0 (suspended) at the last row. Found none. Fill it, or drop the engine."
            )
        row = 1 + int(np.argmax(event[starts[engine] : starts[engine + 1]] == 1))
        raise GraceError(
            f"{where}: {name} should be 1 at the last row alone, or in every row. Found 1 in row {row} of its {lengths[engine]}. "
            "Drop what comes after a failure, or correct the column."
        )
    return np.asarray(last == 1)


def failed_by(units: Path, engine: str, event: str, fleet: Fleet) -> NDArray[np.bool_]:
    """What a table of one row an engine says of the engines of a fleet: whether they failed, bool ``[E]``.

    Raises:
        GraceError: See :func:`read_units`, or it lacks an engine of the fleet.
    """
    known = read_units(units, engine, event)
    gone = [str(name) for name in fleet.engines if str(name) not in known]
    if gone:
        raise GraceError(
            f"{units} should have one row for each engine of {fleet.name}. Found none for {_named(gone)}. Add it, or drop the "
            "engine's rows."
        )
    return np.array([known[str(name)] for name in fleet.engines])


def read_units(units: Path, engine: str, event: str) -> dict[str, bool]:
    """Whether each engine of a table of one row an engine failed, by its name.

    Raises:
        GraceError: The table cannot be read, lacks a column, names an engine twice, or an event is not 1 or 0.
    """
    table = scan(units)
    for name, option in ((engine, "--engine"), (event, "--event")):
        if name not in table.schema:
            there = ", ".join(table.schema)[:200]
            raise GraceError(f"{units} should have the column {name}. Found {there}. Name one with {option}.")
    frame = table.collect(table.whole.select(engine=pl.col(engine), event=pl.col(event)))
    if frame.is_empty():
        raise table.without_rows()
    names = [str(name) for name in names_of(frame["engine"])]
    events = events_of(units, event, np.array(names), frame["event"])
    found: dict[str, bool] = {}
    for name, code in zip(names, events, strict=True):
        if code == EMPTY:
            raise GraceError(
                f"{units}, engine {name}: {event} should be 1 (failed) or 0 (suspended). Found none. Fill it."
            )
        if name in found:
            how = "the same event" if found[name] == bool(code) else "different events"
            raise GraceError(
                f"{units} should have one row an engine. Found engine {name} twice, with {how}. Keep one of its rows."
            )
        found[name] = bool(code)
    return found


def without_rows(units: Path, engine: str, event: str, engines: NDArray[Any]) -> list[str]:
    """The line that names engines of a table of one row an engine that have no rows elsewhere; none without such."""
    gone = sorted(set(read_units(units, engine, event)) - {str(name) for name in engines})
    return [f"{units}: engines without rows: {_named(gone)}"] if gone else []


def _named(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
