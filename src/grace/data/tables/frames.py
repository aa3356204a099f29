"""Frames in memory, of polars or pandas, and what they hold."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from grace.errors import GraceError

FRAME = Path("frame")
"""What messages call a frame."""


class _PandasFrame(Protocol):
    """What is used of a pandas frame; pandas itself is not needed."""

    @property
    def columns(self) -> Any:
        """Names."""

    def __getitem__(self, name: Any) -> Any: ...


Frame = pl.DataFrame | pl.LazyFrame | _PandasFrame


def to_polars(frame: Frame) -> pl.DataFrame:
    """A frame of polars, lazy or not, or of pandas, as one of polars.

    Raises:
        GraceError: It is no frame, a column mixes types, or a lazy frame cannot be collected.
    """
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


def frame_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of a frame's column names, types and values in their order; NaN and a missing value are the same."""
    digest = hashlib.sha256()
    for series in frame:
        kind = series.dtype
        if kind.is_float():
            series = series.fill_nan(None)
        digest.update(json.dumps([series.name, str(kind), len(series)]).encode())
        digest.update(series.is_null().to_numpy().tobytes())
        if kind.is_numeric() or kind.is_temporal():
            digest.update(series.to_physical().fill_null(0).to_numpy().tobytes())
        else:
            digest.update(json.dumps(series.cast(pl.String).to_list()).encode())
    return digest.hexdigest()


def unreadable(file: Path, error: Exception) -> GraceError:
    """The error to show where polars cannot read a table."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return GraceError(f"{file} should be a readable table. Found: {reason[:300].rstrip('.')}. Export it again.")
