"""Text columns of a few values as columns of 0 and 1, ``COLUMN = VALUE``."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from grace.data.tables.columns import IS, TableSource
from grace.data.tables.table import Table, is_number

MAX_VALUES = 8
"""Values that a column of categories has, at most; one of more names things."""


def with_categories(table: Table, names: tuple[str, ...]) -> Table:
    """The table with those of some columns ``COLUMN = VALUE`` that it can make: whether ``COLUMN`` holds ``VALUE``.

    Of a value that no network has seen, and of a missing one, all are 0.
    """
    made = {name: _of_value(table, name) for name in names if name not in table.schema}
    found = {name: one.alias(name) for name, one in made.items() if one is not None}
    return table.with_columns(found.values(), dict.fromkeys(found, pl.Boolean()))


def _of_value(table: Table, name: str) -> pl.Expr | None:
    for column, kind in table.schema.items():
        if name.startswith(column + IS) and not is_number(kind):
            return (_text(column) == name[len(column + IS) :]).fill_null(False)
    return None


def _text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).str.strip_chars()


def categories_of(table: Table, source: TableSource) -> dict[str, tuple[str, ...]]:
    """Text columns of 2 to :data:`MAX_VALUES` values, and the columns ``COLUMN = VALUE`` that they become.

    Of the features; or of all without a role whose every value is in two engines or more: one of a single engine names it.
    """
    texts = [n for n, kind in table.schema.items() if isinstance(kind, pl.String | pl.Categorical | pl.Enum)]
    asked = source.features
    free = [name for name in texts if name not in (*source.named, *table.mixed) and (not asked or name in asked)]
    head = table.collect(table.whole.select(_text(name).alias(name) for name in free).head(20_000)) if free else None
    found = {}
    for name in free:
        if head is None or head[name].n_unique() > MAX_VALUES + 1:
            continue
        rows = table.whole.select(value=_text(name), engine=pl.col(source.columns.engine)).filter(pl.col("value") != "")
        counts = table.collect(rows.group_by("value").agg(pl.col("engine").n_unique())).sort("value")
        if 2 <= len(counts) <= MAX_VALUES and (asked or counts["engine"].min() > 1):  # type: ignore[operator]
            found[name] = tuple(f"{name}{IS}{value}" for value in counts["value"])
    return found


def said_of_categories(found: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The line that says which text columns became columns of 0 and 1; none without such."""
    named = ", ".join(f"{name} ({len(values)})" for name, values in found.items())
    return [f"text columns as 0 and 1, one column a value: {named}"] if found else []
