"""The table that the options of a command name, opened."""

from __future__ import annotations

import atexit
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from grace.cli.options import EngineOptions
from grace.data.cmapss import ncmapss
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.scan import NCMAPSS, scan
from grace.data.tables.select_columns import select_columns
from grace.data.tables.text import table_name
from grace.errors import GraceError

_IN_MEMORY = 512 * 2**20
"""Bytes of values in double precision up to which a table is read into memory."""


def opened(options: EngineOptions, features: tuple[str, ...]) -> TableSource:
    """Open the table of some options and choose its columns.

    Raises:
        GraceError: An option is missing, or the table cannot be used.
    """
    table, engine, time, target = options.table, options.engine, options.time, options.target
    assert table is not None
    if flights := _flights(table):
        engine, time, target = (own or known for own, known in zip((engine, time, target), flights, strict=True))
    for name, value in (("--engine", engine), ("--time", time)):
        if not value:
            known = ", ".join(scan(table).schema)[:200]
            raise GraceError(f"`--table` should come with {name}, the name of a column. Found none. Columns: {known}.")
    _check_unit_table(options, target)
    if options.test_table is not None:
        scan(options.test_table)  # refused here, before anything is trained
    test = options.test_table or (table if flights else None)
    names = ("start", "group", "life_id", "duration")
    roles: dict[str, Any] = {name: getattr(options, name) or "" for name in names}
    columns = Columns(
        str(engine),
        str(time),
        target=target or "",
        unit=options.time_unit,
        sentinels=_numbers(options.sentinels or ""),
        test="" if test is None else table_name(test),
        event=_event(options),
        **roles,
    )
    beside: dict[str, Any] = {"test": test, "units": options.unit_table, "cache": options.cache}
    source = TableSource(table, columns, features, tasks=options.tasks(), **beside)
    found = select_columns(source, options.conditions, ask=options.sentinels != "none")
    if found.cache is not None or found.rows * len(found.values) * 8 <= _IN_MEMORY:
        return found
    made = Path(mkdtemp(prefix="grace-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return replace(found, cache=made)


def _check_unit_table(options: EngineOptions, target: str | None) -> None:
    """Refuse a table of units beside a column that says the same, and a column of one that is not there."""
    if target and options.unit_table is not None:
        raise GraceError(
            f"`--unit-table` should be left out with --target, which says of each row whether its RUL is known. Found {target}. "
            "Leave one of them out."
        )
    if options.duration and options.unit_table is None:
        raise GraceError(
            f"`--duration` should come with --unit-table, whose column it is. Found {options.duration} alone. Name the table."
        )


def _event(options: EngineOptions) -> str:
    """The column of events: that of the option, or ``event`` of a table of units that has it or is named for nothing else."""
    if options.event or options.unit_table is None:
        return options.event or ""
    other = options.group or options.duration or options.features
    return "event" if not other or "event" in scan(options.unit_table).schema else ""


def _numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between; ``none`` and nothing are no numbers."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip() not in ("", "none"))
    except ValueError:
        raise GraceError(f"`--sentinels` should be numbers, as in -999,65535, or none. Found {text!r}.") from None


def _flights(table: Path) -> tuple[str, str, str] | None:
    """Columns of N-CMAPSS, whose names nobody has to give."""
    known = (ncmapss.ENGINE, ncmapss.TIME, ncmapss.TARGET)
    return known if table.suffix.lower() in NCMAPSS and not table.is_dir() else None
