"""Which columns of a table become settings and features, and why the others do not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from grace.data.columns import Columns
from grace.data.conditions import Conditioner, fit_conditions, varies
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.rows import TableSource, arrays_of, check_schema, selected
from grace.data.scan import Scan
from grace.data.settings import find_settings
from grace.errors import GraceError

if TYPE_CHECKING:
    import polars as pl

SAMPLE_ENGINES, SAMPLE_ROWS = 50, 20_000
MEANINGS = ("healthy", "degrading", "critical")
TELLING = 0.9999
"""Share of a column's variance that RUL explains from which the column is no measurement."""

AUTO, NONE = "auto", "none"


@dataclass(frozen=True, eq=False)
class Choice:
    """What was made of a table's columns.

    Attributes:
        source: The table as it is read from now on.
        features: Columns that the network sees.
        conditions: Number of operating conditions that was asked for; 0 finds it.
        found: Operating conditions found in a sample of rows; what is fitted later sees all rows of the training engines.
        left_out: Columns that are not used, with the reason.
        lengths: Rows of each engine, int64 ``[E]``.
    """

    source: TableSource
    features: tuple[str, ...]
    conditions: int
    found: int
    left_out: dict[str, str]
    lengths: NDArray[np.int64]


def choose(table: Scan, source: TableSource, features: tuple[str, ...], conditions: str) -> Choice:
    """Settle which columns are used.

    Args:
        table: The opened table.
        source: Its path and the roles that the user named; its ``values`` and settings are chosen here.
        features: Columns to use; none: all numeric ones that vary inside the operating conditions.
        conditions: ``auto`` (or 0): from the columns that look like settings; ``none``; a number of conditions on those columns;
            or names of setting columns with commas between.

    Raises:
        GraceError: A column is missing, of the wrong type or named twice, or no feature is left.
    """
    count, named = _asked(conditions)
    columns = source.columns
    check_schema(table, replace(columns, settings=named), (*features, *named))
    if taken := [name for name in features if name in columns.named]:
        raise GraceError(
            f"`--features` should leave out what a network cannot know. Found {taken[0]}, which has a role already."
        )
    counts = _lengths(table, columns.engine)
    numeric = tuple(n for n, kind in table.schema.items() if kind.is_numeric() and n not in columns.named)
    searched = () if features and (named or conditions == NONE) else numeric
    names = tuple(dict.fromkeys((*features, *named, *searched)))
    constant = _constant(table, names)
    if constant == set(names):
        raise GraceError(
            f"{table.path} should have a numeric column that varies. Found none. Name some with --features."
        )
    columns = replace(columns, classes=_classes(table, columns), settings=())
    rows = _sample(table, replace(source, columns=columns, values=tuple(n for n in names if n not in constant)), counts)
    settings = named if named or conditions == NONE else _settings(rows)
    if count > 1 and not settings:
        raise GraceError(
            f"{table.path}: {count} conditions should come from setting columns. Found none that look like them. Name them with "
            "--conditions COLUMN,COLUMN."
        )
    columns = replace(columns, settings=settings)
    fitted = _fitted(rows, columns, count)
    reasons = dict.fromkeys(_telling(rows), "says RUL itself") | dict.fromkeys(
        _flat(rows, fitted), "constant within each condition"
    )
    reasons |= dict.fromkeys(settings, "set the operating condition") | dict.fromkeys(constant, "constant")
    left_out = {} if features else _left_out(table, columns, reasons)
    features = features or tuple(n for n in rows.columns if n not in left_out)
    if not features:
        raise GraceError(f"{table.path}: some column should vary within a condition. Found none. Name --features.")
    return Choice(
        source=replace(source, columns=columns, values=tuple(dict.fromkeys((*settings, *features)))),
        features=features,
        conditions=count,
        found=len(fitted.centres),
        left_out=left_out,
        lengths=counts["len"].to_numpy().astype(np.int64),
    )


def _settings(rows: Fleet) -> tuple[str, ...]:
    every = np.arange(len(rows.values))
    return find_settings(rows.taken(every, rows.columns), _life(rows), rows.engine_of_row(), rows.columns)


def _left_out(table: Scan, columns: Columns, reasons: dict[str, str]) -> dict[str, str]:
    """Why columns are not used, in the order of the table."""
    kinds = {name: kind for name, kind in table.schema.items() if name not in columns.named}
    known = {name: reasons.get(name) if kind.is_numeric() else "no numbers" for name, kind in kinds.items()}
    return {name: why for name, why in known.items() if why is not None}


