"""When units will fail, from the networks of a run: survival curves, how far they are believed, and their figures out of fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from grace.clock import part
from grace.data.fleet import Fleet
from grace.data.windows import Windows
from grace.models.baselines import input_of
from grace.models.hazard import INTERVALS
from grace.models.heads import MultiHead
from grace.models.units import HAZARD
from grace.survival.curves import Curves
from grace.survival.figures import survival_figures
from grace.survival.landmarks import Landmarks
from grace.survival.lives import Lives
from grace.survival.pool import Pool, out_of_fold
from grace.training.conformal import Interval
from grace.training.evaluate import BATCH, Predictions
from grace.training.protocol import Split, fold_parts
from grace.training.spec import RunSpec

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Survival at the landmarks of all folds, each predicted by the network that has not seen its unit, and the units.

    Attributes:
        curves: Of ``N`` landmarks, each pooled with the fleet's as the other folds say.
        landmarks: What was seen after them; ``unit`` is a number from 0, of the ``U`` units of the fleet.
        pool: Of all folds, for new units.
        lives: Of the units.
        fold: Of each unit, int64 ``[U]``; -1 of units that no fold holds out.
    """

    curves: Curves
    landmarks: Landmarks
    pool: Pool
    lives: Lives
    fold: NDArray[np.int64]

    def figures(self, horizons: Sequence[float]) -> dict[str, float]:
        """As :func:`grace.survival.figures.survival_figures`, and the ``share`` of the networks in the pool."""
        return survival_figures(self.curves, self.landmarks, horizons) | {"share": self.pool.share}

    def state(self) -> dict[str, Any]:
        """As tensors and numbers, of which :meth:`of_state` makes it again; curves in single precision."""
        arrays = {
            "values": self.curves.values.astype(np.float32),
            "edges": self.curves.edges,
            "fleet": self.pool.fleet,
            "fold": self.fold,
            **{name: getattr(self.landmarks, name) for name in _OF_LANDMARKS},
            **{name: getattr(self.lives, name) for name in _OF_LIVES},
        }
        numbers = {"share": self.pool.share, "goes_on": self.pool.goes_on}
        return numbers | {name: torch.tensor(array) for name, array in arrays.items()}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> OutOfFold:
        """What :meth:`state` gave."""
        array = {name: value.numpy() for name, value in state.items() if isinstance(value, torch.Tensor)}
        edges, goes_on = array["edges"], bool(state["goes_on"])
        return cls(
            Curves(edges, array["values"].astype(np.float64), goes_on),
            Landmarks(*(array[name] for name in _OF_LANDMARKS)),
            Pool(edges, array["fleet"], float(state["share"]), goes_on),
            Lives(*(array[name] for name in _OF_LIVES)),
            array["fold"],
        )


_OF_LANDMARKS = ("time", "event", "unit", "age")
_OF_LIVES = ("entry", "end", "failed")


@part("survival")
def held_out(
    models: Sequence[nn.Module],
    splits: Sequence[Split],
    spec: RunSpec,
    interval: Interval,
    fleet: Fleet,
    device: str = "cpu",
) -> OutOfFold | None:
    """Of the members of an ensemble on a fleet; None of a single network, which holds out no unit that nothing was chosen on, and
    where no unit was held out before its end."""
    seen = [split.followed for split in splits if split.followed is not None]
    if not sum(map(len, seen)):
        return None
    curves = [
        fold_curves(number, model, split.landmarks, spec, interval, device)
        for number, (model, split) in enumerate(zip(models, splits, strict=True))
        if split.landmarks is not None
    ]
    model = Curves(curves[0].edges, np.concatenate([one.values for one in curves]), curves[0].goes_on)
    landmarks = _numbered(Landmarks.together(seen), fleet)
    fold = np.full(len(fleet.engines), -1)
    for number, units in enumerate(fold_parts(spec, fleet)):
        fold[units] = number
    parts = [np.flatnonzero(fold[landmarks.unit] == number) for number in range(len(splits))]
    pooled = out_of_fold(model, landmarks, parts)
    return OutOfFold(pooled, landmarks, Pool.of(model, landmarks), lives_of_units(fleet), fold)


def fold_curves(
    number: int, model: nn.Module, windows: Windows, spec: RunSpec, interval: Interval, device: str = "cpu"
) -> Curves:
    """Survival after windows of units that network ``number`` of an ensemble holds out, as it tells it itself."""
    if spec.rul_scale == HAZARD:
        return hazard_curves([model], [windows], spec.conventions.cap, device)
    rul = Predictions.of(model, input_of(model, windows, device), spec).rul
    return error_curves(rul[None], interval, without=number)


def lives_of_units(fleet: Fleet) -> Lives:
    """Lives of all engines of a fleet."""
    failed = np.ones(len(fleet.engines), dtype=np.bool_) if fleet.failed is None else fleet.failed
    return Lives(fleet.entries(), fleet.lives(), failed)


def _numbered(landmarks: Landmarks, fleet: Fleet) -> Landmarks:
    """The landmarks with the numbers of their units in place of names."""
    order = np.argsort(fleet.engines)
    place = np.searchsorted(fleet.engines, landmarks.unit, sorter=order)
    return Landmarks(landmarks.time, landmarks.event, order[place], landmarks.age)


def hazard_curves(models: Sequence[nn.Module], windows: Sequence[Windows], cap: float, device: str = "cpu") -> Curves:
    """Survival after ``N`` windows, as each of ``K`` networks of hazards reads them (its scaling is its own), the mean of all."""
    every = np.stack([_survival(model, some, device) for model, some in zip(models, windows, strict=True)])
    edges = np.linspace(0.0, cap, every.shape[-1])
    return Curves(edges, np.asarray(every.mean(axis=0), dtype=np.float64), goes_on=True)


def error_curves(rul: NDArray[np.float32], interval: Interval, without: int = -1) -> Curves:
    """Survival up to the cap from predictions ``[K, N]`` and the errors that were made out of fold; arguments as of
    :meth:`Interval.survival <grace.training.conformal.Interval.survival>`.

    Predictions and RULs end at the cap, so that "the cap or more" stands at it or just below. The last interval therefore has the
    hazard of the one before: what is left at its start is survival but for that share.
    """
    edges = np.linspace(0.0, interval.cap, INTERVALS + 1)
    below = Curves(edges[:-1], interval.survival(rul, edges[:-1], without), goes_on=True)
    return Curves(edges, below.survival(edges))


@torch.no_grad()
def _survival(model: nn.Module, windows: Windows, device: str) -> Values:
    """Survival at the edges of the intervals of one network's hazards, float64 ``[N, K + 1]``."""
    resident = input_of(model, windows, device)
    parts = torch.arange(len(windows), device=resident.device).split(BATCH)
    assert isinstance(model, MultiHead)
    found = [model.survival(resident.batch(index).x).double().cpu().numpy() for index in parts]
    return np.concatenate(found) if found else np.zeros((0, model.intervals + 1))
