r"""What is to be expected of each way to train, from a race and from what such ways did elsewhere: the rule of the advice study.

Changes of the RMSE are logarithms of its ratio to that of the first way: RUL alone, suspended units ignored. The changes
:math:`\theta` of the ways of one race have means that add up from the kind of the label, from what suspended units say, and
from how far RUL predicts the label; they share what they say of suspended units. A race of :math:`n` failed units (or groups of
them) shows them with noise that is shared alike. Of some fleets changes and noise have larger variances than of others, by a
factor :math:`\lambda` that nobody knows before the race:

.. math::
    \theta \sim N(\mu, \lambda S), \quad d \mid \theta \sim N(\theta, \lambda N / n), \quad
    \lambda \sim \text{InvGamma}(\nu / 2, \nu / 2 - 1), \\
    S_{vw} = \tau^2 [v = w] + \tau_s^2 [v, w \text{ say the same}], \quad
    N_{vw} = \sigma^2 [v = w] + \sigma_s^2 [v, w \text{ say the same}],

where a way that ignores suspended units says nothing. So that, of :math:`k` ways that were raced,

.. math::
    E[\theta \mid d] = \mu + G (d - \mu), \quad G = S K^{-1}, \quad K = S + N / n, \\
    \text{cov}[\theta \mid d] = \frac{\nu - 2 + (d - \mu)^T K^{-1} (d - \mu)}{\nu - 2 + k} (S - G S)

(Lindley and Smith, J. R. Stat. Soc. B 34, 1972; with the factor, Shah, Wilson and Ghahramani, AISTATS 2014); those that
were not raced follow from their relatives. The factor moves no mean; a race that is further from what was expected widens all
intervals, and one that is nearer narrows them. Intervals and probabilities are those of a normal distribution with this mean and
covariance. All figures were fitted on the worlds of the study, ``studies/advice``. How well
intervals hold was measured on groups of data that were left out, and their width is set by it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from grace.data.tasks import FUTURE, REGRESSION

LEVEL = 0.9
"""Of the intervals of what is to be expected."""
INDIFFERENT = 0.02
"""Change of the RMSE, either way, that nobody would pay for or mind."""
IGNORE = "ignore"
"""What a way says of suspended units that says nothing of them."""
RUL_ALONE, CLASS, TOGETHER = "alone", "class", " + "
"""Labels of kinds beside ``regression`` and ``future_sensors``: no second task, classes (ordinal ones, too), several tasks."""
GROWTH = 1.02
"""Steps in which a number of failures is sought."""


class Kind(NamedTuple):
    """What means differ by: the kind of the second label, what suspended units say, and how far RUL predicts the label, as
    :func:`grace.advice.looks.given_rul`; NaN where nobody knows."""

    label: str
    suspended: str
    given: float = math.nan

    @property
    def name(self) -> str:
        """In files of races and on the page."""
        return f"{self.label}, {self.suspended}"


def kind_of(task_kind: str, name: str, suspended: str, given: float = math.nan) -> Kind:
    """Of a way with one second task."""
    label = FUTURE if name == FUTURE else REGRESSION if task_kind == REGRESSION else CLASS
    return Kind(label, suspended, given)


@dataclass(frozen=True)
class Slope:
    """How the mean change follows how far RUL predicts the label; shares below 0 count as 0.

    Attributes:
        by: Change from a label that RUL does not predict to one that it predicts wholly.
        at: Mean share of the labels of the study, used where it is unknown.
    """

    by: float
    at: float

    def __call__(self, given: float) -> float:
        """Part of the mean."""
        return 0.0 if math.isnan(given) else self.by * (max(given, 0.0) - self.at)


@dataclass(frozen=True)
class Expected:
    """A change of the RMSE, on units that nobody has seen, as a logarithm.

    Attributes:
        mean: What is expected.
        sd: Standard deviation of what it may be.
    """

    mean: float
    sd: float

    @property
    def low(self) -> float:
        """Lower end of the 90 % interval."""
        return self.mean - float(ndtri((1 + LEVEL) / 2)) * self.sd

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + float(ndtri((1 + LEVEL) / 2)) * self.sd

    def below(self, change: float) -> float:
        """Probability that the change is less than ``change``, a share as in -0.02."""
        return float(ndtr((math.log1p(change) - self.mean) / self.sd))

    @property
    def helps(self) -> float:
        """Probability that the RMSE falls by more than :data:`INDIFFERENT`."""
        return self.below(-INDIFFERENT)

    @property
    def hurts(self) -> float:
        """Probability that it rises by more."""
        return 1 - self.below(INDIFFERENT)

    def text(self) -> str:
        """In per cent, with the interval."""
        mean, low, high = (100 * math.expm1(value) for value in (self.mean, self.low, self.high))
        return f"{mean:+.0f} % [{low:+.0f}, {high:+.0f}]"


@dataclass(frozen=True)
class Parts:
    """Variances of changes: of each way by itself, and of what those share that say the same of suspended units."""

    way: float
    suspended: float

    def covariance(self, kinds: Sequence[Kind]) -> NDArray[np.float64]:
        """Of the changes of ways of these kinds, ``[W, W]``; that of the first is none."""
        found = self.way * np.eye(len(kinds)) + self.suspended * shared(kinds)
        found[0] = found[:, 0] = 0.0
        return found


def shared(kinds: Sequence[Kind]) -> NDArray[np.float64]:
    """One where two ways say the same of suspended units, and something, ``[W, W]``."""
    said = np.array([kind.suspended for kind in kinds])
    found: NDArray[np.float64] = ((said[:, None] == said) & (said != IGNORE)).astype(np.float64)
    return found


@dataclass(frozen=True)
class Posterior:
    """What is expected of all ways of a race together; the first has no change.

    Attributes:
        mean: ``[W]``.
        covariance: ``[W, W]``.
        wider: What SDs are multiplied by.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    wider: float

    def change(self, way: int, against: int) -> Expected:
        """Of one way against another."""
        contrast = np.zeros(len(self.mean))
        contrast[way] += 1
        contrast[against] -= 1
        variance = float(contrast @ self.covariance @ contrast)
        return Expected(float(contrast @ self.mean), self.wider * math.sqrt(max(variance, 0.0)))

    def least(self, ways: Sequence[int]) -> int:
        """The one of these of which the least error is expected."""
        return min(ways, key=lambda way: float(self.mean[way]))


