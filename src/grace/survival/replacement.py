r"""When to replace a unit, from its survival curve and the costs of a failure and of a planned replacement.

A unit that is replaced a time ``t`` after its landmark, or at its failure if that comes first, costs on average until then

.. math:: c(t) = c_p\, S(t) + c_f\, (1 - S(t)), \qquad \text{in a time of} \quad m(t) = \int_0^t S(u)\, du

with :math:`c_f` the cost of a failure, :math:`c_p < c_f` that of a planned replacement and ``S`` the unit's curve. The units
after it cost ``g`` per unit of time in the long run, so that the best date minimises :math:`c(t) - g\, m(t)`: where the hazard
rises, it is when :math:`c_f - c_p` times the hazard reaches ``g``, the control limit of Makis & Jardine (INFOR 30, 1992, 172).
For a new unit with the fleet's ``S`` it is the best fixed age of Barlow & Hunter (Oper. Res. 8, 1960, 90).

``g`` should be the cost rate of the plans themselves. That of the best fixed age (:func:`grace.survival.policies.best_age`)
follows from lives alone and is no lower than the best, so that it plans no earlier than it should. If the curves are true and
inspections begin before that age, plans made with it cost no more than the fixed age in the long run, as the rest of the fixed
age is among the dates that each plan chooses from: one step of policy improvement (Howard, Dynamic Programming and Markov
Processes, 1960). :func:`grace.survival.policies.settled_rate` takes the steps after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError
from grace.survival.curves import Curves

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """What a failure and a planned replacement cost, in any one currency, everything that either entails included.

    Raises:
        GraceError: A cost is not a number above 0, or a failure costs no more than a planned replacement.
    """

    failure: float
    planned: float

    def __post_init__(self) -> None:
        if not 0 < self.planned < self.failure < np.inf:
            raise GraceError(
                "A failure should cost more than a planned replacement, and that more than 0. Found "
                f"{self.failure:g} for a failure and {self.planned:g} for a planned replacement. Give the failure first; where "
                "it costs no more, there is nothing to plan: run to failure."
            )

    @property
    def more(self) -> float:
        """What a failure costs more."""
        return self.failure - self.planned


@dataclass(frozen=True, eq=False)
class Plans:
    """Dates at which ``N`` units are replaced unless they fail before, each ``[N]``.

    Attributes:
        time: Time after the landmark, in the unit of RUL; 0: now; inf: no replacement is planned within what the curve tells.
        cost: Expected cost until the replacement, planned or at the failure; where the curve ends before, that of failures until
            its end.
        runs: Expected time until then, in the unit of RUL.
    """

    time: Values
    cost: Values
    runs: Values

    @property
    def rate(self) -> Values:
        """Expected cost per unit of time until then, inf of units that are replaced now."""
        return np.divide(self.cost, self.runs, out=np.full_like(self.cost, np.inf), where=self.runs > 0)

    def excess(self, rate: Values | float) -> Values:
        """Expected cost above that of the same time at a cost rate, ``[N]``: of several dates of a unit the lowest is best."""
        return np.asarray(self.cost - rate * self.runs)


def plan(curves: Curves, costs: Costs, rate: Values | float) -> Plans:
    r"""The best date of each unit: the first that minimises :math:`c(t) - g\, m(t)`.

    Survival is linear between edges, so that in an interval where it is lost at ``s`` per unit of time the minimum is
    :math:`(c_f - c_p) / g` before the time at which it would reach 0, or at the nearer end. Beyond the last edge the hazard stays
    the same: units are replaced there, or never.

    Args:
        curves: Survival from the landmarks on. Where it ends before the minimum is reached, nothing is planned.
        costs: Of a failure and of a planned replacement.
        rate: ``g``, cost per unit of time of the units that come after, above 0, one for all or ``[N]``.

    Raises:
        GraceError: A rate is not a number above 0.
    """
    rate = np.broadcast_to(np.asarray(rate, dtype=np.float64), len(curves))[:, None]
    wrong = ~(np.isfinite(rate) & (rate > 0))
    if wrong.any():
        raise GraceError(
            f"A cost rate should be a number above 0. Found {rate[wrong][0]:g}. Take that of the best age."
        )
    times = _best_of_intervals(curves, costs.more / rate)
    if curves.goes_on:
        times = np.hstack([times, np.full((len(curves), 1), np.inf)])
    survival, runs = _until(curves, times)
    best = np.argmin(costs.failure - costs.more * survival - rate * runs, axis=1)
    time = times[np.arange(len(curves)), best]
    if not curves.goes_on:
        time = np.where(_run_on(curves, costs.more / rate[:, 0], time), np.inf, time)
    return expected(curves, time, costs)


def expected(curves: Curves, time: Values | float, costs: Costs) -> Plans:
    """What other dates cost: ``np.maximum(best - age, 0)`` of a fixed age, ``np.inf`` of run to failure.

    Args:
        curves: Survival from the landmarks on.
        time: Time of each planned replacement after the landmark, 0 or more, ``[N]`` or one for all.
        costs: Of a failure and of a planned replacement.

    Raises:
        GraceError: A time is below 0 or no number.
    """
    time = np.broadcast_to(np.asarray(time, dtype=np.float64), len(curves))
    if not (time >= 0).all():
        raise GraceError(
            f"A date should be 0 or more after the landmark. Found {time[~(time >= 0)][0]:g}. Take 0 for now."
        )
    told = np.isfinite(time) & (curves.goes_on | (time <= curves.edges[..., -1]))
    survival, runs = (values[:, 0] for values in _until(curves, time[:, None]))
    return Plans(time, costs.failure * (1 - survival) + costs.planned * survival * told, runs)


def _best_of_intervals(curves: Curves, before: Values) -> Values:
    """Minimum within each interval, ``[N, K]``: a time ``before [N, 1]`` survival would reach 0, kept in the interval."""
    width = np.diff(curves.edges)
    left = curves.values[:, :-1]
    slope = (left - curves.values[:, 1:]) / width
    to_zero = np.divide(left, slope, out=np.where(left > 0, np.inf, 0.0), where=slope > 0)
    return np.asarray(curves.edges[..., :-1] + np.clip(to_zero - before, 0, width))


def _run_on(curves: Curves, before: Values, time: Values) -> NDArray[np.bool_]:
    """Whether units run on beyond the end of their curves although a minimum was found at a time, bool ``[N]``.

    So it is at the very end. Within the last interval it is where its hazard as a whole is below the limit: that it rises within
    an interval comes of drawing a line.
    """
    start, end = curves.values[:, -2], curves.values[:, -1]
    first, last = curves.edges[..., -2], curves.edges[..., -1]
    below = before * (start - end) < (start + end) / 2 * (last - first)
    inside = (time > first) & (end > 0)
    return np.asarray((time >= last) | (inside & below))


def _until(curves: Curves, times: Values) -> tuple[Values, Values]:
    """Survival at some times after the landmarks and the mean time that units run until then, ``[N, T]`` each.

    Times beyond the last edge of curves that end there are taken to be there.
    """
    last = curves.edges[..., -1:]
    inside = np.minimum(times, last)
    survival = curves.survival(inside)
    areas = np.cumsum((curves.values[:, 1:] + curves.values[:, :-1]) / 2 * np.diff(curves.edges), axis=1)
    areas = np.hstack([np.zeros((len(curves), 1)), areas])
    k, rows = curves.interval(inside), np.arange(len(curves))[:, None]
    runs = areas[rows, k] + (inside - curves.edge(k)) * (curves.values[rows, k] + survival) / 2
    if not curves.goes_on:
        return survival, runs
    later = curves.survival(times)
    return later, runs + _beyond(curves, np.maximum(times - last, 0), survival - later)


def _beyond(curves: Curves, times: Values, lost: Values) -> Values:
    """Mean time that units run beyond the last edge, some times long, in which they lose some survival, ``[N, T]``."""
    before, after = curves.values[:, -2:-1], curves.values[:, -1:]
    fallen = np.log(np.divide(before, after, out=np.ones_like(after), where=after > 0))
    hazard = fallen / np.diff(curves.edges)[..., -1:]
    without = after * np.where(after > 0, times, 0.0)  # where nothing is lost; 0 for ever of a curve that has come to 0
    return np.where(hazard > 0, lost / np.where(hazard > 0, hazard, 1.0), without)
