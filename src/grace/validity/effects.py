"""What the second task did in a case, and how large an effect a study of so many seeds can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from grace.controllers.methods import METHODS as ROWS
from grace.core.stats import HIGHER, LOWER, Estimate, Family, Span, bootstrap, mean, paired, quantile
from grace.validity.study import ALONE, CaseResult, families_of

SMALL = 2.0
"""A change of the RMSE, per cent, that a user would want to know of."""


def alone_of(method: str) -> str:
    """RUL alone with the inner axis of a method."""
    return next(name for name in ALONE if ROWS[name].inner == ROWS[method].inner)


def effect(case: CaseResult, method: str, figure: str = "rmse") -> Estimate:
    """Effect of the second task: test RMSE of a joint method minus that of RUL alone with the same inner axis, paired by seed.

    Args:
        case: A case.
        method: A joint method.
        figure: ``rmse``: in the epoch chosen on the validation engines. ``last``: in the last epoch, which nothing chose.

    Returns:
        In per cent of the RMSE of RUL alone, with Student's interval over seeds: ``lower`` where the task helps.
    """
    return compared(case, method, alone_of(method), figure)


def compared(case: CaseResult, method: str, reference: str, figure: str = "rmse") -> Estimate:
    """Paired difference of two methods, in per cent of the reference's RMSE on the same seeds."""
    one, other = values_of(case, method, figure), values_of(case, reference, figure)
    cycles = paired(one, other)
    assert cycles is not None  # a case is loaded with every method or not at all
    percent = 100 / float(np.mean([other[seed] for seed in sorted(one.keys() & other.keys())]))
    level, low, high = (percent * value for value in (cycles.mean, cycles.low, cycles.high))
    return Estimate(level, low, high, cycles.n, cycles.p)


def values_of(case: CaseResult, method: str, figure: str = "rmse") -> Mapping[int, float]:
    """A figure by seed."""
    return {seed: figures[figure] for seed, figures in case.outcomes[method].items()}


@dataclass(frozen=True)
class Power:
    """What the study can see of one method, and what it saw.

    Attributes:
        sd: Standard deviation over seeds of a paired difference, per cent of the RMSE: median over cases.
        detectable: Smallest true effect that a case shows with 80 % probability, per cent, by number of seeds.
        chance: Probability that a case shows a true effect of 2 %, by number of seeds.
        effect: Mean effect over cases, per cent, with its interval over families.
        helps: Cases whose interval lies below 0.
        hurts: Cases whose interval lies above 0.
        family: All cases' verdicts, adjusted for one another.
    """

    sd: float
    detectable: dict[int, float]
    chance: dict[int, float]
    effect: Span
    helps: int
    hurts: int
    family: Family


def power(cases: Sequence[CaseResult], method: str, figure: str = "rmse") -> Power:
    """How large an effect this many seeds can see, and how many cases show one."""
    effects = [effect(case, method, figure) for case in cases]
    verdicts = [found.verdict for found in effects]
    sd = float(np.median([_sd(found) for found in effects if found.n > 1]))
    return Power(
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
    """Effect in SDs that a two-sided t test at 5 % finds with probability 0.8, by bisection."""
    low, high = 0.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _found(middle, seeds) > 0.8 else (middle, high)
    return high
