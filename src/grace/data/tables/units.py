"""What a table of one row an engine says of the engines of a fleet: event, group, length of life, and facts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.fleet import Fleet
from grace.data.identity import combined
from grace.data.tables.account import some_of
from grace.data.tables.arrays import EMPTY, events_of, names_of
from grace.data.tables.columns import TableSource, made_of
from grace.data.tables.intervals import ROUNDING
from grace.data.tables.lives import with_lives
from grace.data.tables.scan import scan
from grace.data.tables.table import Table, array_of
from grace.data.tables.task_columns import labels_of, settled
from grace.data.task_checks import said_of_labels
from grace.data.tasks import Task
from grace.errors import GraceError

_KEY = "(unit)"


def placed(source: TableSource, rows: Collection[str]) -> TableSource:
    """The source with :attr:`TableSource.of_units <grace.data.tables.columns.TableSource>` settled: a column that the table of
    units has, or that is not among the columns ``rows`` of the rows, is read there; lengths of lives always are.

    Raises:
        GraceError: There are lengths of lives to read, and no table of units, or events in one beside a target.
    """
    if source.columns.duration and source.units is None:
        raise GraceError(
            f"`duration` should come with a table of units, whose column it is. Found {source.columns.duration} alone. Name the "
            "table with `units`."
        )
    if source.units is None or source.of_units:
        return source
    there = scan(source.units).schema
    named = {role: getattr(source.columns, role) for role in ("event", "group")}
    of = tuple(role for role, name in named.items() if name and (name in there or name not in rows))
    if "event" in of and source.columns.target:
        raise GraceError(
            "`event` should be left out of a table of units beside `target`, which says of each row whether its RUL is known. "
            f"Found {source.columns.event}. Leave one of them out."
        )
    return replace(source, of_units=of + ("duration",) * bool(source.columns.duration))


def with_facts(table: Table, source: TableSource) -> Table:
    """The table with its lives told apart (:func:`~grace.data.tables.lives.with_lives`), and with those facts of a table of units
    in each row that ``source.features`` or tasks name, and the rows do not have.

    Raises:
        GraceError: The table of units cannot be read, or names an engine twice.
    """
    engine, life_id = source.columns.engine, source.columns.life_id
    table = with_lives(table, engine, life_id)
    if source.units is None:
        return table
    units = with_lives(scan(source.units, names=source.columns.names), engine, life_id)
    names = [n for n in units.schema if n not in (*table.schema, *source.columns.named) and _asked(n, source)]
    if not names or engine not in units.schema:
        return table
    key = pl.col(engine).cast(pl.String).alias(_KEY)
    facts = units.collect(units.whole.select(key, *names))
    _refuse_twice(source.units, facts.select(engine=_KEY))
    frames = (
        frame.with_columns(key).join(facts.lazy(), on=_KEY, how="left", maintain_order="left") for frame in table.frames
    )
    return replace(
        table,
        frames=tuple(frame.drop(_KEY) for frame in frames),
        schema=table.schema | {name: units.schema[name] for name in names},
        beside=units.files,
    )


def _asked(name: str, source: TableSource) -> bool:
    """Whether a column is one of a task, or it, or one made of it, is among the features."""
    return name in source.named or any(made_of(feature, name) for feature in source.features)


def with_units(fleet: Fleet, units: Path, engine: str, named: Mapping[str, str], life_id: str = "") -> Fleet:
    """The fleet with what a table of units says of it: the columns of the roles ``event``, ``group`` and ``duration`` that are
    ``named``.

    Raises:
        GraceError: The table cannot be read, lacks a column or an engine, names an engine twice, an event is not 1 or 0, a
            group is empty, or a life ends before its engine's last row.
    """
    frame = read_units(units, engine, named, life_id)
    places = {name: row for row, name in enumerate(frame["engine"])}
    gone = [str(name) for name in fleet.engines if str(name) not in places]
    if gone:
        raise GraceError(
            f"{units} should have one row for each engine of {fleet.name}. Found none for {some_of(gone)}. Add it, or drop the "
            "engine's rows."
        )
    facts = frame[[places[str(name)] for name in fleet.engines]]
    if "event" in named:
        fleet = replace(fleet, failed=facts["event"].to_numpy() == 1)
    if "group" in named:
        fleet = replace(fleet, groups=facts["group"].to_numpy().astype(np.str_))
    return fleet if "duration" not in named else _of_lives(fleet, units, named["duration"], facts["duration"])


def with_unit_labels(fleet: Fleet, units: Path, engine: str, tasks: Sequence[Task]) -> Fleet:
    """The fleet with the labels of tasks whose columns a table of units has, in every row of an engine; an engine that the table
    does not name has none.

    Raises:
        GraceError: The table lacks a column or names an engine twice, or a label is none of its task.
    """
    named = tuple(task for task in tasks if task.column)
    if not named:
        return replace(fleet, tasks=tuple(tasks))
    table = scan(units)  # engines of C-MAPSS are whole numbers, however they are written here
    table.need(engine, "--engine", numeric=False)
    known = {task.name: task for task in settled(table, named)}
    frame = table.collect(table.whole.select(pl.col(engine).alias("engine"), *(table.label(t) for t in known.values())))
    keys = [str(name) for name in names_of(frame["engine"])]
    _refuse_twice(units, frame.with_columns(engine=pl.Series(keys)))
    owner, labels = fleet.engine_of_row(), dict(fleet.labels)
    for task in known.values():
        each = labels_of(units, task, frame[array_of(task)], np.array(keys), ())
        of = dict(zip(keys, each.tolist(), strict=True))
        labels[task.name] = np.array([of.get(str(name), np.nan) for name in fleet.engines])[owner]
    found = tuple(known.get(task.name, task) for task in tasks)
    sums = [hashlib.sha256(np.asarray(labels[name]).tobytes()).hexdigest() for name in known]
    own = None if fleet.sha256 is None else combined([fleet.sha256, *sums])  # other labels are other data
    fleet = replace(fleet, labels=labels, tasks=found, sha256=own)
    return replace(fleet, done=(*fleet.done, *said_of_labels(fleet, found, ())))


def read_units(units: Path, engine: str, named: Mapping[str, str], life_id: str = "") -> pl.DataFrame:
    """A table of units: ``engine``, its name as text, and the roles of ``named``; an event is 1 or 0.

    Raises:
        GraceError: See :func:`with_units`.
    """
    names = [name for name in (engine, life_id, named.get("group", "")) if name]
    table = with_lives(scan(units, names=names), engine, life_id)
    for role, name in (("engine", engine), *named.items()):
        table.need(name, f"--{role}", numeric=role == "duration")
    kinds = {"group": pl.String(), "duration": pl.Float64()}
    chosen = [pl.col(name).cast(kinds.get(role, table.schema[name])).alias(role) for role, name in named.items()]
    frame = table.collect(table.whole.select(pl.col(engine).alias("engine"), *chosen))
    if frame.is_empty():
        raise table.without_rows()
    if frame["engine"].null_count():
        raise GraceError(
            f"{units}: {engine} should be known in every row. Found an empty one. Fill it, or drop such rows."
        )
    frame = frame.with_columns(engine=pl.Series([str(name) for name in names_of(frame["engine"])]))
    if "event" in named:
        frame = frame.with_columns(event=_events(units, named["event"], frame))
    _refuse_twice(units, frame)
    for role in ("group", "duration"):
        if role in named and frame[role].null_count():
            name = frame["engine"][int(frame[role].is_null().arg_max() or 0)]
            raise GraceError(f"{units}, engine {name}: {named[role]} should be known. Found none. Fill it.")
    return frame


def _events(units: Path, event: str, frame: pl.DataFrame) -> NDArray[np.int8]:
    names = frame["engine"].to_numpy()
    found = events_of(units, event, names, frame["event"])
    if (found == EMPTY).any():
        raise GraceError(
            f"{units}, engine {names[np.argmax(found == EMPTY)]}: {event} should be 1 (failed) or 0 (suspended). Found none. "
            "Fill it."
        )
    return found


def _refuse_twice(units: Path, frame: pl.DataFrame) -> None:
    twice = frame.filter(pl.col("engine").is_duplicated())
    if twice.is_empty():
        return
    name = twice["engine"][0]
    how = ""
    if "event" in frame.columns:
        events = twice.filter(pl.col("engine") == name)["event"].n_unique()
        how = ", with the same event" if events == 1 else ", with different events"
    raise GraceError(f"{units} should have one row an engine. Found engine {name} twice{how}. Keep one of its rows.")


def _of_lives(fleet: Fleet, units: Path, name: str, duration: pl.Series) -> Fleet:
    """The fleet whose engines end their lives, or were suspended, at the ages ``duration [E]``."""
    life, seen = duration.to_numpy(), fleet.lives()
    early = ~(life >= seen * (1 - ROUNDING))
    if early.any():
        row = int(np.argmax(early))
        raise GraceError(
            f"{units}, engine {fleet.engines[row]}: {name} should be at least its age at its last row, {seen[row]:g}. Found "
            f"{life[row]:g}. Correct it, or its unit."
        )
    return replace(fleet, last_rul=fleet.last_rul + np.maximum(life - seen, 0.0), row_rul=None)


def groups_in_rows(table: Table, source: TableSource, fleet: Fleet) -> NDArray[Any]:
    """The group of each engine by a column of the rows, ``[E]``; refused where one has several, or none."""
    columns = source.in_rows
    rows = table.whole.select(engine=pl.col(columns.engine), group=pl.col(columns.grouping).cast(pl.String))
    group = pl.col("group")
    every = group.drop_nulls().unique().sort().head(2).alias("known")
    found = table.collect(rows.group_by("engine").agg(every, gone=group.null_count()))
    known = dict(zip(map(str, names_of(found["engine"])), found.select("known", "gone").rows(), strict=True))
    groups = []
    for engine in map(str, fleet.engines):
        names, gone = known[engine]
        if len(names) != 1 or gone:
            several = f"{names[0]} and {names[1]}" if len(names) > 1 else "an empty one"
            raise GraceError(
                f"{source.path}, engine {engine}: {columns.grouping} should be the same in every row. Found {several}. Correct "
                "it, or name another column with --group."
            )
        groups.append(names[0])
    return np.array(groups, dtype=np.str_)


def without_rows(source: TableSource, engines: NDArray[Any]) -> list[str]:
    """The line that names engines of a table of units that have no rows; none without such."""
    if source.units is None:
        return []
    known = read_units(source.units, source.columns.engine, source.in_units, source.columns.life_id)["engine"]
    gone = sorted(set(known) - {str(name) for name in engines})
    return [f"{source.units}: engines without rows: {some_of(gone)}"] if gone else []
