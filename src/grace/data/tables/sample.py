"""Some rows of a table, from which is told what its columns are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from grace.data.fleet import Fleet
from grace.data.tables.arrays import EVENTS, arrays_of, event_text, names_of, without_name
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.missing import gone_of
from grace.data.tables.table import Table
from grace.data.tables.units import read_units
from grace.errors import ReadingError

SAMPLE_ENGINES, SAMPLE_ROWS = 50, 20_000


def with_events(table: Table, source: TableSource, counts: pl.DataFrame) -> pl.DataFrame:
    """``counts``, one row an engine as of :meth:`~grace.data.tables.table.Table.engines`, with a column ``failed`` where the
    table or that of units tells which engines failed; a target tells where it is empty in some of them.

    Any row says so for its engine: what a column says in other rows is checked as the rows are read.
    """
    columns = source.columns
    if columns.target:
        found = _said(table, columns, ~gone_of(table, columns.target))
        return counts if all(found.values()) else _told(counts, found)
    if source.units is not None and "event" in source.of_units:
        units = read_units(source.units, columns.engine, source.in_units, columns.life_id)
        return _told(counts, dict(units.select("engine", pl.col("event") == 1).iter_rows()))
    if columns.event:
        failed = event_text(pl.col(columns.event)).is_in([text for text, code in EVENTS.items() if code == 1])
        return _told(counts, _said(table, columns, failed.fill_null(False)))
    return counts


def _said(table: Table, columns: Columns, said: pl.Expr) -> dict[Any, bool]:
    """Whether something is said in any row of each engine."""
    return dict(table.collect(table.whole.group_by(columns.engine).agg(said.any())).iter_rows())


def _told(counts: pl.DataFrame, failed: Mapping[Any, bool]) -> pl.DataFrame:
    known = {str(name): said for name, said in failed.items()}
    return counts.with_columns(
        failed=pl.Series([known.get(str(name), False) for name in counts["engine"]], dtype=pl.Boolean)
    )


def sample(table: Table, source: TableSource, counts: pl.DataFrame) -> Fleet:
    """Every so many rows of some engines, and their last ones, as a fleet; a missing reading is NaN.

    Where ``counts`` tells which engines failed, half of the engines or more are such as long as there are any. In place of RUL
    it has what rises as life goes on: the time, or RUL with a minus.
    """
    if counts["engine"].null_count():
        raise without_name(source)
    kept = _drawn(counts)
    every = math.ceil(int(kept["len"].sum()) / SAMPLE_ROWS)
    rows = table.whole.filter(pl.col(source.columns.engine).is_in(kept["engine"].to_list()))
    rows = rows.select(table.selected(source))
    if every > 1:
        numbered = rows.with_row_index("row").join(kept.select("engine", "last").lazy(), on="engine")
        rows = numbered.filter((pl.col("row") % every == 0) | (pl.col("shown") == pl.col("last"))).drop("row", "last")
    try:
        found = arrays_of(source, table.collect(rows.sort("engine", "time")))
    except ReadingError as error:
        others = counts.filter(~pl.col("engine").cast(pl.String).is_in([str(name) for name in error.faults]))
        if others.is_empty() or not error.faults:
            raise
        return sample(table, source, others)
    values = found["values"][:, : len(source.values)]
    fleet = Fleet.of_rows(source.name, found["engine"], values, source.values)
    rising = found["time"] if "target" not in found else -found["target"]
    rising = np.where(np.isnan(rising), found["time"], rising)  # suspended: no target
    failed = names_of(kept.filter("failed")["engine"]) if "failed" in kept.columns else None
    failed = None if failed is None else np.isin(fleet.engines, failed)
    stops = found["stop"][fleet.starts[1:] - 1] if "stop" in found else None
    return replace(fleet, row_rul=rising, time=found["time"], failed=failed, stops=stops)


def _drawn(counts: pl.DataFrame) -> pl.DataFrame:
    """Up to :data:`SAMPLE_ENGINES` engines, evenly from all; from those that failed and from the others by themselves."""
    if "failed" not in counts.columns:
        return _evenly(counts, SAMPLE_ENGINES)
    failed, others = counts.filter("failed"), counts.filter(~pl.col("failed"))
    some = _evenly(failed, max(SAMPLE_ENGINES // 2, SAMPLE_ENGINES - len(others)))
    return pl.concat([some, _evenly(others, SAMPLE_ENGINES - len(some))]).sort("engine")


def _evenly(counts: pl.DataFrame, most: int) -> pl.DataFrame:
    if counts.is_empty():
        return counts
    return counts[np.unique(np.linspace(0, len(counts) - 1, most).round().astype(np.int64))]


def filled(rows: Fleet) -> Fleet:
    """The sample with the mean of the other readings in place of a missing one."""
    values = rows.taken(np.arange(len(rows.values)), rows.columns)
    known = ~np.isnan(values)
    mean = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return replace(rows, values=np.where(known, values, mean))
