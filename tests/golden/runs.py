"""A dozen small runs whose numbers are pinned: methods, sizes, protocols, a table, diagnoses and a network that is not ours.

``python -m tests.golden.runs [NAME ...]`` writes ``golden.json`` anew, or some of it; do so only where a change of numbers is
meant, and say why in the commit.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from grace.alignment.probe import probe
from grace.alignment.recipes import RECIPES
from grace.controllers.methods import build_outer
from grace.data.conventions import PUBLISHED, Conventions
from grace.data.fleet import Fleet
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.data.windows import ManyWindows, Windows
from grace.loop.backward import backward
from grace.models.cnn_bilstm_attention import SIZES
from grace.models.rul_problem import RULProblem
from grace.training import run as training
from grace.training.protocol import Split
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from tests.data.conftest import as_table
from tests.loop.foreign import Foreign, batch, losses

FILE = Path(__file__).with_name("golden.json")
NARROW = replace(SIZES["paper"], channels=(6, 8, 6), hidden=6, heads=2, shared=(8, 6), rul=(6, 4), health=(6, 4))
SIMULATION = Simulation(engines=6, test_engines=5)
PLAN = replace(SCHEDULES["tiny"], epochs=2, steps=6, offset=0.3)
METHODS = ("baseline", "dwa", "gradnorm", "uncertainty", "amnl", "gaba", "grace", "rul-only", "health-only")


def spec_of(method: str, **choices: Any) -> RunSpec:
    """A spec that trains for a second."""
    choices = {
        "size": "tiny",
        "schedule": PLAN,
        "conventions": replace(PUBLISHED, window=20),
        "seed": 3,
        "rul_scale": "cap",
        "measure_every": 2,
    } | choices
    return run_spec("simulated", method, **choices)


@contextmanager
def in_double() -> Iterator[None]:
    """All of torch's fresh tensors in double precision, and random numbers of its own."""
    torch.set_default_dtype(torch.float64)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_default_dtype(torch.float32)


def wide(windows: Any) -> Any:
    """Windows in double precision."""
    assert isinstance(windows, Windows)
    return replace(windows, rows=windows.rows.astype(np.float64), rul=windows.rul.astype(np.float64))  # type: ignore[union-attr]


SPLIT_OF = Split.of  # the real one, while another stands in its place


def wide_split(spec: RunSpec, fleet: Fleet, test: Fleet | None) -> Split:
    """The split that the spec has, in double precision."""
    split = SPLIT_OF(spec, fleet, test)
    sides = {name: wide(side) for name in ("train", "validation", "test") if (side := getattr(split, name)) is not None}
    return replace(split, **sides)


def trained(spec: RunSpec, fleet: Fleet, test: Fleet | None, **named: Any) -> dict[str, Any]:
    """History, figures and predictions of a training."""
    record = training.train(spec, fleet, test, monitor_every=3, **named).record
    assert record.status == "done", record.reason
    history = [{name: value for name, value in entry.items() if name != "lr"} for entry in record.history]
    return {"history": history, "validation": record.validation, "test": record.test, "interval": record.interval}


def train_in_double(spec: RunSpec) -> dict[str, Any]:
    """A training in which rounding is the only thing that may differ from another engine's."""
    with in_double(), patch.object(Split, "of", wide_split):
        return trained(spec, *simulate(SIMULATION))


def train_resumed() -> dict[str, Any]:
    """The run of ``single``, stopped after its first epoch and begun again."""

    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    spec, fleets = spec_of("grace"), simulate(SIMULATION)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint"
        try:
            training.train(spec, *fleets, checkpoint=path, monitor_every=3, on_epoch=stop)
        except KeyboardInterrupt:
            return trained(spec, *fleets, checkpoint=path)
    raise AssertionError("the first epoch should have been interrupted")


