"""The rule: the posterior against a numerical integral, its limits, and what lies outside the study."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from grace.advice.rule import Expected, Prior, Rule, kind_of_label

RULE = Rule({"any": Prior(-0.02, 0.08, 9), "class, bound": Prior(0.03, 0.05, 4)}, 0.2, 0.001, 1.5, (4, 32), 3,
            (0.01, 0.5), {"cases": 9, "groups": 3})  # fmt: skip


@given(st.floats(-0.5, 0.5), st.integers(2, 40), st.integers(1, 3))
def test_what_is_expected_is_the_posterior(raced: float, units: int, laps: int) -> None:
    found = RULE.expected("class, bound", units, laps, raced)
    noise = math.sqrt(0.2 / units + 0.001 / laps)

    def weight(theta: float) -> float:
        return float(stats.norm.pdf(theta, 0.03, 0.05) * stats.norm.pdf(raced, theta, noise))

    total = quad(weight, -0.5, 0.6, limit=200)[0]
    mean = quad(lambda theta: theta * weight(theta), -0.5, 0.6, limit=200)[0] / total
    square = quad(lambda theta: (theta - mean) ** 2 * weight(theta), -0.5, 0.6, limit=200)[0] / total
    assert found.mean == pytest.approx(mean, abs=1e-5)
    assert found.sd == pytest.approx(1.5 * math.sqrt(square), rel=1e-4)


def test_without_a_race_it_is_the_prior_and_of_an_unknown_kind_that_of_all() -> None:
    assert RULE.expected("class, bound") == Expected(0.03, 1.5 * 0.05)
    assert RULE.expected("regression, ignore") == Expected(-0.02, 1.5 * 0.08)


def test_probabilities_are_those_of_the_interval() -> None:
    found = Expected(-0.05, 0.03)
    assert found.helps == pytest.approx(stats.norm.cdf(math.log(0.98), -0.05, 0.03))
    assert found.hurts == pytest.approx(stats.norm.sf(math.log(1.02), -0.05, 0.03))
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(0.9, -0.05, 0.03))
    assert found.text() == "-5 % [-9, -0]"


def test_more_failures_decide_what_is_no_chance() -> None:
    needed = RULE.units_needed("any", 6, 3, -0.12)
    assert needed is not None
    assert RULE.expected("any", needed, 3, -0.12).high < 0
    assert RULE.expected("any", needed - 1, 3, -0.12).high >= 0
    assert RULE.units_needed("any", 6, 3, 0.0) is None


def test_what_the_study_did_not_see_is_said() -> None:
    assert RULE.outside(12, [0.1], 1, "quantiles-narrow") == []
    said = RULE.outside(3, [0.9], 2, "paper")
    assert [words.split(" (")[0] for words in said] == [
        "3 failures", "2 tasks at once", "a weight outside 0.01 to 0.5", "races of the paper network",
    ]  # fmt: skip


def test_kinds_of_labels() -> None:
    assert kind_of_label("ordinal", "stage", "bound") == "class, bound"
    assert kind_of_label("regression", "future_sensors", "ignore") == "future_sensors, ignore"
    assert kind_of_label("regression", "soh", "ignore") == "regression, ignore"


def test_a_rule_is_kept_as_json() -> None:
    assert Rule.from_json(json.loads(json.dumps(RULE.to_json()))) == RULE


def test_the_rule_that_ships_is_complete() -> None:
    rule = Rule.read()
    assert rule.prior("class, bound").sd > 0
    assert np.isfinite(rule.expected("any", 6, 1, 0.1).mean)
    assert {"plan", "cases", "groups"} <= set(rule.fitted)
