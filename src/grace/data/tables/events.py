"""Which engines failed and which were suspended: a column of events in the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.tables.arrays import EMPTY
from grace.data.tables.columns import TableSource
from grace.errors import GraceError


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
