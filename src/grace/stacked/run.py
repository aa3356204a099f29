"""Runs of one data set trained together; each gives the record that it would give alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import nn

from grace.alignment.probe import live_model
from grace.data.fleet import Fleet
from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.models.rul_problem import RULProblem, build
from grace.stacked.lstm import EAGER, compiled
from grace.stacked.replica import Replica
from grace.stacked.stack import Stack
from grace.training.checkpoint import load, save
from grace.training.protocol import Split, split_for
from grace.training.run import Run, failed_run, finished_run
from grace.training.spec import RunSpec

FREE = ("method", "outer", "inner", "options", "seed")
"""Fields of a spec that may differ within a stack."""

CHECKPOINT = "stack checkpoint"
EVERY = 300.0  # seconds between checkpoints: a stack of 35 networks of full size is some 3 GB

OnEpoch = Callable[[int, int], None]
"""Told (epochs made, replicas that go on) after each."""


def stacks(specs: Sequence[RunSpec], size: int = 0) -> list[list[RunSpec]]:
    """Specs in groups that can train together: alike but for method, options and seed; 0 sets no limit on their size."""
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        fixed = {name: value for name, value in spec.to_json().items() if name not in FREE}
        groups.setdefault(repr(fixed), []).append(spec)
    most = size or len(specs)
    return [group[i : i + most] for group in groups.values() for i in range(0, len(group), most)]


def train_stacked(
    specs: Sequence[RunSpec],
    fleet: Fleet,
    test: Fleet | None = None,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    every: float = EVERY,
    fuse: bool = False,
    on_epoch: OnEpoch | None = None,
) -> list[Run]:
    """Train the replicas of one data set together, as :func:`grace.training.run.train` would train each.

    Every replica has the split, the initial weights, the batches and the offsets of its separate run, so that its figures are
    those to rounding; with dropout they are so in distribution, since one draw makes the masks of the whole stack. A run's
    ``seconds`` are its share of the stack's.

    Args:
        specs: What to train; they differ in method, options and seed alone.
        fleet: Training engines, run to failure.
        test: Test engines with their RUL.
        device: ``cpu``, ``cuda``, ...
        checkpoint: File that the stack's state is written to, and resumed from where it is there.
        every: Seconds between two checkpoints, at the end of an epoch.
        fuse: Compile the element-wise part of the LSTM with ``torch.compile``.
        on_epoch: Told each epoch.

    Returns:
        Runs in the order of ``specs``.

    Raises:
        GraceError: The specs cannot train together, a split fills no batch, or see :func:`grace.training.run.train`.
    """
    if len(stacks(specs)) != 1:
        raise GraceError(
            "Runs of a stack should be at least one, and differ in method, options and seed alone. Found "
            f"{len(stacks(specs))} kinds among {len(specs)} runs. Train each kind in a stack of its own."
        )
    splits = {spec.seed: split_for(spec, fleet, test) for spec in specs}
    with torch.random.fork_rng(devices=[torch.device(device)] if device.startswith("cuda") else []):
        networks = initial_networks(specs, splits, device)
        stack = Stack(specs, splits, networks, device, compiled() if fuse else EAGER)
        _train(stack, checkpoint, every, on_epoch)
        return [_run(stack, number) for number in range(len(specs))]


def _train(stack: Stack, checkpoint: Path | None, every: float, on_epoch: OnEpoch | None) -> None:
    name = name_of(stack.specs)
    if checkpoint is not None and checkpoint.exists():
        state = load(checkpoint, CHECKPOINT, stack.device)
        if state["id"] != name:
            raise GraceError(
                f"{checkpoint} should be the checkpoint of stack {name}. Found {state['id']}. Remove it, or restore the runs "
                "that it was begun with."
            )
        stack.load_state_dict(state)
    saved = time.monotonic()
    while stack.active:
        stack.run_epoch()
        if checkpoint is not None and time.monotonic() - saved >= every:
            save(checkpoint, CHECKPOINT, {"id": name, **stack.state_dict()})
            saved = time.monotonic()
        if on_epoch is not None:
            on_epoch(stack.epoch, len(stack.active))


def name_of(specs: Sequence[RunSpec]) -> str:
    """Twelve hexadecimal digits that name a stack of these runs."""
    return sha256(",".join(spec.id for spec in specs).encode()).hexdigest()[:12]


def initial_networks(specs: Sequence[RunSpec], splits: dict[int, Split], device: str) -> list[CNNBiLSTMAttention]:
    """The initial network of each replica, drawn as its separate run would draw it."""
    drawn: dict[tuple[int, str], Any] = {}
    for spec in specs:
        key = (spec.seed, spec.inner)
        if key not in drawn:
            split, plan = splits[spec.seed], spec.schedule
            if len(split.train) < plan.batch_size:
                raise GraceError(
                    f"Every split of a stack should fill a batch of {plan.batch_size} windows. Found {len(split.train)} with "
                    f"seed {spec.seed}. Train these runs one by one."
                )
            problem = RULProblem(
                split.train, spec.conventions.cap, spec.size, spec.unit, spec.inner, plan.batch_size, device
            )
            torch.manual_seed(spec.seed)
            drawn[key] = live_model(problem, spec.seed)[0]
    return [drawn[spec.seed, spec.inner] for spec in specs]


class _Trained:
    """A replica as a record's maker wants it."""

    def __init__(self, stack: Stack, number: int) -> None:
        replica = stack.replicas[number]
        self.device, self.history, self.best_epoch = replica.device, replica.history, replica.best_epoch
        self.step, self.seconds = replica.step, replica.seconds
        self._stack, self._number, self._replica = stack, number, replica

    def best_model(self) -> nn.Module:
        """The averaged network of the best epoch, in evaluation mode."""
        spec = self._replica.spec
        features = self._replica.split.train.rows.shape[1]
        model = build(spec.size, features, spec.conventions.cap, spec.unit)
        model.load_state_dict(self._stack.best_state(self._number), strict=False)  # all but BatchNorm's unread counters
        return model.to(self.device).eval()


def _run(stack: Stack, number: int) -> Run:
    replica: Replica = stack.replicas[number]
    trained = _Trained(stack, number)
    if replica.reason:
        run = failed_run(replica.spec, replica.split, trained, replica.reason)
    else:
        run = finished_run(replica.spec, replica.split, trained)
    environment = run.record.environment | {"stack": str(len(stack.specs))}
    return replace(run, record=replace(run.record, environment=environment))
