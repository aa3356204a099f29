"""What GRACE reads, each with a sound file, damage by seed, and a truth that GRACE has no part in."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors import safe_open

from grace.data.cmapss.fleets import read_train, write_cmapss
from grace.data.cmapss.ncmapss import read_flights
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.tables.columns import Columns
from grace.data.tables.read import read_table
from grace.data.tables.units import read_units
from grace.errors import UnitError
from grace.formats import checksum
from grace.training.checkpoint import load, save
from grace.training.model_file import NETWORK, load_model, save_model
from grace.training.predict import predict
from grace.training.record import Record
from grace.training.run import CHECKPOINT, train
from grace.training.run_spec import run_spec
from tests.faults.mutate import Rng, another, damaged, of_lines, of_tree
from tests.faults.verdict import Subject

Damage = Callable[[Rng, bytes], bytes]
NONE = ("", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "-", "--", "?")
"""What stands for a missing reading, by docs/your-own-engines.md."""
COLUMNS = Columns(engine="id", time="t")


@cache
def sound() -> Path:
    """A folder of sound files: a fleet, and what a run on it leaves."""
    folder, fleets = Path(mkdtemp()), simulate(Simulation(engines=6, test_engines=4))
    write_cmapss(*fleets, folder, "SIM")
    for name, spec in {
        "network": run_spec("SIM", "baseline", size="statistics", schedule="tiny"),
        "folds": run_spec("SIM", "baseline", size="statistics", schedule="tiny", folds=2),
        **{name: run_spec("SIM", name) for name in ("tree", "ridge", "age")},
    }.items():
        run = train(spec, *fleets, checkpoint=folder / f"{name}.checkpoint")
        save_model(folder / f"{name}.safetensors", run)
        run.record.write(folder / "records")
    return folder


@cache
def fleet() -> Any:
    """Engines to predict."""
    return simulate(Simulation(engines=6, test_engines=4))[1]


def _written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _of_bytes(name: str, content: Callable[[], bytes], *ways: Damage) -> Callable[[Rng, Path], Path]:
    """Damage of a file's bytes, in one of some ways."""

    def damage(rng: Rng, folder: Path) -> Path:
        return _written(folder, name, ways[int(rng.integers(len(ways)))](rng, content()))

    return damage


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
    text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", " ")
    lines = list(csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ","))
    key = _key_of([str(line["id"]).strip() for line in lines])
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
    """What engines are told apart and ordered by: numbers where all are, else texts."""
    return (
        float
        if all(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf", name, re.ASCII) for name in names)
        else str
    )


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


# what GRACE writes


def _record() -> Path:
    return max((sound() / "records").glob("*.json"), key=lambda path: path.stat().st_size)


def _damage_record(rng: Rng, folder: Path) -> Path:
    """Bytes; or a value, under a checksum that fits, as a stranger may write it."""
    path = folder / _record().name
    if rng.integers(2):
        return _written(folder, path.name, damaged(rng, _record().read_bytes()))
    values = json.loads(_record().read_bytes())
    of_tree(rng, values["body"], another)
    return _written(folder, path.name, json.dumps(values | {"sha256": checksum(values["body"])}).encode())


def _record_true(path: Path, found: Record) -> bool:
    """Whether these are the figures of the file as Python reads it: fields that are gone have their defaults."""
    body, sane = json.loads(path.read_bytes())["body"], vars(found)
    return all(sane[name] == value for name, value in body.items()) and all(
        not isinstance(v, float) or math.isfinite(v) for v in (*found.test.values(), *found.validation.values())
    )


@cache
def _predicted(name: str) -> np.ndarray[Any, Any]:
    return _numbers(predict(load_model(sound() / f"{name}.safetensors"), fleet()))


def _numbers(found: Any) -> np.ndarray[Any, Any]:
    return np.stack([found.rul, found.low, found.high])


def _read_model(path: Path) -> tuple[Any, list[str]]:
    return predict(load_model(path), fleet()), []


def _model_true(name: str) -> Callable[[Path, Any], bool]:
    return lambda path, found: np.array_equal(_numbers(found), _predicted(name), equal_nan=True)


def _damage_state(name: str) -> Callable[[Rng, Path], Path]:
    """A value or a tensor of the state, under a checksum that fits."""

    def damage(rng: Rng, folder: Path) -> Path:
        state, path = load(sound() / f"{name}.safetensors", NETWORK), folder / "model.safetensors"
        if rng.integers(2):
            state["spec"].pop("id")  # else the id tells of every change
        of_tree(rng, state, _other_tensor)
        save(path, NETWORK, state)
        return path

    return damage


def _other_tensor(rng: Rng, value: Any) -> Any:
    if not isinstance(value, torch.Tensor) or not rng.integers(4):
        return another(rng, value)
    ways: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
        lambda t: t * math.nan,
        lambda t: t * 0 - 1,
        lambda t: t * 0,
        lambda t: t[..., :1] if t.dim() else t.view(1, 1),
        lambda t: t.reshape(-1),
        lambda t: t.double() + 1e9,
        lambda t: t.to(torch.bfloat16),
        lambda t: torch.full_like(t, 10**6),
        lambda t: t[:0] if t.dim() else t,
    )
    return ways[int(rng.integers(len(ways)))](value)


