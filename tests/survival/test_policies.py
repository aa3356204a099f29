"""What policies cost: by hand, as scikit-survival's estimates say, and on simulated lives whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator

from grace.errors import GraceError
from grace.survival.curves import Curves
from grace.survival.lives import Lives
from grace.survival.policies import best_age, cost_difference, cost_rate, due, out_of_fold, settled_rate
from grace.survival.replacement import Costs, plan
from tests.survival.wear import LOADS, SHAPE, Wear, wear, weibull

COSTS = Costs(failure=10, planned=1)


def observed(seed: int, units: int = 40, late: bool = False) -> Lives:
    """Whole ages with ties, two in five suspended; ``late``: seen only from an age on."""
    rng = np.random.default_rng(seed)
    end = rng.integers(2, 25, units)
    entry = np.floor(rng.random(units) * np.minimum(end, 12)) if late else np.zeros(units)
    return Lives(entry, end, rng.random(units) < 0.6)


def value(lives: Lives, costs: Costs = COSTS) -> float:
    """The cost rate alone, without the time that its interval takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grace.core.stats.DRAWS", 2)
        return cost_rate(lives, costs).value


def test_a_plan_counts_if_its_date_comes_before_the_next_inspection() -> None:
    unit = np.array([0, 0, 0, 1, 1, 2])
    age = np.array([0.0, 10, 20, 0, 10, 0])
    time = np.array([10.0, 9, 0, 30, np.inf, 7])
    for order in (np.arange(6), np.array([5, 2, 4, 0, 3, 1])):
        # unit 0: the first date is that of the second inspection; 1: postponed for ever; 2: the last plan stands; 3: none
        assert due(unit[order], age[order], time[order], 4).tolist() == [19, np.inf, 7, np.inf]
    assert due(unit[:0], age[:0], time[:0], 2).tolist() == [np.inf, np.inf]


def test_a_planned_replacement_ends_a_life_unless_it_ended_before() -> None:
    found = Lives(np.zeros(5), np.array([10, 10, 30, 30, 20]), np.array([1, 0, 1, 0, 1])).replaced_at(20.0)
    assert found.end.tolist() == [10, 10, 20, 20, 20]
    assert found.failed.tolist() == [True, False, False, False, False]
    assert found.replaced.tolist() == [False, False, True, True, True]


def test_by_hand() -> None:
    lives = Lives(np.zeros(2), np.array([4, 10]), np.array([True, True]))
    # just before 4: 1 / 4; just before 10: half fail, (1 + 4 / 2) / 7; run to failure: 5 / 7
    assert best_age(lives, Costs(5, 1)) == (4, 0.25)
    assert best_age(lives, Costs(1.01, 1)) == (np.inf, pytest.approx(1.01 / 7))
    assert value(lives, Costs(5, 1)) == pytest.approx(5 / 7)
    assert value(lives.replaced_at(10.0), Costs(5, 1)) == pytest.approx(3 / 7)


def test_a_suspended_unit_is_at_risk_until_it_is_suspended() -> None:
    lives = Lives(np.zeros(4), np.array([4, 6, 8, 10]), np.array([True, False, True, False]))
    # survival 3/4 from 4 and 3/8 from 8; what lives at 10 counts as replaced there
    assert value(lives) == pytest.approx((1 + 9 * (1 - 3 / 8)) / (4 + 4 * 3 / 4 + 2 * 3 / 8))


def test_what_is_known_before_a_unit_was_seen_is_nothing() -> None:
    lives = Lives(np.array([0, 5, 0]), np.array([4, 10, 10]), np.array([True, True, True]))
    # two are at risk at 4 and two at 10
    assert value(lives) == pytest.approx(10 / (4 + 6 / 2))
    cut = lives.replaced_at(np.array([np.inf, 5, np.inf]))  # before it was seen: it tells nothing
    assert value(cut) == value(Lives(np.zeros(2), np.array([4, 10]), np.array([True, True])))


def test_a_lone_unit_at_risk_does_not_end_the_estimate() -> None:
    lives = Lives(np.array([0, 6, 6]), np.array([4, 10, 12]), np.array([True, True, True]))
    assert value(lives) == pytest.approx(10 / (10 + 2 / 2))


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_the_best_age_is_the_cheapest_of_all_ages(seed: int, late: bool) -> None:
    lives, costs = observed(seed, late=late), Costs(2.0 + seed, 1)
    best, rate = best_age(lives, costs)
    tried = np.array([value(lives.replaced_at(age), costs) for age in [*np.arange(0.5, 25, 0.5), np.inf]])
    assert value(lives.replaced_at(best), costs) == pytest.approx(rate)
    assert rate == pytest.approx(tried.min())


