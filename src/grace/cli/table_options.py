"""The table that the options of a command name, opened, and the conventions that follow from them."""

from __future__ import annotations

import atexit
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from grace.cli.options import listed
from grace.data import ncmapss
from grace.data.choose import Choice, choose
from grace.data.columns import Columns
from grace.data.rows import TableSource
from grace.data.scan import NCMAPSS, TEST, content, scan
from grace.data.source import Tables, load_train
from grace.errors import GraceError
from grace.training.schedule import Schedule
from grace.training.spec import CONVENTIONS, RunSpec

_IN_MEMORY = 512 * 2**20
"""Bytes of values in double precision up to which a table is read into memory."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A user's table, opened, with what was chosen from it.

    Attributes:
        tables: Where engines are read from.
        choice: Columns in use.
        temporary: Whether the rows lie in a folder of this process.
    """

    tables: Tables
    choice: Choice
    temporary: bool = False


def opened(
    table: Path,
    engine: str | None,
    time: str | None,
    features: str | None,
    conditions: str,
    label: str | None,
    target: str | None,
    time_unit: str,
    test_table: Path | None,
    cache: Path | None,
) -> Opened:
    """Open a table and choose its columns; arguments are the options of those names.

    Raises:
        GraceError: An option is missing, or the table cannot be used.
    """
    found = scan(table)
    if flights := _flights(table):
        engine, time, target = (own or known for own, known in zip((engine, time, target), flights, strict=True))
    for name, value in (("--engine", engine), ("--time", time)):
        if not value:
            raise GraceError(
                f"`--table` should come with {name}, the name of a column. Found none. Columns: {', '.join(found.schema)[:200]}."
            )
    tested = "" if test_table is None and not flights else (test_table or table).stem
    files = (*found.files, *(() if test_table is None else scan(test_table).files))
    columns = Columns(
        str(engine),
        str(time),
        target=target or "",
        label=label or "",
        unit=time_unit,
        test=tested,
        content=content(files),
    )
    choice = choose(found, TableSource(table, columns, ()), tuple(dict.fromkeys(listed(features or ""))), conditions)
    choice = replace(choice, source=replace(choice.source, cache=_cache(choice, cache)))
    test = None
    if tested:
        test = replace(choice.source, path=test_table or table, side=TEST, cache=None)
    return Opened(Tables(choice.source, test), choice, temporary=choice.source.cache != cache)


def horizons(plan: Schedule, cap: int) -> dict[str, Any]:
    """The schedule and the cuts of validation for a cap: both look as far beyond it as they do by default."""
    whole = CONVENTIONS.cap
    if cap == whole:
        return {"schedule": plan}
    scaled = replace(plan, horizon=round(plan.horizon * cap / whole))
    return {"schedule": scaled, "validation_horizon": round(RunSpec.validation_horizon * cap / whole)}


def tables_of_workers(table: Opened, on: str | None) -> Tables:
    """Where workers read a table from; its rows are written out here, once, if they do not fit into memory."""
    train, test = table.tables.train, table.tables.test
    if on is not None:
        if table.temporary:
            raise GraceError(
                "`--on` should come with --cache, a folder that all machines see, for a table larger than memory. Found none."
            )
        train = replace(
            train, path=train.path.absolute(), cache=None if train.cache is None else train.cache.absolute()
        )
        test = None if test is None else replace(test, path=test.path.absolute())
    tables = Tables(train, test)
    if train.cache is not None:
        load_train("", tables)
    return tables


def _flights(table: Path) -> tuple[str, str, str] | None:
    """Columns of N-CMAPSS, whose names nobody has to give."""
    known = (ncmapss.ENGINE, ncmapss.TIME, ncmapss.TARGET)
    return known if table.suffix.lower() in NCMAPSS and not table.is_dir() else None


def _cache(choice: Choice, folder: Path | None) -> Path | None:
    """Where rows are kept that do not fit into memory: the user's folder, or one that goes when the process ends."""
    source = choice.source
    if folder is not None or int(choice.lengths.sum()) * len(source.values) * 8 <= _IN_MEMORY:
        return folder
    made = Path(mkdtemp(prefix="grace-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
