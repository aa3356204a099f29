"""One run, one record: what was trained, what came out and where, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from grace.formats import DamagedError, Format, built, rounded
from grace.schema import fault
from grace.training.migrations import spec_read_by
from grace.training.words import card_of_record


def _record_1(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 to 2: its spec, and so its id; the old one is kept in the environment."""
    from grace.training.spec import RunSpec  # torch, which records of this version do without

    spec = RunSpec.from_json(spec_read_by(body))
    before = {"id_of_version_1": body["id"]}
    return body | {"id": spec.id, "spec": spec.to_json(), "environment": body["environment"] | before}


RECORD = Format("record", 2, {1: _record_1})
DONE, FAILED = "done", "failed"
ENGINE = "2"
"""1: one network at a time through ``nn.LSTM``; where its environment has ``stack``, a first stack with one dropout mask for all.
2: runs are stacks of one or more, each with its own dropout. Without dropout the numbers are the same to rounding."""

_COLUMN = list[float | None]
_STORED = {
    "history": list[dict[str, float | _COLUMN | list[_COLUMN] | None]],
    "predictions": dict[str, _COLUMN],
    "tasks": dict[str, dict[str, float | None]],
    **dict.fromkeys(("validation", "test", "source", "survival"), dict[str, float | None]),
}
"""Types of fields of a record in a file: NaN and infinity are null there."""
_SPEC = {
    **dict.fromkeys(("id", "dataset", "method", "protocol", "rul_scale", "suspended"), str),
    "seed": int,
    "options": dict[str, Any],
    "conventions": {"cap": float, "table": dict[str, Any] | None, "tasks": list[dict[str, Any]]},
}
"""Types of what tables and pages read of a spec, which they make none of."""

_TASK = {
    "rmse": ("RMSE", ".4g"),
    "mae": ("MAE", ".4g"),
    "r2": ("R2", ".2f"),
    "accuracy": ("accuracy", ".3f"),
    "macro_f1": ("macro-F1", ".3f"),
    "loss": ("loss over that of the base rates", ".2f"),
}
"""What the figures of a task are called, and their formats."""


@dataclass(frozen=True)
class Record:
    """Everything that is kept of one run.

    Attributes:
        id: The spec's id.
        spec: The spec as JSON values.
        status: ``done`` or ``failed``.
        reason: Why it failed; empty where it did not.
        best_epoch: Epoch (from 0) whose averaged weights were kept: lowest validation RMSE.
        history: One dict an epoch: mean losses and weights, learning rate, validation RMSE, rho and ratio where measured.
        validation: Figures on the validation windows, see :meth:`grace.training.evaluate.Predictions.figures`.
        tasks: Figures of each task with labels of its own on the validation windows where they are known, by its name, see
            :func:`grace.training.task_figures.figures_of`; empty in records of before there were such tasks.
        test: Figures on the test engines, read once, at ``best_epoch``; empty without test engines.
        source: Epoch, RMSE and score of the epoch that is best *on the test set*: the source's protocol, optimistic.
        interval: Half width (cycles) and level of the conformal interval, and its coverage on the test engines.
        survival: Figures of the survival curves out of fold, see :func:`grace.survival.figures.survival_figures`, at the health
            cuts as horizons, and the ``share`` of the networks in the pool; empty of a single network.
        concerns: What should be known before the figures are believed, a line each.
        predictions: Of each test engine: number, true RUL, predicted RUL (cycles) and predicted health state.
        table: What was done to the table that was trained on, a line each: how it was written, which columns were left out and
            why, what stood for missing readings, which engines could not be read. Empty of other data.
        environment: Versions, threads and machine, which are no part of the id; ``engine``, what trained
            it (see :data:`ENGINE`; "1" in records that do not say), and ``stack``, the number of runs that trained together.
        seconds: Wall time, over all sessions of a resumed run.
        steps: Optimiser steps.
    """

    STORED: ClassVar[Mapping[str, Any]] = _STORED

    id: str
    spec: dict[str, Any]
    status: str
    reason: str = ""
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)
    validation: dict[str, float] = field(default_factory=dict)
    tasks: dict[str, dict[str, float]] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    source: dict[str, float] = field(default_factory=dict)
    interval: dict[str, float | None] = field(default_factory=dict)
    survival: dict[str, float] = field(default_factory=dict)
    concerns: list[str] = field(default_factory=list)
    predictions: dict[str, list[float]] = field(default_factory=dict)
    table: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    steps: int = 0

    def write(self, folder: Path) -> Path:
        """Write ``ID.json``, whole or not at all.

        Raises:
            GraceError: The folder cannot be written.
        """
        path = folder / f"{self.id}.json"
        RECORD.write(path, rounded(asdict(self)) | {"spec": self.spec})  # a rounded spec would be another run's
        return path

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read a record of this version or an older one.

        Raises:
            GraceError: The file is missing or damaged, or of a newer version.
        """
        record = built(cls, RECORD.read(path), str(path))
        if words := record._fault():
            raise DamagedError(path, words)
        if record.spec.get("id") != record.id:
            raise DamagedError(path, f"run {record.id} with the spec of {record.spec.get('id')}")
        if path.stem not in (record.id, record.environment.get("id_of_version_1")):
            raise DamagedError(path, f"run {record.id} under another name")
        return record

    def _repr_html_(self) -> str:
        return card_of_record(self)

    def _fault(self) -> str:
        """What the types of the fields do not say."""
        if self.status not in (DONE, FAILED):
            return f"status should be {DONE} or {FAILED}, found {self.status!r:.40}"
        columns = self.predictions
        if columns and (not {"engine", "true", "rul"} <= columns.keys() or len(set(map(len, columns.values()))) > 1):
            return f"predictions should be columns of one length, found {', '.join(columns)[:60]}"
        return fault(self.spec, _SPEC, "spec")


def task_line(figures: Mapping[str, float]) -> str:
    """The figures of a task (:attr:`Record.tasks`) in a line, and on how many windows of how many units they are."""
    shown = [f"{called} {figures[name]:{form}}" for name, (called, form) in _TASK.items() if name in figures]
    windows, units = (f"{figures[name]:,.0f} {name[:-1]}{'s' * (figures[name] != 1)}" for name in ("windows", "units"))
    on = f"on {windows} of {units}" if figures["windows"] else "known on no held-out window"
    return ", ".join([*shown, on])
