"""Numbers of survival curves: values by hand, and those of scikit-survival where units have one landmark each."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    integrated_brier_score,
)
from sksurv.nonparametric import CensoringDistributionEstimator, kaplan_meier_estimator
from sksurv.util import Surv

from grace.core.stats import student
from grace.errors import GraceError
from grace.survival.calibration import Fifth, calibration, largest_gap
from grace.survival.concordance import censoring_of, concordance
from grace.survival.curves import Curves
from grace.survival.figures import brier, brier_difference, grid, integrated_brier, survival_figures
from grace.survival.landmarks import Landmarks
from grace.survival.product_limit import ProductLimit

SEEDS = range(12)


def drawn(seed: int, count: int = 60, suspended: float = 0.4, most: int = 25) -> Landmarks:
    """One landmark a unit, follow-ups in whole numbers so that many are tied, failures and suspensions among them."""
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, most, count), rng.random(count) >= suspended
    return Landmarks(time, event, np.arange(count), rng.integers(0, 50, count))


def curves_of(seed: int, count: int, end: float = 30.0) -> Curves:
    """Curves that fall at random."""
    rng = np.random.default_rng(seed + 1000)
    fall = np.sort(rng.random((count, 16)), axis=1)[:, ::-1]
    return Curves(np.linspace(0, end, 17), np.hstack([np.ones((count, 1)), fall]))


def of_sksurv(landmarks: Landmarks) -> NDArray[np.void]:
    return Surv.from_arrays(landmarks.event, landmarks.time)


@pytest.mark.parametrize("seed", SEEDS)
def test_product_limit_is_scikit_survivals(seed: int) -> None:
    landmarks = drawn(seed)
    times, survival = kaplan_meier_estimator(landmarks.event, landmarks.time)
    found = ProductLimit.of(landmarks.time, landmarks.event)
    np.testing.assert_array_equal(found.times, times)
    np.testing.assert_allclose(found.survival(times), survival, rtol=1e-12)
    censoring = CensoringDistributionEstimator().fit(of_sksurv(landmarks))
    np.testing.assert_allclose(censoring_of(landmarks).survival(times), censoring.predict_proba(times), rtol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_product_limit_of_units_that_enter_late_is_scikit_survivals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    entry = rng.integers(0, 12, 50).astype(float)
    life, failed = entry + rng.integers(1, 15, 50), rng.random(50) < 0.6
    times, survival = kaplan_meier_estimator(failed, life, time_enter=entry)
    np.testing.assert_allclose(ProductLimit.of(life, failed, entry=entry).survival(times), survival, rtol=1e-12)


def test_product_limit_by_hand() -> None:
    # at 2 one of four fails, and one is suspended that was at risk; at 5 one of two
    found = ProductLimit.of(np.array([2.0, 2, 5, 7]), np.array([True, False, True, False]))
    np.testing.assert_allclose(
        found.survival(np.array([0.0, 1.9, 2, 4, 5, 7, 100])), [1, 1, 0.75, 0.75, 0.375, 0.375, 0.375]
    )
    np.testing.assert_allclose(found.survival(np.array([5.0, 5, 5]), np.array([0.0, 2, 5])), [0.375, 0.5, 1])
    # at 2 the failure leaves first: one of three is suspended; at 7 the last
    left = ProductLimit.of_censoring(np.array([2.0, 2, 5, 7]), np.array([True, False, True, False]))
    np.testing.assert_allclose(left.survival(np.array([1.0, 2, 6, 7])), [1, 2 / 3, 2 / 3, 0])


def test_a_unit_weighs_as_often_as_it_stands_there() -> None:
    landmarks = drawn(3)
    weights = np.random.default_rng(0).integers(0, 4, len(landmarks)).astype(float)
    often = np.repeat(np.arange(len(landmarks)), weights.astype(int))
    times = np.arange(30.0)
    for make in (ProductLimit.of, ProductLimit.of_censoring):
        found = make(landmarks.time, landmarks.event, weights).survival(times)
        np.testing.assert_allclose(
            found, make(landmarks.time[often], landmarks.event[often]).survival(times), rtol=1e-9
        )


def test_after_all_have_failed_nobody_lives_and_who_outlived_them_is_not_told_of() -> None:
    found = ProductLimit.of(np.array([0.1, 0.2, 0.3]), np.ones(3, bool), weights=np.full(3, 1 / 3))
    assert found.survival(np.array([0.3, 9.0])).tolist() == [0, 0]
    assert found.survival(np.array([9.0]), 0.3).tolist() == [1]


@pytest.mark.parametrize("seed", SEEDS)
def test_concordance_is_scikit_survivals(seed: int) -> None:
    landmarks = drawn(seed, 300)  # more than a chunk of pairs
    risk = np.random.default_rng(seed).integers(0, 20, len(landmarks)) / 7  # many equal ones
    y, tau = of_sksurv(landmarks), 15.0
    harrell, uno = concordance(risk, landmarks, tau)
    assert harrell == pytest.approx(concordance_index_censored(landmarks.event, landmarks.time, risk)[0], rel=1e-12)
    assert uno == pytest.approx(concordance_index_ipcw(y, y, risk, tau)[0], rel=1e-12)


def test_concordance_by_hand() -> None:
    landmarks = Landmarks([1, 2, 3, 4], [True, False, True, True], [0, 1, 2, 3], np.zeros(4))
    # comparable: (1, 2), (1, 3), (1, 4), (3, 4); the last is tied, (1, 3) wrong
    harrell, uno = concordance(np.array([2.0, 1, 3, 3]), landmarks)
    assert harrell == pytest.approx((1 + 0 + 0 + 0.5) / 4)
    # one of three left is suspended at 2, so that the failure at 3 weighs 1 / (2 / 3)^2
    assert uno == pytest.approx((1 + 2.25 * 0.5) / (3 + 2.25))
    assert concordance(np.array([2.0, 1, 3, 3]), landmarks, tau=3.0)[1] == pytest.approx(1 / 3)


def test_landmarks_of_one_unit_are_no_pair() -> None:
    twice = Landmarks([9, 4, 6, 5], [True, True, True, True], ["a", "a", "b", "c"], np.zeros(4))
    # (4, 6), (4, 5), (5, 9), (6, 9) and (5, 6); 4 and 9 are of one unit
    risk = np.array([0.0, 3, 2, 1])
    assert concordance(risk, twice)[0] == pytest.approx(4 / 5)


@pytest.mark.parametrize("seed", SEEDS)
def test_brier_score_is_scikit_survivals(seed: int) -> None:
    landmarks = drawn(seed, suspended=seed / 15)
    curves, y = curves_of(seed, len(landmarks)), of_sksurv(landmarks)
    times = grid(landmarks, 30.0)
    times = times[(times >= landmarks.time.min()) & (times < landmarks.time.max())]  # what scikit-survival takes
    predicted = curves.survival(times)
    np.testing.assert_allclose(brier(curves, landmarks, times), brier_score(y, y, predicted, times)[1], rtol=1e-10)
    whole = integrated_brier(curves, landmarks, times)
    assert whole.mean() == pytest.approx(integrated_brier_score(y, y, predicted, times), rel=1e-10)


def test_brier_score_with_a_censoring_that_is_handed_over() -> None:
    train, test = drawn(1, 200, most=40), drawn(2, 50)
    curves, times = curves_of(0, 50), np.array([3.0, 4, 9, 12.5])
    expected = brier_score(of_sksurv(train), of_sksurv(test), curves.survival(times), times)[1]
    np.testing.assert_allclose(brier(curves, test, times, censoring_of(train)), expected, rtol=1e-10)


def test_brier_score_by_hand() -> None:
    landmarks = Landmarks([1, 2, 4], [True, False, True], [0, 1, 2], np.zeros(3))
    curves = Curves(np.array([0.0, 4]), np.array([[1, 0.0], [1, 0.5], [1, 0.2]]))
    # at 1: (.75^2 + .125^2 + .2^2) / 3; at 3 the second is unknown and G = 1/2: (.25^2 + 2 * .6^2) / 3
    expected = [(0.75**2 + 0.125**2 + 0.2**2) / 3, (0.25**2 + 2 * 0.6**2) / 3]
    np.testing.assert_allclose(brier(curves, landmarks, np.array([1.0, 3])), expected)
    assert integrated_brier(curves, landmarks, np.array([1.0, 3])).mean() == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_landmarks_weigh_alike_and_their_units_make_the_interval(seed: int) -> None:
    few, rng = drawn(seed, 40), np.random.default_rng(seed)
    many = few.at(index := np.repeat(np.arange(40), rng.integers(1, 5, 40)))
    curves, y = curves_of(seed, 40).at(index), of_sksurv(many)
    times = grid(many, 30.0)
    times = times[(times >= many.time.min()) & (times < many.time.max())]
    by_unit = integrated_brier(curves, many, times)
    assert len(by_unit) == 40
    expected = integrated_brier_score(y, y, curves.survival(times), times)
    assert by_unit.mean() == pytest.approx(expected, rel=1e-10)


def test_what_units_say_of_a_mean() -> None:
    landmarks = Landmarks([1, 2, 3, 4], [True] * 4, ["a", "a", "a", "b"], np.zeros(4))
    values = np.array([0.0, 3, 6, 11])  # mean 5; of three landmarks -5, -2, 1, of one 6; times 2 units / 4 landmarks
    np.testing.assert_allclose(landmarks.by_unit(values), [5 - 6 / 2, 5 + 6 / 2])
    even = Landmarks([1, 2, 3, 4], [True] * 4, ["a", "a", "b", "b"], np.zeros(4))
    np.testing.assert_allclose(even.by_unit(values), [1.5, 8.5])  # the units' own means


def test_difference_of_two_models_is_paired_by_unit() -> None:
    landmarks = drawn(7, 80)
    one, times = curves_of(7, 80), grid(drawn(7, 80), 30.0)
    assert brier_difference(one, one, landmarks, times).mean == 0
    known = Curves(np.array([0.0, 1, 30]), np.ones((80, 3)))
    found = brier_difference(one, known, landmarks, times)
    whole = [integrated_brier(curves, landmarks, times) for curves in (one, known)]
    assert found == student(whole[0] - whole[1])


def test_a_better_model_scores_better() -> None:
    rng = np.random.default_rng(0)
    scale = rng.uniform(5, 50, 400)
    life, stop = rng.exponential(scale), rng.uniform(5, 100, 400)
    landmarks = Landmarks(np.minimum(life, stop), life <= stop, np.arange(400), np.zeros(400))
    edges = np.linspace(0, 60, 61)
    true = Curves(edges, np.exp(-edges / scale[:, None]))
    same = Curves(edges, np.tile(np.exp(-edges / 27), (400, 1)))
    times = grid(landmarks, 60)
    assert brier_difference(true, same, landmarks, times).high < 0
    found, chance = (survival_figures(curves, landmarks, [20.0], times) for curves in (true, same))
    assert found["harrell"] > 0.6 > chance["harrell"] == 0.5
    assert found["uno"] > 0.6 > chance["uno"] == 0.5
    assert found["within_20_gap"] < 0.12
    assert found["ibs_low"] < found["ibs"] < found["ibs_high"] < chance["ibs"]


def test_grid_ends_where_a_tenth_is_known() -> None:
    unit, ages = np.arange(20), np.zeros(20)
    failed = Landmarks(np.arange(1, 21), np.ones(20, bool), unit, ages)
    assert grid(failed, 125.0)[-1] == 19  # two of twenty are left
    assert grid(failed, 7.3)[-1] == 7.3
    assert grid(failed, 7.3)[0] == pytest.approx(7.3 / 50)
    assert len(grid(failed, 7.3)) == 50
    suspended = Landmarks(np.arange(1, 21), np.zeros(20, bool), unit, ages)
    assert grid(suspended, 125.0)[-1] == 18  # G is 2 / 20 there
    assert len(grid(Landmarks([3.0], [False], [0], [0.0]), 125.0)) == 0


def test_calibration_by_hand() -> None:
    # two fifths are one probability; in it two of four units fail within 10, one is suspended at 5 before the second failure
    time = [3, 5, 8, 20, 20, 20, 2, 1, 20, 20]
    event = [True, False, True, False, False, False, True, True, True, True]
    p = np.array([0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 0.5, 0.5, 0.9, 0.9])
    fifths = calibration(p, Landmarks(time, event, np.arange(10), np.zeros(10)), 10.0)
    assert [fifth.landmarks for fifth in fifths] == [4, 2, 2, 2]
    np.testing.assert_allclose([fifth.predicted for fifth in fifths], [0.1, 0.3, 0.5, 0.9])
    np.testing.assert_allclose([fifth.observed for fifth in fifths], [1 - 0.75 * 0.5, 0, 1, 0])
    assert fifths[0].low < fifths[0].observed < fifths[0].high
    assert all(np.isnan([fifth.low, fifth.high]).all() for fifth in fifths[1:])
    assert np.isnan(largest_gap(fifths))
    assert largest_gap([Fifth(0.2, 0.5, 0, 1, 30), Fifth(0.2, 0.9, 0, 1, 29), Fifth(0.2, np.nan, 0, 1, 99)]) == 0.3


def test_calibration_of_one_probability_is_one_group_and_of_different_ones_five() -> None:
    landmarks = drawn(2, 100)
    assert [fifth.landmarks for fifth in calibration(np.full(100, 0.3), landmarks, 5.0)] == [100]
    fifths = calibration(np.random.default_rng(0).random(100), landmarks, 5.0)
    assert [fifth.landmarks for fifth in fifths] == [20] * 5


def test_a_fifth_without_follow_up_to_the_horizon_tells_nothing() -> None:
    landmarks = Landmarks([3, 4], [True, False], [0, 1], [0, 0])
    assert np.isnan(calibration(np.full(2, 0.5), landmarks, 4.5)[0].observed)
    assert calibration(np.full(2, 0.5), landmarks, 4.0)[0].observed == pytest.approx(0.5)


def test_interval_of_a_fifth_covers_and_widens_with_landmarks_of_fewer_units() -> None:
    rng, inside = np.random.default_rng(1), 0
    for _ in range(100):
        life, stop = rng.exponential(10.0, 80), rng.uniform(0, 30, 80)
        landmarks = Landmarks(np.minimum(life, stop), life <= stop, np.arange(80), np.zeros(80))
        (fifth,) = calibration(np.full(80, 0.5), landmarks, 10.0)
        inside += fifth.low <= 1 - np.exp(-1) <= fifth.high
    assert inside >= 88  # of 95 expected; 3 standard deviations
    clones = Landmarks(*(np.tile(getattr(landmarks, name), 5) for name in ("time", "event", "unit", "age")))
    (cloned,) = calibration(np.full(400, 0.5), clones, 10.0)
    assert cloned.landmarks == 400
    np.testing.assert_allclose([cloned.low, cloned.high], [fifth.low, fifth.high])


@pytest.mark.parametrize(
    ("time", "event", "unit", "absent"),
    [
        ([3.0], [False], [0], {"harrell", "uno", "ibs", "ibs_low"}),
        ([3.0], [True], [0], {"harrell", "uno", "ibs_low"}),
        ([3.0, 5.0], [True, True], [0, 0], {"harrell", "uno", "ibs_low"}),
        ([3.0, 5.0], [False, False], [0, 1], {"harrell", "uno"}),
        ([], [], [], {"harrell", "uno", "ibs", "ibs_low", "within_4_gap"}),
    ],
)
def test_what_is_not_told_is_left_out(time: list[float], event: list[bool], unit: list[int], absent: set[str]) -> None:
    landmarks = Landmarks(time, event, unit, np.zeros(len(time)))
    found = survival_figures(curves_of(0, len(time)), landmarks, [4.0])
    assert not absent & set(found)
    assert found["landmarks"] == len(time)
    assert all(type(value) is float and np.isfinite(value) for value in found.values())


def test_where_all_fail_or_none_does_the_score_is_the_plain_one() -> None:
    landmarks, curves = drawn(0, 50, suspended=0), curves_of(0, 50)
    times = grid(landmarks, 30.0)
    plain = (curves.survival(times) - (landmarks.time[:, None] > times)) ** 2
    np.testing.assert_allclose(brier(curves, landmarks, times), plain.mean(0))


def test_names_of_a_record() -> None:
    landmarks = drawn(0, 200)
    found = survival_figures(curves_of(0, 200), landmarks, [5.0, 12.5])
    assert {"harrell", "uno", "ibs", "ibs_low", "ibs_high", "grid_end", "landmarks", "units", "events"} <= set(found)
    assert {"within_5_gap", "within_12.5_gap", "within_5_1_predicted", "within_12.5_5_high"} <= set(found)
    assert found["events"] == landmarks.event.sum()


@pytest.mark.parametrize(
    ("time", "event", "words"),
    [
        ([1.0, 0.0], [True, True], "more than 0. Found 0 of unit b"),
        ([1.0, np.nan], [True, True], "Found nan of unit b"),
        ([1.0], [True, True], "Found lengths time 1, event 2"),
    ],
)
def test_landmarks_that_are_none(time: list[float], event: list[bool], words: str) -> None:
    with pytest.raises(GraceError, match=words):
        Landmarks(time, event, ["a", "b"], [0.0, 0.0])


def test_a_horizon_beyond_the_curves_is_refused() -> None:
    with pytest.raises(GraceError, match="Beyond it only a hazard"):
        survival_figures(curves_of(0, 60), drawn(0), [31.0])
