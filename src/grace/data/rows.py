"""Rows of a user's own table as arrays: times as numbers, labels as classes, values finite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from grace.data.columns import Columns
from grace.data.scan import TRAIN, Scan
from grace.errors import GraceError

if TYPE_CHECKING:
    import polars as pl

SECONDS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
"""Units that a column of dates is measured in."""


@dataclass(frozen=True)
class TableSource:
    """A table and how it is read; goes to other processes as it is.

    Attributes:
        path: CSV, Parquet, a folder of either, or N-CMAPSS.
        columns: Roles of the columns.
        values: Columns that are read as values: features and settings.
        side: ``dev`` or ``test`` of an N-CMAPSS file.
        cache: Folder for the rows of a table that is larger than memory; None reads it into memory.
    """

    path: Path
    columns: Columns
    values: tuple[str, ...]
    side: str = TRAIN
    cache: Path | None = None

    @property
    def name(self) -> str:
        """What results call it."""
        return self.path.stem


def check_schema(table: Scan, columns: Columns, values: Sequence[str]) -> None:
    """Refuse a table that lacks a column, or whose column is of the wrong type.

    Raises:
        GraceError: See above; also dates where the unit is none of :data:`SECONDS`.
    """
    table.need(columns.engine, "--engine", numeric=False)
    table.need(columns.time, "--time", numeric=False)
    kind = table.schema[columns.time]
    if kind.is_temporal():
        if columns.unit not in SECONDS or str(kind) == "Time":
            raise GraceError(
                f"{table.path}: {columns.time} should hold numbers, or dates with --time-unit {', '.join(SECONDS)}. Found "
                f"{kind} in {columns.unit}. Name the unit that RUL is counted in."
            )
    else:
        table.need(columns.time, "--time")
    if columns.target:
        table.need(columns.target, "--target")
    if columns.label:
        table.need(columns.label, "--label", numeric=False)
    for name in values:
        table.need(name, "--conditions" if name in columns.settings else "--features")


def selected(table: Scan, source: TableSource) -> list[pl.Expr]:
    """Expressions for engine, time (a number), shown time, values, and target and label where they are named.

    All are of the table's types: files of one folder may hold whole numbers in one and fractions in another.
    """
    import polars as pl

    columns = source.columns
    kind = table.schema[columns.time]
    return [
        pl.col(columns.engine).cast(table.schema[columns.engine]).alias("engine"),
        _time(columns, kind).alias("time"),
        pl.col(columns.time).cast(kind).alias("shown"),
        *(pl.col(name).cast(_float(table.schema[name])).alias(f"value {i}") for i, name in enumerate(source.values)),
        *(pl.col(name).cast(table.schema[name]).alias("target") for name in (columns.target,) if name),
        *(pl.col(name).cast(table.schema[name]).alias("label") for name in (columns.label,) if name),
    ]


def _time(columns: Columns, kind: pl.DataType) -> pl.Expr:
    import polars as pl

    time = pl.col(columns.time)
    if not kind.is_temporal():
        return time.cast(pl.Int64) if kind.is_integer() else time.cast(pl.Float64)
    micros = (
        time.dt.total_microseconds() if str(kind).startswith("Duration") else time.cast(pl.Datetime("us")).dt.epoch()
    )
    return micros.cast(pl.Float64) / (1e6 * SECONDS[columns.unit])


def _float(kind: pl.DataType) -> Any:
    """Single precision where the file has no more, double elsewhere: a number is never rounded."""
    import polars as pl

    small = ("Float32", "Int8", "Int16", "UInt8", "UInt16", "Boolean")
    return pl.Float32 if str(kind) in small else pl.Float64


def arrays_of(source: TableSource, frame: pl.DataFrame) -> dict[str, NDArray[Any]]:
    """Arrays of some rows that :func:`selected` chose: ``engine``, ``time``, ``shown``, ``values [N, C]``, ``target``, ``label``.

    Raises:
        GraceError: A value is missing or not finite, or a label is of no known class.
    """
    import polars as pl

    columns = source.columns
    for name, role in (("engine", columns.engine), ("time", columns.time)):
        if frame[name].null_count():
            raise GraceError(f"{source.path}: {role} should be known in every row. Found an empty one. Drop such rows.")
    engine = frame["engine"]
    whole = engine.dtype.is_integer()
    found: dict[str, NDArray[Any]] = {
        "engine": engine.to_numpy() if whole else engine.cast(pl.String).to_numpy().astype(np.str_),
        "time": frame["time"].to_numpy(),
        "shown": frame["shown"].to_numpy(),
        "values": frame.select(f"value {i}" for i in range(len(source.values))).to_numpy(),
    }
    for index, name in enumerate(source.values):
        _finite(source, found, found["values"][:, index], name)
    _finite(source, found, found["time"], columns.time)
    if columns.target:
        found["target"] = frame["target"].to_numpy()
        _finite(source, found, found["target"], columns.target)
    if columns.label:
        found["label"] = _classes(source, frame["label"])
    return found


def _finite(source: TableSource, found: dict[str, NDArray[Any]], column: NDArray[Any], name: str) -> None:
    bad = ~np.isfinite(column)
    if bad.any():
        row = int(np.argmax(bad))
        where = f"engine {found['engine'][row]}, {source.columns.time} {found['shown'][row]}"
        raise GraceError(
            f"{source.path}, {where}: {name} should be a finite number. Found {column[row]}. Fill or drop such rows, or leave "
            "the column out."
        )


def _classes(source: TableSource, label: pl.Series) -> NDArray[np.int64]:
    import polars as pl

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
