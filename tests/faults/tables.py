"""What comes from others, each with a sound file, damage by seed, and a truth that GRACE has no part in."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from grace.data.cmapss.fleets import read_train
from grace.data.cmapss.ncmapss import read_flights
from grace.data.tables.columns import Columns
from grace.data.tables.read import read_table
from grace.data.tables.units import read_units
from grace.errors import UnitError
from tests.faults.mutate import Rng, damaged, of_bytes, of_lines
from tests.faults.saved import content_of
from tests.faults.verdict import Subject

NONE = ("", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "-", "--", "?")
"""What stands for a missing reading, by docs/your-own-engines.md."""
COLUMNS = Columns(engine="id", time="t")


# text in the format of C-MAPSS


def _text_true(path: Path, found: Any) -> bool:
    """Whether these are the numbers of the file as Python reads them, line by line."""
    lines = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    rows = np.array([[float(text) for text in line.split()] for line in lines])
    engines, starts = np.unique(rows[:, 0], return_index=True)
    same = np.array_equal(found.values, rows[:, 2:]) and found.engines.tolist() == rows[np.sort(starts), 0].tolist()
    return same and len(engines) == len(found.engines)


# tables


@cache
def _csv() -> bytes:
    rng, out = np.random.default_rng(0), io.StringIO()
    rows = [(engine, time, *np.round(rng.normal(size=2), 3)) for engine in (1, 2, 3) for time in range(1, 9)]
    csv.writer(out, lineterminator="\n").writerows([("id", "t", "a", "b"), *rows])
    return out.getvalue().encode()


def _csv_packed() -> bytes:
    return gzip.compress(_csv(), mtime=0)


def _tsv() -> bytes:
    return _csv().replace(b",", b"\t")


def _read_table(path: Path) -> tuple[Any, list[str]]:
    """As ``grace predict`` reads: an engine that cannot be read is left out, a missing reading is carried on."""
    found = read_table(path, COLUMNS, ("a", "b"), leave_out=UnitError)
    done = [line for line in found.done if line != "read with fields between tabs"]
    return found, [*done, *found.left_out, *found.columns[2:]]


def _as_told(rows: list[tuple[Any, float, Any]], found: Any) -> bool:
    """Whether a fleet holds these rows (engine, time, values), in their order and without those of engines that it says are left
    out; of values that are missing the engine's last one before, and NaN before the first."""
    key = type(rows[0][0]) if rows else str
    gone = {key(name) for name in map(str, found.left_out)}
    rows = sorted((row for row in rows if row[0] not in gone), key=lambda row: row[:2])
    last: dict[Any, Any] = {}
    for number, (engine, time, values) in enumerate(rows):
        filled = np.where(np.isnan(values), last.get(engine, np.full(2, np.nan)), values)
        rows[number] = engine, time, filled
        last[engine] = filled
    engines = [key(str(found.engines[e])) for e in found.engine_of_row()]
    same = engines == [row[0] for row in rows]
    return same and np.array_equal(found.values[:, :2], np.array([row[2] for row in rows]), equal_nan=True)


def _table_true(path: Path, found: Any) -> bool:
    """Whether these are the rows of the file as the csv module of Python reads them."""
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", " ")
    lines = list(csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ","))
    key = _key_of([str(line["id"]) for line in lines])
    gone = {key(name) for name in map(str, found.left_out)}
    rows = []
    for line in lines:
        if key(str(line["id"])) in gone:
            continue
        texts = [(line[name] or "").strip() for name in ("t", "a", "b")]
        try:
            time, *values = (math.nan if text in NONE else float(text) for text in texts)
        except ValueError:
            return False
        rows.append((key(str(line["id"])), time, np.array(values)))
    return _as_told(rows, found)


def _key_of(names: list[str]) -> Callable[[str], Any]:
    """What engines are told apart and ordered by: numbers where all are written as whole numbers are, else texts."""
    return int if all(re.fullmatch(r"0|-?[1-9][0-9]*", name) for name in names if name not in NONE) else str


@cache
def _parquet() -> bytes:
    """Columns of unpacked double precision, so that their bytes stand in the file as they are."""
    rng, out = np.random.default_rng(0), io.BytesIO()
    keys = {"id": np.repeat([1, 2, 3], 40), "t": np.tile(np.arange(1, 41), 3)}
    frame = pl.DataFrame(keys | {name: rng.normal(size=120) for name in ("a", "b")})
    frame.write_parquet(out, compression="uncompressed", statistics=False)
    return out.getvalue()


