"""The table that the options of a command name, opened."""

from __future__ import annotations

import atexit
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from grace.data.cmapss import ncmapss
from grace.data.load import load_train
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.scan import NCMAPSS, scan
from grace.data.tables.select_columns import select_columns
from grace.errors import GraceError

_IN_MEMORY = 512 * 2**20
"""Bytes of values in double precision up to which a table is read into memory."""


_TEMPORARY: set[Path] = set()
"""Folders of rows that go when this process ends."""


def opened(
    table: Path,
    engine: str | None,
    time: str | None,
    features: list[str],
    conditions: str,
    label: str | None,
    target: str | None,
    time_unit: str,
    test_table: Path | None,
    cache: Path | None,
) -> TableSource:
    """Open a table and choose its columns; arguments are the options of those names."""
    if flights := _flights(table):
        engine, time, target = (own or known for own, known in zip((engine, time, target), flights, strict=True))
    for name, value in (("--engine", engine), ("--time", time)):
        if not value:
            known = ", ".join(scan(table).schema)[:200]
            raise GraceError(f"`--table` should come with {name}, the name of a column. Found none. Columns: {known}.")
    if test_table is not None:
        scan(test_table)  # refused here, before anything is trained
    test = test_table or (table if flights else None)
    columns = Columns(
        str(engine),
        str(time),
        target=target or "",
        label=label or "",
        unit=time_unit,
        test="" if test is None else test.stem,
    )
    found = select_columns(
        TableSource(table, columns, tuple(dict.fromkeys(features)), test=test, cache=cache), conditions
    )
    return found if cache is not None or found.rows * len(found.values) * 8 <= _IN_MEMORY else _temporary(found)


def table_of_workers(table: TableSource, on: str | None) -> TableSource:
    """The table as workers read it; its rows are written out here, once, if they do not fit into memory."""
    if on is not None:
        if table.cache in _TEMPORARY:
            raise GraceError(
                "`--on` should come with --cache, a folder that all machines see, for a table larger than memory. Found none."
            )
        paths = {
            name: path.absolute() for name in ("path", "test", "cache") if (path := getattr(table, name)) is not None
        }
        table = replace(table, **paths)
    if table.cache is not None:
        load_train("", table)
    return table


def _flights(table: Path) -> tuple[str, str, str] | None:
    """Columns of N-CMAPSS, whose names nobody has to give."""
    known = (ncmapss.ENGINE, ncmapss.TIME, ncmapss.TARGET)
    return known if table.suffix.lower() in NCMAPSS and not table.is_dir() else None


def _temporary(source: TableSource) -> TableSource:
    """The table with its rows in a folder that goes when the process ends."""
    made = Path(mkdtemp(prefix="grace-"))
    _TEMPORARY.add(made)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return replace(source, cache=made)
