"""Prediction intervals with a coverage that holds for new engines: split conformal prediction, by engine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError


def half_width(errors: NDArray[np.float64], engine: NDArray[np.int64], level: float = 0.9) -> float:
    r"""Half width of the interval that covers a new engine's RUL with probability ``level`` or more, cycles.

    Windows of one engine are not exchangeable with those of another one by one, engines are. So every one of the ``K``
    engines weighs the same, and the new engine itself counts as one at infinity: the quantile of

    .. math::
        \sum_k \frac{1}{K + 1} \frac{1}{n_k} \sum_i \delta_{|e_{ki}|} + \frac{1}{K + 1} \delta_\infty

    (Lee, Barber & Willett, "Distribution-free inference with hierarchical data", 2023, hierarchical conformal
    prediction). With one window an engine it is the usual split conformal interval.

    Args:
        errors: Prediction minus truth on engines that were not trained on, ``[N]``, cycles.
        engine: Engine of each, ``[N]``.
        level: Wanted coverage, in (0, 1).

    Returns:
        Infinity where there are too few engines for the level (fewer than ``level / (1 - level)``).
    """
    if not 0 < level < 1:
        raise GraceError(f"`level` should be in (0, 1). Found {level}.")
    _, index, count = np.unique(engine, return_inverse=True, return_counts=True)
    weight = 1 / ((len(count) + 1) * count[index])
    order = np.argsort(np.abs(errors), kind="stable")
    reached = np.cumsum(weight[order])
    enough = np.flatnonzero(reached >= level - 1e-12)
    return float(np.abs(errors)[order][enough[0]]) if len(enough) else math.inf
