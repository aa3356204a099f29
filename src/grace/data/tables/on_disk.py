"""A table that is larger than memory, written once as rows in the order of engines and times."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.fleet import CHUNK, Fleet
from grace.data.stored import StoredRows
from grace.data.tables.arrays import arrays_of, names_of
from grace.data.tables.columns import TableSource
from grace.data.tables.events import failed_of
from grace.data.tables.lives import check_clock
from grace.data.tables.missing import carry_on
from grace.data.tables.rul import check_steps, check_units, rul_of
from grace.data.tables.table import Table, array_of, unreadable
from grace.data.tables.text import TEXT, ending
from grace.files import remove_left, unwritable

VERSION = 5
PASSING = ("stop", "target", "event")
"""What is kept of a row only until its RUL is known."""


def stored_fleet(table: Table, source: TableSource) -> Fleet:
    """The fleet of a table whose rows stay in ``source.cache``; they are written there once and found again.

    One pass over the table in its own order, each batch of rows going to its engine's place; engines whose rows come out of
    order are sorted afterwards. Memory holds a batch, and a few numbers an engine. If it fails, nothing is left.
    """
    assert source.cache is not None
    folder = source.cache / f"{source.name}-{_key(table, source)}"
    if not folder.is_dir():
        with _made_whole(folder) as part:
            table.unchanged(_Writer(table, source, part).run)
    index = dict(np.load(folder / "index.npz"))

    def rows(name: str) -> StoredRows | None:
        path = folder / f"{name}.npy"
        return StoredRows.whole(path) if path.exists() else None

    values = rows("values")
    assert values is not None
    return Fleet(
        name=source.name,
        values=values,
        columns=source.made,
        labels={task.name: labels for task in source.labelled if (labels := rows(array_of(task))) is not None},
        tasks=source.tasks,
        row_rul=rows("rul"),
        time=rows("time"),
        **index | {"sha256": str(index["sha256"])},
    )


def _key(table: Table, source: TableSource) -> str:
    """A hash of all that the rows depend on: the files' stamps, and the columns."""
    files = table.stamps()
    columns = source.in_rows.to_json() | {"test": ""}
    labels = [(task.name, task.column, task.kind, task.classes) for task in source.labelled]
    text = json.dumps([VERSION, files, columns, source.made, source.side, labels, sorted(table.gone)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """A folder to fill, renamed to ``folder`` when the block ends and removed when it fails."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent) as outer:
            part = Path(outer) / "rows"
            part.mkdir()
            yield part
            if not folder.is_dir():  # another process may have been faster; its rows are the same
                part.rename(folder)
        remove_left(folder)
    except OSError as error:
        raise unwritable(folder, error) from None


class _Writer:
    """One pass over a table, with what it has to remember of every engine."""

    def __init__(self, table: Table, source: TableSource, folder: Path) -> None:
        self.table, self.source, self.folder = table, source, folder
        counts = table.engines(source.columns).drop_nulls("engine")
        keys = names_of(counts["engine"])
        order = np.argsort(keys, kind="stable")
        self.engines, self.last_time = keys[order], counts["last"].to_numpy()[order]
        self.starts = np.concatenate([[0], np.cumsum(counts["len"].to_numpy()[order])]).astype(np.int64)
        self.filled = np.zeros(len(keys), dtype=np.int64)
        self.latest = np.full(len(keys), -np.inf)
        self.ordered = np.ones(len(keys), dtype=np.bool_)
        self.names: tuple[str, ...] = ()

    def run(self) -> None:
        """Write ``values.npy``, ``time.npy``, ``rul.npy``, ``task NAME.npy`` of each task with a column, and
        ``index.npz``."""
        for frame in self.batches():
            self.place(arrays_of(self.source, frame))
        for index in np.flatnonzero(~self.ordered):
            self.sort(int(index))
        found = self.finish()
        np.savez(
            self.folder / "index.npz",
            engines=self.engines,
            starts=self.starts,
            last_time=self.last_time,
            sha256=self.table.sha256(),
            **found,
        )
        for path in self.folder.iterdir():
            with path.open("rb") as written:
                os.fsync(written.fileno())

    def batches(self) -> Iterator[pl.DataFrame]:
        """Rows of the table in its own order; text is brought into Parquet first, where a slice does not cost all before it."""
        for number, (file, frame) in enumerate(zip(self.table.files, self.table.frames, strict=True)):
            chosen = frame.select(self.table.selected(self.source))
            binary = self.folder / f"text-{number}.parquet"
            if ending(file) in TEXT:
                try:
                    chosen.sink_parquet(binary, row_group_size=CHUNK)
                except pl.exceptions.PolarsError as error:
                    raise unreadable(file, error) from None
                chosen = pl.scan_parquet(binary)
            rows = self.table.collect(chosen.select(pl.len())).item()
            for start in range(0, rows, CHUNK):
                yield self.table.collect(chosen.slice(start, CHUNK))
            binary.unlink(missing_ok=True)

    def place(self, found: dict[str, NDArray[Any]]) -> None:
        """Write a batch to the places of its engines."""
        index = np.searchsorted(self.engines, found["engine"])
        order = np.argsort(index, kind="stable")
        index = index[order]
        here, first, count = np.unique(index, return_index=True, return_counts=True)
        rank = np.arange(len(index)) - np.repeat(first, count)
        places = self.starts[index] + self.filled[index] + rank
        time = found["time"][order]
        before = np.concatenate([[-np.inf], time[:-1]])
        before[first] = self.latest[here]
        self.ordered[index[time <= before]] = False
        self.latest[here] = np.maximum(self.latest[here], np.maximum.reduceat(time, first))
        self.filled[here] += count
        for name in ("values", "time", "stop", "target", "event", *map(array_of, self.source.labelled)):
            if name in found:
                self.write(name, places, found[name][order])

    def write(self, name: str, places: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Write some rows of one file; its whole space is reserved first, so that a full disk is met at the beginning."""
        path = self.folder / f"{name}.npy"
        if name not in self.names:
            self.names = (*self.names, name)
            shape = (int(self.starts[-1]), *values.shape[1:])
            np.lib.format.open_memmap(path, mode="w+", dtype=values.dtype, shape=shape)
            if hasattr(os, "posix_fallocate"):
                with path.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        mapped = np.load(path, mmap_mode="r+")
        mapped[places] = values

    def sort(self, engine: int) -> None:
        """Put one engine's rows into the order of time."""
        begin, end = int(self.starts[engine]), int(self.starts[engine + 1])
        time = self.rows_of("time", begin, end)
        check_clock(self.source, self.engines[engine], time, self.table.schema[self.source.columns.time].is_temporal())
        order = np.argsort(time, kind="stable")
        for name in self.names:
            self.write(name, np.arange(begin, end), self.rows_of(name, begin, end)[order])

    def finish(self) -> dict[str, Any]:
        """Write ``rul.npy``, in place of stops, targets and events, and carry missing readings on.

        Returns:
            ``last_rul``, RUL of each engine's last row ``[E]``, ``stops`` where rows hold over an interval, and ``failed`` where
            some engines were suspended.
        """
        last, steps, failed, stops = [], [], [], []
        for first, stop in self.blocks():
            begin, end = int(self.starts[first]), int(self.starts[stop])
            starts, engines = self.starts[first : stop + 1] - begin, self.engines[first:stop]
            said = {name: self.rows_of(name, begin, end) for name in ("time", *PASSING) if name in self.names}
            rul, own = rul_of(self.source, engines, starts, said)
            failed.append(failed_of(self.source, engines, starts, said))
            stops.append(said["stop"][starts[1:] - 1] if "stop" in said else None)
            self.write("rul", np.arange(begin, end), rul)
            if self.source.incomplete:
                values = self.rows_of("values", begin, end)
                carry_on(self.source, values, starts)
                self.write("values", np.arange(begin, end), values)
            steps.append(own)
            last.append(rul[starts[1:] - 1])
        counts = (stop - first for first, stop in self.blocks())
        parts = [np.ones(n, dtype=np.bool_) if part is None else part for part, n in zip(failed, counts, strict=True)]
        known = None if all(part is None for part in failed) else np.concatenate(parts)
        check_steps(self.source, self.engines, np.concatenate(steps))
        check_units(self.source, np.concatenate(steps), known)
        for name in PASSING:
            (self.folder / f"{name}.npy").unlink(missing_ok=True)
        found = {"last_rul": np.concatenate(last)}
        if self.source.columns.start:
            found["stops"] = np.concatenate([part for part in stops if part is not None])
        return found if known is None else found | {"failed": known}

    def rows_of(self, name: str, begin: int, end: int) -> NDArray[Any]:
        """A copy of some rows of one file."""
        return np.array(np.load(self.folder / f"{name}.npy", mmap_mode="r")[begin:end])

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Runs of whole engines of about :data:`~grace.data.fleet.CHUNK` rows, as first engine and the one after the last."""
        first = 0
        while first < len(self.engines):
            stop = int(np.searchsorted(self.starts, self.starts[first] + CHUNK, side="right")) - 1
            stop = min(max(stop, first + 1), len(self.engines))
            yield first, stop
            first = stop
