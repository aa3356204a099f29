"""A race: every way is trained a few times on the same units, and judged on its failed units out of fold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from grace.core.stats import Estimate
from studies.advice.cases import Way, World, references
from studies.advice.effects import Rows

Laps = dict[int, dict[str, float]]
"""Of one way: squared errors by unit, by seed."""


def laps_of(rows: Rows, way: Way, draw: int) -> Laps:
    """The trainings of a way in one draw."""
    found: Laps = {}
    for key, row in rows.get(way.name, {}).items():
        at, seed = map(int, key.split("."))
        if at == draw and row is not None and "squared" in row:
            found[seed] = row["squared"]
    return dict(sorted(found.items()))


def reference(rows: Rows, world: World, draw: int, seeds: Sequence[int]) -> Way | None:
    """The way of RUL alone with the least squared error out of fold, as a user would choose it; None where one is missing."""
    errors = {}
    for way in references(world):
        laps = laps_of(rows, way, draw)
        if not set(seeds) <= set(laps):
            return None
        errors[way] = float(np.mean([np.mean(list(laps[seed].values())) for seed in seeds]))
    return min(errors, key=errors.__getitem__)


def change(ours: Laps, theirs: Laps, seeds: Sequence[int]) -> float:
    r"""Logarithm of the ratio of the RMSE over failed units, mean over seeds:
    :math:`\frac{1}{2S} \sum_s \log(\sum_u e_{su}^2 / \sum_u f_{su}^2)`."""
    ratios = [0.5 * math.log(sum(ours[s].values()) / sum(theirs[s].values())) for s in seeds]
    return float(np.mean(ratios))


def estimate(ours: Laps, theirs: Laps, seeds: Sequence[int]) -> Estimate:
    """:func:`change` with Student's 95 % interval by the jackknife over units, whose errors in all seeds go together; where seeds
    differ more than units do, over seeds."""
    mean, units = change(ours, theirs, seeds), sorted(set.intersection(*(set(ours[s]) & set(theirs[s]) for s in seeds)))
    left = [change(_without(ours, unit), _without(theirs, unit), seeds) for unit in units] if len(units) > 1 else []
    options = [(_jackknifed(left), len(left) - 1)] if left else []
    if len(seeds) > 1:
        each = [change(ours, theirs, [seed]) for seed in seeds]
        options.append((float(np.std(each, ddof=1)) / math.sqrt(len(each)), len(each) - 1))
    error, freedom = max(options, default=(math.inf, 1))
    half = float(stats.t.ppf(0.975, freedom)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, freedom)) if error > 0 else float(mean == 0)
    return Estimate(mean, mean - half, mean + half, len(units), p)


def _without(laps: Laps, unit: str) -> Laps:
    return {seed: {name: value for name, value in squared.items() if name != unit} for seed, squared in laps.items()}


def _jackknifed(left: Sequence[float]) -> float:
    """Standard error from the estimates without each unit (Efron and Stein 1981)."""
    n, values = len(left), np.asarray(left)
    return float(np.sqrt((n - 1) / n * np.square(values - values.mean()).sum()))


def raced(rows: Rows, world: World, way: Way, draw: int, seeds: Sequence[int]) -> Estimate | None:
    """What a race of these seeds says of a way against RUL alone tuned as well; None where a training is missing."""
    best = reference(rows, world, draw, seeds)
    ours = laps_of(rows, way, draw)
    if best is None or not set(seeds) <= set(ours):
        return None
    return estimate(ours, laps_of(rows, best, draw), seeds)


def halved(rows: Rows, world: World, ways: Sequence[Way], draw: int) -> dict[Way, Estimate | None]:
    """One seed of all ways, and two more of the better half (Jamieson and Talwalkar 2016): what the race says of each in the
    end."""
    first = {way: raced(rows, world, way, draw, (0,)) for way in ways}
    known = sorted((way for way in ways if first[way] is not None), key=lambda way: first[way].mean)  # type: ignore[union-attr]
    better = known[: math.ceil(len(known) / 2)]
    return first | {way: raced(rows, world, way, draw, (0, 1, 2)) for way in better}
