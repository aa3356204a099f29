"""Dates of replacement: by hand, against fine grids and quadrature, and at the optimum that theory gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from grace.errors import GraceError
from grace.survival.curves import Curves
from grace.survival.replacement import Costs, expected, plan
from tests.survival.wear import conditional, weibull

COSTS = Costs(failure=10, planned=1)
HAND = Curves(np.array([0.0, 10, 20]), np.array([[1.0, 0.9, 0.0]]))


def drawn(seed: int, goes_on: bool, count: int = 30) -> Curves:
    """Curves with steep and flat places; some come to 0, some lose nothing at the end."""
    rng = np.random.default_rng(seed)
    edges = np.concatenate([[0.0], np.cumsum(rng.uniform(0.5, 3, 8))])
    values = np.cumprod(1 - rng.random((count, 8)) ** 3, axis=1)
    values[::5, -2:] = 0
    values[1::5, -1] = values[1::5, -2]
    return Curves(edges, np.hstack([np.ones((count, 1)), values]), goes_on)


@pytest.mark.parametrize(
    ("rate", "time", "cost", "runs"),
    [(0.2, 10.0, 1.9, 9.5), (2.0, 15.5, 10 - 9 * 0.405, 9.5 + 5.5 * (0.9 + 0.405) / 2)],
)
def test_by_hand(rate: float, time: float, cost: float, runs: float) -> None:
    found = plan(HAND, COSTS, rate)
    assert (found.time[0], found.cost[0], found.runs[0]) == pytest.approx((time, cost, runs))
    assert found.rate[0] == pytest.approx(cost / runs)
    assert found.excess(rate)[0] == pytest.approx(cost - rate * runs)


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_no_time_of_a_fine_grid_is_better(seed: int, goes_on: bool) -> None:
    curves, rate = drawn(seed, goes_on), 0.1 * 3 ** (seed % 4)
    last = curves.edges[-1]
    found = plan(curves, COSTS, rate)
    told = np.isfinite(found.time) | goes_on
    assert told.any()
    for time in np.linspace(0, last * (3 if goes_on else 1), 700):
        here = expected(curves, time, COSTS).excess(rate)
        assert (found.excess(rate)[told] <= here[told] + 1e-9).all()


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_planned_where_no_edge_is_better_than_the_end(seed: int) -> None:
    curves, rate = drawn(seed, goes_on=False), 0.1 * 3 ** (seed % 4)
    at_edges = np.array([expected(curves, edge, COSTS).excess(rate) for edge in curves.edges])
    none = np.isinf(plan(curves, COSTS, rate).time)
    assert (at_edges[-1, none] < at_edges[:-1, none]).all()


@pytest.mark.parametrize("seed", range(4))
def test_cost_and_time_are_those_of_quadrature(seed: int) -> None:
    curves = drawn(seed, goes_on=True, count=10)
    for time in (0.0, 1.3, curves.edges[4], curves.edges[-1], curves.edges[-1] + 4.2):
        found = expected(curves, time, COSTS)
        for i in range(len(curves)):
            one = curves.at(np.array([i]))
            knots = curves.edges[(curves.edges > 0) & (curves.edges < time)]
            parts = zip([0.0, *knots], [*knots, time], strict=True)
            area = sum(quad(lambda t, one=one: one.survival(np.array([t]))[0, 0], *part)[0] for part in parts)
            lives = one.survival(np.array([time]))[0, 0]
            assert found.runs[i] == pytest.approx(area, rel=1e-6)
            assert found.cost[i] == pytest.approx(10 * (1 - lives) + lives)


def test_run_to_failure_costs_a_failure_in_the_mean_life() -> None:
    edges = np.linspace(0, 50, 501)
    found = expected(conditional(1, 20, np.zeros(1), edges, goes_on=True), np.inf, COSTS)
    assert found.cost[0] == pytest.approx(10)
    assert found.runs[0] == pytest.approx(20, rel=1e-4)


@pytest.mark.parametrize("goes_on", [True, False])
def test_what_has_no_memory_is_never_replaced(goes_on: bool) -> None:
    hazard = 0.02
    curves = conditional(1, 1 / hazard, np.array([0.0, 30.0]), np.linspace(0, 100, 101), goes_on)
    for costs in (COSTS, Costs(1000, 1), Costs(2, 1)):
        assert (plan(curves, costs, costs.failure * hazard).time == np.inf).all()  # its rate: run to failure


def test_steep_wear_out_gives_a_date_before_failure() -> None:
    curves = conditional(20, 100, np.array([0.0, 50.0]), np.linspace(0, 120, 241))
    found = plan(curves, COSTS, 1 / 100)
    assert (found.time < 100 - np.array([0.0, 50.0])).all()
    assert (found.time > 60 - np.array([0.0, 50.0])).all()
    assert (found.cost < 1.1).all()


def test_where_a_failure_costs_hardly_more_units_run_to_failure() -> None:
    curves = drawn(3, goes_on=False)
    ends = curves.at(np.flatnonzero(curves.values[:, -1] == 0))
    found = plan(ends, Costs(1 + 1e-9, 1), 0.1)
    np.testing.assert_allclose(found.runs, ends.mean(), rtol=1e-6)


def best_of_weibull(shape: float, scale: float, costs: Costs) -> tuple[float, float]:
    """Barlow and Hunter's optimum by quadrature."""
    survival = weibull(shape, scale)

    def rate(age: float) -> float:
        return (costs.failure - costs.more * float(survival(age))) / quad(survival, 0, age)[0]

    found = minimize_scalar(rate, bounds=(0.01 * scale, 3 * scale), method="bounded", options={"xatol": 1e-8})
    return float(found.x), float(found.fun)


