r"""Every interval, paired difference and verdict of the package: table, page, study, diagnosis and documentation use these.

Three models, each for what it fits:

- :func:`student`: independent values, one a seed (or a fleet, or a case). Student's t interval of the mean, exact for normal
  values.
- :func:`over_initialisations`: batches nested in initialisations. The same interval of the initialisations' means.
- :func:`bootstrap`: any statistic of cases (a mean, a rank correlation, an area under a curve); whole families of cases are drawn
  with replacement, as cases of one family share engines.

A verdict is whether a 95 % interval leaves out 0. Of many verdicts one in twenty does so by chance: a :class:`Family` says how
many were looked at and which remain after Benjamini and Hochberg's adjustment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit  # scipy.stats takes a second to import

LEVEL = 0.95
RATE = 0.05
"""Share of false discoveries that the adjusted verdicts allow."""

DRAWS = 2000

LOWER, HIGHER, UNCLEAR = "lower", "higher", "unclear"
EFFECT = {LOWER: "helps", HIGHER: "hurts", UNCLEAR: "unclear"}
"""A verdict on an error, in words of what the second task did."""


@dataclass(frozen=True)
class Estimate:
    """A mean of ``n`` independent values with Student's 95 % interval and ``p``, the two-sided p value of a mean of 0.

    With one value the ends and ``p`` are NaN.
    """

    mean: float
    low: float
    high: float
    n: int
    p: float = math.nan

    @property
    def verdict(self) -> str:
        """``lower`` or ``higher`` where the interval leaves out 0, else ``unclear``."""
        return LOWER if self.high < 0 else HIGHER if self.low > 0 else UNCLEAR

    @property
    def measurable(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.verdict != UNCLEAR

    def text(self, digits: int, sign: str = "") -> str:
        """``mean [low, high]``, or the mean alone where a single value leaves the interval unknown."""
        mean, low, high = (f"{value:{sign}.{digits}f}" for value in (self.mean, self.low, self.high))
        return mean if math.isnan(self.low) else f"{mean} [{low}, {high}]"


def student(values: Sequence[float] | NDArray[np.float64]) -> Estimate:
    r"""Mean of ``n >= 1`` independent values with :math:`\bar x \pm t_{n-1}\, s / \sqrt n`, and the p value of a mean of 0."""
    sample = np.asarray(values, dtype=float)
    mean, n = float(sample.mean()), len(sample)
    if n < 2:
        return Estimate(mean, math.nan, math.nan, n)
    error = float(sample.std(ddof=1)) / n**0.5
    half = quantile(n - 1) * error
    return Estimate(mean, mean - half, mean + half, n, float(p_values(sample)))


def p_values(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p values ``[...]`` of means of 0, of independent values ``[..., n]`` by Student's t; NaN with fewer than 2."""
    n = values.shape[-1]
    if n < 2:
        return np.full(values.shape[:-1], np.nan)
    mean, error = values.mean(axis=-1), values.std(axis=-1, ddof=1) / n**0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(n - 1, -np.abs(mean) / error)
    return np.where((mean == 0) & (error == 0), 1.0, p)


def quantile(freedom: int, level: float = LEVEL) -> float:
    """Half width of Student's interval in standard errors, for ``freedom`` degrees of freedom."""
    return float(stdtrit(freedom, (1 + level) / 2))


def paired(values: Mapping[int, float], reference: Mapping[int, float]) -> Estimate | None:
    """Difference of two sets of values by seed, first minus second; seeds that one side lacks are left out, None without any."""
    seeds = sorted(values.keys() & reference.keys())
    return student([values[seed] - reference[seed] for seed in seeds]) if seeds else None


@dataclass(frozen=True)
class Family:
    """How many estimates have a p value, how many leave out 0 in their own interval, and the adjusted p value of each.

    Adjusted p values are in the order given, NaN where there is none.
    """

    looked_at: int
    measurable: int
    adjusted: tuple[float, ...]

    @classmethod
    def of(cls, estimates: Sequence[Estimate | None]) -> Family:
        r"""The family of one table's estimates; None has no p value.

        Benjamini and Hochberg's step-up adjustment (J. R. Statist. Soc. B 57, 1995): with p values ascending,
        :math:`\tilde p_{(i)} = \min_{j \ge i} \min(1, p_{(j)}\, m / j)`.
        """
        p = np.array([math.nan if estimate is None else estimate.p for estimate in estimates])
        measurable = sum(estimate is not None and estimate.measurable for estimate in estimates)
        return cls(int((~np.isnan(p)).sum()), measurable, tuple(adjust(p).tolist()))

    @property
    def remaining(self) -> int:
        """Verdicts that remain where 5 % of those that remain may be false."""
        return sum(p <= RATE for p in self.adjusted)

    @property
    def words(self) -> str:
        """One sentence on all of them."""
        if not self.looked_at:
            return "No paired difference was looked at."
        plural = "s" if self.looked_at > 1 else ""
        return (
            f"{self.looked_at} paired difference{plural} looked at: {self.measurable} leave out 0 in their own 95 % interval, "
            f"where chance alone would make {(1 - LEVEL) * self.looked_at:.1f}; {self.remaining} after Benjamini-Hochberg at "
            f"{RATE:.0%}."
        )