@cache
def _parquet_places() -> tuple[int, int]:
    """Where the values of the two columns begin."""
    frame = pl.read_parquet(_parquet())
    return _parquet().index(frame["a"].to_numpy().tobytes()), _parquet().index(frame["b"].to_numpy().tobytes())


def _damage_parquet(rng: Rng, content: bytes) -> bytes:
    """Behind the keys: in the pages of values, or in the footer."""
    keep = int(rng.choice([_parquet_places()[0] - 40, _parquet_places()[1] + 8 * 120]))
    return content[:keep] + damaged(rng, content[keep:])


def _parquet_true(path: Path, found: Any) -> bool:
    """Whether these are the values whose bytes stand in the file where they were written."""
    content = path.read_bytes()
    a, b = (np.frombuffer(content[at : at + 8 * 120]) for at in _parquet_places())
    rows = [(1.0 + row // 40, 1.0 + row % 40, np.array([a[row], b[row]])) for row in range(120)]
    return _as_told(rows, found)


@cache
def _hdf5() -> bytes:
    import h5py

    rng, out = np.random.default_rng(0), io.BytesIO()
    with h5py.File(out, "w") as file:
        keys = np.array([(unit, cycle, 1, 1) for unit in (1, 2) for cycle in (1, 2, 3) for _ in range(5)], dtype=float)
        rul = np.array([3 - cycle for _, cycle, *_ in keys], dtype=float)[:, None]
        file["A_dev"], file["Y_dev"] = keys, rul
        file["W_dev"], file["X_s_dev"] = rng.normal(size=(30, 2)), rng.normal(size=(30, 3))
        file["W_var"], file["X_s_var"] = np.array([b"alt", b"Mach"]), np.array([b"T24", b"T30", b"P15"])
    return out.getvalue()


def _read_hdf5(path: Path) -> tuple[Any, list[str]]:
    return read_flights(path, "dev"), []


def _hdf5_true(path: Path, found: Any) -> bool:
    """Whether these are the means of flights of the rows that HDF5 holds."""
    import h5py

    with h5py.File(path) as file:
        keys = file["A_dev"][:, :2]
        values = np.hstack([file["W_dev"][:], file["X_s_dev"][:]])
        names = [name.decode() for kind in ("W_var", "X_s_var") for name in file[kind][:]]
    flights = np.unique(keys, axis=0)
    means = np.array([values[(keys == flight).all(1)].mean(axis=0) for flight in flights])
    if len(found) != len(flights) or len(set(names)) != len(names):
        return False
    same = np.allclose(found.select(names).to_numpy(), means, rtol=1e-9, equal_nan=True)
    return same and np.array_equal(found.select("unit", "cycle").to_numpy(), flights)


@cache
def _units() -> bytes:
    return b"id,event,group\n1,1,x\n2,0,x\n3,1,y\n4,1,z\n"


def _read_units(path: Path) -> tuple[Any, list[str]]:
    return read_units(path, "id", {"event": "event", "group": "group"}), []


def _units_true(path: Path, found: Any) -> bool:
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"))))
    event = {"1": 1, "0": 0, "-0": 0, "true": 1, "false": 0, "1.0": 1, "0.0": 0}
    key = _key_of([str(row.get("id")).strip() for row in rows])
    try:
        told = [(key(row["id"].strip()), event[row["event"].strip().lower()], row["group"].strip()) for row in rows]
    except (KeyError, AttributeError, ValueError):
        return False
    seen = zip(found["engine"], found["event"], found["group"], strict=True)
    return told == [(key(e.strip()), int(v), g.strip()) for e, v, g in seen]


TABLES = (
    Subject(
        "C-MAPSS text",
        of_bytes("train_X.txt", lambda: content_of("train_SIM.txt"), damaged, lambda r, c: of_lines(r, c, " ")),
        lambda path: (read_train(path.parent, "X"), []),
        _text_true,
    ),
    Subject("CSV", of_bytes("a.csv", _csv, damaged, lambda r, c: of_lines(r, c, ",")), _read_table, _table_true),
    Subject("TSV", of_bytes("a.tsv", _tsv, damaged, lambda r, c: of_lines(r, c, "\t")), _read_table, _table_true),
    Subject("CSV, gzip", of_bytes("a.csv.gz", _csv_packed, damaged), _read_table, _table_true),
    Subject("Parquet", of_bytes("a.parquet", _parquet, _damage_parquet), _read_table, _parquet_true),
    Subject("HDF5", of_bytes("a.h5", _hdf5, damaged), _read_hdf5, _hdf5_true),
    Subject(
        "units.csv", of_bytes("units.csv", _units, damaged, lambda r, c: of_lines(r, c, ",")), _read_units, _units_true
    ),
)
