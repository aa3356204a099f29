"""How large an effect of the second task a study of so many seeds can see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from grace.core.stats import HIGHER, LOWER, Estimate, Family, Span, bootstrap, mean, quantile
from grace.validity.study import CaseResult, families_of

SMALL = 2.0
"""A change of the RMSE, per cent, that a user would want to know of."""


@dataclass(frozen=True)
class Power:
    """What the study can see of one method, and what it saw."""

    sd: float  # standard deviation over seeds of a paired difference, per cent of the RMSE: median over cases
    # smallest true effect that a case shows with 80 % probability, per cent, by number of seeds
    detectable: dict[int, float]
    chance: dict[int, float]  # probability that a case shows a true effect of 2 %, by number of seeds
    effect: Span  # mean effect over cases, per cent, with its interval over families
    helps: int  # cases whose interval lies below 0
    hurts: int  # cases whose interval lies above 0
    family: Family  # all cases' verdicts, adjusted for one another

    @classmethod
    def of(cls, cases: Sequence[CaseResult], method: str, figure: str = "rmse") -> Power:
        """How large an effect this many seeds can see, and how many cases show one."""
        effects = [case.effect(method, figure) for case in cases]
        verdicts = [found.verdict for found in effects]
        sd = float(np.median([_sd(found) for found in effects if found.n > 1]))
        return cls(
            sd=sd,
            detectable={seeds: sd * _detectable(seeds) for seeds in (3, 5)},
            chance={seeds: _found(SMALL / sd, seeds) for seeds in (3, 5)},
            effect=bootstrap(mean, np.array([found.mean for found in effects]), families=families_of(cases)),
            helps=verdicts.count(LOWER),
            hurts=verdicts.count(HIGHER),
            family=Family.of(effects),
        )


def _sd(change: Estimate) -> float:
    """Standard deviation of the values behind an estimate."""
    return float((change.high - change.mean) * change.n**0.5 / quantile(change.n - 1))


def _found(size: float, seeds: int) -> float:
    """Probability that a t test at 5 % finds an effect of ``size`` SDs, on its own side (noncentral t)."""
    return float(stats.nct.sf(quantile(seeds - 1), seeds - 1, size * seeds**0.5))


def _detectable(seeds: int) -> float:
    """Effect in SDs that a two-sided t test at 5 % finds with probability 0.8."""
    return float(optimize.brentq(lambda size: _found(size, seeds) - 0.8, 0.0, 50.0))