def adjust(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """As :meth:`Family.of`, for p values ``[..., m]``, each ``[m]`` a family of its own; NaN is of none and stays."""
    order = np.argsort(p, axis=-1, kind="stable")  # NaN comes last
    count = (~np.isnan(p)).sum(axis=-1, keepdims=True)
    raised = np.take_along_axis(p, order, axis=-1) * count / np.arange(1, p.shape[-1] + 1)
    least = np.fmin.accumulate(raised[..., ::-1], axis=-1)[..., ::-1].clip(max=1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, least, axis=-1)
    return adjusted


@dataclass(frozen=True)
class Interval:
    """Mean, over initialisations, of means over batches with its confidence interval from ``low`` to ``high``.

    ``inits`` gave a value, of ``batches`` each. ``sd_inits`` is the standard deviation of their means (0 with one, where it
    is unknown), ``sd_batches`` the pooled one of batches within an initialisation.
    """

    mean: float
    low: float
    high: float
    inits: int
    batches: int
    sd_inits: float
    sd_batches: float


def over_initialisations(values: NDArray[np.float64], bounds: tuple[float, float] = (-1.0, 1.0)) -> Interval:
    r"""Random-effects interval of a balanced sample: batches are nested in initialisations, so they are not independent.

    Model: :math:`x_{ij} = \mu + a_i + e_{ij}`, ``i`` an initialisation, ``j`` a batch. Then the initialisations' means
    :math:`\bar x_i` are independent with one variance, and Student's interval of them is exact for normal :math:`a_i` and
    :math:`e_{ij}` (one-way random-effects analysis of variance, e.g. Searle, Casella & McCulloch 1992). Treating the batches
    of *one* initialisation as the sample gives a standard error that is too small by the ratio of the two SDs.

    Args:
        values: ``[inits, batches]``; NaN where undefined. Initialisations without any value are left out.
        bounds: The interval is cut to this range; with fewer than two initialisations, which say nothing of the spread, it is it.
    """
    live = values[~np.isnan(values).all(axis=1)]
    if len(live) == 0:
        return Interval(math.nan, *bounds, 0, values.shape[1], 0.0, 0.0)
    means = np.nanmean(live, axis=1)
    found, within = student(means), _pooled_sd(live)
    if found.n == 1:
        return Interval(found.mean, *bounds, 1, values.shape[1], 0.0, within)
    low, high = max(found.low, bounds[0]), min(found.high, bounds[1])
    return Interval(found.mean, low, high, found.n, values.shape[1], float(means.std(ddof=1)), within)


def _pooled_sd(values: NDArray[np.float64]) -> float:
    counts = (~np.isnan(values)).sum(axis=1)
    freedom = int((counts - 1).sum())
    deviations = values - np.nanmean(values, axis=1, keepdims=True)
    return float(np.sqrt(np.nansum(deviations**2) / freedom)) if freedom > 0 else 0.0


def rmse_error(squared: NDArray[np.float64]) -> float:
    r"""Standard error of an RMSE over test engines, :math:`s(e^2) / (2 \sqrt n\, \mathrm{RMSE})` by the delta method.

    What other engines of the same kind would have given; seeds do not show it, as all of them read the same engines.
    ``squared`` are the squared errors of the engines ``[n]``, cycles^2, means over seeds where there are several.
    """
    n, mean = len(squared), float(squared.mean())
    return float(squared.std(ddof=1)) / (2 * n**0.5 * mean**0.5) if n > 1 and mean > 0 else math.nan


@dataclass(frozen=True)
class Span:
    """A value with its 95 % bootstrap interval over families of cases; NaN where it cannot be had."""

    value: float
    low: float
    high: float


Statistic = Callable[..., Any]
"""Of columns ``[cases]`` and ``weights`` ``[..., cases]``, how often each case was drawn; gives ``[...]``."""


def bootstrap(statistic: Statistic, *columns: NDArray[Any], families: NDArray[Any]) -> Span:
    """A statistic over cases with a percentile interval: families are drawn with replacement, :data:`DRAWS` times.

    Made for ten families and more; over five seeds such an interval is two thirds as wide as it should be. Columns and
    ``families``, what each case is drawn together with, are ``[cases]`` each.
    """
    undefined = Span(math.nan, math.nan, math.nan)
    if not len(columns[0]):
        return undefined
    value = float(statistic(*columns, weights=np.ones(len(columns[0]))))
    if not np.isfinite(value):
        return undefined
    names, member = np.unique(families, return_inverse=True)
    counts = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    drawn = statistic(*columns, weights=counts[:, member].astype(float))
    known = drawn[np.isfinite(drawn)]
    if len(names) < 2 or len(known) < DRAWS / 2:
        return Span(value, math.nan, math.nan)
    low, high = np.percentile(known, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Span(value, float(low), float(high))


def mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Any:
    """Weighted mean: a statistic for :func:`bootstrap`."""
    total = weights.sum(-1)
    return np.divide(weights @ values, total, out=np.full_like(total, np.nan), where=total > 0)
