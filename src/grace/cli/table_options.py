"""``--table`` and its options: one set for every command that works on engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grace.errors import GraceError

if TYPE_CHECKING:
    from grace.data.conventions import Conventions
    from grace.data.tables.columns import TableSource
    from grace.training.schedule import Schedule

IN_MEMORY = 512 * 2**20
"""Bytes of values in double precision up to which a table is read into memory."""

TEMPORARY: set[Path] = set()
"""Folders of rows that go when this process ends."""

Table = Annotated[
    Path | None, typer.Option("--table", help="Your own table: .csv, .parquet, a folder of them, or N-CMAPSS .h5.")
]
Engine = Annotated[str | None, typer.Option("--engine", help="Its column that names the engine.")]
Time = Annotated[str | None, typer.Option("--time", help="Its column that orders an engine's rows: number or date.")]
Features = Annotated[str | None, typer.Option("--features", help="Columns with commas; default all that vary.")]
Conditions = Annotated[
    str, typer.Option("--conditions", help="auto, none, a number, or setting columns of a table with commas.")
]
Label = Annotated[str | None, typer.Option("--label", help="Column of a table with own health labels, three classes.")]
Target = Annotated[
    str | None, typer.Option("--target", help="Column with each row's RUL; default last time minus time.")
]
TimeUnit = Annotated[str, typer.Option("--time-unit", help="Unit that RUL is counted in, e.g. hours.")]
TestTable = Annotated[Path | None, typer.Option("--test-table", help="Table of test engines, with the same columns.")]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Folder for the rows of a table larger than memory, kept there.")
]


def opened(
    table: Table = None,
    engine: Engine = None,
    time: Time = None,
    features: Features = None,
    conditions: Conditions = "auto",
    label: Label = None,
    target: Target = None,
    time_unit: TimeUnit = "cycles",
    test_table: TestTable = None,
    cache: Cache = None,
) -> TableSource | None:
    """Open a table and choose its columns; its parameters are the options of every command that reads one. None without one.

    Raises:
        GraceError: An option is missing or goes with a table alone, or the table cannot be used.
    """
    if table is None:
        _refuse_alone(
            engine=engine, time=time, features=features, label=label, target=target, test_table=test_table, cache=cache
        )
        return None
    from grace.data.tables.columns import Columns, TableSource
    from grace.data.tables.scan import scan
    from grace.data.tables.select_columns import select_columns

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
    found = select_columns(TableSource(table, columns, _listed(features), test=test, cache=cache), conditions)
    return found if cache is not None or found.rows * len(found.values) * 8 <= IN_MEMORY else _temporary(found)


def reads_tables(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of a table after its own; called with what was opened as first argument."""

    @wraps(command)
    def wrapper(**given: Any) -> None:
        command(open_with(given), **given)

    own = list(signature(command, eval_str=True, locals=HEAVY).parameters.values())[1:]
    give_signature(wrapper, [*own, *table_parameters()])
    return wrapper


def table_parameters() -> list[Parameter]:
    """The options of a table but for ``--conditions``, which data without a table has, too."""
    return [p for p in signature(opened, eval_str=True, locals=HEAVY).parameters.values() if p.name != "conditions"]


def open_with(given: dict[str, Any]) -> TableSource | None:
    """Take the options of a table out of a command's arguments and open it."""
    own = {p.name: given.pop(p.name) for p in table_parameters()}
    return opened(conditions=given["conditions"], **own)


HEAVY: dict[str, Any] = {"TableSource": object, "RunSpec": object}
"""Names for type checkers alone, so that signatures can be read without their modules."""


def give_signature(wrapper: Any, parameters: list[Parameter]) -> None:
    """What typer reads: the parameters of several functions as those of one."""
    every = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in parameters]
    wrapper.__signature__ = Signature(every)
    wrapper.__annotations__ = {p.name: p.annotation for p in every}


def one_of(dataset: str | None, table: TableSource | None, command: str) -> None:
    """Refuse a call with both a data set and a table, or with neither.

    Raises:
        GraceError: See above.
    """
    if (dataset is None) == (table is None):
        found = "both" if dataset is not None else "neither"
        raise GraceError(
            f"`grace {command}` should have either DATASET or --table. Found {found}. See `grace {command} --help`."
        )


def conventions_of(
    base: Conventions, table: TableSource | None, conditions: str, *, window: int, cap: int, health: str
) -> Conventions:
    """Conventions from options; ``conditions`` are those of data without a table.

    Raises:
        GraceError: An option is malformed or out of range.
    """
    cuts = health.split(",")
    if len(cuts) != 2 or not all(cut.strip().isdigit() for cut in cuts):
        raise GraceError(f"`--health` should be HEALTHY,CRITICAL in whole cycles, as in 70,30. Found {health!r}.")
    changes: dict[str, Any] = {"window": window, "cap": cap, "health_cuts": (int(cuts[0]), int(cuts[1]))}
    if table is None:
        if conditions != "auto" and not conditions.isdigit():
            raise GraceError(
                f"`--conditions` should be auto or a number. Found {conditions!r}. Names of columns go with --table."
            )
        return replace(base, conditions=0 if conditions == "auto" else int(conditions), **changes)
    changes["near_failure"] = changes["health_cuts"][1]
    return replace(base, features=table.features, conditions=table.conditions, table=table.columns, **changes)


def horizons(plan: Schedule, cap: int) -> dict[str, Any]:
    """The schedule and the cuts of validation for a cap: both look as far beyond it as they do by default."""
    from grace.training.spec import CONVENTIONS, RunSpec

    whole = CONVENTIONS.cap
    if cap == whole:
        return {"schedule": plan}
    scaled = replace(plan, max_train_rul=round(plan.max_train_rul * cap / whole))
    return {"schedule": scaled, "max_validation_rul": round(RunSpec.max_validation_rul * cap / whole)}


def _refuse_alone(**options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise GraceError(f"`--{name.replace('_', '-')}` should come with --table. Found it alone. Name the table.")


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def _flights(table: Path) -> tuple[str, str, str] | None:
    """Columns of N-CMAPSS, whose names nobody has to give."""
    from grace.data.cmapss import ncmapss
    from grace.data.tables.scan import NCMAPSS

    known = (ncmapss.ENGINE, ncmapss.TIME, ncmapss.TARGET)
    return known if table.suffix.lower() in NCMAPSS and not table.is_dir() else None


def _temporary(source: TableSource) -> TableSource:
    """The table with its rows in a folder that goes when the process ends."""
    import atexit
    import shutil
    from tempfile import mkdtemp

    made = Path(mkdtemp(prefix="grace-"))
    TEMPORARY.add(made)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return replace(source, cache=made)
