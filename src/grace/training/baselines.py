"""What needs no network, fitted on the training windows of a split, and what the network is held against."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from grace.clock import part
from grace.core.metrics import rmse
from grace.data.conventions import Conventions
from grace.data.resident import CHUNK, ResidentWindows
from grace.data.windows import ManyWindows, Windows
from grace.models.baselines import BASELINES, Baseline
from grace.models.window_statistics import StatisticsArchitecture
from grace.training.protocol import Split
from grace.training.replica import Replica
from grace.training.spec import RunSpec

MAX_WINDOWS = 50_000
"""Training windows that a baseline is fitted on, evenly spread; more would take longer than the network."""


def fit(name: str, windows: Windows | ManyWindows, conventions: Conventions) -> Baseline:
    """A model of :data:`grace.models.baselines.BASELINES` on at most :data:`MAX_WINDOWS` of some windows."""
    some, kind = _some(windows), BASELINES[name]
    return kind.fit(read_of(some, kind.reads_age), some.rul, conventions.health_cuts, some.timed)


@part("baselines")
def baseline_errors(splits: Sequence[Split], conventions: Conventions) -> dict[str, float]:
    """RMSE of each baseline on the engines that the splits hold out, cycles (or the table's unit).

    Predictions end at 0 and the cap. Nothing of the baselines is chosen on these engines.
    """
    found: dict[str, list[Tensor]] = {name: [] for name in BASELINES}
    for split in splits:
        some = _some(split.train)
        x, held_x = ([read_of(side, age) for age in (False, True)] for side in (some, split.validation))
        for name, kind in BASELINES.items():
            model = kind.fit(x[kind.reads_age], some.rul, conventions.health_cuts, some.timed)
            found[name].append(model(held_x[kind.reads_age])[0].clamp(max=conventions.cap))
    true = np.concatenate([split.validation.rul for split in splits])
    return {name: rmse(torch.cat(parts), true) for name, parts in found.items()}


class Fits:
    """The baselines of some runs in the place of a :class:`~grace.training.stack.Stack` that has come to its end.

    Args:
        specs: What is fitted, a model each.
        splits: Split of each seed.
    """

    def __init__(self, specs: Sequence[RunSpec], splits: Mapping[int, Split], device: str = "cpu") -> None:
        self.specs, self.device = list(specs), device
        self.replicas = [Replica(spec, splits[spec.seed]) for spec in specs]
        self._models = [self._fitted(replica) for replica in self.replicas]

    def _fitted(self, replica: Replica) -> Baseline:
        began = time.perf_counter()
        model = fit(replica.spec.model, replica.split.train, replica.spec.conventions).to(self.device)
        replica.seconds = time.perf_counter() - began
        return model

    def best_model(self, number: int) -> Baseline:
        """The model of a run."""
        return self._models[number].eval()


def _some(windows: Windows | ManyWindows) -> Windows:
    """All windows whose RUL is known, or as many of them as baselines are fitted on."""
    index = np.unique(np.linspace(0, len(windows) - 1, MAX_WINDOWS).astype(np.int64))
    found = windows.at(index)
    return found if found.suspended is None else found.at(np.flatnonzero(~found.suspended))


def read_of(windows: Windows, age: bool = False) -> Tensor:
    """What baselines read: statistics ``[N, S]``, or the recorded cycles up to each window's last one ``[N, 1]``."""
    statistics = None if age else StatisticsArchitecture(timed=windows.timed).of
    made = ResidentWindows(windows, statistics=statistics, age=age)
    return torch.cat([made.batch(part).x for part in torch.arange(len(windows), device=made.device).split(CHUNK)])
