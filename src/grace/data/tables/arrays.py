"""Rows of a user's own table as arrays: engines named, labels as numbers, values finite."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.tables.columns import TableSource
from grace.data.tables.table import array_of
from grace.data.tables.task_columns import labels_of
from grace.data.tasks import Task
from grace.data.zones import text_of_time, times_of
from grace.errors import GraceError, ReadingError

LARGEST = 1e100
"""Largest reading in absolute value: squares of larger ones, and sums of squares, leave the range of numbers."""
EMPTY = -1
"""Code of an event that is not there."""
EVENTS = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0, "": EMPTY, "nan": EMPTY}
"""Codes of what a column of events may hold."""
Events = TypeVar("Events", pl.Expr, pl.Series)


def arrays_of(source: TableSource, frame: pl.DataFrame) -> dict[str, NDArray[Any]]:
    """Arrays of rows that a table selected: ``engine``, ``time``, ``stop``, ``shown``, ``values [N, C]``, ``target``, ``event``,
    and ``task NAME`` of each task with a column, NaN where its label is not known; refused where a value is missing or not
    finite, a label is of no known class, or an event is not 1 or 0."""
    columns = source.in_rows
    times = [("time", columns.start), ("stop", columns.time)] if columns.start else [("time", columns.time)]
    for name, role in (("engine", ""), *times):
        if frame[name].null_count():
            if name == "engine":
                raise without_name(source)
            words = f"{role} should be known in every row. Found an empty one"
            mute = frame.filter(pl.col(name).is_null())["engine"].drop_nulls()
            raise ReadingError(
                f"{source.path}: {words}. Drop such rows.", dict.fromkeys(names_of(mute).tolist(), words)
            )
    found: dict[str, NDArray[Any]] = {
        "engine": names_of(frame["engine"]),
        **{name: frame[name].to_numpy() for name, _ in times},
        "shown": times_of(frame["shown"]),
        "values": _values(source, frame),
    }
    if columns.target:
        found["target"] = frame["target"].to_numpy()
    named = [*zip(source.made, found["values"].T, strict=True), *((role, found[name]) for name, role in times)]
    for name, column in named if not columns.target else [*named, (columns.target, found["target"])]:
        _refuse_gaps(source, found, column, name)
    for task in source.labelled:
        found[array_of(task)] = _labels(source, task, frame, found)
    if columns.event:
        found["event"] = events_of(source.path, columns.event, found["engine"], frame["event"])
    return found


def without_name(source: TableSource) -> GraceError:
    """The error to show where a row says of no engine, or of no life of one, that it is its own."""
    name = " and ".join(filter(None, (source.columns.engine, source.columns.life_id)))
    return GraceError(f"{source.path}: {name} should be known in every row. Found an empty one. Drop such rows.")


def event_text(event: Events) -> Events:
    """A column of events as the texts of :data:`EVENTS`."""
    text: Events = event.cast(pl.String).str.strip_chars().str.to_lowercase()
    return text


def events_of(path: Path, name: str, engine: NDArray[Any], event: pl.Series) -> NDArray[np.int8]:
    """Events of the engines ``engine [N]`` as 1, 0 or :data:`EMPTY`; refused where one is something else."""
    found = [EVENTS.get(value) for value in event_text(event).fill_null("")]
    if None in found:
        row = found.index(None)
        raise GraceError(
            f"{path}, engine {engine[row]}: {name} should be 1 (failed) or 0 (suspended). Found {event[row]}. Correct it, or "
            "name another column with --event."
        )
    return np.array(found, dtype=np.int8)


def _values(source: TableSource, frame: pl.DataFrame) -> NDArray[Any]:
    """The values, and room for what is known of missing ones."""
    read = frame.select(f"value {i}" for i in range(len(source.values))).to_numpy()
    room = np.zeros((len(read), len(source.incomplete)), dtype=read.dtype)
    return np.hstack([read, room]) if source.incomplete else read


def names_of(engine: pl.Series) -> NDArray[Any]:
    """Engines as whole numbers where they are some that numpy has, else as text.

    Raises:
        GraceError: A name holds a NUL, which numpy drops at its end: two engines could become one.
    """
    if engine.dtype.is_integer() and engine.dtype != pl.Int128:
        return engine.to_numpy()
    texts = engine.cast(pl.String)
    if len(nul := texts.filter(texts.str.contains("\0", literal=True))):
        raise GraceError(f"The name of an engine should be text. Found {nul[0][:40]!r}, with a NUL. Restore the file.")
    names: NDArray[Any] = texts.to_numpy().astype(np.str_)
    return names


def _labels(
    source: TableSource, task: Task, frame: pl.DataFrame, found: dict[str, NDArray[Any]]
) -> NDArray[np.float64]:
    """Labels of a task; of new engines, whose table need not have them, all are unknown."""
    if array_of(task) not in frame.columns:
        return np.full(len(frame), np.nan)
    labels = labels_of(source.path, task, frame[array_of(task)], found["engine"], source.columns.sentinels)
    _refuse_gaps(source, found, labels, task.column)
    return labels


def _refuse_gaps(source: TableSource, found: dict[str, NDArray[Any]], column: NDArray[Any], name: str) -> None:
    may_miss = name in (*source.incomplete, *(task.column for task in source.labelled))
    may_miss |= name == source.columns.target  # in whole engines, see events.py
    largest = min(LARGEST, float(np.finfo(column.dtype).max)) if column.dtype.kind == "f" else LARGEST
    bad = np.abs(column) > largest if may_miss else ~(np.abs(column) <= largest)
    if bad.any():
        first = np.flatnonzero(bad)
        first = first[np.sort(np.unique(found["engine"][first], return_index=True)[1])]
        kind = "a finite number" if not np.isfinite(column[first]).all() else f"a number up to {LARGEST:g}"
        at, rule = source.columns.time, f"{name} should be {kind}. Found"
        words = (f"{at} {text_of_time(found['shown'], int(row))}: {rule} {column[row]}" for row in first)
        faults = dict(zip(found["engine"][first].tolist(), words, strict=True))
        engine, fault = next(iter(faults.items()))
        raise ReadingError(
            f"{source.path}, engine {engine}, {fault}. Fill or drop such rows, or leave the column out.", faults
        )
