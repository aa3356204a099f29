"""A feature that no column holds: the age of the engine at the row, asked for as ``age``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from grace.data.fleet import AGE, Fleet
from grace.data.tables.columns import TRAIN, Columns, TableSource
from grace.data.tables.table import Table
from grace.errors import GraceError

BY_AGE = "survival of the baselines, the best fixed age and costs of replacement"
"""What ages are used for where they are no feature."""
ASKED = "age"
"""What users call it; a column of that name comes first."""


def with_age(source: TableSource, columns: Collection[str]) -> TableSource:
    """The source with :data:`~grace.data.fleet.AGE` among its features in place of ``age``, unless that is one of the
    ``columns`` of the table and not its time.

    Under a name of its own it is made again wherever the features are read, and never taken from a column.

    Raises:
        GraceError: No other feature is asked for.
    """
    own = ASKED in columns and ASKED not in (source.columns.time, source.columns.start)
    features = tuple(dict.fromkeys(AGE if name == ASKED and not own else name for name in source.features))
    if features == (AGE,):
        raise GraceError(
            f"`--features` should name a column of the table beside {ASKED}, which is made. Found {ASKED} alone. Name one."
        )
    return replace(source, features=features)


def said_of_age(table: Table, columns: Columns, features: Collection[str]) -> list[str]:
    """The line that says what :data:`~grace.data.fleet.AGE` is; none where it is no feature."""
    dates = table.schema[columns.time].is_temporal()
    name = columns.start or columns.time
    what = f"{columns.unit} since the engine's first {name}" if dates else f"{name} of the row"
    return [f"{AGE} is made: {what}"] if AGE in features else []


def said_of_clock(fleet: Fleet, source: TableSource) -> list[str]:
    """The line that asks whether the time is a calendar date: half of the engines or more are older at their first row than any
    lives from there on. Age is a feature, or what survival and replacement of training engines are told by."""
    if AGE not in source.features and source.side != TRAIN:
        return []
    entries = fleet.entries()
    seen, longest = float(np.median(entries)), float((fleet.lives() - entries).max())
    if seen <= longest:
        return []
    columns = source.columns
    name = columns.start or columns.time
    age = AGE if AGE in source.features else f"age, by which {BY_AGE} are told,"
    return [
        f"{age} is {name} as it stands: engines are first seen at {seen:,.6g} {columns.unit} in the median, and last "
        f"{longest:,.6g} at most from there on; if {name} is a date written as a number, write it as a date, and age counts from "
        "the first row"
    ]
