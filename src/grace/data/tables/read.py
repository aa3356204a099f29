"""Fleets from tables of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grace.data.fleet import Fleet
from grace.data.tables.account import account
from grace.data.tables.age import said_of_clock, with_age
from grace.data.tables.arrays import arrays_of
from grace.data.tables.categories import with_categories
from grace.data.tables.columns import TRAIN, Columns, TableSource
from grace.data.tables.events import failed_of
from grace.data.tables.lives import check_clocks
from grace.data.tables.missing import carry_on, cleaned
from grace.data.tables.on_disk import stored_fleet
from grace.data.tables.rul import check_steps, check_units, rul_of
from grace.data.tables.scan import Frame, scan
from grace.data.tables.spared import spared
from grace.data.tables.table import Table, array_of
from grace.data.tables.task_columns import settled
from grace.data.tables.units import groups_in_rows, placed, with_facts, with_units
from grace.data.task_checks import said_of_labels
from grace.data.tasks import Task
from grace.errors import GraceError, UnitError


def read_table(
    table: TableSource | str | Path | Frame,
    columns: Columns | None = None,
    values: Sequence[str] = (),
    leave_out: type[UnitError] | None = None,
    units: str | Path | None = None,
    tasks: Sequence[Task] = (),
) -> Fleet:
    """Engines of a table: rows in any order, sorted here by engine and time.

    RUL is the column ``target``, or else the engine's last time minus the row's, in the unit of time: the recording ends with
    the engine's life, unless the column ``event`` says that it was suspended; so was an engine whose target is empty. Times need
    not be evenly spaced; a window counts rows, and statistics of it are taken over time where they are not. Rows that hold over
    an interval (``start``) are known from their start on: that is a row's time, and RUL counts from it to the engine's last stop.

    Args:
        table: A file, a folder, a frame of polars or pandas, or a :class:`~grace.data.tables.columns.TableSource`, which
            says all by itself.
        columns: Roles of the columns.
        values: Columns that are read as values, after the settings; none: all numeric ones without a role. ``COLUMN = VALUE`` is
            1 where a text column holds the value.
        units: Table of one row an engine that has those of ``event``, ``group``, ``duration``, ``values`` and the columns of
            ``tasks`` that the rows lack.
        tasks: Tasks whose columns are read as labels, a gap being a label that is not known; :attr:`Fleet.tasks
            <grace.Fleet.tasks>` are these with what is not said of them found.
        leave_out: Kind of error with which engines are left out and the rest is read, see
            :func:`~grace.data.tables.spared.spared`; None: any refuses the table.

    Raises:
        GraceError: ``columns`` is missing, or something is given beside a source, the table is missing or damaged, a column is
            missing or of the wrong type, a value is missing, a time stands twice in an engine or its clock starts again, the
            target or the engines' times contradict each other, a task cannot be learned from its labels, or a file changes
            meanwhile.
    """
    opened, source = _opened(table, columns, tuple(values), None if units is None else Path(units), tuple(tasks))
    opened = with_facts(opened, source)
    if source.side == TRAIN:
        source = replace(source, tasks=settled(opened, source.tasks, source.columns.sentinels))
    source = source if isinstance(table, TableSource) else with_age(source, opened.schema)
    labels = tuple(task.column for task in source.labelled)
    opened = with_categories(cleaned(opened, source.columns, source.values, labels), source.values)
    if not source.features:
        numeric = (n for n, kind in opened.schema.items() if kind.is_numeric() and n not in source.named)
        source = replace(source, features=tuple(numeric))
    source = placed(source, opened.schema)
    fleet = _read(opened, source) if leave_out is None else spared(opened, source, _read, leave_out)
    if source.in_rows.grouping:
        fleet = replace(fleet, groups=groups_in_rows(opened, source, fleet))
    if source.units is not None:
        fleet = with_units(fleet, source.units, source.columns.engine, source.in_units, source.columns.life_id)
    said = said_of_labels(fleet, source.tasks, source.features) if source.side == TRAIN else ()
    return replace(fleet, done=(*account(source), *said_of_clock(fleet, source), *said))


def _read(table: Table, source: TableSource) -> Fleet:
    table.check(source.in_rows, source.values)
    if source.side != TRAIN or not source.rows:  # else they have been looked at as columns were chosen
        table.check_dates(source.columns)
    if source.cache is not None and source.side == TRAIN:
        return stored_fleet(table, source)
    return table.unchanged(lambda: _in_memory(table, source))


def _opened(
    table: TableSource | str | Path | Frame,
    columns: Columns | None,
    values: tuple[str, ...],
    units: Path | None,
    tasks: tuple[Task, ...],
) -> tuple[Table, TableSource]:
    if isinstance(table, TableSource):
        if columns is not None or values or tasks or units is not None:
            raise GraceError(
                "`columns`, `values`, `units` and `tasks` should be left out beside a TableSource, which has its own. Found them."
            )
        return scan(table.path, table.side, table.columns.names), table
    if columns is None:
        raise GraceError(
            "`columns` should say what the columns are. Found none. Give grace.Columns(engine=NAME, time=NAME) of this table."
        )
    opened = scan(table, names=columns.names)
    return opened, TableSource(opened.path, columns, values, units=units, tasks=tasks)


def _in_memory(table: Table, source: TableSource) -> Fleet:
    sha256 = table.sha256()
    frame = table.collect(table.whole.select(table.selected(source)))
    if frame.is_empty():
        raise table.without_rows()
    frame = frame.with_row_index("row").sort("engine", "time", maintain_order=True)
    found = arrays_of(source, frame)
    fleet = Fleet.of_rows(source.name, found["engine"], found["values"], source.made)
    dates = table.schema[source.columns.time].is_temporal()
    check_clocks(source, fleet.engines, fleet.starts, found["time"], frame["row"].to_numpy(), dates)
    carry_on(source, found["values"], fleet.starts)
    rul, steps = rul_of(source, fleet.engines, fleet.starts, found)
    failed = failed_of(source, fleet.engines, fleet.starts, found)
    check_steps(source, fleet.engines, steps)
    check_units(source, steps, failed)
    last = fleet.starts[1:] - 1
    return replace(
        fleet,
        last_rul=rul[last],
        labels={task.name: found[array_of(task)] for task in source.labelled},
        tasks=source.tasks,
        row_rul=rul,
        last_time=found["shown"][last],
        sha256=sha256,
        time=found["time"],
        row_time=found["shown"],
        stops=found["stop"][last] if "stop" in found else None,
        failed=failed,
    )
