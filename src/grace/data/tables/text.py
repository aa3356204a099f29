"""Text tables as they are found: separator, decimal sign, compression, encoding, and texts that stand for a missing number."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from calendar import month_name
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from grace.errors import GraceError

TEXT = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
MISSING = ("NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "-", "--", "?")
"""Texts that stand for a missing value in a column of numbers."""
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
UNPACKING = (OSError, EOFError, zlib.error)
"""What reading a file raises that is gone or damaged."""
_SAMPLE = 1 << 18  # bytes that separator and decimal sign are told from
_QUOTED = re.compile(r'"[^"]*"')
_COMMA, _POINT = (re.compile(rf"\s*[+-]?\d+{sign}\d+([eE][+-]?\d+)?\s*") for sign in (",", r"\."))
_PARTS = r"^\s*(\d{1,2})[/-](\d{1,2})[/-]\d{4}"
_WHOLE = r"^(0|-?[1-9][0-9]*)$"
_FOREIGN = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PK\x03\x04": "a zip archive or a spreadsheet"}
"""First bytes of files that are no text of ours."""


def ending(path: Path) -> str:
    """The ending of a file in lower case, of a compressed one the last two: ``.csv.gz``."""
    last = path.suffix.lower()
    return path.with_suffix("").suffix.lower() + last if last == ".gz" else last


def table_name(path: Path) -> str:
    """What results call a table: the file without its ending, or the folder."""
    return path.name[: len(path.name) - len(ending(path))] if ending(path) in TEXT else path.stem


@dataclass(frozen=True)
class Dialect:
    """How a text table is written: what separates its fields, and whether a comma is its decimal sign."""

    separator: str = ","
    decimal_comma: bool = False

    @classmethod
    def of(cls, file: Path) -> Dialect:
        """Told from the beginning of a file: the separator that its first line has most of, and a comma for a decimal sign where
        numbers have one and none has a point.

        Raises:
            GraceError: It is no text in UTF-8.
        """
        with opened(file) as text:
            head = text.read(_SAMPLE)
        for first, what in _FOREIGN.items():
            if head.startswith(first):
                raise GraceError(f"{file} should be text in UTF-8. Found {what}. Export it as .csv in UTF-8.")
        if b"\n" not in head and (len(head) == _SAMPLE or b"\r" in head):
            found = "a carriage return alone" if b"\r" in head else f"none in {_SAMPLE:,} bytes"
            raise GraceError(f"{file} should end its lines with LF or CRLF. Found {found}. Save it with such ends.")
        try:
            head.partition(b"\n")[0].decode("utf-8")
        except UnicodeDecodeError:  # polars reads names with signs for what it does not know
            raise GraceError(
                f"{file} should be text in UTF-8. Found none in line 1. Save it in that encoding."
            ) from None
        lines = head.decode("utf-8-sig", errors="replace").splitlines()
        names = _QUOTED.sub("", lines[0]) if lines else ""
        separator = max(SEPARATORS, key=names.count)
        fields = [field for line in lines[1:] for field in line.split(separator)]
        commas, points = (any(sign.fullmatch(field.strip('"')) for field in fields) for sign in (_COMMA, _POINT))
        return cls(separator, separator != "," and commas and not points)

    @property
    def words(self) -> str:
        """Itself in words; empty where it is the usual one."""
        found = [] if self.separator == "," else [f"fields between {SEPARATORS[self.separator]}"]
        return ", ".join(found + ["decimal commas"] * self.decimal_comma)


def scan_text(file: Path, texts: Collection[str] = ()) -> pl.LazyFrame:
    """A text table, with :data:`MISSING` texts as missing values and its column names without blanks around them; the columns
    ``texts``, which it has, as they are written."""
    found = Dialect.of(file)
    return pl.scan_csv(
        file,
        separator=found.separator,
        decimal_comma=found.decimal_comma,
        null_values=list(MISSING),
        infer_schema_length=10_000,
        schema_overrides=dict.fromkeys(texts, pl.String),
        try_parse_dates=True,
        with_column_names=lambda names: [name.strip() for name in names],
    )


def _as_text(file: Path) -> pl.LazyFrame:
    """A text table with all its fields as they are written."""
    return pl.scan_csv(
        file,
        separator=Dialect.of(file).separator,
        infer_schema=False,
        with_column_names=lambda names: [name.strip() for name in names],
    )


def not_whole(file: Path, names: Collection[str]) -> set[str]:
    """Those of some columns of a text table in which a field is not what its whole number is written as: read as numbers ``0012``
    and ``12`` would be one name, and ``12E3`` another one."""
    if not names:
        return set()
    odd = (~pl.col(name).is_in(MISSING) & ~pl.col(name).str.contains(_WHOLE) for name in names)
    found = _as_text(file).select(each.any() for each in odd).collect(engine="streaming").row(0)
    return {name for name, is_odd in zip(names, found, strict=True) if is_odd}


def refuse_unclear_dates(files: Sequence[Path], name: str) -> None:
    """Refuse dates in a column of text files that may have the day first or the month: in no row a part above 12 tells which.

    Raises:
        GraceError: So it is, and it makes a difference.
    """
    shown = ""
    for file in files:
        parts = pl.col(name).str.extract_groups(_PARTS).struct
        one, two = parts.field("1").cast(pl.Int8).alias("one"), parts.field("2").cast(pl.Int8).alias("two")
        rows = _as_text(file).select(name, one, two).filter(pl.col("one") != pl.col("two"))
        told = rows.filter(pl.max_horizontal("one", "two") > 12)
        if len(told.head(1).collect(engine="streaming")):
            return
        shown = shown or "".join(rows.head(1).collect(engine="streaming")[name])
    if parts_shown := re.match(_PARTS, shown):
        one_of, two_of = map(int, parts_shown.groups())
        both = f"{one_of} {month_name[two_of]} or {two_of} {month_name[one_of]}"
        raise GraceError(
            f"{files[0]}: {name} should tell days from months. Found {shown.strip()}, which is {both}, and in no row a part "
            "above 12 that tells which. Export dates as 2024-12-31."
        )


def texts_in_place_of_numbers(file: Path, names: tuple[str, ...]) -> dict[str, int]:
    """How many fields of each of some columns hold one of :data:`MISSING`, for the columns that are there and have such."""
    frame = _as_text(file)
    read = [name for name in frame.collect_schema() if name in names]
    counts = frame.select(pl.col(read).is_in(MISSING).sum()).collect(engine="streaming").row(0) if read else ()
    return {name: int(count) for name, count in zip(read, counts, strict=True) if count}


def text_of(name: str) -> pl.Expr:
    """A text column without blanks around what it holds; nothing where that is all."""
    return pl.col(name).cast(pl.String).str.strip_chars().replace("", None)


def fault_of(file: Path) -> str:
    """Why polars could not read a text table, where that can be told: the first line that is no UTF-8 or has too many fields."""
    separator = Dialect.of(file).separator
    with opened(file) as text:
        for number, line in enumerate(text, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"no UTF-8 in line {number}. Save it in that encoding"
    with io.TextIOWrapper(opened(file), encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines, delimiter=separator)
        width = len(next(rows, []))
        for row in islice(rows, 1 << 22):
            if len(row) > width:
                return f"{len(row)} fields in line {rows.line_num}, {width} in the first. Correct the line"
    return ""


def is_packed(file: Path) -> bool:
    """Whether the first bytes of a file are those of gzip, whatever it is called."""
    with file.open("rb") as raw:
        return raw.read(2) == b"\x1f\x8b"


def opened(file: Path) -> BinaryIO:
    """A text table to read, decompressed where it is packed."""
    return cast(BinaryIO, gzip.open(file) if is_packed(file) else file.open("rb"))
