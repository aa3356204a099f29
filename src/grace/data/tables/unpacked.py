"""Packed tables: what they unpack to is counted before it is read, so that a small file cannot fill the memory."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from grace.data.tables.text import is_packed, opened
from grace.errors import GraceError

MOST = 200
"""Times its size that a packed table may unpack to."""
ALWAYS = 1 << 26
"""Bytes that any table may unpack to."""
_PIECE = 1 << 20


def refuse_bomb(file: Path) -> None:
    """Count what a packed text unpacks to, or eight bytes a value of Parquet.

    Raises:
        GraceError: It is more than :data:`MOST` times the file's size, and more than :data:`ALWAYS`.
        OSError, EOFError, zlib.error: It is damaged; what polars raises of Parquet.
    """
    size = file.stat().st_size
    limit, parquet = max(ALWAYS, MOST * size), file.suffix.lower() == ".parquet"
    if not parquet and not is_packed(file):
        return
    if (_of_parquet(file) if parquet else _of_text(file, limit)) > limit:
        raise GraceError(
            f"{file} should unpack to at most {MOST} times its size. Found more than {limit:,} bytes in {size:,}. Unpack it, if "
            "you trust it: a plain .csv has no such limit."
        )


def _of_parquet(file: Path) -> int:
    frame = pl.scan_parquet(file)
    rows: int = frame.select(pl.len()).collect().item()
    return 8 * rows * len(frame.collect_schema())


def _of_text(file: Path, limit: int) -> int:
    found = 0
    with opened(file) as text:
        while found <= limit and (piece := text.read(_PIECE)):
            found += len(piece)
    return found
