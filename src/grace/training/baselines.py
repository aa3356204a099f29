"""What needs no network, fitted on the training windows of a split, and what the network is held against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from grace.core.metrics import rmse
from grace.data.conventions import Conventions
from grace.data.resident import ResidentWindows
from grace.data.windows import ManyWindows, Windows
from grace.models.baselines import BASELINES, Baseline
from grace.models.window_statistics import StatisticsArchitecture
from grace.training.protocol import Split

MAX_WINDOWS = 50_000
"""Training windows that a baseline is fitted on, evenly spread; more would take longer than the network."""


def fit(name: str, windows: Windows | ManyWindows, conventions: Conventions) -> Baseline:
    """A model of :data:`grace.models.baselines.BASELINES` on at most :data:`MAX_WINDOWS` of some windows."""
    some, kind = _some(windows), BASELINES[name]
    return kind.fit(_input(some, kind.reads_age), some.rul, conventions.health_cuts)


def baseline_errors(split: Split, conventions: Conventions) -> dict[str, float]:
    """Validation RMSE of each baseline, cycles (or the table's unit), predictions cut at 0 and the cap.

    Nothing of them is chosen on the validation windows.
    """
    some, found = _some(split.train), {}
    x, held_out = ([_input(side, age) for age in (False, True)] for side in (some, split.validation))
    for name, kind in BASELINES.items():
        model = kind.fit(x[kind.reads_age], some.rul, conventions.health_cuts)
        rul, _ = model(held_out[kind.reads_age])
        found[name] = rmse(rul.clamp(max=conventions.cap), split.validation.rul)
    return found


def _some(windows: Windows | ManyWindows) -> Windows:
    """All windows, or as many of them as baselines are fitted on."""
    index = np.unique(np.linspace(0, len(windows) - 1, MAX_WINDOWS).astype(np.int64))
    if isinstance(windows, ManyWindows):
        return windows.at(index)
    names = ("ends", "first", "rul", "true_rul", "label", "engine")
    return replace(windows, **{name: getattr(windows, name)[index] for name in names})


def _input(windows: Windows, age: bool) -> Tensor:
    """Recorded cycles up to each window's last one ``[N, 1]``, or statistics ``[N, S]``."""
    made = ResidentWindows(windows, statistics=None if age else StatisticsArchitecture().of, age=age)
    return made.batch(torch.arange(len(windows)))[0]
