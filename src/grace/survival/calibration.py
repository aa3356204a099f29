"""Whether of the landmarks to which a probability of failure is given that share fails."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.core.stats import bootstrap
from grace.survival.landmarks import Landmarks
from grace.survival.product_limit import ProductLimit

Values = NDArray[np.float64]
ENOUGH = 30
"""Landmarks of a fifth from which on its gap counts."""


@dataclass(frozen=True)
class Fifth:
    """Landmarks of about equal predicted probability to fail within a horizon.

    Attributes:
        predicted: Mean of the predictions.
        observed: One minus the product-limit estimate at the horizon; NaN where all were suspended before it.
        low: Lower end of its 95 % interval, see :func:`calibration`.
        high: Upper end.
        landmarks: How many.
    """

    predicted: float
    observed: float
    low: float
    high: float
    landmarks: int


def calibration(predicted: Values, landmarks: Landmarks, horizon: float) -> list[Fifth]:
    """Predicted and observed probability to fail within a horizon, in fifths of the landmarks by predicted probability.

    Units weigh alike. The interval is that of :func:`grace.core.stats.bootstrap` over the units of the fifth; where no unit
    failed within the horizon, or every one did, it tells nothing and is NaN.

    Args:
        predicted: Probabilities ``[N]``; landmarks of one probability stay together, so that there may be fewer than five.
        landmarks: ``N`` of them.
        horizon: Time after the landmark, in the unit of RUL.
    """
    cuts = np.quantile(predicted, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf") if len(predicted) else np.zeros(0)
    number = np.searchsorted(cuts, predicted, side="left")
    parts = [np.flatnonzero(number == each) for each in np.unique(number)]
    return [_fifth(predicted[part], landmarks.at(part), landmarks.weights[part], horizon) for part in parts]


def largest_gap(fifths: Sequence[Fifth]) -> float:
    """Largest difference of predicted and observed probability in a fifth of 30 landmarks or more; NaN without one."""
    gaps = [abs(fifth.predicted - fifth.observed) for fifth in fifths if fifth.landmarks >= ENOUGH]
    return max((gap for gap in gaps if not math.isnan(gap)), default=math.nan)


def _fifth(predicted: Values, landmarks: Landmarks, weights: Values, horizon: float) -> Fifth:
    mean = float(np.average(predicted, weights=weights))
    observed, low, high = math.nan, math.nan, math.nan
    curve = ProductLimit.of(landmarks.time, landmarks.event, weights)
    if landmarks.time.max() >= horizon or curve.fail[-1] == 1:
        observed = 1 - float(curve.survival(np.array(horizon)))
        if 0 < observed < 1:
            columns = _counts(landmarks, weights, curve.times[(curve.fail > 0) & (curve.times <= horizon)])
            span = bootstrap(_failing, *columns, families=np.arange(len(columns[0])))
            low, high = span.low, span.high
    return Fifth(mean, observed, low, high, len(landmarks))


def _counts(landmarks: Landmarks, weights: Values, times: Values) -> tuple[Values, Values]:
    """Weight of each unit's landmarks at risk at some times, and of those that fail then, ``[U, K]`` each."""
    unit, time = landmarks.place, landmarks.time
    last = np.searchsorted(times, time, side="right")  # at risk at so many of the times
    leave, failed = np.zeros((2, int(unit.max()) + 1, len(times) + 1))
    np.add.at(leave, (unit, last), weights)
    at_risk = np.cumsum(leave[:, ::-1], axis=1)[:, ::-1]
    fail = np.flatnonzero(landmarks.event & (last > 0) & (times[last - 1] == time))
    np.add.at(failed, (unit[fail], last[fail]), weights[fail])
    return at_risk[:, 1:], failed[:, 1:]


def _failing(at_risk: Values, failed: Values, weights: Values) -> Any:
    """Probability to fail, ``[...]``, of units that are drawn so often, ``[..., U]``."""
    drawn = weights @ at_risk
    share = np.divide(weights @ failed, drawn, out=np.zeros_like(drawn), where=drawn > 0)
    return 1 - np.prod(1 - np.minimum(share, 1), axis=-1)
