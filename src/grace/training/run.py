"""A run is a function: from a spec and its engines to a record, resumable at every epoch; runs that are alike train together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from grace.data.fleet import Fleet
from grace.data.load import as_fleet
from grace.data.tables.columns import TEST, TRAIN
from grace.data.tables.scan import Frame
from grace.data.tasks import Task
from grace.errors import GraceError, ReadingError
from grace.files import set_aside
from grace.formats import MALFORMED, DamagedError, Format
from grace.models.lstm import EAGER, Cell
from grace.schema import fault
from grace.training.baselines import Fits
from grace.training.checkpoint import load, save
from grace.training.fitted import NETWORK
from grace.training.outcome import Run, environment, finished
from grace.training.protocol import Split, losses_apart
from grace.training.run_spec import with_tasks
from grace.training.spec import MAX_FOLDS, RunSpec
from grace.training.stack import Stack

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


def train(
    spec: RunSpec,
    fleet: Engines,
    test: Engines | None = None,
    *,
    tasks: Sequence[Task] | None = None,
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
        tasks: Tasks beside RUL in place of the spec's, see :func:`grace.training.run_spec.with_tasks`.
        device: ``cpu``, ``cuda``, ...
        checkpoint: File that the state is written to after the first epoch and then after every one that ends a second or more
            later, and resumed from where it is there. A damaged one is set aside under another name.
        monitor_every: Steps between two measurements of rho for display where the method needs none; 0: never. Moves no number.
        on_epoch: Told each epoch.

    Raises:
        GraceError: The fleet cannot be trained on or is not the spec's, or the checkpoint is of another run or environment or
            cannot be written. A run that diverges raises nothing: its record says ``failed``.
    """
    spec = spec if tasks is None else with_tasks(spec, tasks)
    roles, features = spec.conventions.table, spec.conventions.features
    labelled = tuple(task for task in spec.conventions.tasks if task.column)
    read = partial(as_fleet, columns=roles, features=features, leave_out=ReadingError)
    return train_stacked(
        [spec],
        read(fleet, side=TRAIN, tasks=labelled),
        None if test is None else read(test, side=TEST),
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
        fleet: See :func:`train`.
        test: Likewise.
        device: Likewise.
        checkpoint: Likewise.
        every: Seconds between two checkpoints, at the end of an epoch; default 300, and 1 for a single run.
        fuse: Compile the element-wise part of the LSTM with ``torch.compile``.
        monitor_every: See :func:`train`.
        on_epoch: Likewise.

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
    seconds = (SELDOM if len(specs) > 1 else OFTEN) if every is None else every
    replicas, splits = _replicas(specs, fleet, test)
    with torch.random.fork_rng(devices=[torch.device(device)] if device.startswith("cuda") else []):
        ones = [one for _, one in replicas]
        stack: Stack | Fits
        if specs[0].model == NETWORK:
            stack = Stack(ones, splits, device, Cell.compiled() if fuse else EAGER, monitor_every)
            _to_the_end(stack, name_of(specs), checkpoint, seconds, on_epoch)
        else:
            stack = Fits(ones, splits, device)
        numbers = [[n for n, (owner, _) in enumerate(replicas) if owner is spec] for spec in specs]
        return [finished(spec, stack, mine, fleet) for spec, mine in zip(specs, numbers, strict=True)]


def _replicas(
    specs: Sequence[RunSpec], fleet: Fleet, test: Fleet | None
) -> tuple[list[tuple[RunSpec, RunSpec]], dict[int, Split]]:
    """Each replica as (its run, what it trains), and the split of each seed.

    An ensemble has a replica a fold, which is a run of its own with a seed of its own: to the last epoch, and with batches that
    the smallest split fills.
    """
    if len({tuple(losses_apart(spec, fleet)) for spec in specs}) > 1:
        raise GraceError(
            "Runs of a stack should take their losses on the same windows. Found some that train a task of suspended engines "
            "and some that do not. Train these in stacks of their own."
        )
    if not specs[0].folds:
        return [(spec, spec) for spec in specs], {spec.seed: Split.of(spec, fleet, test) for spec in specs}
    folds = {spec.seed: Split.folds(spec, fleet, test) for spec in specs}
    splits = {MAX_FOLDS * seed + k: split for seed, found in folds.items() for k, split in enumerate(found)}
    plan = specs[0].schedule
    plan = replace(plan, batch_size=max(2, min(plan.batch_size, *(len(split.train) for split in splits.values()))))
    replicas = [
        (spec, replace(spec, folds=0, seed=MAX_FOLDS * spec.seed + k, watch_test=False, schedule=plan))
        for spec in specs
        for k in range(len(folds[spec.seed]))
    ]
    return replicas, splits


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


def _to_the_end(stack: Stack, name: str, checkpoint: Path | None, every: float, on_epoch: OnEpoch | None) -> None:
    begun = {"id": name, "environment": environment(stack.device)}
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
    if words := fault(state, {"id": str, "environment": dict[str, str]}, "checkpoint"):
        raise _set_aside(checkpoint, words)
    if state.get("id") != begun["id"]:
        raise GraceError(
            f"{checkpoint} should be the checkpoint of {begun['id']}. Found {state.get('id')}. Remove it, or restore the options "
            "that it was begun with."
        )
    for name in SAME:
        was, now = state.get("environment", {}).get(name), begun["environment"][name]
        if was != now:
            raise GraceError(
                f"{checkpoint} should be gone on with as it was begun, with {name} {was}. Found {now}. Restore that, or remove "
                "the file to begin anew."
            )
    try:
        stack.load_state_dict(state)
    except (*MALFORMED, RuntimeError) as error:  # RuntimeError: of torch
        raise _set_aside(checkpoint, f"{type(error).__name__} {error}") from None


def _set_aside(checkpoint: Path, found: str) -> GraceError:
    """The error to show where a state was half loaded, so that this training cannot go on from its beginning."""
    aside = set_aside(checkpoint, "It is no state of this run.")
    return GraceError(
        f"{checkpoint} should be the state of this run. Found: {' '.join(found.split())[:200]}. It is called {aside.name} now; "
        "repeat the command, which begins the run anew."
    )
