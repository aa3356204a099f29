"""Blank-separated numbers from a text file: fast where the file is clean, and with the line's number where it is not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.errors import GraceError

_PLAIN = b"0123456789+-.eE \r\n"
_PIECE = 1 << 21
"""Bytes that are read and parsed at once: a whole file beside its numbers would double the peak of memory."""
_LONGEST = 1 << 16
"""Bytes of the longest line that is read; 26 numbers take some hundred."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


_Numbers = tuple[NDArray[np.float64], str]
"""What a text file holds: float64 ``[lines, columns]``, and the SHA-256 of its bytes in hexadecimal."""


def read_numbers(path: Path, columns: int) -> _Numbers:
    """Every line's ``columns`` finite numbers, and the file's SHA-256; the first line that holds anything else is named.

    Trailing blanks, tabs, runs of blanks and CRLF are fine; a last line without its end is, too.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "none"
        raise GraceError(f"{path} should be a text file. Found {found}. Check --data and the name.")
    try:
        if (fast := _fast(path, columns)) is not None:
            return fast
        return _line_by_line(path, b"".join(_pieces(path)), columns)
    except OSError as error:
        raise GraceError(f"{path} should be readable. Found: {error.strerror}. Check its permissions.") from None


def _fast(path: Path, columns: int) -> _Numbers | None:
    """The numbers of a clean file, single blanks between them; None if there is any doubt.

    Blank lines, leading blanks and runs of blanks show as empty fields, or as a count of rows that is not that of the lines.
    """
    digest, lines, width = hashlib.sha256(), 0, 0
    for piece in _pieces(path):  # once to count, so that the numbers are written where they stay
        if piece.translate(None, _PLAIN):  # what polars reads more generously than we do is left to the careful reader
            return None
        width = width or piece.split(b"\n", 1)[0].rstrip(b"\r").count(b" ") + 1
        lines += piece.count(b"\n") + (not piece.endswith(b"\n"))
    if width < columns:
        return None
    values, done = np.empty((columns, lines)).T, 0  # column by column, as polars has them
    for piece in _pieces(path):
        digest.update(piece)
        rows = _parsed(piece, columns, width)
        if rows is None or done + len(rows) > lines:
            return None
        values[done : done + len(rows)] = rows
        done += len(rows)
    return (values, digest.hexdigest()) if done == lines and np.isfinite(values).all() else None


def _pieces(path: Path) -> Iterator[bytes]:
    """Whole lines of a file, some megabytes at a time; refused where one is no line of a table."""
    number = 1
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            piece += file.readline(_LONGEST)
            if _is_long(piece):
                _refuse_long(path, piece, number)
            number += piece.count(b"\n")
            yield piece


def _refuse_long(path: Path, piece: bytes, first: int) -> None:
    for number, line in enumerate(piece.split(b"\n"), start=first):
        if len(line) >= _LONGEST:
            found = "a carriage return alone at its ends" if b"\r" in line else f"{len(line):,} bytes without an end"
            raise GraceError(
                f"{path}, line {number}: should be a line of at most {_LONGEST:,} bytes that ends in LF or CRLF. Found {found}. "
                "Save the file with such ends."
            )


def _is_long(piece: bytes) -> bool:
    """Whether a piece may hold a line that is too long: it has one where some place so far apart have no end between them."""
    return any(b"\n" not in piece[at : at + _LONGEST // 2] for at in range(0, len(piece), _LONGEST // 2))


def _parsed(piece: bytes, columns: int, width: int) -> NDArray[np.float64] | None:
    """Numbers of lines whose first ``columns`` of ``width`` fields are all filled and the others all empty; else None."""
    schema = {f"c{i}": pl.Float64 if i < columns else pl.String for i in range(width)}
    try:
        table = pl.read_csv(piece, has_header=False, separator=" ", schema=schema, quote_char=None)
    except pl.exceptions.PolarsError:
        return None
    empty = table.null_count().row(0) if table.height else ()
    if any(empty[:columns]) or any(count != table.height for count in empty[columns:]):
        return None
    return table[:, :columns].to_numpy()


def _line_by_line(path: Path, content: bytes, columns: int) -> _Numbers:
    if not content or content.isspace():
        raise GraceError(f"{path} should hold one line a row. Found an empty file. Fetch or export it again.")
    try:
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise GraceError(f"{path}, line {line}: should be plain text. Found byte {content[error.start]:#x}.") from None
    if lines[-1] == "":
        del lines[-1]
    rows = [_row(path, number, line, columns) for number, line in enumerate(lines, start=1)]
    return np.array(rows), hashlib.sha256(content).hexdigest()


def _row(path: Path, number: int, line: str, columns: int) -> list[float]:
    fields = line.split()
    if len(fields) != columns:
        raise GraceError(
            f"{path}, line {number}: should have {columns} columns. Found {len(fields)}. Restore or remove the line."
        )
    for column, text in enumerate(fields, start=1):
        if not _NUMBER.fullmatch(text) or not np.isfinite(float(text)):
            raise GraceError(
                f"{path}, line {number}, column {column}: should be a finite number. Found {text[:40]!r}. Correct it."
            )
    return [float(text) for text in fields]
