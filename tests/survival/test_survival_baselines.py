"""Baselines of survival: by hand, known parameters found again, and scikit-survival's own predictions."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sksurv.ensemble import RandomSurvivalForest
from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis
from sksurv.nonparametric import kaplan_meier_estimator
from sksurv.util import Surv

from grace.errors import GraceError
from grace.survival import by_statistics
from grace.survival.baseline import Training
from grace.survival.baselines import BASELINES
from grace.survival.by_age import KaplanMeier, Weibull
from grace.survival.by_statistics import Cox, Forest
from grace.survival.curves import Curves
from grace.survival.figures import brier_difference, grid, survival_figures
from grace.survival.landmarks import Landmarks
from grace.survival.lives import Lives

EDGES = np.linspace(0, 64, 65)
NOTHING = np.zeros((0, 1))


def of_lives(entry: object, life: object, failed: object, edges: NDArray[np.float64] = EDGES) -> Training:
    lives = Lives(np.asarray(entry, float), np.asarray(life, float), np.asarray(failed, bool))
    return Training(lives, Landmarks([], [], [], []), NOTHING, edges)


def fleet(seed: int, units: int, each: int = 4) -> Training:
    """Units whose life is exponential with a mean that the first of three statistics tells; half are suspended."""
    rng = np.random.default_rng(seed)
    told = rng.normal(size=units)
    life, stop = rng.exponential(20 * np.exp(1.2 * told)), rng.uniform(10, 120, units)
    end, failed = np.minimum(life, stop), life <= stop
    unit = np.repeat(np.arange(units), each)
    age = rng.random(len(unit)) * end[unit]
    landmarks = Landmarks(end[unit] - age, failed[unit], unit, age)
    statistics = np.column_stack([told[unit], rng.normal(size=(len(unit), 2))])
    return Training(Lives(np.zeros(units), end, failed), landmarks, statistics, EDGES)


def test_kaplan_meier_by_age_by_hand() -> None:
    # 25 units at risk, so that five are enough: a unit fails at each age from 1 to 25
    found = KaplanMeier.fit(of_lives(np.zeros(25), np.arange(1, 26), np.ones(25), np.array([0.0, 1, 4, 5])))
    assert found.oldest == 20
    curves = found.curves(np.array([0.0, 10, 10.5, 20, 23, 999]), np.zeros((6, 0)))
    expected = [
        [1, 24 / 25, 21 / 25, 20 / 25],
        [1, 14 / 15, 11 / 15, 10 / 15],
        [1, 14 / 15, 11 / 15, 11 / 15 * 10 / 11],
    ]
    np.testing.assert_allclose(curves.values[:3], expected)
    np.testing.assert_allclose(curves.values[3:], [[1, 4 / 5, 1 / 5, 0]] * 3)


def test_kaplan_meier_counts_a_unit_from_the_age_on_that_it_was_seen_at() -> None:
    entry, life, failed = [0, 0, 4, 6, 3], [5, 9, 9, 12, 3], [True, True, False, False, True]
    found = KaplanMeier.fit(of_lives(entry, life, failed, np.array([0.0, 5, 9, 20])))
    # at 5 one of three, at 9 one of three; the last was never at risk; beyond 12 the value stays
    np.testing.assert_allclose(found.curves(np.array([0.0]), NOTHING[:0]).values, [[1, 2 / 3, 4 / 9, 4 / 9]])


def test_kaplan_meier_of_new_units_is_scikit_survivals() -> None:
    rng = np.random.default_rng(0)
    entry = rng.integers(0, 10, 80)
    life, failed = entry + rng.integers(1, 40, 80), rng.random(80) < 0.5
    times, survival = kaplan_meier_estimator(failed, life, time_enter=entry)
    found = KaplanMeier.fit(of_lives(entry, life, failed, np.concatenate([[-0.5], times])))
    np.testing.assert_allclose(found.curves(np.zeros(1), NOTHING).values[0, 1:], survival, rtol=1e-12)


@pytest.mark.parametrize("shape", [0.8, 2.5, 9.0])
def test_weibull_finds_its_parameters_in_suspended_lives_seen_late(shape: float) -> None:
    rng = np.random.default_rng(0)
    life, entry = 70 * rng.weibull(shape, 40_000), rng.uniform(0, 60, 40_000)
    stop = entry + rng.uniform(5, 60, 40_000)
    seen = life > entry  # the others ended before anybody looked
    training = of_lives(entry[seen], np.minimum(life, stop)[seen], (life <= stop)[seen])
    found = Weibull.fit(training)
    assert found.shape == pytest.approx(shape, rel=0.03)
    assert found.scale == pytest.approx(70, rel=0.03)
    blind = Weibull.fit(of_lives(np.zeros(seen.sum()), training.lives.end, training.lives.failed))
    assert abs(blind.scale - 70) > 2 * abs(found.scale - 70)  # what the truncation was for


def test_weibull_of_lives_seen_whole_is_scipys() -> None:
    rng = np.random.default_rng(3)
    life, stop = 300 * rng.weibull(3.0, 60), rng.uniform(100, 500, 60)
    failed = life <= stop
    found = Weibull.fit(of_lives(np.zeros(60), np.minimum(life, stop), failed))
    shape, _, scale = stats.weibull_min.fit(stats.CensoredData(life[failed], right=stop[~failed]), floc=0)
    assert found.shape == pytest.approx(shape, rel=1e-3)
    assert found.scale == pytest.approx(scale, rel=1e-3)


def test_weibull_curves_are_those_of_units_that_lived_so_long() -> None:
    curves = Weibull(2.0, 10.0, np.array([0.0, 5, 10])).curves(np.array([0.0, 5]), NOTHING)
    alive = np.exp(-((np.array([0.0, 5, 10, 15]) / 10) ** 2))
    np.testing.assert_allclose(curves.values, [alive[:3], alive[1:] / alive[1]])


@pytest.mark.parametrize("count", [1, 2])
def test_weibull_of_equal_lives_ends_at_the_largest_shape(count: int) -> None:
    found = Weibull.fit(of_lives(np.zeros(count), np.full(count, 50.0), np.ones(count)))
    assert found.shape == pytest.approx(50, rel=1e-3)
    assert found.scale == pytest.approx(50, rel=1e-3)


def test_forest_is_scikit_survivals() -> None:
    training = fleet(0, 60)
    landmarks, x = by_statistics._thinned(training)
    y = Surv.from_arrays(landmarks.event, landmarks.time)
    oracle = RandomSurvivalForest(n_estimators=100, min_samples_leaf=15, random_state=0).fit(x, y)
    test = fleet(1, 20)
    curves = Forest.fit(training).curves(test.landmarks.age, test.statistics)
    steps = oracle.predict_survival_function(np.column_stack([test.statistics, test.landmarks.age]))
    inside = EDGES[np.clip(EDGES, oracle.unique_times_[0], oracle.unique_times_[-1]) == EDGES]
    np.testing.assert_allclose(curves.survival(inside), [step(inside) for step in steps])


def test_cox_is_scikit_survivals_with_the_penalty_that_it_chose() -> None:
    training = fleet(0, 60)
    landmarks, x = by_statistics._thinned(training)
    found = Cox.fit(training)
    z = (x - x.mean(0)) / x.std(0)
    y = Surv.from_arrays(landmarks.event, landmarks.time)
    most = CoxnetSurvivalAnalysis(l1_ratio=0.1).fit(z, y).alphas_[0]
    paths = CoxnetSurvivalAnalysis(l1_ratio=0.1, alphas=most * by_statistics.PENALTIES, fit_baseline_model=True).fit(
        z, y
    )
    chosen = np.abs(paths.coef_ - found.coefficients[:, None]).max(0).argmin()
    np.testing.assert_allclose(found.coefficients, paths.coef_[:, chosen], atol=1e-6)
    steps = paths.predict_survival_function(z, alpha=paths.alphas_[chosen])
    inside = EDGES[np.clip(EDGES, found.times[0], found.times[-1]) == EDGES]
    curves = found.curves(landmarks.age, x[:, :-1])
    np.testing.assert_allclose(curves.survival(inside), [step(inside) for step in steps], atol=1e-5)


def test_breslows_hazard_is_scikit_survivals() -> None:
    landmarks, x = by_statistics._thinned(fleet(2, 50))
    model = CoxPHSurvivalAnalysis(ties="breslow").fit(x, Surv.from_arrays(landmarks.event, landmarks.time))
    times, hazard = by_statistics._breslow(model.predict(x), landmarks)
    np.testing.assert_array_equal(times, model.cum_baseline_hazard_.x)
    np.testing.assert_allclose(hazard, model.cum_baseline_hazard_.y, rtol=1e-9)


def test_what_reads_statistics_beats_what_reads_the_age_where_they_tell() -> None:
    train, test = fleet(0, 150), fleet(1, 150)
    times = grid(test.landmarks, 64)
    curves = {name: kind.fit(train).curves(test.landmarks.age, test.statistics) for name, kind in BASELINES.items()}
    curves["true"] = Curves(EDGES, np.exp(-EDGES / (20 * np.exp(1.2 * test.statistics[:, :1]))))
    uno = {name: survival_figures(each, test.landmarks, [], times)["uno"] for name, each in curves.items()}
    for name in ("cox", "forest"):
        assert brier_difference(curves[name], curves["kaplan-meier"], test.landmarks, times).high < 0
        assert uno[name] > uno["true"] - 0.05


@pytest.mark.parametrize("name", BASELINES)
def test_curves_start_at_one_and_never_rise(name: str) -> None:
    train, test = fleet(0, 40), fleet(1, 10)
    curves = BASELINES[name].fit(train).curves(10 * test.landmarks.age, 10 * test.statistics)  # far outside
    assert curves.values.shape == (40, 65)
    assert (curves.values[:, 0] == 1).all()
    assert (np.diff(curves.values) <= 1e-12).all()
    assert (curves.values >= 0).all()
    np.testing.assert_array_equal(curves.edges, EDGES)
    again = BASELINES[name].fit(train).curves(10 * test.landmarks.age, 10 * test.statistics)
    np.testing.assert_array_equal(again.values, curves.values)


@pytest.mark.parametrize("name", BASELINES)
def test_without_a_failure_there_is_no_baseline(name: str) -> None:
    train = fleet(0, 20)
    lives = Lives(train.lives.entry, train.lives.end, np.zeros(20, bool))
    none = Landmarks(train.landmarks.time, np.zeros(80, bool), train.landmarks.unit, train.landmarks.age)
    with pytest.raises(GraceError, match=r"that failed.*Found none"):
        BASELINES[name].fit(Training(lives, none, train.statistics, EDGES))


@pytest.mark.parametrize("name", ["cox", "forest"])
def test_without_the_extra_it_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sksurv.util", "sksurv.ensemble", "sksurv.linear_model"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(GraceError, match=r"Run pip install 'grace-rul\[survival\]'"):
        BASELINES[name].fit(fleet(0, 20))


@pytest.mark.parametrize("units", [1, 2, 3, 8])
def test_few_units_are_enough(units: int) -> None:
    train = fleet(5, 40)
    few = np.flatnonzero(np.isin(train.landmarks.unit, np.flatnonzero(train.lives.failed)[:units]))
    part = Training(train.lives, train.landmarks.at(few), train.statistics[few], EDGES)
    for kind in (Cox, Forest):
        assert len(kind.fit(part).curves(np.ones(2), np.ones((2, 3)))) == 2


def test_statistics_that_never_change_tell_cox_nothing() -> None:
    train = fleet(0, 40)
    flat = Landmarks(train.landmarks.time, train.landmarks.event, train.landmarks.unit, np.ones(160))
    found = Cox.fit(Training(train.lives, flat, np.ones((160, 3)), EDGES))
    assert not found.coefficients.any()


def test_a_penalty_that_is_too_small_to_hold_coefficients_back_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    net, least = by_statistics._net, []

    def breaks(z: object, landmarks: object, **penalties: NDArray[np.float64]) -> object:
        if "alphas" in penalties and penalties["alphas"].min() < 0.02 * penalties["alphas"].max():
            raise ArithmeticError("weights are too large")
        least.append(penalties)
        return net(z, landmarks, **penalties)

    monkeypatch.setattr(by_statistics, "_net", breaks)
    assert Cox.fit(fleet(0, 40)).coefficients.any()
    assert 1 < len(least[-1]["alphas"]) < len(by_statistics.PENALTIES)


def test_more_landmarks_than_are_read_are_thinned_and_follow_up_is_cut() -> None:
    landmarks, x = by_statistics._thinned(fleet(0, 600))
    assert len(landmarks) == len(x) == 2000
    assert landmarks.time.max() == 64
    assert len(np.unique(landmarks.time)) <= 64
    assert not landmarks.event[landmarks.time == 64].all()
