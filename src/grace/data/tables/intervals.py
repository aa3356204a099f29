"""Rows that hold over an interval, from a start until a stop, as tables of disks and of maintenance write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.tables.columns import TableSource
from grace.data.tables.table import Table, as_number
from grace.errors import GraceError

ROUNDING = 1e-9
"""Share of a time up to which a difference of two is none."""


def rul_from_intervals(
    source: TableSource, engines: NDArray[Any], starts: NDArray[np.int64], rows: Mapping[str, NDArray[Any]]
) -> NDArray[Any]:
    """RUL of each row of whole engines at its start, ``[R]``: the engine's last stop minus the start.

    Of the arrays ``rows``, in which engine ``e`` has the rows ``starts[e]`` to ``starts[e + 1]`` in the order of their starts,
    ``time``, the starts, and ``stop`` are read, in the unit of RUL.

    Raises:
        GraceError: A row does not start before it stops, or overlaps with the next one.
    """
    time, stop, columns = rows["time"], rows["stop"], source.columns
    following = np.append(time[1:], np.inf)
    following[starts[1:] - 1] = np.inf
    empty, over = time >= stop, stop > following
    for wrong, rule, remedy in (
        (empty, f"{columns.start} should be before {columns.time} in every row", "Drop or correct such rows."),
        (over, "intervals should not overlap", "Correct them, or name lives of their own with another --engine."),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            engine = engines[np.searchsorted(starts, row, side="right") - 1]
            found = f"{time[row]:g} to {stop[row]:g}" + (f", then from {following[row]:g}" if wrong is over else "")
            raise GraceError(f"{source.path}, engine {engine}: {rule}. Found {found}. {remedy}")
    return np.asarray(np.repeat(stop[starts[1:] - 1], np.diff(starts)) - time)


def said_of_gaps(table: Table, source: TableSource) -> list[str]:
    """The line that says in how many engines time is missing between two rows, and how much; none where none is."""
    columns = source.columns
    if not columns.start:
        return []
    names = {"start": columns.start, "stop": columns.time}
    times = [as_number(name, table.schema[name], columns.unit).alias(role) for role, name in names.items()]
    rows = table.whole.select(pl.col(columns.engine).alias("engine"), *times)
    start, stop = pl.col("start"), pl.col("stop")
    found = table.collect(rows.group_by("engine").agg(whole=stop.max() - start.min(), held=(stop - start).sum()))
    gap = (found["whole"] - found["held"]).to_numpy()
    some = gap > ROUNDING * found["whole"].to_numpy()
    if not some.any():
        return []
    share = gap[some].sum() / found["whole"].sum()
    return [
        f"between the intervals of {some.sum():,} of {len(found):,} engines there are gaps, {share:.2g} of all time: nothing is "
        "known of it"
    ]
