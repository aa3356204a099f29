"""Fleets from tables: of the user's own columns, or of C-MAPSS's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from grace.data.cmapss import read_plain
from grace.data.columns import Columns
from grace.data.convert import stored_fleet
from grace.data.fleet import SETTINGS, Fleet
from grace.data.rows import TableSource, arrays_of, check_schema, selected
from grace.data.scan import TEST, TRAIN, PandasFrame, Scan, scan, scan_frame
from grace.data.timeline import Timeline, check_steps
from grace.errors import GraceError

ENGINE, CYCLE = "engine", "cycle"
READERS: dict[str, Callable[[bytes], pl.DataFrame]] = {".csv": pl.read_csv, ".parquet": pl.read_parquet}


def read_table(
    table: TableSource | Path | str | pl.DataFrame | PandasFrame,
    columns: Columns | None = None,
    values: Sequence[str] = (),
) -> Fleet:
    """Engines of a table: rows in any order, sorted here by engine and time.

    RUL is the column ``target``, or else the engine's last time minus the row's, in the unit of time: the recording ends with
    the engine's life. Times need not be evenly spaced; a window counts rows.

    Args:
        table: A file, a folder, a frame of polars or pandas, or a :class:`~grace.data.rows.TableSource`, which
            says all by itself.
        columns: Roles of the columns.
        values: Columns that are read as values, after the settings; none: all numeric ones without a role.

    Raises:
        GraceError: ``columns`` is missing or given beside a source, the table is missing or damaged, a column is missing or of
            the wrong type, a value is missing, a time stands twice in an engine, the target or the engines' times contradict
            each other, or a file changes meanwhile.
    """
    opened, source = _opened(table, columns, tuple(values))
    check_schema(opened, source.columns, source.values)
    if source.cache is not None and source.side == TRAIN:
        return stored_fleet(opened, source)
    return opened.unchanged(lambda: _in_memory(opened, source))


def _opened(table: Any, columns: Columns | None, values: tuple[str, ...]) -> tuple[Scan, TableSource]:
    """The opened table and how it is read, of all that :func:`read_table` takes."""
    if isinstance(table, TableSource):
        if columns is not None or values:
            raise GraceError(
                "`columns` and `values` should be left out beside a TableSource, which has its own. Found them."
            )
        return scan(table.path, table.side), table
    if columns is None:
        raise GraceError(
            "`columns` should say what the columns are. Found none. Give grace.Columns(engine=NAME, time=NAME) of this table."
        )
    if isinstance(table, (str, Path)):
        path = Path(table)
        opened = scan(path)
    else:
        path = Path("frame")
        opened = scan_frame(path, table)
    numeric = (n for n, kind in opened.schema.items() if kind.is_numeric() and n not in columns.named)
    return opened, TableSource(path, columns, tuple(dict.fromkeys((*columns.settings, *(values or numeric)))))


def _in_memory(table: Scan, source: TableSource) -> Fleet:
    sha256 = table.sha256()
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
        sha256=sha256,
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
        content = path.read_bytes()
        table = reader(content)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise GraceError(f"{path} should be a readable {path.suffix} table. Found: {reason}.") from None
    return _fleet(path, table, tuple(dict.fromkeys((*SETTINGS, *features))), hashlib.sha256(content).hexdigest())


def _fleet(path: Path, table: pl.DataFrame, columns: tuple[str, ...], sha256: str) -> Fleet:
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
        sha256=sha256,
    )
