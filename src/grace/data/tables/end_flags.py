"""Flags of an engine's end: a value that stands in the last rows of engines alone, such as 1 in a column ``failed``."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

from grace.data.fleet import Fleet
from grace.data.tables.columns import Columns
from grace.data.tables.leaks import CHANCE, LAST, by_chance
from grace.data.tables.table import Table

MAX_LEVELS = 8
"""Values that a flag has in the sample, at most; of other columns none is looked for in the whole table."""
MIN_FLAGGED = 2
"""Engines that a value has to stand in."""


def end_flags(table: Table, columns: Columns, rows: Fleet, gaps: Collection[str]) -> dict[str, str]:
    """Columns of which one value, or a reading at all, stands in the last rows of engines alone, with the reason.

    The value is the least or the largest, and stands in as many last rows of all engines that have it, or in 1 % of their
    rows or fewer (:data:`~grace.data.tables.leaks.LAST`): an alarm that comes on at some time and stays on is no such flag. All
    engines of the table are looked at, since few may have failed; ``rows`` are a sample of them, ``gaps`` columns with missing
    readings.
    """
    flags = [*_read_at_all(table, gaps), *_of_values(table, rows)]
    if not flags:
        return {}
    time = pl.col(columns.time)
    on = [pl.when(here).then(time).alias(f"on {i}") for i, (_, _, here) in enumerate(flags)]
    off = [pl.when(~here).then(time).alias(f"off {i}") for i, (_, _, here) in enumerate(flags)]
    every = range(len(flags))
    wanted = [
        *(pl.col(f"on {i}").count().alias(f"rows {i}") for i in every),
        *((pl.col(f"on {i}").min() > pl.col(f"off {i}").max()).alias(f"last {i}") for i in every),
    ]
    engines = table.whole.select(pl.col(columns.engine).alias("engine"), *on, *off).group_by("engine")
    seen = table.collect(engines.agg(pl.len().alias("all"), *wanted))
    return {name: f"{words}: marks their end" for i, (name, words, _) in enumerate(flags) if _at_the_end(seen, i)}


Flag = tuple[str, str, pl.Expr]
"""A column, what stands in the last rows, and whether it stands in a row."""


def _read_at_all(table: Table, gaps: Collection[str]) -> list[Flag]:
    return [(name, "read in engines' last rows alone", _known(table, name)) for name in gaps]


def _known(table: Table, name: str) -> pl.Expr:
    value = pl.col(name)
    return value.is_not_null() & value.is_not_nan() if table.schema[name].is_float() else value.is_not_null()


def _of_values(table: Table, rows: Fleet) -> list[Flag]:
    values = rows.taken(np.arange(len(rows.values)), rows.columns)
    few = [
        n for n, one in zip(rows.columns, values.T, strict=True) if len(np.unique(one[~np.isnan(one)])) <= MAX_LEVELS
    ]
    if not few:
        return []
    low, high = (table.collect(table.whole.select(edge)).row(0) for edge in (pl.col(few).min(), pl.col(few).max()))
    edges = ((name, edge) for name, *both in zip(few, high, low, strict=True) for edge in both)
    return [(n, f"{v:g} in engines' last rows alone", pl.col(n).eq_missing(pl.lit(v))) for n, v in edges]


def _at_the_end(seen: pl.DataFrame, flag: int) -> bool:
    """Whether a flag is on at the end alone in the engines that have it, and in as many rows or in few."""
    found = seen.filter(pl.col(f"rows {flag}") > 0, pl.col("all") > 1)
    if len(found) < MIN_FLAGGED or not found[f"last {flag}"].fill_null(False).all():
        return False
    count, every = (found[name].to_numpy().astype(np.int64) for name in (f"rows {flag}", "all"))
    return by_chance(every) <= CHANCE and bool(np.ptp(count) == 0 or np.mean(count / every) < LAST)
