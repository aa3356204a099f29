"""Rows of a user's own table as arrays: columns of the right types, times as numbers, labels as classes, values finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.rul import SECONDS, time_as_number
from grace.data.tables.scan import Scan
from grace.errors import GraceError

SINGLE_PRECISION = ("Float32", "Int8", "Int16", "UInt8", "UInt16", "Boolean")
"""Types that single precision holds without rounding."""


def check_schema(table: Scan, columns: Columns, values: tuple[str, ...]) -> None:
    """Refuse a table that lacks a column, or whose column is of the wrong type.

    Raises:
        GraceError: See above; also dates where the unit is none of :data:`grace.data.tables.rul.SECONDS`.
    """
    _need(table, columns.engine, "--engine", numeric=False)
    _need(table, columns.time, "--time", numeric=False)
    kind = table.schema[columns.time]
    if not kind.is_temporal():
        _need(table, columns.time, "--time")
    elif columns.unit not in SECONDS or str(kind) == "Time":
        raise GraceError(
            f"{table.path}: {columns.time} should hold numbers, or dates with --time-unit {', '.join(SECONDS)}. Found "
            f"{kind} in {columns.unit}. Name the unit that RUL is counted in."
        )
    if columns.target:
        _need(table, columns.target, "--target")
    if columns.label:
        _need(table, columns.label, "--label", numeric=False)
    for name in values:
        _need(table, name, "--conditions" if name in columns.settings else "--features")


def _need(table: Scan, name: str, option: str, numeric: bool = True) -> None:
    """Refuse a column that is not there or holds no numbers, and a table that holds none for want of rows."""
    if name not in table.schema:
        raise GraceError(
            f"{table.path} should have the column {name}. Found {', '.join(table.schema)[:200]}. Name one with {option}."
        )
    kind = table.schema[name]
    if numeric and not (kind.is_numeric() or str(kind) == "Boolean"):
        if table.collect(table.whole.head(1)).is_empty():  # a .csv of column names alone seems to hold text
            raise table.without_rows()
        raise GraceError(
            f"{table.path}: the column {name} should hold numbers. Found {kind}. Convert it, or leave it out of {option}."
        )


def selected(table: Scan, source: TableSource) -> list[pl.Expr]:
    """Expressions for engine, time (a number), shown time, values, and target and label where they are named.

    All are of the table's types: files of one folder may hold whole numbers in one and fractions in another. A value is of
    single precision where the file has no more: a number is never rounded.
    """
    columns, schema = source.columns, table.schema
    precision = [pl.Float32 if str(schema[name]) in SINGLE_PRECISION else pl.Float64 for name in source.values]
    named = (("engine", columns.engine), ("shown", columns.time), ("target", columns.target), ("label", columns.label))
    return [
        time_as_number(columns, schema[columns.time]).alias("time"),
        *(pl.col(name).cast(schema[name]).alias(role) for role, name in named if name),
        *(
            pl.col(name).cast(kind).alias(f"value {i}")
            for i, (name, kind) in enumerate(zip(source.values, precision, strict=True))
        ),
    ]


def arrays_of(source: TableSource, frame: pl.DataFrame) -> dict[str, NDArray[Any]]:
    """Arrays of some rows that :func:`selected` chose: ``engine``, ``time``, ``shown``, ``values [N, C]``, ``target``, ``label``.

    Raises:
        GraceError: A value is missing or not finite, or a label is of no known class.
    """
    columns = source.columns
    for name, role in (("engine", columns.engine), ("time", columns.time)):
        if frame[name].null_count():
            raise GraceError(f"{source.path}: {role} should be known in every row. Found an empty one. Drop such rows.")
    found: dict[str, NDArray[Any]] = {
        "engine": names_of(frame["engine"]),
        "time": frame["time"].to_numpy(),
        "shown": frame["shown"].to_numpy(),
        "values": frame.select(f"value {i}" for i in range(len(source.values))).to_numpy(),
    }
    if columns.target:
        found["target"] = frame["target"].to_numpy()
    for index, name in enumerate(source.values):
        _refuse_gaps(source, found, found["values"][:, index], name)
    for role, name in (("time", columns.time), ("target", columns.target)):
        if name:
            _refuse_gaps(source, found, found[role], name)
    if columns.label:
        found["label"] = _classes(source, frame["label"])
    return found


def names_of(engine: pl.Series) -> NDArray[Any]:
    """Engines as whole numbers where they are some, else as text."""
    return engine.to_numpy() if engine.dtype.is_integer() else engine.cast(pl.String).to_numpy().astype(np.str_)


def _refuse_gaps(source: TableSource, found: dict[str, NDArray[Any]], column: NDArray[Any], name: str) -> None:
    bad = ~np.isfinite(column)
    if bad.any():
        row = int(np.argmax(bad))
        where = f"engine {found['engine'][row]}, {source.columns.time} {found['shown'][row]}"
        raise GraceError(
            f"{source.path}, {where}: {name} should be a finite number. Found {column[row]}. Fill or drop such rows, or leave "
            "the column out."
        )


def _classes(source: TableSource, label: pl.Series) -> NDArray[np.int64]:
    names = source.columns.classes or ("0", "1", "2")
    text = label.cast(pl.Int64, strict=False) if label.dtype.is_numeric() else label
    codes = {name: index for index, name in enumerate(names)}
    found = [codes.get(str(value)) for value in text]
    if None in found:
        value = label[found.index(None)]
        raise GraceError(
            f"{source.path}: {source.columns.label} should be one of {', '.join(names)}. Found {value!r}. Correct it, or leave "
            "--label out."
        )
    return np.array(found, dtype=np.int64)
