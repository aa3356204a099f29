"""What GRACE writes and reads again, each with damage by seed, and a truth that GRACE has no part in."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from grace.data.cmapss.fleets import write_cmapss
from grace.data.simulated.fleet import Simulation, simulate
from grace.formats import checksum
from grace.training.checkpoint import load, save
from grace.training.model_file import NETWORK, load_model, save_model
from grace.training.predict import predict
from grace.training.record import Record
from grace.training.run import CHECKPOINT, train
from grace.training.run_spec import run_spec
from tests.faults.mutate import Rng, another, damaged, of_bytes, of_tree, written
from tests.faults.verdict import Subject


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


def _record() -> Path:
    return max((sound() / "records").glob("*.json"), key=lambda path: path.stat().st_size)


def _damage_record(rng: Rng, folder: Path) -> Path:
    """Bytes; or a value, under a checksum that fits, as a stranger may write it."""
    path = folder / _record().name
    if rng.integers(2):
        return written(folder, path.name, damaged(rng, _record().read_bytes()))
    values = json.loads(_record().read_bytes())
    of_tree(rng, values["body"], another)
    return written(folder, path.name, json.dumps(values | {"sha256": checksum(values["body"])}).encode())


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
def content_of(name: str) -> bytes:
    return (sound() / name).read_bytes()


def _head(rng: Rng, content: bytes) -> bytes:
    """Damage of the first bytes, where headers are."""
    return damaged(rng, content[:4096]) + content[4096:]


SAVED = (
    Subject("record", _damage_record, lambda path: (Record.read(path), []), _record_true),
    Subject(
        "checkpoint",
        of_bytes("c.safetensors", lambda: content_of("network.checkpoint"), damaged, _head),
        lambda path: (load(path, CHECKPOINT), []),
        _checkpoint_true,
    ),
    *(
        Subject(
            f"model, bytes ({name})",
            of_bytes("m.safetensors", lambda name=name: content_of(f"{name}.safetensors"), damaged, _head),  # type: ignore[misc]
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
