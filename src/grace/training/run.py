"""A run is a function: from a spec and its engines to a record, resumable at every epoch; runs that are alike train together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import nn

from grace.alignment.probe import initialised_model
from grace.data.fleet import Fleet
from grace.data.resident import ResidentWindows
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.files import set_aside
from grace.formats import DamagedError, Format
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.models.lstm import EAGER, Cell
from grace.models.rul_problem import RULProblem
from grace.training.checkpoint import load, save
from grace.training.conformal import coverage, half_width
from grace.training.evaluate import Predictions, figures, predict
from grace.training.protocol import Split, split_for
from grace.training.record import DONE, FAILED, Record, environment
from grace.training.spec import RunSpec
from grace.training.stack import Stack

LEVEL = 0.9
CHECKPOINT = Format("checkpoint", 2)
SELDOM = 300.0  # seconds between checkpoints of several runs: 35 networks of full size are some 3 GB

SAME = ("engine", "torch", "device", "threads")
"""Of the environment, what has to be the same when a checkpoint is gone on with."""

FREE = ("id", "method", "outer", "inner", "options", "seed", "measure_every")
"""Fields of a spec that may differ among runs that train together."""

OnEpoch = Callable[[Stack], None]
"""Told the stack after each epoch."""


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    Attributes:
        record: What is kept of it.
        model: The network of the best epoch, or None where the run failed.
        split: What it was trained and chosen on.
    """

    record: Record
    model: nn.Module | None
    split: Split


def train(
    spec: RunSpec,
    fleet: Fleet,
    test: Fleet | None = None,
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
        fleet: Training engines, run to failure.
        test: Test engines with their RUL.
        device: ``cpu``, ``cuda``, ...
        checkpoint: File that the state is written to after every epoch, and resumed from where it is there. A damaged one is set
            aside under another name.
        monitor_every: Steps between two measurements of rho for display where the method needs none; 0: never. Moves no number.
        on_epoch: Told each epoch.

    Raises:
        GraceError: The fleet cannot be trained on or is not the spec's, or the checkpoint is of another run or environment or
            cannot be written. A run that diverges raises nothing: its record says ``failed``.
    """
    return train_stacked(
        [spec], fleet, test, device=device, checkpoint=checkpoint, monitor_every=monitor_every, on_epoch=on_epoch
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
        specs: What to train; they differ in method, options and seed alone.
        fleet: Training engines, run to failure.
        test: Test engines with their RUL.
        device: ``cpu``, ``cuda``, ...
        checkpoint: File that the stack's state is written to, and resumed from where it is there.
        every: Seconds between two checkpoints, at the end of an epoch; default 300, and 0 for a single run.
        fuse: Compile the element-wise part of the LSTM with ``torch.compile``.
        monitor_every: See :func:`train`.
        on_epoch: Told each epoch.

    Returns:
        Runs in the order of ``specs``.

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
    splits = {spec.seed: split_for(spec, fleet, test) for spec in specs}
    with torch.random.fork_rng(devices=[torch.device(device)] if device.startswith("cuda") else []):
        networks = initial_networks(specs, splits, device)
        stack = Stack(specs, splits, networks, device, Cell.compiled() if fuse else EAGER, monitor_every)
        _to_the_end(stack, checkpoint, SELDOM * (len(specs) > 1) if every is None else every, on_epoch)
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


def initial_networks(specs: Sequence[RunSpec], splits: dict[int, Split], device: str) -> list[CNNBiLSTMAttention]:
    """The initial network of each run: of its seed, and alive under its RUL loss."""
    drawn: dict[tuple[int, str], Any] = {}
    for spec in specs:
        split, size = splits[spec.seed], spec.schedule.batch_size
        if len(specs) > 1 and len(split.train) < size:
            raise GraceError(
                f"Every split of a stack should fill a batch of {size} windows. Found {len(split.train)} with seed "
                f"{spec.seed}. Train these runs one by one."
            )
        if (spec.seed, spec.inner) not in drawn:
            problem = RULProblem(split.train, spec.conventions.cap, spec.size, spec.rul_scale, spec.inner, size, device)
            torch.manual_seed(spec.seed)
            drawn[spec.seed, spec.inner] = initialised_model(problem, spec.seed)[0]
    return [drawn[spec.seed, spec.inner] for spec in specs]


def _to_the_end(stack: Stack, checkpoint: Path | None, every: float, on_epoch: OnEpoch | None) -> None:
    begun = {"id": name_of(stack.specs), "environment": environment(stack.device)}
    if checkpoint is not None and checkpoint.exists() and (state := _resumed(checkpoint, stack.device)) is not None:
        _check_resumed(checkpoint, begun, state)
        stack.load_state_dict(state)
    saved = time.monotonic()
    while stack.active:
        stack.run_epoch()
        if checkpoint is not None and time.monotonic() - saved >= every:
            save(checkpoint, CHECKPOINT, {**begun, **stack.state_dict()})
            saved = time.monotonic()
        if on_epoch is not None:
            on_epoch(stack)


def _resumed(checkpoint: Path, device: str) -> dict[str, Any] | None:
    """The state in a checkpoint; None where it is damaged, and has been set aside."""
    try:
        return load(checkpoint, CHECKPOINT, device)
    except DamagedError as error:
        set_aside(checkpoint, str(error))
        return None


def _check_resumed(checkpoint: Path, begun: dict[str, Any], state: dict[str, Any]) -> None:
    if state["id"] != begun["id"]:
        raise GraceError(
            f"{checkpoint} should be the checkpoint of {begun['id']}. Found {state['id']}. Remove it, or restore the options "
            "that it was begun with."
        )
    for name in SAME:
        was, now = state["environment"][name], begun["environment"][name]
        if was != now:
            raise GraceError(
                f"{checkpoint} should be gone on with as it was begun, with {name} {was}. Found {now}. Restore that, or remove "
                "the file to begin anew."
            )


def _run(stack: Stack, number: int) -> Run:
    """A replica that has come to its end as a run: figures and interval of the best epoch's network."""
    replica = stack.replicas[number]
    spec, split = replica.spec, replica.split
    if replica.reason:
        return Run(_record(stack, number, status=FAILED, reason=replica.reason), None, split)
    model = stack.best_model(number)

    def predicted(windows: Windows) -> Predictions:
        return predict(model, ResidentWindows(windows, stack.device), spec)

    chosen = predicted(split.validation)
    half = half_width(chosen.rul.astype(float) - split.validation.rul, split.validation.engine, LEVEL)
    facts: dict[str, Any] = {"validation": figures(chosen, split.validation)}
    interval: dict[str, float | None] = {"level": LEVEL, "half_width": half}
    if split.test is not None:
        found = predicted(split.test)
        facts |= {"test": figures(found, split.test), "source": _best_on_test(replica.history)}
        facts["predictions"] = _predictions(found, split.test)
        interval["coverage"] = coverage(found.rul, split.test.rul, half)
    return Run(_record(stack, number, status=DONE, interval=interval, **facts), model, split)


def _record(stack: Stack, number: int, **facts: Any) -> Record:
    replica = stack.replicas[number]
    return Record(
        id=replica.spec.id,
        spec=replica.spec.to_json(),
        best_epoch=replica.best_epoch,
        history=replica.history,
        environment=environment(stack.device) | {"stack": str(len(stack.specs))},
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
