"""A table some of whose engines cannot be read: these are left out with the reason, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from grace.data.fleet import Fleet
from grace.data.tables.account import some_of
from grace.data.tables.arrays import names_of
from grace.data.tables.columns import TableSource
from grace.data.tables.missing import as_numbers, gaps_of, no_number
from grace.data.tables.table import Table, is_number
from grace.errors import ReadingError, UnitError

Read = Callable[[Table, TableSource], Fleet]


def spared(table: Table, source: TableSource, read: Read, faults_of: type[UnitError]) -> Fleet:
    """What ``read`` makes of a table without the engines that it refuses with an error of a kind; ``left_out`` names them.

    Readings are carried on in every column of values that has gaps, but for settings; an engine of which a column was never read,
    though the roles tell of no gap in it, is left out too.

    Raises:
        UnitError: No engine is left.
    """
    gaps: tuple[str, ...] = ()
    left: dict[int | str, str] = {}
    while True:
        try:
            table = _mixed_as_numbers(table, source)
            source, gaps = (source, gaps) if gaps or source.rows else _with_gaps(table, source)
            fleet = read(table, source)
            _refuse_unread(source, fleet, gaps)
            return replace(fleet, left_out=left)
        except faults_of as error:
            if not error.faults:
                raise
            left |= error.faults
            table = table.without(source.columns.engine, error.faults)
            if not table.collect(table.whole.select(pl.len())).item():
                raise


def _mixed_as_numbers(table: Table, source: TableSource) -> Table:
    """The table with columns of numbers and a few texts as numbers; refused where an engine has such a text."""
    names = [name for name in (source.columns.time, *source.values) if name in table.mixed]
    if not names:
        return table
    bad = table.whole.filter(pl.any_horizontal(map(no_number, names)))
    first = [pl.col(name).filter(no_number(name)).first() for name in names]
    found = table.collect(bad.group_by(source.columns.engine, maintain_order=True).agg(first))
    faults: dict[int | str, str] = {}
    for name in names:
        some = found.filter(pl.col(name).is_not_null())
        engines = names_of(some[source.columns.engine]).tolist()
        words = (f"{name} should hold numbers. Found {text!r}" for text in some[name])
        faults |= dict(zip(engines, words, strict=True))
    if faults:
        engine, fault = next(iter(faults.items()))
        raise ReadingError(f"{source.path}, engine {engine}: {fault}. Correct it, or drop the engine.", faults)
    return replace(as_numbers(table, names), mixed={})


def _with_gaps(table: Table, source: TableSource) -> tuple[TableSource, tuple[str, ...]]:
    """The source with all columns that have gaps as incomplete, and those of them that it did not know of."""
    known = (*source.columns.incomplete, *source.columns.settings)
    names = (name for name in source.values if name not in known and is_number(table.schema.get(name, pl.String())))
    gaps = tuple(gaps_of(table, tuple(names)))
    columns = replace(source.columns, incomplete=(*source.columns.incomplete, *gaps))
    return replace(source, columns=columns), gaps


def _refuse_unread(source: TableSource, fleet: Fleet, gaps: tuple[str, ...]) -> None:
    """Refuse engines of which a column was never read, of those that should have no gap."""
    last, faults = fleet.starts[1:] - 1, dict[int | str, str]()
    for name, values in zip(gaps, fleet.taken(last, gaps).T, strict=True):
        words = f"{name} should be a finite number. Found nan in every row"
        faults |= {engine.item(): words for engine in fleet.engines[np.isnan(values)]}
    if faults:
        engine, fault = next(iter(faults.items()))
        raise ReadingError(f"{source.path}, engine {engine}: {fault}. Drop the engine.", faults)


def said_of_left_out(left: Mapping[int | str, str]) -> list[str]:
    """The line that names engines that were left out, with the reasons; none without such."""
    named = some_of([f"{name} ({fault})" for name, fault in left.items()])
    return [f"{len(left):,} engine{'s' * (len(left) > 1)} left out, which cannot be used: {named}"] if left else []
