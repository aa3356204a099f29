r"""The predictor *shrunk* of the plan: what a race shows of one case, drawn towards the mean of its kind.

.. math::
    \theta \sim N(\mu_k, \tau_k^2), \quad d \mid \theta \sim N(\theta, a / n + b / S)

of ``n`` failed units and ``S`` laps, each case by itself and against RUL alone as the race tunes it (Efron and Morris, J. Am.
Stat. Assoc. 70, 1975). The rule that ships, :mod:`grace.advice.rule`, takes all ways of a race together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtri

from grace.advice.rule import LEVEL, Expected
from studies.advice.cases import Case
from studies.advice.judged import Seen, groups
from studies.advice.kinds import kind

ANY = "any"
FEW = 6
"""Cases of a kind below which its spread is that of all."""
LEAST_SD = 0.01


@dataclass(frozen=True)
class Prior:
    """Effects of a kind of second task: mean and SD of the logarithm."""

    mean: float
    sd: float


@dataclass(frozen=True)
class Shrunk:
    """The predictor with its figures.

    Attributes:
        priors: By name of the kind; ``any`` of all cases.
        per_unit: Variance of a race of one unit, :math:`a`.
        per_lap: Variance of a race of one lap, :math:`b`.
        wider: What the SD is multiplied by.
    """

    priors: Mapping[str, Prior]
    per_unit: float
    per_lap: float
    wider: float

    def expected(self, one: Seen) -> Expected | None:
        """After all laps of its race; None of a case that was not raced."""
        if not one.races:
            return None
        prior, laps = self.priors.get(kind(one.case.way).name, self.priors[ANY]), max(one.races)
        race = one.races[laps]
        mine, its = 1 / prior.sd**2, 1 / (self.per_unit / race.n + self.per_lap / laps)
        return Expected((mine * prior.mean + its * race.mean) / (mine + its), self.wider / math.sqrt(mine + its))


def fitted(observed: Sequence[Seen], wider: float = 1.0) -> Shrunk:
    """Its figures from these cases."""
    cases = {one.case: one for one in observed}
    of: dict[str, list[Case]] = {ANY: list(cases)}
    for case in cases:
        of.setdefault(kind(case.way).name, []).append(case)
    everything = _prior(cases, of[ANY], None)
    priors = {name: _prior(cases, some, everything if len(some) < FEW else None) for name, some in of.items()}
    return Shrunk(priors, *_noise(observed), wider)


def _prior(cases: dict[Case, Seen], some: Sequence[Case], spread: Prior | None) -> Prior:
    """Mean and SD of the effects of some cases, without the noise that each is known with; the mean of a kind with few is drawn
    to that of all."""
    effects = np.array([cases[case].verdict.effect.mean for case in some])
    noise = np.array([cases[case].error ** 2 for case in some])
    if spread is not None:
        share = len(some) / (len(some) + FEW)
        return Prior(float(share * effects.mean() + (1 - share) * spread.mean), spread.sd)
    variance = float(effects.var(ddof=1) - noise.mean()) if len(some) > 1 else 0.0
    return Prior(float(effects.mean()), max(variance, LEAST_SD**2) ** 0.5)


def _noise(observed: Sequence[Seen]) -> tuple[float, float]:
    """Variance of a race: least squares of what it was wrong by, on one over units and one over laps, relative to its size."""
    rows, wrong = [], []
    for one in observed:
        for laps, race in one.races.items():
            rows.append((1 / race.n, 1 / laps))
            wrong.append((race.mean - one.verdict.effect.mean) ** 2 - one.error**2)
    x, y = np.array(rows), np.array(wrong)
    weight = 1 / x.sum(1)
    found, _ = nnls(x * weight[:, None], y * weight)
    return float(found[0]), float(found[1])


def width(observed: Sequence[Seen]) -> float:
    """By what SDs are multiplied so that 90 % intervals of the effect hold in 90 % of the cases of groups that were left out."""
    ratios: list[float] = []
    for group in groups(observed):
        shrunk = fitted([one for one in observed if one.case.world.group != group])
        ratios += [
            abs(one.verdict.effect.mean - found.mean) / (found.sd**2 + one.error**2) ** 0.5
            for one in observed
            if one.case.world.group == group and (found := shrunk.expected(one)) is not None
        ]
    return max(1.0, float(np.quantile(ratios, LEVEL)) / float(ndtri((1 + LEVEL) / 2))) if ratios else 1.0


def without_group(observed: Sequence[Seen]) -> dict[tuple[Case, int], float]:
    """Score by case and draw, larger where it says that the second task helps, fitted without the group of the case."""
    found: dict[tuple[Case, int], float] = {}
    for group in groups(observed):
        shrunk = fitted([one for one in observed if one.case.world.group != group])
        for one in observed:
            if one.case.world.group == group and (said := shrunk.expected(one)) is not None:
                found[one.case, one.draw] = -said.mean
    return found
