"""Statistics over cases with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Span:
    """A value with its 95 % bootstrap interval over cases; NaN where it cannot be had."""

    value: float
    low: float
    high: float


def span(statistic: Callable[..., Any], *columns: NDArray[Any]) -> Span:
    """A statistic of columns over cases, and its bootstrap interval: cases are drawn with replacement.

    Args:
        statistic: Of arrays ``[..., cases]``, giving ``[...]``.
        columns: ``[cases]`` each.
    """
    count = len(columns[0])
    value = float(statistic(*columns)) if count else float("nan")
    if not np.isfinite(value):
        return Span(value, float("nan"), float("nan"))
    draws = np.random.default_rng(0).integers(0, count, (DRAWS, count))
    drawn = statistic(*(column[draws] for column in columns))
    known = drawn[np.isfinite(drawn)]
    if len(known) < DRAWS / 2:
        return Span(value, float("nan"), float("nan"))
    low, high = np.percentile(known, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Span(value, float(low), float(high))


def mean(values: NDArray[np.float64]) -> Any:
    """Mean over the last axis."""
    return values.mean(axis=-1)
