"""What the second task did in a case, and how large an effect a study of so many seeds can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from grace.controllers.methods import METHODS as ROWS
from grace.core.stats import EFFECT, Estimate, Family, Span, bootstrap, family, mean, paired, quantile
from grace.validity.outcomes import ALONE
from grace.validity.study import Measured, families_of


@dataclass(frozen=True)
class Effect:
    """Effect of the second task: test RMSE of a method minus that of RUL alone with the same inner axis, paired by seed.

    Attributes:
        change: In per cent of the RMSE of RUL alone, with Student's interval over seeds; below 0 the task helps.
        cycles: The mean in cycles.
        score: The mean difference of the NASA score, labels capped.
    """

    change: Estimate
    cycles: float
    score: float

    @property
    def verdict(self) -> str:
        """``helps`` or ``hurts`` where the interval leaves out 0, else ``unclear``."""
        return EFFECT[self.change.verdict]


def alone_of(method: str) -> str:
    """RUL alone with the inner axis of a method."""
    return next(name for name in ALONE if ROWS[name].inner == ROWS[method].inner)


def effect(case: Measured, method: str, figure: str = "rmse") -> Effect:
    """Paired effect of the second task under a method.

    Args:
        case: A case.
        method: A joint method.
        figure: ``rmse``: in the epoch chosen on the validation engines. ``last``: in the last epoch, which nothing chose.
    """
    return compared(case, method, alone_of(method), figure)


def compared(case: Measured, method: str, reference: str, figure: str = "rmse") -> Effect:
    """Paired difference of two methods, in per cent of the reference's RMSE on the same seeds."""
    one, other = values_of(case, method, figure), values_of(case, reference, figure)
    cycles, score = paired(one, other), paired(values_of(case, method, "score"), values_of(case, reference, "score"))
    assert cycles is not None  # a case is loaded with every method or not at all
    percent = 100 / float(np.mean([other[seed] for seed in sorted(one.keys() & other.keys())]))
    level, low, high = (percent * value for value in (cycles.mean, cycles.low, cycles.high))
    return Effect(Estimate(level, low, high, cycles.n, cycles.p), cycles.mean, score.mean if score else float("nan"))


def values_of(case: Measured, method: str, figure: str = "rmse") -> Mapping[int, float]:
    """A figure by seed; failed runs are left out."""
    return {seed: figures[figure] for seed, figures in case.outcomes[method].items() if figures and figure in figures}


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


SMALL = 2.0
"""A change of the RMSE, per cent, that a user would want to know of."""


def power(cases: Sequence[Measured], method: str, figure: str = "rmse") -> Power:
    """How large an effect this many seeds can see, and how many cases show one."""
    effects = [effect(case, method, figure) for case in cases]
    verdicts = [found.verdict for found in effects]
    changes = [found.change for found in effects]
    sd = float(np.median([_sd(change) for change in changes if change.n > 1]))
    return Power(
        sd=sd,
        detectable={seeds: sd * _detectable(seeds) for seeds in (3, 5)},
        chance={seeds: float(_found(SMALL / sd, seeds)) for seeds in (3, 5)},
        effect=bootstrap(mean, np.array([change.mean for change in changes]), families=families_of(cases)),
        helps=verdicts.count("helps"),
        hurts=verdicts.count("hurts"),
        family=family(changes),
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
