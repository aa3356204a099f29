"""Fleets from tables: of the user's own columns, or of C-MAPSS's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from grace.data.cmapss import read_plain
from grace.data.columns import Columns
from grace.data.convert import stored_fleet
from grace.data.fleet import SETTINGS, Fleet
from grace.data.rows import TableSource, arrays_of, check_schema, selected
from grace.data.scan import TEST, TRAIN, scan
from grace.data.timeline import Timeline, check_steps
from grace.errors import GraceError

ENGINE, CYCLE = "engine", "cycle"
READERS: dict[str, Callable[[Path], pl.DataFrame]] = {".csv": pl.read_csv, ".parquet": pl.read_parquet}


def read_table(source: TableSource) -> Fleet:
    """Engines of a table: rows in any order, sorted here by engine and time.

    RUL is the column ``target``, or else the engine's last time minus the row's, in the unit of time: the recording ends with
    the engine's life. Times need not be evenly spaced; a window counts rows.

    Raises:
        GraceError: The table is missing or damaged, a column is missing or of the wrong type, a value is missing, a time stands
            twice in an engine, or the target or the engines' times contradict each other.
    """
    table = scan(source.path, source.side)
    check_schema(table, source.columns, source.values)
    if source.cache is not None and source.side == TRAIN:
        return stored_fleet(table, source)
    frame = table.collect(table.whole.select(selected(table, source)))
    if frame.is_empty():
        raise GraceError(f"{source.path} should hold at least one row. Found none.")
    found = arrays_of(source, frame.sort("engine", "time", maintain_order=True))
    engine = found["engine"]
    starts = np.flatnonzero(np.concatenate([[True], engine[1:] != engine[:-1]]))
    bounds = np.append(starts, len(engine))
    timeline = Timeline(str(source.path), source.columns, engine[starts], bounds, found["time"], found.get("target"))
    rul = timeline.rul()
    check_steps(timeline.table, source.columns, timeline.engines, timeline.steps())
    return Fleet(
        name=source.name,
        engines=engine[starts],
        starts=bounds,
        values=found["values"],
        columns=source.values,
        last_rul=rul[bounds[1:] - 1],
        labels=found.get("label"),
        row_rul=rul,
        last_time=found["shown"][bounds[1:] - 1],
    )


def read_new(path: Path, columns: Columns, features: tuple[str, ...]) -> Fleet:
    """New engines from a table with the columns that a network was trained on; their RUL is not known (0 stands in its place).

    Raises:
        GraceError: As :func:`read_table`.
    """
    values = tuple(dict.fromkeys((*columns.settings, *features)))
    return read_table(TableSource(path, replace(columns, target="", label=""), values, side=TEST))


def read_engines(path: Path, features: tuple[str, ...]) -> Fleet:
    """Engines of a file by its ending: ``.csv`` and ``.parquet`` are tables, all else is text in the format of C-MAPSS.

    Args:
        path: The file.
        features: Columns that have to be there, besides ``engine``, ``cycle`` and the settings.

    Raises:
        GraceError: The file is missing or damaged, a column is missing or no number, or the cycles have gaps or repeats.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        return read_plain(path)
    try:
        table = reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise GraceError(f"{path} should be a readable {path.suffix} table. Found: {reason}.") from None
    return _fleet(path, table, tuple(dict.fromkeys((*SETTINGS, *features))))


def _fleet(path: Path, table: pl.DataFrame, columns: tuple[str, ...]) -> Fleet:
    for name in (ENGINE, CYCLE, *columns):
        if name not in table.columns:
            raise GraceError(f"{path} should have the column {name}. Found {', '.join(table.columns)[:200]}.")
        if not table[name].dtype.is_numeric():
            raise GraceError(f"{path}: the column {name} should hold numbers. Found {table[name].dtype}.")
    table = table.sort(ENGINE, CYCLE, maintain_order=True)
    values = table.select(columns).to_numpy().astype(np.float64)
    engine, cycle = table[ENGINE].to_numpy(), table[CYCLE].to_numpy()
    if not len(values):
        raise GraceError(f"{path} should hold at least one row. Found none.")
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        where = f"engine {engine[row]}, cycle {cycle[row]}"
        raise GraceError(f"{path}, {where}: {columns[column]} should be a finite number. Found {values[row, column]}.")
    starts = np.flatnonzero(np.concatenate([[True], engine[1:] != engine[:-1]]))
    lengths = np.diff([*starts, len(engine)])
    expected = np.repeat(cycle[starts], lengths) + np.arange(len(cycle)) - np.repeat(starts, lengths)
    if (wrong := np.flatnonzero(cycle != expected)).size:
        row = wrong[0]
        raise GraceError(
            f"{path}, engine {engine[row]}: the cycles should follow without gap or repeat. Found {cycle[row]} where "
            f"{expected[row]} should be."
        )
    return Fleet(
        name=path.stem,
        engines=engine[starts].astype(np.int64),
        starts=np.append(starts, len(engine)).astype(np.int64),
        values=values,
        columns=columns,
        last_rul=np.zeros(len(starts), dtype=np.int64),
    )
