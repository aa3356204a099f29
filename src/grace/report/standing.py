"""Which method has the least cost J at each price of a late failure, and which cannot be told from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from grace.bench.summary import Values
from grace.core.stats import LEVEL, RATE, adjust, p_values

POSITIONS: NDArray[np.float64] = np.arange(101) / 100
"""The slider's: w, the share of a late failure in the cost."""

FIRST, UNPAIRED, WITHIN_NOISE, BEYOND_NOISE, REMAINS = "1?=~<"
"""A method at a position: the least mean J; fewer than two seeds in common with it; not measurably different from it; different
by its own 95 % interval, but not after Benjamini-Hochberg; different after it too."""

Shares = Mapping[str, tuple[float, float]]


def _cost(share: tuple[float, float]) -> NDArray[np.float64]:
    """J(w) = w · score + (1 - w) · RMSE at every position ``[101]``, both as shares of their range."""
    return POSITIONS * share[1] + (1 - POSITIONS) * share[0]


def standings(
    rmse: Mapping[str, Values], score: Mapping[str, Values], shares: Mapping[str, Shares]
) -> dict[tuple[str, str], str]:
    """How every method stands at every position, by data set and method: 101 characters, :data:`FIRST` to :data:`REMAINS`.

    Differences of J to the first are paired by seed, on the scale of the means; the family of one position is all of them on all
    data sets. RMSE and NASA score are by data set, method and seed; their means as shares of their range by data set and method,
    and of equal J the first one named there is the first.
    """
    first = {dataset: _first(of) for dataset, of in shares.items()}
    names = [(dataset, method) for dataset, of in shares.items() for method in of]
    p = np.array([_differences(rmse[d], score[d], m, first[d]) for d, m in names]).T  # [101, methods of all data sets]
    adjusted = adjust(p)
    marks = np.select([np.isnan(p), p >= 1 - LEVEL, adjusted > RATE], [UNPAIRED, WITHIN_NOISE, BEYOND_NOISE], REMAINS)
    for column, (dataset, method) in enumerate(names):
        marks[first[dataset] == method, column] = FIRST
    return {name: "".join(column) for name, column in zip(names, marks.T, strict=True)}


def _first(shares: Shares) -> NDArray[np.str_]:
    """The method of the least mean J at every position ``[101]``."""
    names = list(shares)
    costs = np.array([_cost(share) for share in shares.values()])
    return np.array([names[index] for index in costs.argmin(axis=0)])


def _differences(rmse: Values, score: Values, method: str, first: NDArray[np.str_]) -> NDArray[np.float64]:
    """p values of a method's J against the first's at every position ``[101]``; NaN where it is the first, or without pairs."""
    found = np.full(len(POSITIONS), np.nan)
    for other in set(first.tolist()) - {method}:
        seeds = sorted(rmse[method].keys() & rmse[other].keys())
        pairs = [[of[method][seed] - of[other][seed] for seed in seeds] for of in (rmse, score)]
        at = first == other
        w = POSITIONS[at, None]
        found[at] = p_values(w * pairs[1] / _range(score) + (1 - w) * np.array(pairs[0]) / _range(rmse))
    return found


def _range(values: Values) -> float:
    """From the least to the largest mean; infinite where all are equal, as none of them costs more."""
    means = [np.mean([*found.values()]) for found in values.values()]
    return float(max(means) - min(means)) or float("inf")
