"""A run is a function: from a spec and its engines to a record, resumable at every epoch; runs that are alike train together."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from grace import __version__
from grace.data.fleet import Fleet
from grace.data.load import as_fleet
from grace.data.resident import ResidentWindows
from grace.data.tables.scan import Frame
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.files import set_aside
from grace.formats import DamagedError, Format
from grace.models.lstm import EAGER, Cell
from grace.training.checkpoint import load, save
from grace.training.concerns import concerns
from grace.training.conformal import half_width
from grace.training.evaluate import Predictions
from grace.training.protocol import Split
from grace.training.record import DONE, ENGINE, FAILED, Record
from grace.training.spec import RunSpec
from grace.training.stack import Stack

LEVEL = 0.9
CHECKPOINT = Format("checkpoint", 2)
SELDOM = 300.0  # seconds between checkpoints of several runs: 35 networks of full size are some 3 GB
OFTEN = 1.0  # and of a single run, whose epoch may take no longer than the writing

SAME = ("engine", "torch", "device", "cpu", "threads")
"""Of the environment, what has to be the same when a checkpoint is gone on with."""

FREE = ("id", "method", "outer", "inner", "options", "seed", "measure_every")
"""Fields of a spec that may differ among runs that train together."""

Engines = Fleet | Path | str | Frame
OnEpoch = Callable[[Stack], None]
"""Told the stack after each epoch."""


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run: its record, the network of the best epoch (None where it failed), and what it was trained and chosen on."""

    record: Record
    model: nn.Module | None
    split: Split


def train(
    spec: RunSpec,
    fleet: Engines,
    test: Engines | None = None,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    monitor_every: int = 0,
    on_epoch: OnEpoch | None = None,
) -> Run:
    """Train, choose the best epoch on the validation windows, and read the test engines once.

    The global random state is left as it was. On the CPU the numbers are the same for every run with one number of
    threads, interrupted or not.

    Args:
        spec: What to train.
        fleet: Training engines, run to failure: a fleet, or a file or a frame of polars or pandas with the columns of the spec's
            conventions.
        test: Test engines with their RUL, likewise.
        device: ``cpu``, ``cuda``, ...
        checkpoint: File that the state is written to after the first epoch and then after every one that ends a second or more
            later, and resumed from where it is there. A damaged one is set aside under another name.
        monitor_every: Steps between two measurements of rho for display where the method needs none; 0: never. Moves no number.
        on_epoch: Told each epoch.

    Raises:
        GraceError: The fleet cannot be trained on or is not the spec's, or the checkpoint is of another run or environment or
            cannot be written. A run that diverges raises nothing: its record says ``failed``.
    """
    read = partial(as_fleet, columns=spec.conventions.table, features=spec.conventions.features)
    return train_stacked(
        [spec],
        read(fleet),
        None if test is None else read(test),
        device=device,
        checkpoint=checkpoint,
        monitor_every=monitor_every,
        on_epoch=on_epoch,
    )[0]


def train_stacked(
    specs: Sequence[RunSpec],
    fleet: Fleet,
    test: Fleet | None = None,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    every: float | None = None,
    fuse: bool = False,
    monitor_every: int = 0,
    on_epoch: OnEpoch | None = None,
) -> list[Run]:
    """Train several runs of one data set together, as :func:`train` would train each.

    Every run has the split, the initial weights, the batches, the offsets and the dropout of its separate run, so that its
    figures are those to rounding. A run's ``seconds`` are its share of the stack's.

    Args:
        specs: What to train; they differ in method, options and seed alone. Runs are returned in their order.
        every: Seconds between two checkpoints, at the end of an epoch; default 300, and 1 for a single run.
        fuse: Compile the element-wise part of the LSTM with ``torch.compile``.
        fleet, test, device, checkpoint, monitor_every, on_epoch: See :func:`train`.

    Raises:
        GraceError: The specs cannot train together, a split of one of several fills no batch, or see :func:`train`.
    """
    specs = [spec.reading(fleet, test) for spec in specs]
    if monitor_every < 0:
        raise GraceError(f"`monitor_every` should be at least 0. Found {monitor_every}.")
    if len(stacks(specs)) != 1:
        raise GraceError(
            "Runs of a stack should be at least one, and differ in method, options and seed alone. Found "
            f"{len(stacks(specs))} kinds among {len(specs)} runs. Train each kind in a stack of its own."
        )
    splits = {spec.seed: Split.of(spec, fleet, test) for spec in specs}
    with torch.random.fork_rng(devices=[torch.device(device)] if device.startswith("cuda") else []):
        stack = Stack(specs, splits, device, Cell.compiled() if fuse else EAGER, monitor_every)
        _to_the_end(stack, checkpoint, (SELDOM if len(specs) > 1 else OFTEN) if every is None else every, on_epoch)
        return [_run(stack, number) for number in range(len(specs))]


