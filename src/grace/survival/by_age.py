r"""Survival from the age alone: what any table of lives tells, without a reading.

A unit that has lived to the age ``a`` lives on for ``t`` with probability :math:`S(a + t) / S(a)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.survival.baseline import Baseline, Training, need_failures
from grace.survival.curves import Curves
from grace.survival.lives import Lives
from grace.survival.product_limit import ProductLimit

Values = NDArray[np.float64]
LEAST = 5
"""Units at risk up to whose last age the age counts."""
SHAPES = np.linspace(math.log(0.05), math.log(50), 100)
"""Logarithms of the shapes that a Weibull distribution may have."""


@dataclass(frozen=True, eq=False)
class KaplanMeier(Baseline):
    """The product-limit estimate of the training units' lives, those seen from an age on at risk after it.

    At high ages few units are left, and beyond the last of them nobody is: there the ratio of two estimates says nothing. A unit
    older than the last age at which five training units were at risk, in fleets of fewer than 25 a fifth of them, is taken to
    be of that age. Beyond the last life that was suspended the last value stays.

    Attributes:
        lives: Their estimate.
        oldest: That age, in the unit of RUL.
        edges: Of the curves.
    """

    lives: ProductLimit
    oldest: float
    edges: Values

    @classmethod
    def fit(cls, training: Training) -> KaplanMeier:
        """Takes the lives."""
        lives = _seen(training.lives)
        found = ProductLimit.of(lives.end, lives.failed, entry=lives.entry)
        least = min(LEAST, math.ceil(len(lives.end) / 5))
        # one step before the last time of enough at risk, so that they are still so after it
        enough = np.flatnonzero(found.at_risk >= least)
        oldest = found.times[enough[-1] - 1] if len(enough) and enough[-1] > 0 else 0.0
        return cls(found, float(oldest), training.edges)

    def curves(self, age: Values, statistics: Values) -> Curves:
        """Reads the age."""
        since = np.minimum(age, self.oldest)[:, None]
        return Curves(self.edges, self.lives.survival(since + self.edges, since))


@dataclass(frozen=True, eq=False)
class Weibull(Baseline):
    r"""A Weibull distribution of lives, :math:`S(t) = \exp(-(t / \text{scale})^\text{shape})`, by maximum likelihood.

    With suspended units and units that were seen from the age ``e`` on, the log likelihood is
    :math:`\sum_\text{failed} \log h(t) - \sum (H(t) - H(e))` with the hazard ``h`` and its integral ``H`` (Klein & Moeschberger,
    Survival Analysis, 2003, 3.5). The best scale of a shape is known, so that the shape alone is searched for, in
    [0.05, 50].

    Attributes:
        shape: Above 1 units wear out.
        scale: Age that a share of ``1 / e`` reaches, in the unit of RUL.
        edges: Of the curves.
    """

    shape: float
    scale: float
    edges: Values

    @classmethod
    def fit(cls, training: Training) -> Weibull:
        """Takes the lives."""
        from scipy.optimize import minimize_scalar

        lives = _seen(training.lives)
        most = float(lives.end.max())
        life, entry, count = lives.end / most, lives.entry / most, int(lives.failed.sum())
        logs = float(np.log(life[lives.failed]).sum())

        def total(shape: float) -> float:
            return float((life**shape - entry**shape).sum())

        def surprise(log_shape: float) -> float:
            shape = math.exp(log_shape)
            return count * (math.log(total(shape)) - log_shape) - (shape - 1) * logs

        best = int(np.argmin([surprise(each) for each in SHAPES]))
        bounds = SHAPES[max(best - 1, 0)], SHAPES[min(best + 1, len(SHAPES) - 1)]
        shape = math.exp(minimize_scalar(surprise, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x)
        return cls(shape, most * (total(shape) / count) ** (1 / shape), training.edges)

    def curves(self, age: Values, statistics: Values) -> Curves:
        """Reads the age."""
        start = (age / self.scale)[:, None]
        return Curves(self.edges, np.exp(start**self.shape - (start + self.edges / self.scale) ** self.shape))


def _seen(lives: Lives) -> Lives:
    """Those that were at risk at all; refuses none that failed."""
    seen = lives.end > lives.entry
    need_failures(int((seen & lives.failed).sum()), "training units")
    return lives.at(seen)