def _asked(conditions: str) -> tuple[int, tuple[str, ...]]:
    """Number of conditions (0: find it) and named setting columns."""
    text = conditions.strip()
    if text in (AUTO, NONE):
        return 0, ()
    if text.isdigit():
        return int(text), ()
    return 0, tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _constant(table: Scan, names: tuple[str, ...]) -> set[str]:
    import polars as pl

    if not names:  # polars makes no row of no columns
        return set()
    columns = [pl.col(name) for name in names]
    low, high = (
        table.collect(table.whole.select(expressions)).row(0)
        for expressions in ([c.min() for c in columns], [c.max() for c in columns])
    )
    return {name for name, a, b in zip(names, low, high, strict=True) if a == b}


def _lengths(table: Scan, engine: str) -> pl.DataFrame:
    """``engine`` and ``len`` of every engine, in their order."""
    import polars as pl

    counts = table.collect(table.whole.group_by(pl.col(engine).alias("engine")).len()).sort("engine")
    if counts.is_empty():
        raise GraceError(f"{table.path} should hold at least one row. Found none. Export it again.")
    return counts


def _sample(table: Scan, source: TableSource, counts: pl.DataFrame) -> Fleet:
    """Some rows of some engines as a fleet; in place of RUL it has what rises as life goes on: the time, or RUL with a minus."""
    import polars as pl

    engine = pl.col(source.columns.engine)
    drawn = np.unique(np.linspace(0, len(counts) - 1, SAMPLE_ENGINES).round().astype(np.int64))
    kept = counts[drawn]
    every = math.ceil(int(kept["len"].sum()) / SAMPLE_ROWS)
    rows = table.whole.filter(engine.is_in(kept["engine"].to_list())).gather_every(every)
    rows = rows.select(selected(table, source)).sort("engine", "time")
    found = arrays_of(source, table.collect(rows))
    starts = np.flatnonzero(np.concatenate([[True], found["engine"][1:] != found["engine"][:-1]]))
    bounds = np.append(starts, len(found["engine"]))
    return Fleet(
        name=source.name,
        engines=found["engine"][starts],
        starts=bounds,
        values=found["values"],
        columns=source.values,
        last_rul=np.zeros(len(starts)),
        row_rul=found["time"] if "target" not in found else -found["target"],
    )


def _life(rows: Fleet) -> NDArray[np.float64]:
    """Share of its engine's recorded time at each row, ``[R]``."""
    time = np.asarray(rows.rul(), dtype=np.float64)
    first, last = time[rows.starts[:-1]], time[rows.starts[1:] - 1]
    engine = rows.engine_of_row()
    return np.asarray((time - first[engine]) / np.maximum(last - first, 1e-12)[engine])


def _fitted(rows: Fleet, columns: Columns, count: int) -> Conditioner:
    """Conditions of the sample; settings that are constant say nothing."""
    known = replace(columns, settings=tuple(n for n in columns.settings if n in rows.columns))
    return fit_conditions(rows, Conventions(features=rows.columns, conditions=count, table=known))


def _telling(rows: Fleet) -> set[str]:
    """Columns that RUL can be read off by one straight line for all engines: RUL under another name."""
    every = np.arange(len(rows.values))
    rising = np.asarray(rows.rul(), dtype=np.float64)
    rul = rising[rows.starts[1:] - 1][rows.engine_of_row()] - rising
    values = rows.taken(every, rows.columns)
    x, y = values - values.mean(axis=0), rul - rul.mean()
    explained = (x.T @ y) ** 2 / np.maximum(np.square(x).sum(axis=0) * (y @ y), 1e-300)
    return {name for name, share in zip(rows.columns, explained, strict=True) if share > TELLING}


def _flat(rows: Fleet, fitted: Conditioner) -> set[str]:
    """Columns that do not vary inside any condition."""
    every = np.arange(len(rows.values))
    label, values = fitted.assign(rows.taken(every, fitted.settings)), rows.taken(every, rows.columns)
    parts = [values[label == k] for k in np.unique(label)]
    some = np.any([varies(part.mean(axis=0), part.std(axis=0)) for part in parts], axis=0)
    return {name for name, real in zip(rows.columns, some, strict=True) if not real}


def _classes(table: Scan, columns: Columns) -> tuple[str, ...]:
    """Names of the health states in the label column; empty for 0, 1, 2."""
    import polars as pl

    if not columns.label or table.schema[columns.label].is_numeric():
        return ()
    found = table.collect(table.whole.select(pl.col(columns.label).cast(pl.String).unique()))[columns.label]
    names = sorted(found.drop_nulls().to_list())
    if len(names) != 3:
        raise GraceError(
            f"{table.path}: {columns.label} should hold three classes. Found {len(names)}: {', '.join(names)[:120]}. "
            "Merge or split them, or leave --label out for classes by RUL."
        )
    return MEANINGS if set(names) == set(MEANINGS) else tuple(names)
