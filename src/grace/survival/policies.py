r"""What a policy of replacement costs in the long run, from lives that failed or were suspended.

A policy ends each life at its failure, at cost :math:`c_f`, or at a planned replacement before, at cost :math:`c_p`; the next
unit starts from new. By the renewal-reward theorem it costs the mean cost of a cycle over the mean time of a cycle per unit of
time in the long run (Barlow & Hunter, Oper. Res. 8, 1960). A cycle that was suspended has come neither to its cost nor to its
time. To leave it out makes cycles short; to count its time without its cost makes them cheap. With ``S`` the product-limit
estimate of the age at which cycles end either way, and the share :math:`d_f(t) / Y(t)` of those at risk that fail at ``t``,

.. math::
    P_f = \sum_t S(t^-)\, \frac{d_f(t)}{Y(t)}, \qquad
    \text{cost rate} = \frac{c_p + (c_f - c_p)\, P_f}{\int_0^{a} S(t)\, dt}

where :math:`P_f` is the Aalen-Johansen estimate of the share of cycles that end in failure, and ``a`` the last age at which a
cycle was seen: cycles that go on beyond it, of which nothing is known, count as replaced there. A unit is at risk from the age at
which it was first seen. Suspension must not tell of failure: a unit that was taken out because it was worn makes all policies
look cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.core.stats import Span, bootstrap
from grace.errors import GraceError
from grace.survival.curves import Curves
from grace.survival.lives import Lives
from grace.survival.product_limit import ProductLimit
from grace.survival.replacement import Costs, plan

Values = NDArray[np.float64]
STEPS = 20
CHANGE = 0.001
"""A fall of a cost rate below this share of it changes no plan that matters."""


def due(unit: NDArray[np.int64], age: Values, time: Values, units: int) -> Values:
    """Age at which each of ``units`` is replaced by the plans of its inspections, ``[units]``; inf: by none of them.

    A plan is carried out if its date comes before the next inspection, which makes a plan of its own; the last one's stands.

    Args:
        unit: Number of the unit of each inspection, from 0, ``[N]``, in any order.
        age: Age of the unit at each, ``[N]``.
        time: Time from each until its planned replacement, inf: none, ``[N]``, as of :class:`grace.survival.replacement.Plans`.
        units: How many there are.
    """
    order = np.lexsort((age, unit))
    unit, age, date = unit[order], age[order], (age + time)[order]
    following = np.append(age[1:], np.inf)
    following[np.append(unit[1:] != unit[:-1], True)[-len(unit) :]] = np.inf
    first = np.full(units, np.inf)
    carried_out = date < following
    np.minimum.at(first, unit[carried_out], date[carried_out])
    return first


def best_age(lives: Lives, costs: Costs) -> tuple[float, float]:
    """The fixed age at which to replace all units, and its cost rate; inf: none, run to failure.

    The cost rate falls between failures, so that the best age is just before one, or none. None is before the last age seen:
    what comes after it is not known.

    Raises:
        GraceError: No unit failed.
    """
    times, before, failures = _seen(lives)
    if not failures.any():
        raise GraceError("The best age should follow from units that failed. Found none. Wait for failures.")
    area = np.cumsum(before * np.diff(times, prepend=0.0))
    share = np.cumsum(before * failures)
    ages = np.append(times[:-1], np.inf)
    rates = (costs.planned + costs.more * np.append((share - before * failures)[:-1], share[-1])) / area
    best = int(np.argmin(rates))
    return float(ages[best]), float(rates[best])


def settled_rate(curves: Curves, unit: NDArray[np.int64], age: Values, observed: Lives, costs: Costs) -> float:
    """The cost rate that plans have when they are made with it, at most that of the best fixed age.

    Starts there, and plans again with the cost rate of the plans while that falls.

    Args:
        curves: Survival at inspections of units that the model has not seen, ``N``: what it has seen looks cheaper than it is.
        unit: Number of the unit of each, from 0, ``[N]``.
        age: Age of the unit at each, ``[N]``.
        observed: Lives of the units as they were.
        costs: Of a failure and of a planned replacement.

    Raises:
        GraceError: No unit failed.
    """
    rate = best_age(observed, costs)[1]
    for _ in range(STEPS):
        dates = due(unit, age, plan(curves, costs, rate).time, len(observed))
        found = _rate(observed.replaced_at(dates), costs, np.ones(len(observed)))
        if not found < (1 - CHANGE) * rate:
            break
        rate = found
    return rate


def out_of_fold(
    curves: Curves,
    unit: NDArray[np.int64],
    age: Values,
    observed: Lives,
    costs: Costs,
    folds: Sequence[NDArray[np.int64]],
) -> tuple[Lives, Lives]:
    """Lives as plans end them, and as the best fixed age does: of each fold's units by what the other units say.

    Arguments as of :func:`settled_rate`, and ``folds``, numbers of the units of each. Units of no fold are left out of both; the
    others are in order of their numbers, as in ``observed.at(np.sort(np.concatenate(folds)))``, run to failure.
    """
    times, ages = np.full(len(curves), np.inf), np.full(len(observed), np.inf)
    for fold in folds:
        others = np.ones(len(observed), dtype=np.bool_)
        others[fold] = False
        theirs, rest = others[unit], observed.at(others)
        number = np.cumsum(others) - 1
        rate = settled_rate(curves.at(theirs), number[unit[theirs]], age[theirs], rest, costs)
        times[~theirs] = plan(curves.at(~theirs), costs, rate).time
        ages[fold] = best_age(rest, costs)[0]
    held = np.sort(np.concatenate(folds))
    plans = observed.replaced_at(due(unit, age, times, len(observed)))
    return plans.at(held), observed.replaced_at(ages).at(held)


def cost_rate(lives: Lives, costs: Costs, groups: NDArray[Any] | None = None) -> Span:
    """Cost per unit of time in the long run of the policy that ended some lives, with a bootstrap interval over units.

    Args:
        lives: ``observed.replaced_at(due(...))`` of plans, ``observed.replaced_at(best)`` of a fixed age, or ``observed`` as they
            were, run to failure.
        costs: Of a failure and of a planned replacement.
        groups: Units that are drawn together, ``[U]``; None: each alone.
    """
    return _bootstrap([lives], costs, groups)


def cost_difference(one: Lives, other: Lives, costs: Costs, groups: NDArray[Any] | None = None) -> Span:
    """Cost rate of ``one`` policy less that of an ``other`` on the same units, with a paired interval; below 0: cheaper."""
    if len(one) != len(other):
        raise GraceError(f"Policies should be compared on the same units. Found {len(one)} and {len(other)}.")
    return _bootstrap([one, other], costs, groups)


def _bootstrap(policies: Sequence[Lives], costs: Costs, groups: NDArray[Any] | None) -> Span:
    index = np.arange(len(policies[0]))
    statistic = partial(_drawn, policies, costs)
    return bootstrap(statistic, index, families=index if groups is None else groups)


def _drawn(policies: Sequence[Lives], costs: Costs, index: NDArray[np.int64], weights: Values) -> Any:
    """Cost rate of the first policy, less that of a second one, of each draw, ``[..., U] -> [...]``."""
    rates = [np.apply_along_axis(partial(_rate, lives, costs), -1, weights) for lives in policies]
    return rates[0] if len(rates) == 1 else rates[0] - rates[1]


def _rate(lives: Lives, costs: Costs, weights: Values) -> float:
    """Cost rate of a policy, NaN where no unit that counts was ever at risk."""
    times, before, failures = _seen(lives, weights)
    mean = float(before @ np.diff(times, prepend=0.0))
    return (costs.planned + costs.more * float(before @ failures)) / mean if mean > 0 else np.nan


def _seen(lives: Lives, weights: Values | None = None) -> tuple[Values, Values, Values]:
    """Ages at which lives end, the share that lives until each, and the share of those at risk that fail then.

    Where few units were seen from new, a lone one that ends would end the estimate: it is left out, as Lai & Ying (Ann. Stat. 19,
    1991) leave out ages at which next to none is at risk.
    """
    weights = np.ones(len(lives)) if weights is None else weights
    here = (weights > 0) & (lives.entry < lives.end)
    end, failed, ends = lives.end[here], lives.failed[here], (lives.failed | lives.replaced)[here]
    both, failures = (ProductLimit.of(end, event, weights[here], lives.entry[here]) for event in (ends, failed))
    early = both.fail >= 1
    early[-1:] = False
    curve = replace(both, fail=np.where(early, 0.0, both.fail))
    until = np.append(1.0, curve.survival(both.times))[:-1]
    return both.times, until, np.where(early, 0.0, failures.fail)
