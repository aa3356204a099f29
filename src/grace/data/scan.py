"""Tables on the disk, scanned and not read: CSV, Parquet, a folder of either, or N-CMAPSS."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from grace.data.identity import combined, frame_sha256, sha256, stamps
from grace.errors import GraceError

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")
ENDINGS = (".csv", ".parquet")
NCMAPSS = (".h5", ".hdf5")
TRAIN, TEST = "dev", "test"
"""The sides of an N-CMAPSS file; a table has but one."""


PIECE = 64 << 20
"""Bytes that are read of each end of a file that is larger than four times this."""


def content(files: Sequence[Path]) -> str:
    """Twelve hexadecimal digits that change when a file does: SHA-256 of each file's size and bytes, of large ones of both ends.

    Raises:
        GraceError: A file cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        try:
            size = path.stat().st_size
            digest.update(f"{size};".encode())
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    if size > 4 * PIECE and file.tell() == PIECE:
                        file.seek(size - PIECE)
        except OSError as error:
            raise unreadable(path, error) from None
    return digest.hexdigest()[:12]


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
        import polars as pl

        return pl.concat(list(self.frames), how="vertical_relaxed") if len(self.frames) > 1 else self.frames[0]

    def collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """The rows of a frame made from these, streamed.

        Raises:
            GraceError: A file is damaged, or a value is not of its column's type.
        """
        import polars as pl

        try:
            return frame.collect(engine="streaming")
        except (OSError, pl.exceptions.PolarsError) as error:
            raise unreadable(self.path, error) from None

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

    def need(self, name: str, option: str, numeric: bool = True) -> None:
        """Refuse a column that is not there or holds no numbers, and a table that holds none for want of rows.

        Raises:
            GraceError: See above.
        """
        if name not in self.schema:
            raise GraceError(
                f"{self.path} should have the column {name}. Found {', '.join(self.schema)[:200]}. Name one with {option}."
            )
        kind = self.schema[name]
        if numeric and not (kind.is_numeric() or str(kind) == "Boolean"):
            if self.collect(self.whole.head(1)).is_empty():  # a .csv of column names alone seems to hold text
                raise GraceError(f"{self.path} should hold at least one row. Found none. Export it again.")
            raise GraceError(
                f"{self.path}: the column {name} should hold numbers. Found {kind}. Convert it, or leave it out of {option}."
            )


def scan(path: Path, side: str = TRAIN) -> Scan:
    """Open a table by its ending; a folder is all ``.csv`` or all ``.parquet`` files in it.

    Args:
        path: A file or a folder.
        side: ``dev`` or ``test`` of an N-CMAPSS file.

    Raises:
        GraceError: There is no such file, the folder is empty or mixed, a file is damaged, or schemas differ.
    """
    files = files_of(path)
    if files[0].suffix.lower() in NCMAPSS:
        from grace.data.ncmapss import read_flights

        frame = read_flights(files[0], side)
        return Scan(path, files, (frame.lazy(),), dict(frame.schema))
    opener = _opener(files[0])
    frames = tuple(opener(file) for file in files)
    schemas = [_schema(file, frame) for file, frame in zip(files, frames, strict=True)]
    for file, schema in zip(files[1:], schemas[1:], strict=True):
        _same(files[0], schemas[0], file, schema)
    table = Scan(path, files, tuple(frame.select(list(schemas[0])) for frame in frames), schemas[0])
    return table if len(files) == 1 else replace(table, schema=_schema(path, table.whole))


class PandasFrame(Protocol):
    """What is used of a pandas frame; pandas itself is not needed."""

    @property
    def columns(self) -> Any:
        """Names."""

    def __getitem__(self, name: Any) -> Any: ...


def scan_frame(path: Path, frame: pl.DataFrame | PandasFrame) -> Scan:
    """A frame of polars or pandas as an opened table, which messages call ``path``.

    Raises:
        GraceError: It is no frame, or a column mixes types.
    """
    import polars as pl

    if not isinstance(frame, pl.DataFrame):
        if type(frame).__module__.split(".")[0] != "pandas":
            raise GraceError(
                f"`table` should be a path, or a frame of polars or pandas. Found {type(frame).__name__}. Convert it."
            )
        frame = pl.DataFrame([_series(str(name), frame[name]) for name in frame.columns])
    return Scan(path, (), (frame.lazy(),), dict(frame.schema))


def _series(name: str, column: Any) -> pl.Series:
    """A column of a pandas frame; missing values are null."""
    import polars as pl

    values = column.to_numpy()
    if values.dtype.kind in "iufbmM":
        return pl.Series(name, values, nan_to_null=True)
    known = [None if missing else value for value, missing in zip(column.tolist(), column.isna(), strict=True)]
    try:
        return pl.Series(name, known)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise unreadable(Path("frame"), error) from None


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


def _opener(file: Path) -> Callable[[Path], pl.LazyFrame]:
    import polars as pl

    if file.suffix.lower() == ".parquet":
        return pl.scan_parquet
    return lambda path: pl.scan_csv(path, infer_schema_length=10_000, try_parse_dates=True)


def _schema(file: Path, frame: pl.LazyFrame) -> dict[str, pl.DataType]:
    import polars as pl

    try:
        return dict(frame.collect_schema())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise unreadable(file, error) from None


def unreadable(file: Path, error: Exception) -> GraceError:
    """The error to show where polars cannot read a file."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return GraceError(f"{file} should be a readable table. Found: {reason[:300].rstrip('.')}. Export it again.")


def _same(first: Path, expected: dict[str, pl.DataType], file: Path, found: dict[str, pl.DataType]) -> None:
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
