"""A table that is opened and not yet read: its columns checked and selected, its rows counted, its bytes known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from grace.data.fleet import AGE
from grace.data.identity import Stamp, combined, sha256, stamps
from grace.data.tables.columns import ROLES, Columns, TableSource
from grace.data.tables.panics import panics_as_errors
from grace.data.tables.text import MISSING, TEXT, UNPACKING, ending, fault_of, refuse_unclear_dates, text_of
from grace.data.tasks import CLASS, Task
from grace.errors import GraceError

T = TypeVar("T")

SECONDS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
"""Units that a column of dates is measured in."""

SINGLE_PRECISION = ("Float32", "Int8", "Int16", "UInt8", "UInt16", "Boolean")
"""Types that single precision holds without rounding."""


Edges = Mapping[str, tuple[Any, Any]]
"""Least and largest value of columns; None of one without values."""


def is_number(kind: pl.DataType) -> bool:
    """Whether a column of a type holds numbers; true and false are 1 and 0."""
    return kind.is_numeric() or isinstance(kind, pl.Boolean)


@dataclass(frozen=True, eq=False)
class Table:
    """A table that has been opened.

    Attributes:
        path: What the user named.
        files: The files, one frame each; none for a frame in memory.
        frames: Lazy frames of one schema.
        schema: Names and types of the columns.
        done: What was done to it so far, a line each.
        mixed: Columns of numbers and other texts, with one of these.
        gone: Engines whose rows are left out.
        beside: Files that some of the columns were joined from.
    """

    path: Path
    files: tuple[Path, ...]
    frames: tuple[pl.LazyFrame, ...]
    schema: dict[str, pl.DataType]
    done: tuple[str, ...] = ()
    mixed: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    beside: tuple[Path, ...] = ()

    @property
    def whole(self) -> pl.LazyFrame:
        """All files, one after the other."""
        return pl.concat(list(self.frames), how="vertical_relaxed") if len(self.frames) > 1 else self.frames[0]

    def collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """The rows of a frame made from these, streamed; refused where a file is damaged, or a value not of its column's type."""
        try:
            with panics_as_errors(self.files):
                return frame.collect(engine="streaming")
        except (OSError, pl.exceptions.PolarsError) as error:
            raise unreadable(self.path, error) from None

    def with_columns(self, made: Iterable[pl.Expr], kinds: dict[str, pl.DataType]) -> Table:
        """The table with further columns, or others in place of its own, of types ``kinds`` where these are other ones."""
        made = list(made)
        return replace(
            self, frames=tuple(frame.with_columns(made) for frame in self.frames), schema=self.schema | kinds
        )

    def without(self, engine: str, names: Collection[Any]) -> Table:
        """The table without the rows of some engines, whose column is ``engine``."""
        gone = tuple(str(name) for name in names)
        frames = tuple(frame.filter(~pl.col(engine).cast(pl.String).is_in(gone)) for frame in self.frames)
        return replace(self, frames=frames, gone=(*self.gone, *gone))

    def engines(self, columns: Columns) -> pl.DataFrame:
        """``engine``, ``len``, its rows, and ``last``, its last time as in the file, of every engine in their order."""
        rows = self.whole.select(engine=pl.col(columns.engine), time=pl.col(columns.time))
        counts = self.collect(rows.group_by("engine").agg(pl.len(), last=pl.col("time").max())).sort("engine")
        if counts.is_empty():
            raise self.without_rows()
        return counts

    def edges(self, names: tuple[str, ...]) -> Edges:
        """Least and largest value of some columns, in one pass."""
        if not names:  # polars makes no row of no columns
            return {}
        low, high = (pl.col(names).min().name.prefix("low "), pl.col(names).max().name.prefix("high "))
        row = self.collect(self.whole.select(low, high)).row(0)
        return dict(zip(names, zip(row[: len(names)], row[len(names) :], strict=True), strict=True))

    def without_rows(self) -> GraceError:
        """The error to show where a table has none."""
        return GraceError(f"{self.path} should hold at least one row. Found none. Export it again.")

    def sha256(self) -> str:
        """Of the bytes of its files in the order of their names, which do not count; of a frame, of its columns and values."""
        if not self.files:
            return _frame_sha256(self.collect(self.whole))
        try:
            return combined(map(sha256, (*self.files, *self.beside)))
        except OSError as error:
            raise unreadable(self.path, error) from None

    def stamps(self) -> tuple[Stamp, ...]:
        """Of all its files, for what is kept of it."""
        return stamps((*self.files, *self.beside))

    def unchanged(self, read: Callable[[], T]) -> T:
        """What ``read`` makes of the table; refused where a file was written or replaced meanwhile."""
        before = self.stamps()
        found = read()
        if self.stamps() != before:
            raise GraceError(f"{self.path} should stay as it is while it is read. Found it changed. Read it again.")
        return found

    def check_roles(self, columns: Columns) -> None:
        """Refuse a table that lacks a column with a role."""
        for role in ROLES:
            if name := getattr(columns, role):
                self.need(name, f"--{role.replace('_', '-')}", numeric=False)

    def check_dates(self, columns: Columns) -> None:
        """Refuse dates as times of which text files do not tell what is the day and what the month."""
        texts = [file for file in self.files if ending(file) in TEXT]
        if texts and self.schema[columns.time].is_temporal():
            refuse_unclear_dates(texts, columns.time)

    def check(self, columns: Columns, values: tuple[str, ...]) -> None:
        """Refuse a table that lacks a column, or whose column is of the wrong type, or with dates in an unknown unit."""
        if AGE in self.schema:
            raise GraceError(f"{self.path}: {AGE!r} should be no column's name. Found one. Rename it.")
        self.check_roles(columns)
        kind = self.schema[columns.time]
        if not kind.is_temporal():
            self.need(columns.time, "--time")
        elif columns.unit not in SECONDS or str(kind) == "Time":
            raise GraceError(
                f"{self.path}: {columns.time} should hold numbers, or dates with --time-unit {', '.join(SECONDS)}. Found "
                f"{kind} in {columns.unit}. Name the unit that RUL is counted in."
            )
        if columns.start:
            self._need_start(columns)
        if columns.target:
            self.need(columns.target, "--target")
        for name in values:
            self.need(name, "--conditions" if name in columns.settings else "--features")

    def _need_start(self, columns: Columns) -> None:
        """Refuse a column of starts that is not there, or not of numbers or of dates as the stops are."""
        kind = self.schema[columns.time]
        self.need(columns.start, "--start", numeric=not kind.is_temporal())
        if kind.is_temporal() and self.schema[columns.start] != kind:
            raise GraceError(
                f"{self.path}: {columns.start} should be {kind}, as {columns.time} is. Found {self.schema[columns.start]}. Write "
                "both alike."
            )

    def need(self, name: str, option: str, numeric: bool = True) -> None:
        """Refuse a column that is not there or holds no numbers, and a table that holds none for want of rows."""
        if name not in self.schema:
            found = ", ".join(self.schema)[:200]
            raise GraceError(f"{self.path} should have the column {name}. Found {found}. Name one with {option}.")
        kind = self.schema[name]
        if numeric and not is_number(kind):
            first = self.collect(
                self.whole.select(pl.col(name).drop_nulls().first().cast(pl.String), rows=pl.len())
            ).row(0)
            if not first[1]:  # a .csv of column names alone seems to hold text
                raise self.without_rows()
            example = "" if first[0] is None else f", such as {first[0][:40]!r}"
            remedy = "Write dates as 2024-12-31 10:00" if option == "--time" else "Convert it"
            raise GraceError(
                f"{self.path}: the column {name} should hold numbers. Found {kind}{example}. {remedy}, or leave it out of "
                f"{option}."
            )

    def selected(self, source: TableSource) -> list[pl.Expr]:
        """Expressions for engine, time (a number), shown time, values, stop, target and event where they are named, and labels of
        tasks whose columns are there.

        Where rows hold over an interval ``time`` is its start and ``stop`` its end, which is also what is shown.

        All are of the table's types: files of one folder may hold whole numbers in one and fractions in another. A value is of
        single precision where the file has no more: a number is never rounded.
        """
        columns, schema = source.in_rows, self.schema
        named = (
            ("engine", columns.engine),
            ("shown", columns.time),
            ("target", columns.target),
            ("event", columns.event),
        )
        precision = [pl.Float32 if str(schema[name]) in SINGLE_PRECISION else pl.Float64 for name in source.values]
        times = {"time": columns.start, "stop": columns.time} if columns.start else {"time": columns.time}
        return [
            *(as_number(name, schema[name], columns.unit).alias(role) for role, name in times.items()),
            *(pl.col(name).cast(self._type(role, name)).alias(role) for role, name in named if name),
            *(pl.col(n).cast(precision[i]).alias(f"value {i}") for i, n in enumerate(source.values)),
            *(self.label(task) for task in source.labelled if task.column in schema),
        ]

    def label(self, task: Task) -> pl.Expr:
        """Labels of a task as numbers or texts; null where one is not known."""
        kind, column = self.schema[task.column], pl.col(task.column)
        if kind.is_numeric():
            found = column.cast(pl.Float64).fill_nan(None)
        elif isinstance(kind, pl.Boolean):  # classes are called false and true, numbers are 0 and 1
            found = column.cast(pl.String if task.kind in ("", CLASS) else pl.Float64)
        else:
            text = text_of(task.column)
            found = pl.when(~text.is_in(MISSING)).then(text)
        return found.alias(array_of(task))

    def _type(self, role: str, name: str) -> pl.DataType:
        """Type that a column is read as: its own, but for whole numbers as targets, which are signed, since they are subtracted,
        and of double precision where some are missing."""
        kind = self.schema[name]
        if role != "target" or not kind.is_integer():
            return kind
        gaps = self.collect(self.whole.select(pl.col(name).null_count())).item()
        return pl.Float64() if gaps else pl.Int64()


