"""Flags of an engine's end: what stands in the last rows of engines alone, such as 1 in ``failed``, or a missing reading; and
what stands in all rows of the engines that failed and in no other."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import polars as pl

from grace.data.fleet import Fleet
from grace.data.tables.columns import Columns
from grace.data.tables.leaks import CHANCE, LAST, by_chance
from grace.data.tables.missing import gone_of
from grace.data.tables.table import Table

MAX_LEVELS = 8
"""Values that a flag has in the sample, at most; of other columns none is looked for in the whole table."""
MIN_FLAGGED = 2
"""Engines that a value has to stand in."""


def end_flags(
    table: Table, columns: Columns, rows: Fleet, gaps: Collection[str], counts: pl.DataFrame
) -> dict[str, str]:
    """Columns of which one value, a reading or a missing one stands in the last rows of engines alone, or in all rows of the
    engines that failed and nowhere else, with the reason.

    A value is the least or the largest. It stands in as many last rows of all engines that have it, or in 1 % of their rows or
    fewer (:data:`~grace.data.tables.leaks.LAST`): an alarm that comes on at some time and stays on is no such flag; nor is what
    comes on at one age in all engines, unless it is on in the last row alone. All engines of the table are looked at, since few
    may have failed; ``rows`` are a sample of them, ``gaps`` columns with missing readings, ``counts`` has a row an engine, and
    ``failed`` where it is known (:func:`grace.data.tables.sample.with_events`).
    """
    flags = [*_of_readings(table, gaps), *_of_values(table, rows)]
    if not flags:
        return {}
    time = pl.col(columns.time)
    on = [pl.when(here).then(time).alias(f"on {i}") for i, (_, _, here) in enumerate(flags)]
    off = [pl.when(~here).then(time).alias(f"off {i}") for i, (_, _, here) in enumerate(flags)]
    every, first = range(len(flags)), pl.col("time").min()
    rows_on = [pl.col(f"on {i}").count().alias(f"rows {i}") for i in every]
    since = [(pl.col(f"on {i}").min() - first).alias(f"from {i}") for i in every]
    until = [(pl.col(f"off {i}").max() - first).alias(f"until {i}") for i in every]
    engines = table.whole.select(pl.col(columns.engine).alias("engine"), time.alias("time"), *on, *off)
    seen = table.collect(engines.group_by("engine").agg(pl.len().alias("all"), *rows_on, *since, *until))
    told = pl.col("failed") if "failed" in counts.columns else pl.lit(True).alias("failed")
    seen = seen.join(counts.select("engine", told), on="engine")
    found = {}
    for i, (name, words, _) in enumerate(flags):
        if _at_the_end(seen, i):
            found[name] = f"{words} in engines' last rows alone: marks their end"
        elif _is_the_event(seen, i):
            found.setdefault(name, "says which engines failed")
    return found


Flag = tuple[str, str, pl.Expr]
"""A column, what stands in the last rows, and whether it stands in a row."""


def _of_readings(table: Table, gaps: Collection[str]) -> list[Flag]:
    both = ((name, gone_of(table, name)) for name in gaps)
    return [flag for name, gone in both for flag in ((name, "missing", gone), (name, "read", ~gone))]


def _of_values(table: Table, rows: Fleet) -> list[Flag]:
    values = rows.taken(np.arange(len(rows.values)), rows.columns)
    few = tuple(
        n for n, one in zip(rows.columns, values.T, strict=True) if len(np.unique(one[~np.isnan(one)])) <= MAX_LEVELS
    )
    edges = ((name, edge) for name, (low, high) in table.edges(few).items() for edge in (high, low))
    return [(n, f"{v:g}", pl.col(n).eq_missing(pl.lit(v))) for n, v in edges]


def _at_the_end(seen: pl.DataFrame, flag: int) -> bool:
    """Whether a flag is on at the end alone in the engines that have it, and in as many rows or in few."""
    on, since, until = (f"{name} {flag}" for name in ("rows", "from", "until"))
    found = seen.filter(pl.col(on) > 0, pl.col("all") > 1)
    if len(found) < MIN_FLAGGED or not (found[since] > found[until]).fill_null(False).all():
        return False
    if found[on].max() > 1 and found[since].min() > seen[until].max():  # type: ignore[operator]
        return False  # says the age
    return by_chance(found["all"].to_numpy()) <= CHANCE and _same_or_few(found, on)


def _same_or_few(found: pl.DataFrame, on: str) -> bool:
    """Whether a flag is on in as many rows of all engines that failed, and in no more of the others; or in few of any."""
    failed = found.filter("failed") if found["failed"].sum() >= MIN_FLAGGED else found
    same = failed[on].n_unique() == 1 and failed[on].max() == found[on].max()
    return bool(same or (found[on] / found["all"]).mean() < LAST)  # type: ignore[operator]


def _is_the_event(seen: pl.DataFrame, flag: int) -> bool:
    """Whether a flag is on in all rows of the engines that failed and in no other row, in more engines than happens by chance."""
    failed, on = int(seen["failed"].sum()), pl.when("failed").then("all").otherwise(0)
    fewer = min(failed, len(seen) - failed, 50)  # of 50 among 100 or more there is no doubt
    if math.comb(len(seen), fewer) < 1 / CHANCE:
        return False
    return bool(seen.select((pl.col(f"rows {flag}") == on).all()).item())
