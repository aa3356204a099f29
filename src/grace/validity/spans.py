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


def span(statistic: Callable[..., float], *columns: NDArray[Any]) -> Span:
    """A statistic of columns over cases, and its bootstrap interval: cases are drawn with replacement."""
    rng, count = np.random.default_rng(0), len(columns[0])
    draws = rng.integers(0, count, (DRAWS, count))
    drawn = np.array([statistic(*(column[draw] for column in columns)) for draw in draws])
    value = statistic(*columns)
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or len(known) < DRAWS / 2:
        return Span(value, float("nan"), float("nan"))
    low, high = np.percentile(known, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Span(value, float(low), float(high))