@dataclass(frozen=True)
class Rule:
    """The rule with its figures.

    Attributes:
        labels: Part of the mean change by the kind of the label; one that the study had none of changes nothing.
        suspended: The same by what suspended units say.
        given: The same by how far RUL predicts the label.
        spread: Variances of changes about their means, :math:`\\tau^2` and :math:`\\tau_s^2`.
        noise: Variances of what a race of one failed unit shows, :math:`\\sigma^2` and :math:`\\sigma_s^2`.
        freedom: Degrees of freedom :math:`\\nu`, more than 2: the fewer, the more fleets differ in the size of effects.
        wider: What SDs are multiplied by, so that intervals hold on groups that were left out.
        failures: Least and most failures in the study.
        laps: Most laps of its races.
        weights: Least and largest weight of its second tasks.
        fitted: The plan's commit, numbers of cases, groups and draws.
    """

    labels: Mapping[str, float]
    suspended: Mapping[str, float]
    given: Slope
    spread: Parts
    noise: Parts
    freedom: float
    wider: float
    failures: tuple[int, int]
    laps: int
    weights: tuple[float, float]
    fitted: Mapping[str, Any]

    @staticmethod
    @cache
    def read() -> Rule:
        """The rule that ships with this version."""
        return Rule.from_json(json.loads(files("grace.advice").joinpath("rule.json").read_text(encoding="utf-8")))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Rule:
        """From :meth:`to_json`."""
        made: dict[str, Any] = {name: Parts(**values[name]) for name in ("spread", "noise")}
        made |= {name: tuple(values[name]) for name in ("failures", "weights")} | {"given": Slope(**values["given"])}
        return cls(**{**values, **made})

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return asdict(self)

    def posterior(self, kinds: Sequence[Kind], raced: Mapping[int, float], units: float) -> Posterior:
        """What is expected of ways of these kinds.

        Args:
            kinds: Of the ways; the first is RUL alone that ignores suspended units, which changes are against.
            raced: Change of those that were raced, by number, from 1 on.
            units: Failed units of the race.
        """
        mean, spread = self.means(kinds), self.spread.covariance(kinds)
        if not raced:
            return Posterior(mean, spread, self.wider)
        at = list(raced)
        apart = np.array(list(raced.values())) - mean[at]
        seen = self.seen(kinds, units)[np.ix_(at, at)]
        gain = np.linalg.solve(seen, spread[at]).T
        scale = (self.freedom - 2 + float(apart @ np.linalg.solve(seen, apart))) / (self.freedom - 2 + len(at))
        return Posterior(mean + gain @ apart, scale * (spread - gain @ spread[at]), self.wider)

    def means(self, kinds: Sequence[Kind]) -> NDArray[np.float64]:
        """Mean change of ways of these kinds, ``[W]``; that of the first is none."""
        return np.array([0.0, *map(self._mean, kinds[1:])])

    def _mean(self, kind: Kind) -> float:
        said = self.suspended.get(kind.suspended, 0.0)
        if kind.label == RUL_ALONE:
            return said
        together = [self.labels.get(label, 0.0) for label in kind.label.split(TOGETHER)]
        return sum(together) / len(together) + self.given(kind.given) + said

    def seen(self, kinds: Sequence[Kind], units: float) -> NDArray[np.float64]:
        """Covariance of what a race of so many failed units shows of ways of these kinds, :math:`K`, ``[W, W]``."""
        return self.spread.covariance(kinds) + self.noise.covariance(kinds) / units

    def units_needed(
        self, kinds: Sequence[Kind], raced: Mapping[int, float], units: int, way: int, against: int
    ) -> int | None:
        """How many failed units would decide one way against another, if the race showed the same on these: the least number, in
        steps of 2 %, with which the interval leaves out 0; None where even a hundred times as many would not."""
        count = float(units)
        while count <= 100 * units:
            found = self.posterior(kinds, raced, math.ceil(count)).change(way, against)
            if found.high < 0 or found.low > 0:
                return math.ceil(count)
            count = max(count + 1, count * GROWTH)
        return None

    def outside(self, failures: int, weights: Sequence[float], together: int, size: str) -> list[str]:
        """In which respects a fleet and the tasks beside RUL are unlike all that the study saw, in words."""
        least, most = self.failures
        low, high = self.weights
        found = []
        if not least <= failures <= most:
            found.append(f"{failures} failures (the study: {least} to {most})")
        if together > 1:
            found.append(f"{together} tasks at once (the study: one)")
        if any(not low <= weight <= high for weight in weights):
            found.append(f"a weight outside {low:g} to {high:g}")
        if not size.startswith(("statistics", "quantiles")):
            found.append(f"races of the {size} network (the study: of statistics, quantiles)")
        return found
