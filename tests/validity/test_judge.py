"""Judging: against scikit-learn, scipy, brute force and arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from grace.validity import effects, judge, policies, spans
from grace.validity.cases import Case
from grace.validity.outcomes import ALONE, JOINT, METHODS
from grace.validity.study import Measured


def measured(alone: list[float], other: list[float], method: str = "baseline") -> Measured:
    def figures(values: list[float]) -> dict[int, dict[str, float]]:
        return {
            seed: {"rmse": value, "last": value + 1, "score": 10 * value} for seed, value in enumerate(values, start=1)
        }

    return Measured(Case("FD001", "engine"), {effects.alone_of(method): figures(alone), method: figures(other)})


def test_effect_is_paired_in_per_cent_with_students_interval() -> None:
    found = effects.effect(measured([10.0, 20.0, 30.0], [11.0, 22.0, 33.0]), "baseline")
    assert found.cycles == pytest.approx(2.0)
    assert found.mean == pytest.approx(10.0)  # 2 of 20
    assert found.score == pytest.approx(20.0)
    # differences 1, 2, 3: SD 1, t(2) = 4.3027
    assert found.high - found.mean == pytest.approx(100 / 20 * 4.30265 / 3**0.5, rel=1e-4)
    assert found.verdict == "unclear"
    assert effects.effect(measured([10.0, 20.0], [12.0, 22.01]), "baseline").verdict == "hurts"
    assert effects.effect(measured([12.0, 22.01], [10.0, 20.0]), "baseline").verdict == "helps"


def test_the_second_task_is_judged_with_one_inner_axis() -> None:
    assert [effects.alone_of(name) for name in JOINT] == ["rul-only", "rul-only-weighted"] * 2
    in_last_epoch = effects.effect(measured([10.0, 20.0], [11.0, 22.0], "grace"), "grace", "last")
    assert in_last_epoch.mean == pytest.approx(100 * 1.5 / 16)  # 11, 21 against 12, 23


def test_effect_leaves_out_seeds_that_one_side_lacks() -> None:
    case = measured([10.0, 20.0, 30.0], [11.0, 22.0])
    case.outcomes["baseline"][3] = {}  # a failed run
    assert effects.effect(case, "baseline").seeds == 2


def test_area_equals_scikit_learns_with_ties_and_row_by_row() -> None:
    rng = np.random.default_rng(0)
    score, truth = rng.integers(0, 6, (20, 30)).astype(float), rng.random((20, 30)) < 0.4
    truth[:, :2] = True, False
    expected = [roc_auc_score(row, values) for row, values in zip(truth, score, strict=True)]
    np.testing.assert_allclose(judge.area(score, truth), expected)


def test_area_is_undefined_without_both_kinds() -> None:
    assert np.isnan(judge.area(np.arange(3.0), np.zeros(3, dtype=bool)))
    assert np.isnan(judge.area(np.arange(3.0), np.ones(3, dtype=bool)))


def test_rank_correlation_equals_scipys() -> None:
    rng = np.random.default_rng(1)
    score, gain = rng.normal(size=25).round(1), rng.normal(size=25).round(1)
    assert judge.spearman(score, gain) == pytest.approx(stats.spearmanr(score, gain).statistic)
    assert np.isnan(judge.spearman(np.ones(25), gain))
    rows = judge.spearman(np.stack([score, gain]), np.stack([gain, gain]))
    np.testing.assert_allclose(rows, [stats.spearmanr(score, gain).statistic, 1.0])


def test_detectable_effect_is_found_in_four_of_five_studies() -> None:
    rng = np.random.default_rng(2)
    for seeds in (3, 5):
        effect = effects._detectable(seeds)
        draws = rng.normal(effect, 1.0, (20_000, seeds))
        found = draws.mean(1) / (draws.std(1, ddof=1) / seeds**0.5) > stats.t.ppf(0.975, seeds - 1)
        assert 0.78 < found.mean() < 0.82


def test_best_rule_has_the_least_regret_of_all_rules() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        score, regret = rng.normal(size=12), rng.random((12, len(METHODS)))
        found = policies.best_rule(score, regret)
        every = [
            np.where(score > threshold, regret[:, METHODS.index(joint)], regret[:, METHODS.index(alone)]).mean()
            for alone in ALONE
            for joint in JOINT
            for threshold in (-np.inf, *(score + 1e-9), np.inf)
        ]
        assert policies.followed(found, score, regret).mean() == pytest.approx(min(every))


def test_a_score_that_is_undefined_advises_rul_alone() -> None:
    regret = np.arange(2.0 * len(METHODS)).reshape(2, -1)
    rule = policies.Rule(alone=0, joint=3, threshold=0.5)
    assert policies.followed(rule, np.array([np.nan, 0.6]), regret).tolist() == [regret[0, 0], regret[1, 3]]


def test_advice_on_a_family_never_sees_that_family() -> None:
    score = np.array([1.0, 2.0, 1.0, 2.0])
    regret = np.full((4, len(METHODS)), 9.0)
    joint = METHODS.index("baseline")
    regret[:2, joint], regret[:2, 0] = 0.0, 5.0  # in family A sharing is right
    regret[2:, joint], regret[2:, 0] = 5.0, 0.0  # in family B it is wrong
    lost = policies.advised(score, regret, np.array(["A", "A", "B", "B"]))
    assert lost.tolist() == [5.0, 5.0, 5.0, 5.0]


def test_brier_score_of_a_predictor_that_tells_beats_one_that_does_not() -> None:
    rng = np.random.default_rng(4)
    hurts = np.arange(60) % 2 == 0
    families = np.repeat(["A", "B", "C"], 20)
    telling = np.where(hurts, -1.0, 1.0) + 0.1 * rng.normal(size=60)
    assert judge.brier(telling, hurts, families) < 0.05
    assert 0.2 < judge.brier(rng.normal(size=60), hurts, families) < 0.32


def test_a_combination_is_predicted_for_each_family_from_the_others() -> None:
    rng = np.random.default_rng(5)
    features, families = rng.normal(size=(30, 2)), np.repeat(["A", "B", "C"], 10)
    gain = features[:, 0] + 0.01 * rng.normal(size=30)
    found = judge._held_out(features, gain, families)
    assert judge.spearman(found, gain) > 0.9
    moved = gain.copy()
    moved[:10] += 100  # what family A showed must not move what is predicted for A
    np.testing.assert_allclose(judge._held_out(features, moved, families)[:10], found[:10])


def test_span_holds_the_value_and_is_undefined_where_it_is() -> None:
    values = np.random.default_rng(6).normal(1.0, 1.0, 200)
    span = spans.span(spans.mean, values)
    assert span.low < span.value < span.high
    assert span.high - span.low == pytest.approx(4 * 1.0 / 200**0.5, rel=0.2)
    nothing = spans.span(judge.spearman, np.ones(5), np.arange(5.0))
    assert np.isnan(nothing.value)
    assert np.isnan(nothing.low)