@pytest.mark.parametrize("seed", range(8))
def test_equals_scikit_survivals_estimates(seed: int) -> None:
    lives = observed(seed).replaced_at(np.random.default_rng(seed).uniform(8, 30, 40))
    kind = np.where(lives.failed, 1, np.where(lives.replaced, 2, 0))
    _, incidence = cumulative_incidence_competing_risks(kind, lives.end)
    ends, survival = kaplan_meier_estimator(kind > 0, lives.end)
    area = np.diff(ends, prepend=0) @ np.append(1, survival[:-1])
    assert value(lives) == pytest.approx((1 + 9 * incidence[1][-1]) / area)


@pytest.mark.parametrize(("shape", "failure"), [(2.0, 5.0), (4.0, 20.0)])
def test_the_best_age_of_many_lives_is_that_of_their_distribution(shape: float, failure: float) -> None:
    costs, survival = Costs(failure, 1), weibull(shape, 100)
    rng = np.random.default_rng(0)
    life, until = 100 * rng.weibull(shape, 20_000), rng.uniform(0, 300, 20_000)

    def rate(age: float) -> float:
        return (costs.failure - costs.more * float(survival(age))) / quad(survival, 0, age)[0]

    true = minimize_scalar(rate, bounds=(1, 300), method="bounded").fun
    found, estimate = best_age(Lives(np.zeros(20_000), np.minimum(life, until), life <= until), costs)
    assert rate(found) == pytest.approx(true, rel=0.005)
    assert estimate == pytest.approx(true, rel=0.03)


def test_what_has_no_memory_is_best_run_to_failure() -> None:
    life = np.random.default_rng(0).exponential(50, 5000)
    _, rate = best_age(Lives(np.zeros(5000), life, np.ones(5000, dtype=bool)), Costs(2, 1))
    assert rate == pytest.approx(2 / life.mean(), rel=0.01)


def test_who_knows_when_units_fail_pays_a_planned_replacement_a_mean_life() -> None:
    life = np.random.default_rng(0).weibull(3, 50) * 100
    lives = Lives(np.zeros(50), life, np.ones(50, dtype=bool))
    unit = np.repeat(np.arange(50), 3)
    age = (life[:, None] * [0.1, 0.4, 0.8]).ravel()
    edges = np.linspace(0, 400, 4001)
    sure = Curves(edges, (edges < (life[unit] - age)[:, None]).astype(float))
    dates = due(unit, age, plan(sure, COSTS, best_age(lives, COSTS)[1]).time, 50)
    found = lives.replaced_at(dates)
    assert found.replaced.all()
    assert value(found) == pytest.approx(1 / life.mean(), rel=0.002)
    assert value(lives) == pytest.approx(10 / life.mean())


def naive(lives: Lives, costs: Costs) -> tuple[float, float]:
    """Cost over time of all cycles, and of those that were not suspended."""
    paid = costs.failure * lives.failed.sum() + costs.planned * lives.replaced.sum()
    return paid / lives.end.sum(), paid / lives.end[lives.failed | lives.replaced].sum()


def policies(seen: Wear, last: float) -> dict[str, Lives]:
    times = plan(seen.kinds, COSTS, 1.5 / 90).time[seen.kind]
    dates = due(seen.unit, seen.age, times, len(seen.lives))
    cut = np.minimum(dates, last)
    return {name: seen.lives.replaced_at(at) for name, at in {"plans": cut, "age": 70.0, "none": last}.items()}


def test_half_suspended_lives_give_the_cost_of_whole_ones() -> None:
    last, draws = 150.0, 40
    truth = {name: naive(lives, COSTS)[0] for name, lives in policies(wear(20_000, 0), last).items()}
    found: dict[str, list[Any]] = {name: [] for name in truth}
    for seed in range(draws):
        for name, lives in policies(wear(300, 1 + seed, suspended_by=170), last).items():
            found[name].append((value(lives), *naive(lives, COSTS)))
    for name, true in truth.items():
        (ours, *wrong), error = np.mean(found[name], axis=0), np.std(found[name], axis=0)[0] / draws**0.5
        assert abs(ours - true) < 3 * error, name
        assert wrong[1] - true > 3 * error, name
        assert abs(ours - true) < abs(wrong[0] - true) / 2, name
        assert true - wrong[0] > 3 * error, name


def test_lives_seen_from_an_age_on_give_the_cost_of_whole_ones() -> None:
    rng = np.random.default_rng(0)
    life, entry = 100 * rng.weibull(3, 40_000), rng.uniform(0, 120, 40_000)
    entry[rng.random(40_000) < 0.1] = 0
    here = life > entry  # what failed before was never seen
    lives = Lives(entry[here], life[here], np.ones(here.sum(), dtype=bool))
    assert value(lives) == pytest.approx(10 / life.mean(), rel=0.02)
    assert naive(lives, COSTS)[0] < 0.95 * 10 / life.mean()


