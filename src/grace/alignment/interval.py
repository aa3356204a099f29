"""Intervals over initialisations: batches are nested in initialisations, so they are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """Mean of a hierarchical sample with its confidence interval.

    Attributes:
        mean: Mean over initialisations of the means over batches.
        low: Lower end.
        high: Upper end.
        inits: Initialisations that gave a value.
        batches: Batches in each.
        sd_inits: Standard deviation of the initialisations' means; 0 with one initialisation, where it is unknown.
        sd_batches: Pooled standard deviation of batches within an initialisation.
    """

    mean: float
    low: float
    high: float
    inits: int
    batches: int
    sd_inits: float
    sd_batches: float


def over_initialisations(
    values: NDArray[np.float64], level: float = 0.95, bounds: tuple[float, float] = (-1.0, 1.0)
) -> Interval:
    r"""Random-effects interval of a balanced sample.

    Model: :math:`x_{ij} = \mu + a_i + e_{ij}`, ``i`` an initialisation, ``j`` a batch. Then the initialisations' means
    :math:`\bar x_i` are independent with one variance, and :math:`\bar x \pm t_{I-1} \, s / \sqrt{I}`, with ``s`` the
    standard deviation of the :math:`\bar x_i`, is exact for normal :math:`a_i` and :math:`e_{ij}` (one-way random-effects
    analysis of variance, e.g. Searle, Casella & McCulloch 1992). Treating the batches of *one* initialisation as
    the sample gives a standard error that is too small by the ratio of the two SDs.

    Args:
        values: ``[inits, batches]``; NaN where undefined. Initialisations without any value are left out.
        level: Confidence level.
        bounds: The interval is cut to this range. With fewer than two initialisations it *is* this range: nothing is
            known of the spread.
    """
    live = values[~np.isnan(values).all(axis=1)]
    if len(live) == 0:
        return Interval(float("nan"), *bounds, 0, values.shape[1], 0.0, 0.0)
    means = np.nanmean(live, axis=1)
    mean = float(means.mean())
    within = _pooled_sd(live)
    if len(live) == 1:
        return Interval(mean, *bounds, 1, values.shape[1], 0.0, within)
    spread = float(means.std(ddof=1))
    half = float(stats.t.ppf((1 + level) / 2, len(live) - 1)) * spread / len(live) ** 0.5
    low, high = max(mean - half, bounds[0]), min(mean + half, bounds[1])
    return Interval(mean, low, high, len(live), values.shape[1], spread, within)


def _pooled_sd(values: NDArray[np.float64]) -> float:
    counts = (~np.isnan(values)).sum(axis=1)
    freedom = int((counts - 1).sum())
    deviations = values - np.nanmean(values, axis=1, keepdims=True)
    return float(np.sqrt(np.nansum(deviations**2) / freedom)) if freedom > 0 else 0.0