@pytest.mark.parametrize(("shape", "failure"), [(2.0, 5.0), (3.0, 10.0), (6.0, 3.0)])
def test_units_of_one_curve_are_replaced_at_its_best_age(shape: float, failure: float) -> None:
    costs = Costs(failure, 1)
    best, rate = best_of_weibull(shape, 100, costs)
    ages = np.array([0.0, 0.3, 0.9, 1.2]) * best
    curves = conditional(shape, 100, ages, np.linspace(0, 150, 3001))
    found = plan(curves, costs, rate)
    np.testing.assert_allclose(found.time, np.maximum(best - ages, 0), atol=0.1)
    assert found.rate[0] == pytest.approx(rate, rel=1e-4)
    assert found.rate[-1] == np.inf  # now
    assert found.cost[-1] == 1


def test_dates_scale_with_time_and_not_with_money() -> None:
    curves = drawn(1, goes_on=True)
    slow = Curves(8 * curves.edges, curves.values, True)
    found, later, dear = plan(curves, COSTS, 1.0), plan(slow, COSTS, 1 / 8), plan(curves, Costs(40, 4), 4.0)
    np.testing.assert_allclose(later.time, 8 * found.time, rtol=1e-12)
    np.testing.assert_allclose(later.cost, found.cost, rtol=1e-12)
    np.testing.assert_array_equal(dear.time, found.time)
    np.testing.assert_allclose(dear.cost, 4 * found.cost, rtol=1e-12)


def test_each_unit_may_have_a_rate_of_its_own() -> None:
    curves = Curves(HAND.edges, np.repeat(HAND.values, 2, axis=0))
    np.testing.assert_allclose(plan(curves, COSTS, np.array([0.2, 2.0])).time, [10, 15.5])


@pytest.mark.parametrize("seed", range(4))
def test_of_curves_that_end_at_times_of_their_own_each_has_its_own_plan(seed: int) -> None:
    curves = drawn(seed, goes_on=False)
    waited = np.random.default_rng(seed).uniform(0, 0.9, len(curves)) * curves.edges[-1]
    waited[::3] = 0
    ends = curves.after(waited)
    found, fixed = plan(ends, COSTS, 1.0), expected(ends, 4.0, COSTS)
    assert np.isfinite(found.time).any()
    assert np.isinf(found.time).any()
    for i in range(len(curves)):
        one = Curves(ends.edges[i], ends.values[[i]])
        for mine, alone in ((found, plan(one, COSTS, 1.0)), (fixed, expected(one, 4.0, COSTS))):
            for name in ("time", "cost", "runs"):
                assert getattr(mine, name)[i] == pytest.approx(getattr(alone, name)[0], rel=1e-12)


def test_a_higher_rate_never_brings_a_date_forward() -> None:
    curves = drawn(2, goes_on=True)
    times = np.array([plan(curves, COSTS, rate).time for rate in (0.1, 0.3, 1.0, 3.0)])
    assert (times[1:] >= times[:-1]).all()


def test_what_a_curve_does_not_tell_is_not_planned() -> None:
    curves = Curves(np.array([0.0, 10.0]), np.array([[1.0, 0.98]]))
    found = plan(curves, COSTS, 1.0)
    assert (found.time[0], found.cost[0], found.runs[0]) == pytest.approx((np.inf, 0.2, 9.9))
    flat = plan(Curves(np.array([0.0, 10.0]), np.ones((1, 2)), True), COSTS, 1.0)
    assert (flat.time[0], flat.cost[0], flat.runs[0], flat.rate[0]) == (np.inf, 0, np.inf, 0)


@pytest.mark.parametrize(("failure", "planned"), [(1, 1), (1, 2), (5, 0), (np.nan, 1), (np.inf, 1), (5, -1)])
def test_costs_that_leave_nothing_to_plan_are_refused(failure: float, planned: float) -> None:
    with pytest.raises(GraceError, match=r"should cost more than a planned replacement, and that more than 0. Found"):
        Costs(failure, planned)


def test_what_is_no_rate_or_date_is_refused() -> None:
    for rate in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(GraceError, match=r"cost rate should be a number above 0. Found"):
            plan(HAND, COSTS, rate)
    for time in (-1.0, np.nan):
        with pytest.raises(GraceError, match=r"should be 0 or more after the landmark. Found"):
            expected(HAND, time, COSTS)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_survival_beyond_the_edges_does_not_depend_on_the_unit_of_time(unit: float) -> None:
    curves = Curves(unit * np.array([0.0, 1.0, 2.0]), np.array([[1.0, 0.9, 0.6], [1.0, 0.5, 0.0]]), goes_on=True)
    found = curves.survival(unit * np.array([2.0, 3.0, 4.0]))
    np.testing.assert_allclose(found, [[0.6, 0.4, 0.8 / 3], [0.0, 0.0, 0.0]], rtol=1e-12)
