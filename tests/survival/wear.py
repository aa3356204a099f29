"""Units whose true survival curves are known: a load that sensors tell sets the scale of a Weibull life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.survival.curves import Curves
from grace.survival.lives import Lives

LOADS = np.array([50.0, 100.0, 200.0])
SHAPE = 6.0


def weibull(shape: float, scale: float = 1.0) -> Any:
    """Survival function."""
    return lambda t: np.exp(-((np.asarray(t) / scale) ** shape))


def conditional(
    shape: float, scale: float, ages: NDArray[np.float64], edges: NDArray[np.float64], goes_on: bool = False
) -> Curves:
    """Curves of units of some ages whose lives are Weibull."""
    ages = np.asarray(ages, dtype=float)[:, None]
    return Curves(edges, np.exp((ages / scale) ** shape - ((ages + edges) / scale) ** shape), goes_on)


@dataclass(frozen=True, eq=False)
class Wear:
    """Observed lives, and inspections of every unit each ``step`` from new on; ``kind`` says which true curve each has."""

    lives: Lives
    unit: NDArray[np.int64]
    age: NDArray[np.float64]
    kind: NDArray[np.int64]
    kinds: Curves

    @property
    def curves(self) -> Curves:
        return self.kinds.at(self.kind)


def wear(units: int, seed: int, suspended_by: float = np.inf, step: float = 5.0) -> Wear:
    """Suspended at an age that is uniform up to ``suspended_by``."""
    rng = np.random.default_rng(seed)
    load = rng.integers(len(LOADS), size=units)
    life = LOADS[load] * rng.weibull(SHAPE, units)
    until = rng.uniform(0, suspended_by, units) if np.isfinite(suspended_by) else np.full(units, np.inf)
    lives = Lives(np.zeros(units), np.minimum(life, until), life <= until)
    count = np.ceil(lives.end / step).astype(int)
    unit = np.repeat(np.arange(units), count)
    number = np.arange(len(unit)) - np.repeat(np.cumsum(count) - count, count)
    ages = step * np.arange(count.max())
    edges = np.linspace(0, 300, 151)
    values = np.vstack([conditional(SHAPE, scale, ages, edges).values for scale in LOADS])
    return Wear(lives, unit, ages[number], load[unit] * len(ages) + number, Curves(edges, values))
