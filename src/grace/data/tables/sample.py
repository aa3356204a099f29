"""Some rows of a table, from which is told what its columns are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl

from grace.data.fleet import Fleet
from grace.data.tables.arrays import arrays_of, without_name
from grace.data.tables.columns import TableSource
from grace.data.tables.table import Table

SAMPLE_ENGINES, SAMPLE_ROWS = 50, 20_000


def sample(table: Table, source: TableSource, counts: pl.DataFrame) -> Fleet:
    """Every so many rows of some engines, and their last ones, as a fleet; a missing reading is NaN.

    In place of RUL it has what rises as life goes on: the time, or RUL with a minus.
    """
    if counts["engine"].null_count():
        raise without_name(source)
    drawn = np.unique(np.linspace(0, len(counts) - 1, SAMPLE_ENGINES).round().astype(np.int64))
    kept = counts[drawn]
    every = math.ceil(int(kept["len"].sum()) / SAMPLE_ROWS)
    rows = table.whole.filter(pl.col(source.columns.engine).is_in(kept["engine"].to_list()))
    rows = rows.select(table.selected(source))
    if every > 1:
        numbered = rows.with_row_index("row").join(kept.select("engine", "last").lazy(), on="engine")
        rows = numbered.filter((pl.col("row") % every == 0) | (pl.col("shown") == pl.col("last"))).drop("row", "last")
    found = arrays_of(source, table.collect(rows.sort("engine", "time")))
    values = found["values"][:, : len(source.values)]
    fleet = Fleet.of_rows(source.name, found["engine"], values, source.values)
    rising = found["time"] if "target" not in found else -found["target"]
    rising = np.where(np.isnan(rising), found["time"], rising)  # suspended: no target
    return replace(fleet, row_rul=rising, time=found["time"])


def filled(rows: Fleet) -> Fleet:
    """The sample with the mean of the other readings in place of a missing one."""
    values = rows.taken(np.arange(len(rows.values)), rows.columns)
    known = ~np.isnan(values)
    mean = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return replace(rows, values=np.where(known, values, mean))