def stacks(specs: Sequence[RunSpec], size: int = 0) -> list[list[RunSpec]]:
    """Specs in groups that can train together: alike but for :data:`FREE`; 0 sets no limit on their size."""
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        fixed = {name: value for name, value in spec.to_json().items() if name not in FREE}
        groups.setdefault(repr(fixed), []).append(spec)
    most = size or len(specs)
    return [group[i : i + most] for group in groups.values() for i in range(0, len(group), most)]


def name_of(specs: Sequence[RunSpec]) -> str:
    """What a checkpoint of these runs is called: the id of a single one, twelve hexadecimal digits of several."""
    if len(specs) == 1:
        return specs[0].id
    return sha256(",".join(spec.id for spec in specs).encode()).hexdigest()[:12]


def _to_the_end(stack: Stack, checkpoint: Path | None, every: float, on_epoch: OnEpoch | None) -> None:
    begun = {"id": name_of(stack.specs), "environment": _environment(stack.device)}
    if checkpoint is not None and checkpoint.exists():
        _resume(stack, checkpoint, begun)
    saved = -math.inf
    while stack.active:
        stack.run_epoch()
        if checkpoint is not None and time.monotonic() - saved >= every:
            save(checkpoint, CHECKPOINT, {**begun, **stack.state_dict()})
            saved = time.monotonic()
        if on_epoch is not None:
            on_epoch(stack)


def _resume(stack: Stack, checkpoint: Path, begun: dict[str, Any]) -> None:
    """Go on from a checkpoint of the same runs and environment; a damaged one is set aside."""
    try:
        state = load(checkpoint, CHECKPOINT, stack.device)
    except DamagedError as error:
        set_aside(checkpoint, str(error))
        return
    if state["id"] != begun["id"]:
        raise GraceError(
            f"{checkpoint} should be the checkpoint of {begun['id']}. Found {state['id']}. Remove it, or restore the options "
            "that it was begun with."
        )
    for name in SAME:
        was, now = state["environment"].get(name), begun["environment"][name]
        if was != now:
            raise GraceError(
                f"{checkpoint} should be gone on with as it was begun, with {name} {was}. Found {now}. Restore that, or remove "
                "the file to begin anew."
            )
    stack.load_state_dict(state)


def _run(stack: Stack, number: int) -> Run:
    """A replica that has come to its end as a run: figures and interval of the best epoch's network."""
    replica = stack.replicas[number]
    spec, split = replica.spec, replica.split
    if replica.reason:
        return Run(_record(stack, number, status=FAILED, reason=replica.reason), None, split)
    model = stack.best_model(number)

    def predicted(windows: Windows) -> Predictions:
        return Predictions.of(model, ResidentWindows(windows, stack.device), spec)

    chosen = predicted(split.validation)
    half = half_width(chosen.rul.astype(float) - split.validation.rul, split.validation.engine, LEVEL)
    facts: dict[str, Any] = {"validation": chosen.figures(split.validation)}
    facts["concerns"] = concerns(replica, chosen, split.validation)
    interval: dict[str, float | None] = {"level": LEVEL, "half_width": half}
    if split.test is not None:
        found = predicted(split.test)
        facts |= {"test": found.figures(split.test), "source": _best_on_test(replica.history)}
        facts["predictions"] = _predictions(found, split.test)
        interval["coverage"] = float(np.mean(np.abs(found.rul.astype(float) - split.test.rul) <= half))
    return Run(_record(stack, number, status=DONE, interval=interval, **facts), model, split)


def _record(stack: Stack, number: int, **facts: Any) -> Record:
    replica = stack.replicas[number]
    return Record(
        id=replica.spec.id,
        spec=replica.spec.to_json(),
        best_epoch=replica.best_epoch,
        history=replica.history,
        environment=_environment(stack.device) | {"stack": str(len(stack.specs))},
        seconds=replica.seconds,
        steps=replica.step,
        **facts,
    )


def _best_on_test(history: list[dict[str, Any]]) -> dict[str, float]:
    watched = [entry for entry in history if "test_rmse" in entry]
    if not watched:
        return {}
    best = min(watched, key=lambda entry: entry["test_rmse"])
    return {"epoch": best["epoch"], "rmse": best["test_rmse"], "score": best["test_score"]}


def _predictions(found: Predictions, windows: Windows) -> dict[str, list[float]]:
    return {
        "engine": windows.engine.tolist(),
        "true": windows.true_rul.tolist(),
        "rul": [round(float(value), 3) for value in found.rul],
        "health": found.health.tolist(),
    }


def _environment(device: str) -> dict[str, str]:
    """Versions and machine that a run is made on."""
    gpu = device.startswith("cuda")
    return {
        "grace": __version__,
        "engine": ENGINE,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(device) if gpu else platform.processor() or platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),  # whose LSTM is taken follows from it
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
    }
