"""Missing readings: what stands for them becomes nothing, the last one of the engine is carried on, and a column beside it says
how many rows ago it was read.

Before an engine's first reading there is nothing to carry: the value stays NaN, which the scaling takes for the mean of the
training engines' readings (:class:`grace.data.conditions.Conditioner`). Nothing later than a row ever reaches it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.fleet import missing
from grace.data.tables.columns import ASSET, Columns, TableSource
from grace.data.tables.table import Edges, Table
from grace.data.tables.text import MISSING, TEXT, ending, text_of, texts_in_place_of_numbers
from grace.errors import GraceError

SENTINELS = (-999, -9999, 65535)
"""Numbers that loggers write where they read nothing."""


def cleaned(table: Table, columns: Columns, values: tuple[str, ...] = (), labels: tuple[str, ...] = ()) -> Table:
    """The table with numbers for texts (:func:`_numbers_for_texts`), and nothing in place of the sentinels of ``columns``; the
    texts of the columns ``labels`` stay as they are."""
    table = _numbers_for_texts(table, columns, values, labels)
    wanted = values or tuple(name for name in table.schema if name not in columns.named)
    names = [name for name in dict.fromkeys((*wanted, *labels)) if table.schema.get(name, pl.String()).is_numeric()]
    if not columns.sentinels:
        return table
    return table.with_columns((_without(name, columns.sentinels) for name in names), {})


def _numbers_for_texts(table: Table, columns: Columns, values: tuple[str, ...], labels: tuple[str, ...]) -> Table:
    """Text columns that hold numbers, and nothing but :data:`~grace.data.tables.text.MISSING` beside them, as numbers.

    Of ``values``, the time, the target and the event; without values of all columns but those of names and ``labels``.
    """
    wanted = (*values, columns.time, columns.start, columns.target, columns.event) if values else tuple(table.schema)
    kept = (*columns.names, ASSET, *labels)
    texts = [n for n in wanted if table.schema.get(n) == pl.String and n not in kept]
    if not texts:
        return table
    counts = table.collect(table.whole.select(e for name in texts for e in _counted_texts(name))).row(0)
    found = {name: counts[4 * i : 4 * i + 4] for i, name in enumerate(texts)}
    numbers = [name for name, (known, real, _, _) in found.items() if known == real > 0]
    gone = {name: found[name][2] for name in numbers if found[name][2]}
    mixed = {
        name: text for name, (known, real, _, text) in found.items() if known > real > (0 if values else known / 2)
    }
    return replace(as_numbers(table, numbers), done=(*table.done, *_missing_texts(gone)), mixed=mixed)


def as_numbers(table: Table, names: list[str]) -> Table:
    """The table with some text columns as numbers."""
    return table.with_columns(map(_number_of, names), dict.fromkeys(names, pl.Float64()))


def _without(name: str, sentinels: tuple[float, ...]) -> pl.Expr:
    """A column with nothing in place of some numbers."""
    column = pl.col(name)
    return pl.when(pl.any_horizontal(column == number for number in sentinels)).then(None).otherwise(column).alias(name)


def _counted_texts(name: str) -> tuple[pl.Expr, ...]:
    """Of a text column: values that are there, those of them that are numbers, texts for none, and one that is neither."""
    text, number = text_of(name), _number_of(name)
    none, other = text.is_in(MISSING), text.filter(no_number(name)).first()
    counts = ((text.is_not_null() & ~none).sum(), number.is_not_null().sum(), none.sum(), other)
    return tuple(expression.alias(f"{name} {index}") for index, expression in enumerate(counts))


def _number_of(name: str) -> pl.Expr:
    """A text column as numbers; nothing where it holds none."""
    text = text_of(name)
    return pl.when(~text.is_in(MISSING)).then(text).cast(pl.Float64, strict=False).alias(name)


def no_number(name: str) -> pl.Expr:
    """Whether a text column holds a text that is no number, and stands for no missing one."""
    text = text_of(name)
    return text.is_not_null() & ~text.is_in(MISSING) & _number_of(name).is_null()


def _missing_texts(counts: Mapping[str, int]) -> list[str]:
    """The line that names columns in which texts stand for missing numbers, with their counts; none without such."""
    named = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
    return [f"texts such as NA, n/a and - are missing numbers in: {named}"] if named else []


def carry_on(source: TableSource, values: NDArray[Any], starts: NDArray[np.int64]) -> None:
    """Carry readings on, in place, in the rows of whole engines, ``values [R, len(source.made)]``; engine ``e`` has the rows
    ``starts[e]`` to ``starts[e + 1]``."""
    every = np.arange(len(values))
    first = np.repeat(starts[:-1], np.diff(starts))
    for index, name in enumerate(source.incomplete, start=len(source.values)):
        column = values[:, source.values.index(name)]
        last = np.maximum.accumulate(np.where(np.isnan(column), -1, every))
        read = last >= first
        column[read] = column[last[read]]
        values[:, index] = np.where(read, every - last, every - first + 1)


def gone_of(table: Table, name: str) -> pl.Expr:
    """Whether a reading is missing in each row."""
    gone = pl.col(name).is_null()
    return gone | pl.col(name).is_nan().fill_null(False) if table.schema[name].is_float() else gone


def gaps_of(table: Table, names: tuple[str, ...]) -> dict[str, int]:
    """Columns with missing readings, null or NaN, and how many; refused where a column is called as one beside it would be."""
    if not names:  # polars makes no row of no columns
        return {}
    counts = table.collect(table.whole.select(gone_of(table, name).sum().alias(name) for name in names))
    gaps = {name: int(count) for name, count in zip(names, counts.row(0), strict=True) if count}
    if taken := [missing(name) for name in gaps if missing(name) in table.schema]:
        raise GraceError(f"{table.path}: {taken[0]!r} should be no column's name. Found one. Rename it.")
    return gaps


def carried(shares: Mapping[str, float]) -> list[str]:
    """The line that says what is made of missing readings; none where none is missing."""
    named = ", ".join(f"{name} ({share:.2g})" for name, share in shares.items())
    rule = "carried on from the engine's last reading, a feature NAME (missing) beside; before the first one the training mean"
    return [f"missing readings, share of rows: {named}; {rule}"] if shares else []


def texts_for_none(table: Table, names: tuple[str, ...]) -> list[str]:
    """The line that names columns of text files in which texts stand for missing numbers; none without such."""
    counts: Counter[str] = Counter()
    for file in table.files:
        if ending(file) in TEXT:
            counts.update(texts_in_place_of_numbers(file, names))
    return _missing_texts(counts)


def replaced(table: Table, names: tuple[str, ...], sentinels: tuple[float, ...]) -> list[str]:
    """The lines that say which numbers are taken for missing readings, and in how many rows of which columns.

    ``table`` is the one that still has them.
    """
    names = tuple(name for name in names if name in table.schema and table.schema[name].is_numeric())
    wanted = [pl.any_horizontal(pl.col(name) == number for number in sentinels).sum().alias(name) for name in names]
    counts = table.collect(table.whole.select(wanted)).row(0) if wanted else ()
    found = ", ".join(f"{name} ({count:,})" for name, count in zip(names, counts, strict=True) if count)
    line = f"taken for missing readings: {', '.join(f'{number:.15g}' for number in sentinels)}"
    return [line, f"rows with such a number: {found or 'none'}"]


def suspected(table: Table, edges: Edges) -> list[str]:
    """A line for each column whose least or largest value is one of :data:`SENTINELS`, with a question; nothing is changed."""
    lines = []
    for name, (low, high) in edges.items():
        for number, edge in ((low, "least"), (high, "largest")):
            if number in SENTINELS and low != high:
                count = table.collect(table.whole.select((pl.col(name) == number).sum())).item()
                lines.append(
                    f"{name}: {number:g} in {count:,} rows is its {edge} value; does it stand for a missing reading? "
                    f"--sentinels {number:g} takes it for one, --sentinels none asks no more"
                )
    return lines
