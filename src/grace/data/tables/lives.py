"""Several lives of one engine: told apart by a column, or suspected where a clock starts again."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.tables.columns import ASSET, TableSource
from grace.data.tables.table import SECONDS, Table
from grace.errors import GraceError

MIN_ROWS = 5
"""Rows between two falls of the time, in the median and in two of the stretches, from which they are asked about; shuffled rows
have two or three."""
SET_BACK = 2.0
"""Hours by which a clock of dates is set back at most, when summer time ends or time zones change."""


def with_lives(table: Table, engine: str, life_id: str) -> Table:
    """The table whose engines are called ``ENGINE/LIFE``, with a column :data:`~grace.data.tables.columns.ASSET` for the engine;
    without a column of lives it stays as it is."""
    if not life_id:
        return table
    for name, option in ((engine, "--engine"), (life_id, "--life-id")):
        table.need(name, option, numeric=False)
    asset = pl.col(engine).cast(pl.String)
    named = [pl.concat_str(asset, pl.col(life_id).cast(pl.String), separator="/").alias(engine), asset.alias(ASSET)]
    return table.with_columns(named, {engine: pl.String(), ASSET: pl.String()})


def check_clock(source: TableSource, engine: Any, time: NDArray[Any], dates: bool) -> None:
    """Refuse an engine whose times, ``[R]`` in the order of the file, start again: they fall, the stretches between two falls are
    long, and they overlap. Stretches that do not, such as files in the wrong order, are sorted.

    Raises:
        GraceError: With both readings: several lives, or a clock that was set back.
    """
    falls = np.flatnonzero(np.diff(time) < 0)
    begins, ends = np.append(0, falls + 1), np.append(falls, len(time) - 1)
    lengths = ends - begins + 1
    if np.median(lengths) < MIN_ROWS or (lengths >= MIN_ROWS).sum() < 2:
        return
    order = np.argsort(time[begins], kind="stable")
    if (time[begins][order][1:] >= np.maximum.accumulate(time[ends][order])[:-1]).all():
        return
    lives = "If these are several lives, name their column with --life-id"
    zone = "if the clock was set back, export times in one time zone (UTC)"
    first = falls[0]
    if dates and (time[first] - time[first + 1]) * SECONDS[source.columns.unit] <= SET_BACK * 3600:
        lives, zone = (text[0].swapcase() + text[1:] for text in (lives, zone))
        lives, zone = zone, lives
    before, after = (_shown(source, float(time[row]), dates) for row in (first, first + 1))
    name = source.columns.start or source.columns.time
    raise GraceError(
        f"{source.path}, engine {engine}: {name} should not start again. Found {after} after {before}, {len(falls)} such "
        f"fall{'s' * (len(falls) > 1)}. {lives}; {zone}; if it is one life, sort its rows and drop repeated ones."
    )


def check_clocks(
    source: TableSource,
    engines: NDArray[Any],
    starts: NDArray[np.int64],
    time: NDArray[Any],
    row: NDArray[Any],
    dates: bool,
) -> None:
    """:func:`check_clock` of whole engines: engine ``e`` has the rows ``starts[e]`` to ``starts[e + 1]`` of ``time [R]``, which
    stand in the rows ``row [R]`` of the file."""
    sorted_already = np.append(np.diff(row.astype(np.int64)) > 0, True)
    sorted_already[starts[1:] - 1] = True
    for engine in np.flatnonzero(~np.logical_and.reduceat(sorted_already, starts[:-1])):
        own = slice(starts[engine], starts[engine + 1])
        check_clock(source, engines[engine], time[own][np.argsort(row[own])], dates)


def _shown(source: TableSource, time: float, dates: bool) -> str:
    if not dates:
        return f"{time:g}"
    seconds = round(time * SECONDS[source.columns.unit])
    return str(np.datetime64(seconds, "s")).replace("T", " ")
