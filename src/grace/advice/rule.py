r"""What is to be expected of a second task, from a race and from what such tasks did elsewhere: the rule of the study of advice.

The change of the RMSE by a second task, a logarithm :math:`\theta`, is drawn from the effects of its kind, and a race shows it
with noise:

.. math::
    \theta \sim N(\mu_k, \tau_k^2), \quad d \mid \theta \sim N(\theta, a / n + b / S),

``n`` failed units (or groups of them) and ``S`` laps. So that

.. math::
    \theta \mid d \sim N\left(\frac{\mu_k / \tau_k^2 + d / v}{1 / \tau_k^2 + 1 / v},\;
    \frac{1}{1 / \tau_k^2 + 1 / v}\right), \quad v = a / n + b / S

(Efron and Morris, J. Am. Stat. Assoc. 70, 1975). All figures were fitted on the cases of the study, ``studies/advice``; how well
intervals hold was measured on groups of data that were left out, and their width is set by it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from scipy.special import ndtr, ndtri

from grace.data.tasks import FUTURE, REGRESSION

LEVEL = 0.9
"""Of the intervals of what is to be expected."""
INDIFFERENT = 0.02
"""Change of the RMSE, either way, that nobody would pay for or mind."""
KINDS = (REGRESSION, "class", FUTURE)
"""Kinds of labels that priors differ by; ordinal ones are classes."""


@dataclass(frozen=True)
class Expected:
    """A change of the RMSE by a second task, on units that nobody has seen, as a logarithm.

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
class Prior:
    """Effects of a kind of second task in the study: mean and SD of the logarithm, and of how many cases."""

    mean: float
    sd: float
    cases: int


@dataclass(frozen=True)
class Rule:
    """The rule with its figures.

    Attributes:
        priors: By :func:`kind_of_label`; ``any`` of all cases.
        per_unit: Variance of a race of one unit, :math:`a`.
        per_lap: Variance of a race of one lap, :math:`b`.
        wider: What the SD is multiplied by, so that intervals hold on groups that were left out.
        failures: Least and most failures in the study.
        laps: Most laps of its races.
        weights: Least and largest weight of its second tasks.
        fitted: The plan's commit, numbers of cases, groups and draws, and what was measured on groups left out.
    """

    priors: Mapping[str, Prior]
    per_unit: float
    per_lap: float
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
        priors = {name: Prior(**prior) for name, prior in values["priors"].items()}
        pairs: dict[str, Any] = {name: tuple(values[name]) for name in ("failures", "weights")}
        return cls(**{**values, "priors": priors, **pairs})

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return asdict(self)

    def noise(self, units: int, laps: int) -> float:
        """Variance of what a race shows."""
        return self.per_unit / units + self.per_lap / laps

    def prior(self, kind: str) -> Prior:
        """Of a kind, of all cases where the study has none of it."""
        return self.priors.get(kind, self.priors["any"])

    def expected(self, kind: str, units: int = 0, laps: int = 0, raced: float = 0.0) -> Expected:
        """What is to be expected of a second task, raced on some units in some laps; without a lap, before any race."""
        prior = self.prior(kind)
        if not laps or not units:
            return Expected(prior.mean, self.wider * prior.sd)
        mine, its = 1 / prior.sd**2, 1 / self.noise(units, laps)
        return Expected((mine * prior.mean + its * raced) / (mine + its), self.wider / math.sqrt(mine + its))

    def units_needed(self, kind: str, units: int, laps: int, raced: float) -> int | None:
        """How many failed units would decide it, if the race showed the same on these: the least number with which the interval
        leaves out 0; None where even a hundred times as many would not."""
        for count in range(units, 100 * units + 1):
            found = self.expected(kind, count, max(laps, 1), raced)
            if found.high < 0 or found.low > 0:
                return count
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


def kind_of_label(kind: str, name: str, suspended: str) -> str:
    """Name of the prior of a label of this kind, trained with what suspended units say."""
    label = FUTURE if name == FUTURE else REGRESSION if kind == REGRESSION else "class"
    return f"{label}, {suspended}"
