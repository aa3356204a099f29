"""A table that is opened and not yet read: CSV, Parquet, a folder of either, N-CMAPSS, or a frame in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import polars as pl

from grace.data.cmapss.ncmapss import read_flights
from grace.data.identity import combined, sha256, stamps
from grace.data.tables.columns import TRAIN, Columns
from grace.data.tables.frames import FRAME, Frame, frame_sha256, to_polars, unreadable
from grace.errors import GraceError

T = TypeVar("T")
ENDINGS = (".csv", ".parquet")
NCMAPSS = (".h5", ".hdf5")


@dataclass(frozen=True, eq=False)
class Scan:
    """A table that has been opened.

    Attributes:
        path: What the user named.
        files: The files, one frame each; none for a frame in memory.
        frames: Lazy frames of one schema.
        schema: Names and types of the columns.
    """

    path: Path
    files: tuple[Path, ...]
    frames: tuple[pl.LazyFrame, ...]
    schema: dict[str, pl.DataType]

    @property
    def whole(self) -> pl.LazyFrame:
        """All files, one after the other."""
        return pl.concat(list(self.frames), how="vertical_relaxed") if len(self.frames) > 1 else self.frames[0]

    def collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """The rows of a frame made from these, streamed.

        Raises:
            GraceError: A file is damaged, or a value is not of its column's type.
        """
        try:
            return frame.collect(engine="streaming")
        except (OSError, pl.exceptions.PolarsError) as error:
            raise unreadable(self.path, error) from None

    def engines(self, columns: Columns) -> pl.DataFrame:
        """``engine``, ``len``, its rows, and ``last``, its last time as in the file, of every engine in their order.

        Raises:
            GraceError: The table has no row.
        """
        rows = self.whole.select(engine=pl.col(columns.engine), time=pl.col(columns.time))
        counts = self.collect(rows.group_by("engine").agg(pl.len(), last=pl.col("time").max())).sort("engine")
        if counts.is_empty():
            raise self.without_rows()
        return counts

    def without_rows(self) -> GraceError:
        """The error to show where a table has none."""
        return GraceError(f"{self.path} should hold at least one row. Found none. Export it again.")

    def sha256(self) -> str:
        """Of the bytes of its files in the order of their names, which do not count; of a frame, of its columns and values."""
        if not self.files:
            return frame_sha256(self.collect(self.whole))
        try:
            return combined(map(sha256, self.files))
        except OSError as error:
            raise unreadable(self.path, error) from None

    def unchanged(self, read: Callable[[], T]) -> T:
        """What ``read`` makes of the table.

        Raises:
            GraceError: A file was written or replaced meanwhile.
        """
        before = stamps(self.files)
        found = read()
        if stamps(self.files) != before:
            raise GraceError(f"{self.path} should stay as it is while it is read. Found it changed. Read it again.")
        return found


def scan(table: str | Path | Frame, side: str = TRAIN) -> Scan:
    """Open a frame, or a file by its ending; a folder is all ``.csv`` or all ``.parquet`` files in it.

    Args:
        table: A file, a folder, or a frame of polars or pandas.
        side: ``dev`` or ``test`` of an N-CMAPSS file.

    Raises:
        GraceError: There is no such file, the folder is empty or mixed, a file is damaged, schemas differ, or a frame is none.
    """
    if not isinstance(table, str | Path):
        frame = to_polars(table)
        return Scan(FRAME, (), (frame.lazy(),), dict(frame.schema))
    path = Path(table)
    files = files_of(path)
    if files[0].suffix.lower() in NCMAPSS:
        flights = read_flights(files[0], side)
        return Scan(path, files, (flights.lazy(),), dict(flights.schema))
    frames = [_lazy(file) for file in files]
    schemas = [_schema(file, frame) for file, frame in zip(files, frames, strict=True)]
    for file, schema in zip(files[1:], schemas[1:], strict=True):
        _refuse_other_columns(files[0], schemas[0], file, schema)
    found = Scan(path, files, tuple(frame.select(list(schemas[0])) for frame in frames), schemas[0])
    return found if len(files) == 1 else replace(found, schema=_schema(path, found.whole))


def files_of(path: Path) -> tuple[Path, ...]:
    """The files of a table: itself, or all in a folder by name.

    Raises:
        GraceError: There is no such file, it has another ending, or the folder is empty or mixed.
    """
    if path.is_dir():
        files = tuple(sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS))
        endings = sorted({file.suffix.lower() for file in files})
        if len(endings) != 1:
            found = "none" if not endings else "both " + " and ".join(endings)
            raise GraceError(
                f"{path} should be a folder of .csv files or of .parquet files. Found {found}. Name one file, or a folder of one "
                "kind."
            )
        return files
    if path.suffix.lower() not in (*ENDINGS, *NCMAPSS):
        raise GraceError(f"{path} should end in .csv, .parquet or .h5, or be a folder. Found {path.suffix!r}.")
    if not path.exists():
        raise GraceError(f"{path} should be a table. Found none. Check the path.")
    return (path,)


def _lazy(file: Path) -> pl.LazyFrame:
    if file.suffix.lower() == ".parquet":
        return pl.scan_parquet(file)
    return pl.scan_csv(file, infer_schema_length=10_000, try_parse_dates=True)


def _schema(file: Path, frame: pl.LazyFrame) -> dict[str, pl.DataType]:
    try:
        return dict(frame.collect_schema())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise unreadable(file, error) from None


def _refuse_other_columns(
    first: Path, expected: dict[str, pl.DataType], file: Path, found: dict[str, pl.DataType]
) -> None:
    odd = sorted(set(expected) ^ set(found))
    if odd:
        raise GraceError(
            f"{file} should have the columns of {first.name}. Found {odd[0]} in one of them alone. Put tables of different "
            "columns into folders of their own."
        )
    for name, kind in expected.items():
        if kind != found[name] and not (kind.is_numeric() and found[name].is_numeric()):
            raise GraceError(
                f"{file}: {name} should be {kind}, as in {first.name}. Found {found[name]}. Export both alike."
            )
