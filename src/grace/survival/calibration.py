"""Whether of the landmarks to which a probability of failure is given that share fails."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from grace.core.stats import Span, bootstrap
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

    The interval is that of :func:`grace.core.stats.bootstrap` over the units of the fifth; where no unit
    failed within the horizon, or every one did, it tells nothing and is NaN.

    Args:
        predicted: Probabilities ``[N]``; landmarks of one probability stay together, so that there may be fewer than five.
        landmarks: ``N`` of them.
        horizon: Time after the landmark, in the unit of RUL.
    """
    cuts = np.quantile(predicted, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf") if len(predicted) else np.zeros(0)
    number = np.searchsorted(cuts, predicted, side="left")
    parts = [np.flatnonzero(number == each) for each in np.unique(number)]
    return [_fifth(predicted[part], landmarks.at(part), horizon) for part in parts]


def largest_gap(fifths: Sequence[Fifth]) -> float:
    """Largest difference of predicted and observed probability in a fifth of 30 landmarks or more; NaN without one."""
    gaps = [abs(fifth.predicted - fifth.observed) for fifth in fifths if fifth.landmarks >= ENOUGH]
    return max((gap for gap in gaps if not math.isnan(gap)), default=math.nan)


def _fifth(predicted: Values, landmarks: Landmarks, horizon: float) -> Fifth:
    mean = float(predicted.mean())
    observed, low, high = math.nan, math.nan, math.nan
    curve = ProductLimit.of(landmarks.time, landmarks.event)
    if landmarks.time.max() >= horizon or curve.fail[-1] == 1:
        observed = 1 - float(curve.survival(np.array(horizon)))
        if 0 < observed < 1:
            times = curve.times[(curve.fail > 0) & (curve.times <= horizon)]
            span = _interval(landmarks, times)
            low, high = span.low, span.high
    return Fifth(mean, observed, low, high, len(landmarks))


def _interval(landmarks: Landmarks, times: Values) -> Span:
    """Of the probability to fail up to the last of some times of failures."""
    unit, last = (
        landmarks.place,
        np.searchsorted(times, landmarks.time, side="right"),
    )  # at risk at so many of the times
    failed = landmarks.event & (landmarks.time <= times[-1])
    shape = int(unit.max()) + 1, len(times) + 1
    each = np.ones(len(unit))
    leave = csr_array((each, (unit, last)), shape)  # one value a landmark
    fail = csr_array((each[failed], (unit[failed], last[failed])), shape)

    def failing(units: NDArray[Any], weights: Values) -> Any:
        at_risk = np.cumsum((weights @ leave)[..., :0:-1], axis=-1)[..., ::-1]
        share = np.divide((weights @ fail)[..., 1:], at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
        return 1 - np.prod(1 - np.minimum(share, 1), axis=-1)

    units = np.arange(shape[0])
    return bootstrap(failing, units, families=units)
