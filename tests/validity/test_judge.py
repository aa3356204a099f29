"""Judging: against scikit-learn, scipy, brute force and arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from grace.core.stats import HIGHER, LOWER, UNCLEAR, bootstrap
from grace.validity import judge, policies, power
from grace.validity.study import ALONE, JOINT, METHODS, REFERENCE, Case, CaseResult


def measured(alone: list[float], other: list[float], method: str = "baseline") -> CaseResult:
    def figures(values: list[float]) -> dict[int, dict[str, float]]:
        return {seed: {"rmse": value, "last": value + 1} for seed, value in enumerate(values, start=1)}

    return CaseResult(Case("FD001", "engine"), {REFERENCE[method]: figures(alone), method: figures(other)}, {})


def test_effect_is_paired_in_per_cent_with_students_interval() -> None:
    found = measured([10.0, 20.0, 30.0], [11.0, 22.0, 33.0]).effect("baseline")
    assert found.mean == pytest.approx(10.0)  # 2 of 20
    # differences 1, 2, 3: SD 1, t(2) = 4.3027
    assert found.high - found.mean == pytest.approx(100 / 20 * 4.30265 / 3**0.5, rel=1e-4)
    assert found.verdict == UNCLEAR
    assert measured([10.0, 20.0], [12.0, 22.01]).effect("baseline").verdict == HIGHER
    assert measured([12.0, 22.01], [10.0, 20.0]).effect("baseline").verdict == LOWER


def test_the_second_task_is_judged_with_one_inner_axis() -> None:
    assert [REFERENCE[name] for name in JOINT] == ["rul-only", "rul-only-weighted"] * 2
    in_last_epoch = measured([10.0, 20.0], [11.0, 22.0], "grace").effect("grace", "last")
    assert in_last_epoch.mean == pytest.approx(100 * 1.5 / 16)  # 11, 21 against 12, 23


def test_effect_leaves_out_seeds_that_one_side_lacks() -> None:
    found = measured([10.0, 20.0, 30.0], [11.0, 22.0]).effect("baseline")
    assert (found.n, found.mean) == (2, pytest.approx(10.0))


def counted(rng: np.random.Generator, cases: int) -> np.ndarray:
    """How often each case was drawn, 20 times over."""
    return rng.multinomial(cases, np.full(cases, 1 / cases), 20).astype(float)


def test_area_of_cases_that_count_several_times_equals_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    score, truth, weights = rng.integers(0, 6, 30).astype(float), rng.random(30) < 0.4, counted(rng, 30)
    expected = [roc_auc_score(truth, score, sample_weight=row) for row in weights]
    np.testing.assert_allclose(judge.area(score, truth, weights), expected)
    assert judge.area(score, truth, np.ones(30)) == pytest.approx(roc_auc_score(truth, score))


def test_area_is_undefined_without_both_kinds() -> None:
    assert np.isnan(judge.area(np.arange(3.0), np.zeros(3, dtype=bool), np.ones(3)))
    assert np.isnan(judge.area(np.arange(3.0), np.ones(3, dtype=bool), np.ones(3)))


def test_rank_correlation_of_cases_that_count_several_times_equals_scipys() -> None:
    rng = np.random.default_rng(1)
    score, gain, weights = rng.normal(size=25).round(1), rng.normal(size=25).round(1), counted(rng, 25)
    repeated = [np.repeat(np.arange(25), row.astype(int)) for row in weights]
    expected = [stats.spearmanr(score[index], gain[index]).statistic for index in repeated]
    np.testing.assert_allclose(judge.spearman(score, gain, weights), expected)
    assert judge.spearman(score, gain, np.ones(25)) == pytest.approx(stats.spearmanr(score, gain).statistic)
    assert np.isnan(judge.spearman(np.ones(25), gain, np.ones(25)))


def test_detectable_effect_is_found_in_four_of_five_studies() -> None:
    rng = np.random.default_rng(2)
    for seeds in (3, 5):
        effect = power._detectable(seeds)
        draws = rng.normal(effect, 1.0, (20_000, seeds))
        found = draws.mean(1) / (draws.std(1, ddof=1) / seeds**0.5) > stats.t.ppf(0.975, seeds - 1)
        assert 0.78 < found.mean() < 0.82


def test_best_rule_has_the_least_regret_of_all_rules() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        score, regret = rng.normal(size=12), rng.random((12, len(METHODS)))
        found = policies._best_rule(score, regret)
        every = [
            np.where(score > threshold, regret[:, METHODS.index(joint)], regret[:, METHODS.index(alone)]).mean()
            for alone in ALONE
            for joint in JOINT
            for threshold in (-np.inf, *(score + 1e-9), np.inf)
        ]
        picked = (policies._followed(found, score) * regret).sum(1)
        assert picked.mean() == pytest.approx(min(every))


def test_a_score_that_is_undefined_advises_rul_alone() -> None:
    rule = policies._Rule(alone=0, joint=3, threshold=0.5)
    assert policies._followed(rule, np.array([np.nan, 0.6])).argmax(1).tolist() == [0, 3]


def test_advice_on_a_family_never_sees_that_family() -> None:
    score = np.array([1.0, 2.0, 1.0, 2.0])
    regret = np.full((4, len(METHODS)), 9.0)
    joint = METHODS.index("baseline")
    regret[:2, joint], regret[:2, 0] = 0.0, 5.0  # in family A sharing is right
    regret[2:, joint], regret[2:, 0] = 5.0, 0.0  # in family B it is wrong
    lost = (policies._advised(score, regret, np.array(["A", "A", "B", "B"])) * regret).sum(1)
    assert lost.tolist() == [5.0, 5.0, 5.0, 5.0]


def test_brier_score_of_a_predictor_that_tells_beats_one_that_does_not() -> None:
    rng = np.random.default_rng(4)
    hurts = np.arange(60) % 2 == 0
    families = np.repeat(["A", "B", "C"], 20)
    telling = np.where(hurts, -1.0, 1.0) + 0.1 * rng.normal(size=60)
    assert judge._brier(telling, hurts, families) < 0.05
    assert 0.2 < judge._brier(rng.normal(size=60), hurts, families) < 0.32


def test_a_combination_is_predicted_for_each_family_from_the_others() -> None:
    rng = np.random.default_rng(5)
    features, families = rng.normal(size=(30, 2)), np.repeat(["A", "B", "C"], 10)
    gain = features[:, 0] + 0.01 * rng.normal(size=30)
    found = judge._held_out(features, gain, families)
    assert judge.spearman(found, gain, np.ones(30)) > 0.9
    moved = gain.copy()
    moved[:10] += 100  # what family A showed must not move what is predicted for A
    np.testing.assert_allclose(judge._held_out(features, moved, families)[:10], found[:10])


def test_an_undefined_correlation_has_no_interval() -> None:
    nothing = bootstrap(judge.spearman, np.ones(5), np.arange(5.0), families=np.arange(5))
    assert np.isnan(nothing.value)
    assert np.isnan(nothing.low)


def test_the_base_rate_is_what_no_predictor_needs() -> None:
    hurts, families = np.array([True, False, False, False]), np.array(["A", "A", "B", "B"])
    assert judge.base_rate(hurts, families) == pytest.approx((1 + 0 + 0.25 + 0.25) / 4)  # A is told 0, B a half


def test_regret_is_taken_to_what_other_seeds_chose() -> None:
    values = np.array([[10.0, 10, 10], [9.0, 11, 11.5], [12.0, 12, 12]])
    # for the first seed the others say method 0 (10 against 11.25), for the two others method 0 and 0 (10 against 10.25, 10)
    oracle = np.mean([10.0, 10, 10 if 10 <= (9 + 11) / 2 else 11.5])
    np.testing.assert_allclose(policies._regrets(values), 100 * (values.mean(1) / oracle - 1))


def equal_methods(rng: np.random.Generator, cases: int = 300, seeds: int = 4) -> list[np.ndarray]:
    """Figures of six methods that are all the same, seeds differing more than methods do."""
    shape = (len(METHODS), seeds)
    return [20 + rng.normal(0, 2, (1, seeds)) + rng.normal(0, 0.5, shape) for _ in range(cases)]


def test_methods_that_are_equal_have_no_regret_but_in_hindsight() -> None:
    """The oracle of other seeds is not flattered by noise; the best in hindsight is, by what the noise floor says."""
    rng = np.random.default_rng(7)
    values = equal_methods(rng)
    fair = np.mean([policies._regrets(v) for v in values])
    hindsight = np.mean([policies._in_hindsight(v) for v in values])
    floor = np.mean([policies._floor(v, rng) for v in values[:100]])
    assert abs(fair) < 0.1
    assert hindsight > 1
    assert floor == pytest.approx(hindsight, rel=0.1)


def test_a_prescription_of_every_initialisation_is_counted() -> None:
    cases = [
        CaseResult(Case("FD001", "engine"), {}, {}, prescribed)
        for prescribed in (("grace", "gaba"), ("amnl", "rul-only"))
    ]
    assert policies._prescribed(cases) == [("grace", "amnl"), ("gaba", "rul-only")]


def test_power_is_that_of_simulated_studies() -> None:
    rng = np.random.default_rng(8)
    draws = rng.normal(0.9, 1.0, (20_000, 5))
    found = draws.mean(1) / (draws.std(1, ddof=1) / 5**0.5) > stats.t.ppf(0.975, 4)
    assert power._found(0.9, 5) == pytest.approx(found.mean(), abs=0.01)
