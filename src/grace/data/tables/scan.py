"""Tables of the user's own, opened: CSV, Parquet, a folder of either, N-CMAPSS, or a frame of polars or pandas in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import polars as pl

from grace.data.cmapss.ncmapss import read_flights
from grace.data.tables.columns import TRAIN
from grace.data.tables.panics import panics_as_errors
from grace.data.tables.table import Table, unreadable
from grace.data.tables.text import TEXT, UNPACKING, Dialect, ending, not_whole, scan_text
from grace.data.tables.unpacked import refuse_bomb
from grace.errors import GraceError

ENDINGS = (*TEXT, ".parquet")
NCMAPSS = (".h5", ".hdf5")

T = TypeVar("T")
Schema = dict[str, pl.DataType]

FRAME = Path("frame")
"""What messages call a frame."""


class _PandasFrame(Protocol):
    """What is used of a pandas frame; pandas itself is not needed."""

    @property
    def columns(self) -> Any:
        """Names."""

    def __getitem__(self, name: Any) -> Any: ...


Frame = pl.DataFrame | pl.LazyFrame | _PandasFrame


def scan(table: str | Path | Frame, side: str = TRAIN, names: Collection[str] = ()) -> Table:
    """Open a frame, or a file by its ending; a folder is all ``.csv`` or all ``.parquet`` files in it.

    Of an N-CMAPSS file the side ``dev`` or ``test``. What is not there, damaged, mixed or of different schemas is refused.

    The columns ``names`` of text files, as far as they are there, are read as they are written unless each field is what a whole
    number is written as. Decimals are numbers of double precision, but for those of ``names``, which are texts.
    """
    if not isinstance(table, str | Path):
        frame = _to_polars(table).lazy()
        return Table(FRAME, (), *_without_decimals((frame,), [dict(frame.collect_schema())], names))
    path = Path(table)
    files = files_of(path)
    if files[0].suffix.lower() in NCMAPSS:
        flights = read_flights(files[0], side)
        return Table(path, files, (flights.lazy(),), dict(flights.schema))
    frames = [_lazy(file) for file in files]
    schemas = [_schema(file, frame) for file, frame in zip(files, frames, strict=True)]
    if texts := _no_numbers(files, schemas, names):
        frames = [scan_text(file, texts & schema.keys()) for file, schema in zip(files, schemas, strict=True)]
        schemas = [schema | dict.fromkeys(texts & schema.keys(), pl.String()) for schema in schemas]
    for file, schema in zip(files[1:], schemas[1:], strict=True):
        _refuse_other_columns(files[0], schemas[0], file, schema)
    words = {Dialect.of(file).words for file in files if ending(file) in TEXT} - {""}
    plain, schema = _without_decimals([frame.select(list(schemas[0])) for frame in frames], schemas, names)
    found = Table(path, files, plain, schema, tuple(f"read with {text}" for text in sorted(words)))
    return found if len(files) == 1 else replace(found, schema=_schema(path, found.whole))


def files_of(path: Path) -> tuple[Path, ...]:
    """The files of a table: itself, or all in a folder by name; refused where there is none, or the folder is mixed."""
    if path.is_dir():
        files = tuple(sorted(file for file in path.iterdir() if ending(file) in ENDINGS))
        endings = sorted({ending(file) for file in files})
        if len(endings) != 1:
            found = "none" if not endings else "both " + " and ".join(endings)
            raise GraceError(
                f"{path} should be a folder of .csv files or of .parquet files. Found {found}. Name one file, or a folder of one "
                "kind."
            )
        return files
    if ending(path) not in (*ENDINGS, *NCMAPSS):
        raise GraceError(
            f"{path} should end in {', '.join(ENDINGS)} or .h5, or be a folder. Found {ending(path)!r}. Export it as one of them."
        )
    if not path.exists():
        raise GraceError(f"{path} should be a table. Found none. Check the path.")
    return (path,)


def _lazy(file: Path) -> pl.LazyFrame:
    def opened() -> pl.LazyFrame:
        refuse_bomb(file)
        return pl.scan_parquet(file) if file.suffix.lower() == ".parquet" else scan_text(file)

    return _read(file, opened)


def _schema(file: Path, frame: pl.LazyFrame) -> Schema:
    return _read(file, lambda: dict(frame.collect_schema()))


def _read(file: Path, read: Callable[[], T]) -> T:
    """What ``read`` makes of a file; refused where it cannot be read."""
    try:
        with panics_as_errors((file,)):
            return read()
    except (*UNPACKING, pl.exceptions.PolarsError) as error:
        raise unreadable(file, error) from None


def _no_numbers(files: Sequence[Path], schemas: Sequence[Schema], names: Collection[str]) -> set[str]:
    """Those of the columns ``names`` of text files that hold other than whole numbers, in any of the files."""
    found: set[str] = set()
    for file, schema in zip(files, schemas, strict=True):
        there = [name for name in names if name in schema and ending(file) in TEXT]
        whole = [name for name in there if schema[name].is_integer()]
        found |= set(there).difference(whole) | _read(file, partial(not_whole, file, whole))
    return {name for name in found if any(schema.get(name) != pl.String for schema in schemas)}


def _without_decimals(
    frames: Sequence[pl.LazyFrame], schemas: Sequence[Schema], names: Collection[str]
) -> tuple[tuple[pl.LazyFrame, ...], Schema]:
    """Frames whose decimals are of double precision, as all else is computed in, and the schema of the first; names are texts."""
    columns = {name for schema in schemas for name, kind in schema.items() if kind.is_decimal()}
    kinds: Schema = {name: pl.String() if name in names else pl.Float64() for name in columns}
    made = [pl.col(name).cast(kind) for name, kind in kinds.items()]
    return tuple(frame.with_columns(made) if made else frame for frame in frames), schemas[0] | kinds


def _refuse_other_columns(first: Path, expected: Schema, file: Path, found: Schema) -> None:
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


def _to_polars(frame: Frame) -> pl.DataFrame:
    """A frame of polars, lazy or not, or of pandas, as one of polars; refused where it is none or a column mixes types."""
    try:
        if isinstance(frame, pl.DataFrame | pl.LazyFrame):
            return frame.lazy().collect()
        if type(frame).__module__.split(".")[0] == "pandas":
            return _from_pandas(frame)
    except (OSError, TypeError, pl.exceptions.PolarsError) as error:
        raise unreadable(FRAME, error) from None
    raise GraceError(
        f"A table should be a path, or a frame of polars or pandas. Found {type(frame).__name__}. Convert it."
    )


def _from_pandas(frame: _PandasFrame) -> pl.DataFrame:
    return pl.DataFrame([_series(str(name), frame[name]) for name in frame.columns])


def _series(name: str, column: Any) -> pl.Series:
    """A column of a pandas frame; missing values are null."""
    values = column.to_numpy()
    if values.dtype.kind in "iufbmM":
        return pl.Series(name, values, nan_to_null=True)
    return pl.Series(
        name, [None if gone else value for value, gone in zip(column.tolist(), column.isna(), strict=True)]
    )