def array_of(task: Task) -> str:
    """What the labels of a task are called among the arrays of a table."""
    return f"task {task.name}"


def as_number(name: str, kind: pl.DataType, unit: str) -> pl.Expr:
    """A column of times in the unit of RUL: numbers as they are, dates and durations of type ``kind`` from 1970 or 0."""
    time = pl.col(name)
    if not kind.is_temporal():
        return time.cast(pl.Int64) if kind.is_integer() else time.cast(pl.Float64)
    micros = (
        time.dt.total_microseconds() if str(kind).startswith("Duration") else time.cast(pl.Datetime("us")).dt.epoch()
    )
    return micros.cast(pl.Float64) / (1e6 * SECONDS[unit])


def _frame_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of a frame's column names, types and values in their order; NaN and a missing value are the same."""
    digest = hashlib.sha256()
    for series in frame:
        kind = series.dtype
        if kind.is_float():
            series = series.fill_nan(None)
        digest.update(json.dumps([series.name, str(kind), len(series)]).encode())
        digest.update(series.is_null().to_numpy().tobytes())
        if kind.is_numeric() or kind.is_temporal():
            digest.update(series.to_physical().fill_null(0).to_numpy().tobytes())
        else:
            digest.update(json.dumps(series.cast(pl.String).to_list()).encode())
    return digest.hexdigest()


def unreadable(file: Path, error: Exception) -> GraceError:
    """The error to show where polars cannot read a table."""
    with suppress(*UNPACKING):
        if ending(file) in TEXT and file.is_file() and (fault := fault_of(file)):
            return GraceError(f"{file} should be a readable table. Found {fault}, or export it again.")
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return GraceError(f"{file} should be a readable table. Found: {reason[:300].rstrip('.')}. Export it again.")
