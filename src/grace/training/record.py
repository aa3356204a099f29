"""One run, one record: what was trained, what came out and where, as JSON."""

from __future__ import annotations

import json
import math
import os
import platform
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from grace.errors import GraceError
from grace.files import write_text

FORMAT = 1
DONE, FAILED = "done", "failed"
ENGINE = "2"
"""1: one network at a time through ``nn.LSTM``; where its environment has ``stack``, a first stack with one dropout mask for all.
2: runs are stacks of one or more, each with its own dropout. Without dropout the numbers are the same to rounding."""


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
        validation: Figures on the validation windows, see :func:`grace.training.evaluate.figures`.
        test: Figures on the test engines, read once, at ``best_epoch``; empty without test engines.
        source: Epoch, RMSE and score of the epoch that is best *on the test set*: the source's protocol, optimistic.
        interval: Half width (cycles) and level of the conformal interval, and its coverage on the test engines.
        predictions: Of each test engine: number, true RUL, predicted RUL (cycles) and predicted health state.
        environment: Versions and machine; ``engine``, what trained it (see :data:`ENGINE`; "1" in records that do not say), and
            ``stack``, the number of runs that trained together.
        seconds: Wall time, over all sessions of a resumed run.
        steps: Optimiser steps.
        format: Version of this layout.
    """

    id: str
    spec: dict[str, Any]
    status: str
    reason: str = ""
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)
    validation: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    source: dict[str, float] = field(default_factory=dict)
    interval: dict[str, float | None] = field(default_factory=dict)
    predictions: dict[str, list[float]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    steps: int = 0
    format: int = FORMAT

    def write(self, folder: Path) -> Path:
        """Write ``ID.json``, whole or not at all.

        Raises:
            GraceError: The folder cannot be written.
        """
        path = folder / f"{self.id}.json"
        write_text(path, json.dumps(rounded(asdict(self)), separators=(",", ":"), allow_nan=False) + "\n")
        return path


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        GraceError: The file is missing or damaged, or of another version.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GraceError(f"{path} should be a record. Found: {error}. Remove it and run again.") from None
    version = values.get("format") if isinstance(values, dict) else None
    if version != FORMAT:
        raise GraceError(
            f"{path} should be a record of format {FORMAT}. Found {version!r}. "
            "Read it with the version that wrote it, or choose another folder."
        )
    if set(values) != {f.name for f in fields(Record)}:
        raise GraceError(
            f"{path} should have the fields of a record. Found {', '.join(sorted(values))[:80]}. Remove it."
        )
    return Record(**values)


def rounded(value: Any) -> Any:
    """Numbers to six significant digits and NaN or infinity to None, so that JSON stays small and readable everywhere."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list | tuple) else value


def environment(device: str) -> dict[str, str]:
    """Versions and machine that a run was made on."""
    import torch

    from grace import __version__

    name = (
        torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.processor() or platform.machine()
    )
    return {
        "grace": __version__,
        "engine": ENGINE,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": name,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
    }
