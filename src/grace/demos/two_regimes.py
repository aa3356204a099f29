r"""The source's NumPy demonstration of two regimes, exactly as it is: it does not show what is claimed of it.

RUL :math:`y \sim U(0, 125)` of 500 samples; the health task "pulls" a prediction by :math:`p = -0.6\, y / 125`,
in regime B with a random sign. A prediction is :math:`y + N(0, 3) + 60 (1 - \lambda) p`, with :math:`\lambda = 0.5` for
Baseline and 0.05 for GABA. No gradient is taken and nothing is trained.

Squaring :math:`p` loses the sign, so both regimes have one expected error and GABA nearly doubles it in both:

.. math::
    \mathrm{RMSE}^2 = 3^2 + (60 (1 - \lambda) \cdot 0.6)^2 / 3, \quad \text{10.82 at } \lambda = 0.5, \;
    \text{19.97 at } \lambda = 0.05

What really happens when labels align, say nothing or compete is shown by training: :func:`grace.demos.cosine.train` on
a toy, and :mod:`grace.demos.dial` on simulated fleets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.core.metrics import rmse

SAMPLES, MAX_RUL, PULL, NOISE, SCALE = 500, 125.0, -0.6, 3.0, 60.0
LAMBDAS = (0.5, 0.05)
"""Weight of RUL in Baseline and in GABA (the same as GRACE in the source's demonstration)."""


@dataclass(frozen=True)
class _Regime:
    """RMSE in cycles of the two methods in one regime."""

    baseline: float
    gaba: float


@dataclass(frozen=True)
class TwoRegimes:
    """Regime A: the pull has one sign. Regime B: its sign is random."""

    a: _Regime
    b: _Regime


CLAIMED = TwoRegimes(a=_Regime(19.0, 4.5), b=_Regime(19.0, 36.0))
"""What the source prints beside its demonstration (GRACE text, section 21.3); its formula does not give it."""


def run(seed: int = 0) -> TwoRegimes:
    """RMSE of Baseline and GABA in both regimes, as the source's formula gives them.

    The order of draws is part of the demonstration: for A, then B, the RUL, the signs (B only), the noise of Baseline,
    the noise of GABA.
    """
    rng = np.random.default_rng(seed)
    return TwoRegimes(a=_regime(rng, flip=False), b=_regime(rng, flip=True))


def _regime(rng: np.random.Generator, flip: bool) -> _Regime:
    rul = rng.uniform(0, MAX_RUL, SAMPLES)
    pull = PULL * rul / MAX_RUL
    if flip:
        pull = pull * rng.choice([1, -1], SAMPLES)
    return _Regime(*(rmse(_predict(rul, pull, weight, rng), rul) for weight in LAMBDAS))


def _predict(
    rul: NDArray[np.float64], pull: NDArray[np.float64], weight: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    return rul + rng.normal(0, NOISE, SAMPLES) + (1 - weight) * pull * SCALE
