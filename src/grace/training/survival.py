"""When units will fail, from the networks of a run: survival curves, how far they are believed, and their figures out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from grace.clock import part
from grace.data.windows import Windows
from grace.models.baselines import input_of
from grace.models.hazard import INTERVALS
from grace.models.rul_problem import HAZARD
from grace.models.two_heads import TwoHeads
from grace.survival.curves import Curves
from grace.survival.figures import survival_figures
from grace.survival.landmarks import Landmarks
from grace.survival.pool import Pool, out_of_fold
from grace.training.conformal import Interval
from grace.training.evaluate import BATCH, Predictions
from grace.training.protocol import Split
from grace.training.spec import RunSpec

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Survival of the landmarks of all folds, each predicted by the network that has not seen its unit.

    Attributes:
        curves: Of ``N`` landmarks, each pooled with the fleet's as the other folds say.
        landmarks: What was seen after them.
        pool: Of all folds, for new units.
    """

    curves: Curves
    landmarks: Landmarks
    pool: Pool

    def figures(self, horizons: Sequence[float]) -> dict[str, float]:
        """As :func:`grace.survival.figures.survival_figures`, and the ``share`` of the networks in the pool."""
        return survival_figures(self.curves, self.landmarks, horizons) | {"share": self.pool.share}


@part("survival")
def held_out(
    models: Sequence[nn.Module], splits: Sequence[Split], spec: RunSpec, interval: Interval, device: str = "cpu"
) -> OutOfFold | None:
    """Of the members of an ensemble; None of a single network, which holds out no unit that nothing was chosen on."""
    seen = [split.followed for split in splits if split.followed is not None]
    if not seen or not sum(map(len, seen)):
        return None
    curves = [
        own_curves([model], split.landmarks, spec, interval, device, without=number)
        for number, (model, split) in enumerate(zip(models, splits, strict=True))
        if split.landmarks is not None
    ]
    model = Curves(curves[0].edges, np.concatenate([one.values for one in curves]), curves[0].goes_on)
    landmarks = Landmarks.together(seen)
    folds = np.split(np.arange(len(model)), np.cumsum([len(one) for one in curves])[:-1])
    return OutOfFold(out_of_fold(model, landmarks, folds), landmarks, Pool.of(model, landmarks))


def own_curves(
    models: Sequence[nn.Module],
    windows: Windows | Sequence[Windows],
    spec: RunSpec,
    interval: Interval,
    device: str = "cpu",
    without: int = -1,
) -> Curves:
    """Survival after windows as networks tell it themselves, the mean of several.

    From hazards, or from the errors that the others made out of fold (:meth:`Interval.survival`), up to the cap.

    Args:
        models: ``K`` networks.
        windows: ``N`` windows, or the same as each network reads them (its scaling is its own).
        spec: Their run.
        interval: Of the run.
        without: Number of the network, where it is one and holds the windows out.
    """
    each = [windows] * len(models) if isinstance(windows, Windows) else list(windows)
    pairs = list(zip(models, each, strict=True))
    cap = float(spec.conventions.cap)
    edges = np.linspace(0.0, cap, INTERVALS + 1)
    if spec.rul_scale == HAZARD:
        first = models[0]
        assert isinstance(first, TwoHeads)
        edges = np.linspace(0.0, cap, first.intervals + 1)
        every = np.stack([_survival(*pair, device) for pair in pairs])
        return Curves(edges, np.asarray(every.mean(axis=0), dtype=np.float64), goes_on=True)
    rul = np.stack([Predictions.of(model, input_of(model, some, device), spec).rul for model, some in pairs])
    return Curves(edges, interval.survival(rul, edges, without))


@torch.no_grad()
def _survival(model: nn.Module, windows: Windows, device: str) -> Values:
    """Survival at the edges of the intervals of one network's hazards, float64 ``[N, K + 1]``."""
    resident = input_of(model, windows, device)
    parts = torch.arange(len(windows)).split(BATCH)
    assert isinstance(model, TwoHeads)
    found = [model.survival(resident.batch(index)[0]).double().cpu().numpy() for index in parts]
    return np.concatenate(found) if found else np.zeros((0, model.intervals + 1))
