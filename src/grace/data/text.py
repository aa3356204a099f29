"""Blank-separated numbers from a text file: fast where the file is clean, and with the line's number where it is not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError

_PLAIN = b"0123456789+-.eE \r\n"
_BLANK = (b"\n ", b"\n\r", b"\n\n")  # a line that begins with a blank, or holds nothing else
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def read_numbers(path: Path, columns: int) -> NDArray[np.float64]:
    """Every line's ``columns`` finite numbers, float64 ``[lines, columns]``.

    Trailing blanks, tabs, runs of blanks and CRLF are fine; a last line without its end is, too.

    Raises:
        GraceError: The file is missing, empty or no text, or a line is blank, has another number of columns or holds
            something else than finite numbers. Only the first such line is named.
    """
    content = _content(path)
    if (fast := _fast(content, columns)) is not None:
        return fast
    return _line_by_line(path, content, columns)


def _content(path: Path) -> bytes:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "none"
        raise GraceError(f"{path} should be a text file. Found {found}. Check --data and the name.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise GraceError(f"{path} should be readable. Found: {error.strerror}. Check its permissions.") from None
    if not content.strip():
        raise GraceError(f"{path} should hold one line a row. Found an empty file. Fetch or export it again.")
    return content


def _fast(content: bytes, columns: int) -> NDArray[np.float64] | None:
    """The numbers of a clean file, single blanks between them; None if there is any doubt."""
    import polars as pl

    # what polars reads more generously than we do, or skips, is left to the careful reader
    if content.translate(None, _PLAIN) or content[:1].isspace() or any(blank in content for blank in _BLANK):
        return None
    width = content.split(b"\n", 1)[0].rstrip(b"\r").count(b" ") + 1
    schema = {f"c{i}": pl.Float64 if i < columns else pl.String for i in range(width)}
    try:
        table = pl.read_csv(content, has_header=False, separator=" ", schema=schema, quote_char=None)
    except pl.exceptions.PolarsError:
        return None
    wanted, rest = table[:, :columns], table[:, columns:]
    if width < columns or any(wanted.null_count().row(0)):
        return None
    if any(filled != table.height for filled in (rest.null_count().row(0) if rest.width else ())):
        return None
    numbers = wanted.to_numpy()
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    return numbers if len(numbers) == lines and np.isfinite(numbers).all() else None


def _line_by_line(path: Path, content: bytes, columns: int) -> NDArray[np.float64]:
    try:
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise GraceError(f"{path}, line {line}: should be plain text. Found byte {content[error.start]:#x}.") from None
    if lines[-1] == "":
        del lines[-1]
    return np.array([_row(path, number, line, columns) for number, line in enumerate(lines, start=1)])


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
