"""A run is a function: from a spec and its engines to a record, resumable at every epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from grace.data.fleet import Fleet
from grace.data.resident import ResidentWindows
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.training.checkpoint import load, save
from grace.training.conformal import coverage, half_width
from grace.training.evaluate import Predictions, figures, predict
from grace.training.protocol import Split, split_for
from grace.training.record import DONE, FAILED, Record, environment
from grace.training.spec import RunSpec
from grace.training.trainer import DivergedError, Trainer

LEVEL = 0.9
CHECKPOINT = "training checkpoint"

OnEpoch = Callable[[dict[str, Any], Trainer], None]
"""Told each epoch's entry of the history, and the trainer."""


class Trained(Protocol):
    """What a record is made of: a trainer, or one replica of a stack."""

    device: str
    history: list[dict[str, Any]]
    best_epoch: int
    step: int
    seconds: float

    def best_model(self) -> nn.Module:
        """The averaged network of the best epoch, in evaluation mode."""
        ...


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
        checkpoint: File that the state is written to after every epoch, and resumed from where it is there.
        on_epoch: Told each epoch.

    Raises:
        GraceError: The fleet cannot be trained on, or the checkpoint is of another run or cannot be written. A run that
            diverges raises nothing: its record says ``failed``.
    """
    split = split_for(spec, fleet, test)
    with torch.random.fork_rng(devices=[torch.device(device)] if device.startswith("cuda") else []):
        trainer = Trainer(spec, split, device)
        if checkpoint is not None and checkpoint.exists():
            resume(trainer, checkpoint)
        try:
            while not trainer.finished:
                entry = trainer.run_epoch()
                if checkpoint is not None:
                    save(checkpoint, CHECKPOINT, {"id": spec.id, **trainer.state_dict()})
                if on_epoch is not None:
                    on_epoch(entry, trainer)
            return finished_run(spec, split, trainer)
        except DivergedError as reason:
            return failed_run(spec, split, trainer, str(reason))


def resume(trainer: Trainer, path: Path) -> None:
    """Load a checkpoint into a trainer.

    Raises:
        GraceError: It is damaged, or of another run.
    """
    state = load(path, CHECKPOINT, trainer.device)
    if state["id"] != trainer.spec.id:
        raise GraceError(
            f"{path} should be the checkpoint of run {trainer.spec.id}. Found run {state['id']}. Remove it, or restore the "
            "options that it was begun with."
        )
    trainer.load_state_dict(state)


def failed_run(spec: RunSpec, split: Split, trainer: Trained, reason: str) -> Run:
    """The run of a training that diverged."""
    return Run(_record(spec, trainer, status=FAILED, reason=reason), None, split)


def finished_run(spec: RunSpec, split: Split, trainer: Trained) -> Run:
    """The run of a training that came to its end: figures and interval of the best epoch's network."""
    model = trainer.best_model()

    def predicted(windows: Windows) -> Predictions:
        return predict(model, ResidentWindows(windows, trainer.device), spec)

    chosen = predicted(split.validation)
    half = half_width(chosen.rul.astype(float) - split.validation.rul, split.validation.engine, LEVEL)
    facts: dict[str, Any] = {"validation": figures(chosen, split.validation)}
    interval: dict[str, float | None] = {"level": LEVEL, "half_width": half}
    if split.test is not None:
        found = predicted(split.test)
        facts |= {"test": figures(found, split.test), "source": _best_on_test(trainer.history)}
        facts["predictions"] = _predictions(found, split.test)
        interval["coverage"] = coverage(found.rul, split.test.rul, half)
    return Run(_record(spec, trainer, status=DONE, interval=interval, **facts), model, split)


def _record(spec: RunSpec, trainer: Trained, **facts: Any) -> Record:
    return Record(
        id=spec.id,
        spec=spec.to_json(),
        best_epoch=trainer.best_epoch,
        history=trainer.history,
        environment=environment(trainer.device),
        seconds=trainer.seconds,
        steps=trainer.step,
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
