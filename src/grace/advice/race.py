r"""A race: every way is trained a few times on the same units, and judged on those that failed, out of fold.

A **lap** is one training of a way, an ensemble of folds; it gives the squared error of RUL of every failed unit under the network
that has not seen it. Ways are compared lap by lap: the same lap has the same folds, initial weights and batches of RUL. Of ways
with errors :math:`e` and :math:`f` of units :math:`u` in laps :math:`s = 1 \ldots S`

.. math::
    d = \frac{1}{2S} \sum_s \log \frac{\sum_u e_{su}^2}{\sum_u f_{su}^2}

is the change of the RMSE as a logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit  # scipy.stats takes a second to import

from grace.advice.ways import Way
from grace.core.stats import LEVEL, Estimate
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.errors import GraceError
from grace.models.baselines import input_of
from grace.training.evaluate import Predictions
from grace.training.outcome import Run
from grace.training.protocol import fold_parts
from grace.training.run import train
from grace.training.spec import RunSpec

Lap = dict[str, float]
"""Squared errors by failed unit; of units that are held out together, by the first of them."""


def lap_of(run: Run, spec: RunSpec, fleet: Fleet) -> Lap:
    """Mean squared error of each failed unit under the network that has not seen it, in the unit of RUL squared, by its place in
    the fleet; of a group the sum over its units, under the first of them."""
    found = dict[int, float]()
    for member, split, part in zip(run.members, run.splits, fold_parts(spec, fleet), strict=True):
        held, failed = split.validation, np.intersect1d(part, fleet.failures)
        predicted = Predictions.of(member.model, input_of(member.model, held), spec).rul.astype(np.float64)
        wrong, count = np.square(predicted - held.rul), np.bincount(held.engine, minlength=len(failed))
        means = np.bincount(held.engine, wrong, len(failed)) / np.maximum(count, 1)
        found |= {int(unit): float(mean) for unit, mean, n in zip(failed, means, count, strict=True) if n}
    together = ([int(unit) for unit in some if int(unit) in found] for some in fleet.together())
    return {str(some[0]): sum(found[unit] for unit in some) for some in together if some}


def run_lap(fleet: Fleet, conventions: Conventions, way: Way, lap: int) -> Lap:
    """Train one lap.

    Raises:
        GraceError: The fleet cannot be trained on, or the training diverged.
    """
    spec = way.spec(fleet.name, conventions, lap)
    mine = replace(fleet, labels={name: fleet.labels[name] for name in way.tasks if name in fleet.labels})
    run = train(spec, mine)
    if run.record.reason:
        raise GraceError(f"{fleet.name}, {way.name}: {run.record.reason}")
    return lap_of(run, spec, mine)


def lap_or_reason(fleet: Fleet, conventions: Conventions, way: Way, lap: int) -> Lap | str:
    """:func:`run_lap`, or why there is none."""
    try:
        return run_lap(fleet, conventions, way, lap)
    except GraceError as error:
        return str(error)


def change(ours: Mapping[int, Lap], theirs: Mapping[int, Lap], laps: Sequence[int]) -> float:
    """Logarithm of the ratio of the RMSE over failed units, mean over laps."""
    ratios = [0.5 * math.log(sum(ours[s].values()) / sum(theirs[s].values())) for s in laps]
    return float(np.mean(ratios))


def estimate(ours: Mapping[int, Lap], theirs: Mapping[int, Lap], laps: Sequence[int]) -> Estimate:
    """:func:`change` with Student's 95 % interval by the jackknife over units, whose errors in all laps go together; where laps
    differ more than units do, over laps (Efron and Stein, Ann. Statist. 9, 1981)."""
    mean, units = change(ours, theirs, laps), sorted(set.intersection(*(set(ours[s]) & set(theirs[s]) for s in laps)))
    options = []
    if len(units) > 1:
        sums = [np.stack([_sums_without(some[lap], units) for lap in laps]) for some in (ours, theirs)]
        options.append((_jackknifed((0.5 * np.log(sums[0] / sums[1])).mean(0)), len(units) - 1))
    if len(laps) > 1:
        each = [change(ours, theirs, [lap]) for lap in laps]
        options.append((float(np.std(each, ddof=1)) / math.sqrt(len(each)), len(each) - 1))
    error, freedom = max(options, default=(math.inf, 1))
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(mean) / error)) if error > 0 else float(mean == 0)
    return Estimate(mean, mean - half, mean + half, len(units), p)


def _sums_without(lap: Lap, units: Sequence[str]) -> NDArray[np.float64]:
    """Sums of a lap without each of some units, ``[U]``; sums, not differences, so that a unit that is all but everything takes
    no digits with it."""
    mine = np.array([lap[unit] for unit in units])
    rest = sum(value for unit, value in lap.items() if unit not in units)
    found: NDArray[np.float64] = (1 - np.eye(len(units))) @ mine + rest
    return found


def _jackknifed(left: NDArray[np.float64]) -> float:
    """Standard error from the estimates without each unit."""
    n = len(left)
    return float(np.sqrt((n - 1) / n * np.square(left - left.mean()).sum()))
