"""Which columns of a table become settings and features, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet, missing
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.end_flags import end_flags
from grace.data.tables.leaks import leaks
from grace.data.tables.missing import carried, gaps_of, texts_for_none
from grace.data.tables.sample import filled, sample
from grace.data.tables.scan import scan
from grace.data.tables.settings import find_settings
from grace.data.tables.table import Table
from grace.errors import GraceError

MEANINGS = ("healthy", "degrading", "critical")
AUTO, NONE = "auto", "none"


def select_columns(source: TableSource, conditions: str = AUTO) -> TableSource:
    """The source with its settings, features and classes settled, and what was left out.

    Without features: all numeric columns that vary inside the operating conditions. Conditions are ``auto`` (or 0): from the
    columns that look like settings; ``none``; a number of conditions on those columns; or setting columns with commas between.

    Raises:
        GraceError: The table cannot be opened, a column is missing, of the wrong type or named twice, or no feature is left.
    """
    table, (count, named) = scan(source.path, source.side).with_numbers(source.columns), _asked(conditions)
    _check_named(table, source, named)
    counts = table.engines(source.columns)
    searched = not (named or conditions == NONE)
    names, constant = _candidates(table, source, named, searched)
    gaps = gaps_of(table, tuple(name for name in names if name not in named))
    columns = replace(source.columns, classes=_classes(table, source.columns), settings=(), incomplete=tuple(gaps))
    varying = tuple(name for name in names if name not in constant)
    drawn = sample(table, replace(source, columns=columns, features=varying), counts)
    leaking, rows = leaks(drawn) | end_flags(table, columns, drawn, gaps), filled(drawn)
    settings = _settings(rows, (*gaps, *leaking)) if searched else named
    if count > 1 and not settings:
        raise GraceError(
            f"{table.path}: {count} conditions should come from setting columns. Found none that look like them. Name them with "
            "--conditions COLUMN,COLUMN."
        )
    asked = {name: leaking[name] for name in (*source.features, *named) if name in leaking}
    columns = replace(columns, settings=settings, leaks=tuple(f"{name} ({why})" for name, why in asked.items()))
    fitted = _fitted(rows, columns, count)
    left_out = asked if source.features else _left_out(table, columns, rows, fitted, constant, leaking)
    features = source.features or tuple(name for name in varying if name not in left_out)
    incomplete = tuple(name for name in features if name in gaps)
    if not features:
        raise GraceError(f"{table.path}: some column should vary within a condition. Found none. Name --features.")
    total = int(counts["len"].sum())
    return replace(
        source,
        columns=replace(columns, incomplete=incomplete),
        features=(*features, *map(missing, incomplete)),
        conditions=count,
        found=len(fitted.centres),
        rows=total,
        left_out=left_out,
        done=(*table.done, *texts_for_none(table, features), *carried({n: gaps[n] / total for n in incomplete})),
    )


def _asked(conditions: str) -> tuple[int, tuple[str, ...]]:
    """Number of conditions (0: find it) and named setting columns."""
    text = conditions.strip()
    if text in (AUTO, NONE):
        return 0, ()
    if text.isdigit():
        return int(text), ()
    return 0, tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _check_named(table: Table, source: TableSource, named: tuple[str, ...]) -> None:
    """Refuse columns that the user named and that cannot be used."""
    columns = replace(source.columns, settings=named)
    table.check(columns, (*source.features, *named))
    if taken := [name for name in source.features if name in columns.named]:
        raise GraceError(
            f"`--features` should leave out what a network cannot know. Found {taken[0]}, which has a role already."
        )


def _candidates(
    table: Table, source: TableSource, named: tuple[str, ...], searched: bool
) -> tuple[tuple[str, ...], set[str]]:
    """Columns that may be settings or features, and those of them that are constant."""
    taken = source.columns.named
    numeric = tuple(n for n, kind in table.schema.items() if kind.is_numeric() and n not in taken)
    every = numeric if searched or not source.features else ()
    names = tuple(dict.fromkeys((*source.features, *named, *every)))
    constant = _constant(table, names)
    if constant == set(names):
        raise GraceError(
            f"{table.path} should have a numeric column that varies. Found none. Name some with --features."
        )
    return names, constant


def _constant(table: Table, names: tuple[str, ...]) -> set[str]:
    if not names:  # polars makes no row of no columns
        return set()
    columns = pl.col(names)
    low, high = (table.collect(table.whole.select(edge)).row(0) for edge in (columns.min(), columns.max()))
    return {name for name, a, b in zip(names, low, high, strict=True) if a == b}


def _settings(rows: Fleet, gaps: Iterable[str]) -> tuple[str, ...]:
    """Columns that look like settings; one with missing readings is none."""
    complete = tuple(name for name in rows.columns if name not in set(gaps))
    values = rows.taken(np.arange(len(rows.values)), complete)
    return find_settings(values, _life(rows), rows.engine_of_row(), complete)


def _classes(table: Table, columns: Columns) -> tuple[str, ...]:
    """Names of the health states in the label column; empty for 0, 1, 2."""
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


def _life(rows: Fleet) -> NDArray[np.float64]:
    """Share of its engine's recorded time at each row, ``[R]``."""
    time = np.asarray(rows.rul(), dtype=np.float64)
    first, last = time[rows.starts[:-1]], time[rows.starts[1:] - 1]
    engine = rows.engine_of_row()
    return np.asarray((time - first[engine]) / np.maximum(last - first, 1e-12)[engine])


def _fitted(rows: Fleet, columns: Columns, count: int) -> Conditioner:
    """Conditions of the sample; settings that are constant say nothing."""
    known = replace(columns, settings=tuple(n for n in columns.settings if n in rows.columns))
    return Conditioner.fit(rows, Conventions(features=rows.columns, conditions=count, table=known))


def _left_out(
    table: Table, columns: Columns, rows: Fleet, fitted: Conditioner, constant: set[str], leaking: Mapping[str, str]
) -> dict[str, str]:
    """Why columns are not used, in the order of the table; the last reason of several counts."""
    reasons = dict.fromkeys(fitted.constant(rows), "constant within each condition") | dict(leaking)
    reasons |= dict.fromkeys(columns.settings, "set the operating condition") | dict.fromkeys(constant, "constant")
    kinds = {name: kind for name, kind in table.schema.items() if name not in columns.named}
    texts = {name: f"numbers and texts such as {text!r}" for name, text in table.mixed.items()}
    known = {n: reasons.get(n) if kind.is_numeric() else texts.get(n, "no numbers") for n, kind in kinds.items()}
    return {name: why for name, why in known.items() if why is not None}
