"""What the second task did in a case, and how large an effect a study of so many seeds can see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from grace.controllers.methods import METHODS as ROWS
from grace.validity.outcomes import ALONE
from grace.validity.study import Measured

LEVEL = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """Effect of the second task: test RMSE of a method minus that of RUL alone with the same inner axis, paired by seed.

    Attributes:
        mean: In per cent of the RMSE of RUL alone; below 0 the task helps.
        low: Lower end of the 95 % interval over seeds (Student's t).
        high: Upper end.
        cycles: The mean in cycles.
        score: The mean difference of the NASA score.
        seeds: Seeds.
    """

    mean: float
    low: float
    high: float
    cycles: float
    score: float
    seeds: int

    @property
    def verdict(self) -> str:
        """``helps`` or ``hurts`` where the interval leaves out 0, else ``unclear``."""
        if self.high < 0:
            return "helps"
        return "hurts" if self.low > 0 else "unclear"


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
    reference = alone_of(method)
    found = difference(case, method, reference, figure)
    score = float(difference(case, method, reference, "score").mean())
    seeds = _seeds(case, method, reference)
    percent = 100 / float(np.mean([case.outcomes[reference][seed][figure] for seed in seeds]))
    mean, half = float(found.mean()), half_width(found)
    return Effect(percent * mean, percent * (mean - half), percent * (mean + half), mean, score, len(seeds))


def difference(case: Measured, method: str, reference: str, figure: str = "rmse") -> Floats:
    """Paired differences of a figure, method minus reference, ``[seeds]``; seeds that one side lacks are left out."""
    one, other = case.outcomes[method], case.outcomes[reference]
    return np.array([one[seed][figure] - other[seed][figure] for seed in _seeds(case, method, reference)])


def _seeds(case: Measured, method: str, reference: str) -> list[int]:
    one, other = case.outcomes[method], case.outcomes[reference]
    return [seed for seed in sorted(one) if one[seed] and other.get(seed)]


def half_width(difference: Floats) -> float:
    """Half width of Student's 95 % interval of a mean; infinite with a single value."""
    count = len(difference)
    if count < 2:
        return float("inf")
    return float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * difference.std(ddof=1) / count**0.5)


@dataclass(frozen=True)
class Power:
    """What the study can see.

    Attributes:
        sd: Standard deviation over seeds of a paired difference, per cent of the RMSE: median over cases.
        detectable: Smallest true effect that a case shows with 80 % probability, per cent, by number of seeds.
        helps: Cases whose interval lies below 0.
        hurts: Cases whose interval lies above 0.
        cases: Cases.
    """

    sd: float
    detectable: dict[int, float]
    helps: int
    hurts: int
    cases: int


def power(cases: Sequence[Measured], method: str, figure: str = "rmse") -> Power:
    """How large an effect this many seeds can see, and how many cases show one."""
    effects = [effect(case, method, figure) for case in cases]
    spread = []
    for found in effects:
        if found.seeds > 1:
            half = (found.high - found.low) / 2
            spread.append(half * found.seeds**0.5 / stats.t.ppf((1 + LEVEL) / 2, found.seeds - 1))
    sd = float(np.median(spread))
    detectable = {seeds: sd * _detectable(seeds) for seeds in (3, 5, 10)}
    verdicts = [found.verdict for found in effects]
    return Power(sd, detectable, verdicts.count("helps"), verdicts.count("hurts"), len(cases))


def _detectable(seeds: int) -> float:
    """Effect in SDs that a two-sided t test at 5 % finds with probability 0.8 (noncentral t, by bisection)."""
    critical = stats.t.ppf((1 + LEVEL) / 2, seeds - 1)
    low, high = 0.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        found = stats.nct.sf(critical, seeds - 1, middle * seeds**0.5)
        low, high = (low, middle) if found > 0.8 else (middle, high)
    return high