def test_a_difference_is_paired_and_groups_are_drawn_together() -> None:
    lives = observed(0)
    age = lives.replaced_at(8.0)
    same = cost_difference(age, age, COSTS)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    apart = cost_difference(age, lives, COSTS)
    assert apart.value == pytest.approx(value(age) - value(lives))
    assert apart.low < apart.value < apart.high
    twice = Lives(*(np.repeat(values, 2) for values in (lives.entry, lives.end, lives.failed)))
    one, two = cost_rate(lives, COSTS), cost_rate(twice, COSTS, groups=np.repeat(np.arange(40), 2))
    assert (two.value, two.low, two.high) == pytest.approx((one.value, one.low, one.high))


def test_plans_on_true_curves_cost_less_than_the_best_age_and_settle() -> None:
    seen = wear(500, 0)
    age, first = best_age(seen.lives, COSTS)

    def cost(rate: float) -> float:
        dates = due(seen.unit, seen.age, plan(seen.kinds, COSTS, rate).time[seen.kind], len(seen.lives))
        return value(seen.lives.replaced_at(dates))

    settled = settled_rate(seen.curves, seen.unit, seen.age, seen.lives, COSTS)
    tried = [cost(first * factor) for factor in (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)]
    assert tried[-1] < 0.8 * first
    assert cost(settled) > 0.999 * settled  # else it would have gone on
    assert settled < 1.01 * min(tried)
    assert age < LOADS[0]  # all units as early as those of the highest load need it


def test_plans_that_are_worse_than_the_best_age_leave_its_rate() -> None:
    seen = wear(300, 0)
    blind = Curves(seen.curves.edges, np.ones_like(seen.curves.values))
    assert settled_rate(blind, seen.unit, seen.age, seen.lives, COSTS) == best_age(seen.lives, COSTS)[1]


@pytest.mark.system
def test_the_true_optimum_of_known_loads_is_reached() -> None:
    """Each load has its control limit at one rate of the fleet: the root of the sum over loads of cost less rate times time."""
    seen = wear(800, 1, step=2.0)
    edges = np.linspace(0, 1.5, 3001)
    survival = weibull(SHAPE)(edges)
    area = np.append(0, np.cumsum((survival[1:] + survival[:-1]) / 2 * np.diff(edges)))
    cost = COSTS.failure - COSTS.more * survival
    rates = np.linspace(0.005, 0.05, 2000)
    excess = [sum((cost - rate * load * area).min() for load in LOADS) for rate in rates]
    true = rates[np.argmin(np.abs(excess))]
    found = settled_rate(seen.curves, seen.unit, seen.age, seen.lives, COSTS)
    assert found == pytest.approx(true, rel=0.03)


def test_a_fold_is_planned_by_the_other_units() -> None:
    seen = wear(60, 0)
    folds = [np.arange(0, 20), np.arange(20, 50)]  # the last ten units are held out by none
    plans, fixed = out_of_fold(seen.curves, seen.unit, seen.age, seen.lives, COSTS, folds)
    assert len(plans) == len(fixed) == 50
    assert cost_difference(plans, fixed, COSTS).high < 0
    for fold in folds:
        others = np.setdiff1d(np.arange(60), fold)
        rest, rows = seen.lives.at(others), np.isin(seen.unit, others)
        by_age = seen.lives.at(fold).replaced_at(best_age(rest, COSTS)[0])
        np.testing.assert_array_equal(fixed.end[fold], by_age.end)
        numbers = np.searchsorted(others, seen.unit[rows])
        rate = settled_rate(seen.curves.at(rows), numbers, seen.age[rows], rest, COSTS)
        dates = due(seen.unit, seen.age, plan(seen.curves, COSTS, rate).time, 60)
        np.testing.assert_array_equal(plans.end[fold], seen.lives.replaced_at(dates).end[fold])


def test_what_tells_nothing_is_refused() -> None:
    with pytest.raises(GraceError, match=r"should follow from units that failed. Found none"):
        best_age(Lives(np.zeros(2), np.array([3, 4]), np.array([False, False])), COSTS)
    with pytest.raises(GraceError, match=r"one entry, end and failed each. Found lengths \[2, 3\]"):
        Lives(np.zeros(2), np.ones(3), np.ones(3, dtype=bool))
    with pytest.raises(GraceError, match=r"Ages should be numbers of 0 or more. Found -1"):
        Lives(np.zeros(2), np.array([-1, 2]), np.ones(2, dtype=bool))
    with pytest.raises(GraceError, match=r"on the same units. Found 40 and 1"):
        cost_difference(observed(0), Lives(np.zeros(1), np.ones(1), np.ones(1, dtype=bool)), COSTS)
    never = Lives(np.ones(3), np.ones(3), np.ones(3, dtype=bool))
    assert np.isnan(cost_rate(never, COSTS).value)
