"""The rule: the posterior against scikit-learn's Gaussian process and by hand, its limits, and what lies outside the study."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

from grace.advice.rule import Expected, Kind, Parts, Rule, Slope, kind_of

RULE = Rule({"class": -0.02}, {"bound": 0.1}, Slope(-0.2, 0.3), Parts(0.05**2, 0.2**2), Parts(0.06, 0.2), 5.0, 1.5, (4, 32), 3,
            (0.01, 0.5), {"cases": 9, "groups": 3})  # fmt: skip
MEAN = (0, 0.1, -0.02, 0.08, 0.1, 0)
KINDS = [Kind("alone", "ignore"), Kind("alone", "bound"), Kind("class", "ignore"), Kind("class", "bound"),
         Kind("regression", "bound"), Kind("alone", "hazard")]  # fmt: skip


class _Matrix(Kernel):
    """A covariance that is known, of points that are numbers of ways."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix

    def __call__(self, x: np.ndarray, y: np.ndarray | None = None, eval_gradient: bool = False) -> np.ndarray:
        columns = x if y is None else y
        found: np.ndarray = self.matrix[np.ix_(x[:, 0].astype(int), columns[:, 0].astype(int))]
        return found

    def diag(self, x: np.ndarray) -> np.ndarray:
        return np.diag(self(x))

    def is_stationary(self) -> bool:
        return False


def covariance(way: float, suspended: float, kinds: Sequence[Kind]) -> np.ndarray:
    """By its definition, pair by pair."""
    found = np.zeros((len(kinds), len(kinds)))
    for a, one in enumerate(kinds):
        for b, other in enumerate(kinds):
            same = one.suspended == other.suspended != "ignore"
            found[a, b] = 0.0 if 0 in (a, b) else way * (a == b) + suspended * same
    return found


@given(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3), st.integers(2, 40))
def test_what_is_expected_is_the_posterior(seen: list[float], units: int) -> None:
    """A Gaussian process gives the same, but for the scale of this fleet, where noise is of each way alone."""
    rule = replace(RULE, noise=Parts(0.06, 0.0))
    found = rule.posterior(KINDS, dict(zip((1, 2, 4), seen, strict=True)), units)
    mean = np.array(MEAN)
    kernel = _Matrix(covariance(0.05**2, 0.2**2, KINDS))
    process = GaussianProcessRegressor(kernel, alpha=0.06 / units, optimizer=None)
    process.fit(np.array([[1], [2], [4]]), np.array(seen) - mean[[1, 2, 4]])
    means, spread = process.predict(np.arange(6)[:, None], return_cov=True)
    assert found.mean == pytest.approx(mean + means, abs=1e-8)
    assert found.covariance == pytest.approx(expected_scale(rule, seen, units) * spread, abs=1e-8)


def expected_scale(rule: Rule, seen: Sequence[float], units: int) -> float:
    """Mean of the factor that all variances of one fleet have, by its density given what ways 1, 2 and 4 showed."""
    at = [1, 2, 4]
    of_race = covariance(rule.spread.way, rule.spread.suspended, KINDS) + np.diag([0.06 / units] * 6)
    prior, apart = stats.invgamma(rule.freedom / 2, scale=rule.freedom / 2 - 1), np.array(seen) - np.array(MEAN)[at]
    far = apart @ np.linalg.inv(of_race[np.ix_(at, at)]) @ apart

    def density(log: np.ndarray) -> np.ndarray:
        scale = np.exp(log)
        found: np.ndarray = prior.pdf(scale) * scale * np.exp(-0.5 * (far / scale + 3 * log))
        return found

    grid = np.linspace(-8, 12, 40001)
    weight = density(grid)
    return float((weight * np.exp(grid)).sum() / weight.sum())


def test_what_one_way_shows_of_suspended_units_is_believed_of_others() -> None:
    """One way raced: the bound alone, 0.5 where 0.1 was expected, on 10 units."""
    found = RULE.posterior(KINDS, {1: 0.5}, 10)
    gain = (0.05**2 + 0.2**2) / (0.05**2 + 0.2**2 + (0.06 + 0.2) / 10)
    passed_on = 0.2**2 / (0.05**2 + 0.2**2 + (0.06 + 0.2) / 10)
    assert found.mean == pytest.approx([0, 0.1 + gain * 0.4, -0.02, 0.08 + passed_on * 0.4, 0.1 + passed_on * 0.4, 0.0])
    assert found.least(range(6)) == 2
    assert found.change(3, 2).mean == pytest.approx(found.mean[3] + 0.02)
    variance = found.covariance[3, 3] + found.covariance[2, 2] - 2 * found.covariance[3, 2]
    assert found.change(3, 2).sd == pytest.approx(1.5 * math.sqrt(variance))
    scale = (5 - 2 + 0.4**2 / (0.05**2 + 0.2**2 + (0.06 + 0.2) / 10)) / (5 - 2 + 1)
    assert found.change(2, 0) == Expected(pytest.approx(-0.02), pytest.approx(1.5 * 0.05 * math.sqrt(scale)))