def train_table(cached: bool) -> dict[str, Any]:
    """A table with a person's own column names, in memory or kept on the disk."""
    fleet = simulate(replace(SIMULATION, engines=12, conditions=3))[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.parquet"
        as_table(fleet).write_parquet(path)
        source = select_columns(TableSource(path, Columns("asset", "flight", unit="flights")))
        table = read_table(replace(source, cache=Path(folder) / "rows") if cached else source)
        conventions = Conventions(window=20, features=source.features, table=source.columns, stride=2)
        spec = spec_of("gaba", conventions=conventions, schedule=replace(PLAN, offset=0.0))
        if cached:
            assert isinstance(Split.of(spec, table, None).train, ManyWindows)
        return trained(spec, table, None)


def diagnosed(recipe: str) -> dict[str, Any]:
    """Gramians and losses of one initialisation, read by a recipe."""
    with in_double():
        chosen = replace(RECIPES[recipe], steps=min(RECIPES[recipe].steps, 8))
        windows = wide(Split.of(spec_of("grace"), *simulate(SIMULATION)).train)
        trace = probe(RULProblem(windows, 125, "tiny", chosen.unit, "weighted_mse", 32), chosen, 3, seed=1)
    return {"gramian": trace.gramian.tolist(), "losses": trace.losses.tolist(), "step": trace.step.tolist()}


def foreign(outer: str, tasks: int) -> dict[str, Any]:
    """``grace.backward`` on a network that is not ours."""
    with in_double():
        torch.manual_seed(0)
        model, controller = Foreign(tasks), build_outer(outer, tasks).double()
        optimiser = torch.optim.SGD([*model.parameters(), *controller.parameters()], lr=0.02)
        steps = []
        for step in range(8):
            optimiser.zero_grad()
            data = tuple(part.double() if part.is_floating_point() else part for part in batch(seed=step))
            found = backward(losses(model, data), model.shared(), controller, epoch=step // 4, measure_every=2)
            optimiser.step()
            gram = None if found.gramian is None else found.gramian.tolist()
            steps.append({"losses": found.losses.tolist(), "weights": found.weights.tolist(), "gramian": gram})
    return {"steps": steps}


GABA_NOW = {"beta": 0.5, "warmup": 1}
"""Options under which the weights of so short a run follow its Gramians."""

DOUBLE: dict[str, Callable[[], dict[str, Any]]] = {
    **{f"tiny {name}": lambda name=name: train_in_double(spec_of(name)) for name in METHODS},
    "tiny grace, weights that move": lambda: train_in_double(spec_of("grace", options=GABA_NOW)),
    "tiny grace, upper": lambda: train_in_double(spec_of("grace", measure_on="upper", options=GABA_NOW)),
    "compact grace, cycles, source": lambda: train_in_double(
        spec_of("grace", size="compact", rul_scale="cycles", protocol="source", options=GABA_NOW)
    ),
    "narrow gaba": lambda: train_in_double(spec_of("gaba", size="narrow", options=GABA_NOW)),
    "narrow uncertainty, source": lambda: train_in_double(spec_of("uncertainty", size="narrow", protocol="source")),
    **{f"diagnosis {name}": lambda name=name: diagnosed(name) for name in RECIPES},
    "foreign gaba": lambda: foreign("gaba", 3),
    "foreign gradnorm": lambda: foreign("gradnorm", 2),
    "foreign uncertainty": lambda: foreign("uncertainty", 2),
}
"""Runs without dropout in double precision."""

SINGLE: dict[str, Callable[[], dict[str, Any]]] = {
    "single": lambda: trained(spec_of("grace"), *simulate(SIMULATION)),
    "dropout": lambda: trained(spec_of("grace", size="narrow with dropout"), *simulate(SIMULATION)),
    "table": lambda: train_table(cached=False),
}
"""Runs as they are made: in single precision, and with dropout where the network has it."""


def numbers(name: str) -> dict[str, Any]:
    """The numbers of a run by name, as they are now."""
    sizes = {"narrow": replace(NARROW, dropout=0.0), "narrow with dropout": NARROW}
    with patch.dict(SIZES, sizes):
        return (DOUBLE | SINGLE)[name]()


if __name__ == "__main__":
    torch.set_num_threads(1)
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    wanted = sys.argv[1:] or [*DOUBLE, *SINGLE]
    found = {name: numbers(name) if name in wanted else known[name] for name in DOUBLE | SINGLE}
    FILE.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in found.items()) + "\n}\n")