def _sane(path: Path, found: Any) -> bool:
    """Whether a network of other values, which a stranger may have trained, tells RUL in order: finite, from 0 on; or
    no RUL at all where its spec gives that no weight."""
    low, high, rul = found.low, found.high, found.rul
    known = ~np.isnan(low)
    with safe_open(path, "pt") as file:
        untrained = '"weights", [0,' in file.metadata()["tree"]
    in_order = np.isfinite(rul).all() and (rul >= 0).all() and (low[known] <= high[known]).all()
    return bool(in_order or (untrained and np.isnan(rul).all()))


def _checkpoint_true(path: Path, found: Any) -> bool:
    def flat(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [x for key, v in value.items() for x in (key, *flat(v))]
        if isinstance(value, list):
            return [x for v in value for x in flat(v)]
        return [value.numpy().tobytes() if isinstance(value, torch.Tensor) else value]

    return flat(found) == flat(load(sound() / "network.checkpoint", CHECKPOINT))


@cache
def _content(name: str) -> bytes:
    return (sound() / name).read_bytes()


def _head(rng: Rng, content: bytes) -> bytes:
    """Damage of the first bytes, where headers are."""
    return damaged(rng, content[:4096]) + content[4096:]


SUBJECTS = (
    Subject(
        "C-MAPSS text",
        _of_bytes("train_X.txt", lambda: _content("train_SIM.txt"), damaged, lambda r, c: of_lines(r, c, " ")),
        lambda path: (read_train(path.parent, "X"), []),
        _text_true,
    ),
    Subject("CSV", _of_bytes("a.csv", _csv, damaged, lambda r, c: of_lines(r, c, ",")), _read_table, _table_true),
    Subject("TSV", _of_bytes("a.tsv", _tsv, damaged, lambda r, c: of_lines(r, c, "\t")), _read_table, _table_true),
    Subject("Parquet", _of_bytes("a.parquet", _parquet, _damage_parquet), _read_table, _parquet_true),
    Subject("HDF5", _of_bytes("a.h5", _hdf5, damaged), _read_hdf5, _hdf5_true),
    Subject(
        "units.csv", _of_bytes("units.csv", _units, damaged, lambda r, c: of_lines(r, c, ",")), _read_units, _units_true
    ),
    Subject("record", _damage_record, lambda path: (Record.read(path), []), _record_true),
    Subject(
        "checkpoint",
        _of_bytes("c.safetensors", lambda: _content("network.checkpoint"), damaged, _head),
        lambda path: (load(path, CHECKPOINT), []),
        _checkpoint_true,
    ),
    *(
        Subject(
            f"model, bytes ({name})",
            _of_bytes("m.safetensors", lambda name=name: _content(f"{name}.safetensors"), damaged, _head),  # type: ignore[misc]
            _read_model,
            _model_true(name),
        )
        for name in ("network", "tree")
    ),
    *(
        Subject(f"model, values ({name})", _damage_state(name), _read_model, _sane)
        for name in ("network", "folds", "tree", "ridge", "age")
    ),
)