def test_what_rul_says_of_a_label_moves_what_is_expected_of_it() -> None:
    """Nothing moves it where nobody knows; less than nothing is nothing; RUL alone has no label."""
    given = [
        Kind("alone", "ignore"),
        Kind("class", "ignore", 0.8),
        Kind("class", "bound", -0.4),
        Kind("alone", "bound", 0.9),
    ]
    both = Kind("class + regression", "ignore", 0.3)
    assert RULE.means([given[0], both]) == pytest.approx([0, -0.02 / 2])  # several tasks do what they do on average
    assert RULE.means(given) == pytest.approx([0, -0.02 - 0.2 * 0.5, -0.02 + 0.1 + 0.2 * 0.3, 0.1])


def test_a_fleet_that_surprises_has_wider_intervals() -> None:
    """Other ways are less sure where a race shows ten times what was expected, and surer where it shows just that."""
    calm, wild = (RULE.posterior(KINDS, {2: -0.02, 4: seen}, 30).change(3, 2).sd for seen in (0.1, 1.0))
    normal = replace(RULE, freedom=1e9)
    usual = [normal.posterior(KINDS, {2: -0.02, 4: seen}, 30).change(3, 2).sd for seen in (0.1, 1.0)]
    assert usual[0] == pytest.approx(usual[1])
    assert calm < usual[0] < wild


def test_the_more_units_the_more_a_race_is_believed() -> None:
    raced = {1: -0.3, 2: 0.2, 3: 0.1}
    many = RULE.posterior(KINDS, raced, 10**9)
    assert many.mean[1:4] == pytest.approx([-0.3, 0.2, 0.1], abs=1e-4)
    assert many.change(1, 2).sd == pytest.approx(0, abs=1e-3)
    assert RULE.posterior(KINDS, {}, 0).mean == pytest.approx(MEAN)


def test_probabilities_are_those_of_the_interval() -> None:
    found = Expected(-0.05, 0.03)
    assert found.helps == pytest.approx(stats.norm.cdf(math.log(0.98), -0.05, 0.03))
    assert found.hurts == pytest.approx(stats.norm.sf(math.log(1.02), -0.05, 0.03))
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(0.9, -0.05, 0.03))
    assert found.text() == "-5 % [-9, -0]"


def test_more_failures_decide_what_is_no_chance() -> None:
    raced = {2: -0.12}
    needed = RULE.units_needed(KINDS, raced, 6, 2, 0)
    assert needed is not None
    assert RULE.posterior(KINDS, raced, needed).change(2, 0).high < 0
    assert RULE.posterior(KINDS, raced, math.floor(needed / 1.02) - 1).change(2, 0).high >= 0
    assert RULE.units_needed(KINDS, {2: 0.0}, 6, 2, 0) is None


def test_what_the_study_did_not_see_is_said() -> None:
    assert RULE.outside(12, [0.1], 1, "quantiles-narrow") == []
    said = RULE.outside(3, [0.9], 2, "paper")
    assert [words.split(" (")[0] for words in said] == [
        "3 failures", "2 tasks at once", "a weight outside 0.01 to 0.5", "races of the paper network",
    ]  # fmt: skip


def test_kinds_of_labels() -> None:
    assert kind_of("ordinal", "stage", "bound").name == "class, bound"
    assert kind_of("regression", "future_sensors", "ignore").name == "future_sensors, ignore"
    assert kind_of("regression", "soh", "ignore").name == "regression, ignore"


def test_a_rule_is_kept_as_json() -> None:
    assert Rule.from_json(json.loads(json.dumps(RULE.to_json()))) == RULE


def test_the_rule_that_ships_is_complete() -> None:
    rule = Rule.read()
    assert {"class", "regression", "future_sensors"} == set(rule.labels)
    assert set(rule.suspended) == {"bound"}
    assert rule.freedom > 2
    assert min(rule.spread.way, rule.noise.way, rule.spread.suspended, rule.noise.suspended) > 0
    assert {"plan", "cases", "groups"} <= set(rule.fitted)
