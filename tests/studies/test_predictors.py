"""Scores of the predictors, from small measurements worked by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from grace.validity.study import Case
from studies import predictors
from studies.measurements import Measured
from studies.predictors import COMBINATIONS, HEALTH, MEASURED_STEP, NEAR, RUL, SCORERS, Scorer

# |g_rul| = 2, |g_near| = 1, |g_health| = 3; cosines with health: rul 0.5, near -1
FIRST = [[4.0, 0.0, 3.0], [0.0, 1.0, -3.0], [3.0, -3.0, 9.0]]
# orthogonal to health, twice as long RUL gradient
LAST = [[16.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
RAW: dict[str, Any] = {
    "joint": {
        "gramian": [FIRST, FIRST, LAST, LAST],
        "losses": [[2.0, 1.0, 1.5], [2.0, 1.0, 1.5], [4.0, 1.0, 0.5], [8.0, 1.0, 0.5]],
        "looks": {"step": [0, 1, 2, 3], "affinity": [0.1, 0.3, 0.2, -0.4], "held_health": [1.0, 1.2, 0.9, 1.1]},
    },
    "published": {"gramian": [FIRST, LAST]},
    "race": {"rul-only": {"curve": [30.0, 20.0, 25.0]}, "gaba": {"curve": [30.0, 28.0, 15.0]}},
}


def test_cosine_of_a_zero_gradient_is_undefined() -> None:
    gram = np.array([FIRST, LAST, np.zeros((3, 3))])
    np.testing.assert_allclose(predictors.cosine(gram), [0.5, 0, np.nan])
    np.testing.assert_allclose(predictors.cosine(gram, NEAR, HEALTH), [-1, 0, np.nan])
    np.testing.assert_allclose(predictors.cosine(gram, RUL, NEAR), [0, 0, np.nan])


def test_rho_is_the_mean_cosine_where_there_is_one() -> None:
    assert predictors.rho("published")(RAW) == pytest.approx(0.25)
    assert predictors.rho_between(0, 3)(RAW) == pytest.approx(1 / 3)
    assert predictors.rho_between(0, 2, NEAR)(RAW) == pytest.approx(-1)
    nothing = {"published": {"gramian": [np.zeros((3, 3)).tolist(), FIRST]}}
    assert predictors.rho("published")(nothing) == pytest.approx(0.5)
    assert math.isnan(predictors.rho("published")({"published": {"gramian": [np.zeros((3, 3)).tolist()]}}))


def test_pull_weighs_the_products_of_all_steps_together() -> None:
    # mean of <g1, g2> over steps 1 and 2: 1.5; of |g1|^2: 10
    assert predictors.pull(1, 3, (0.5, 0.5))(RAW) == pytest.approx(0.15)
    assert predictors.pull(1, 3, (0.8, 0.2))(RAW) == pytest.approx(0.15 / 4)


def test_drag_is_the_part_of_health_across_rul() -> None:
    # 9 less 3^2 / 4 along RUL = 6.75, in units of |g1|^2 = 4
    assert predictors.drag(0, 2)(RAW) == pytest.approx(-0.5 * math.log(6.75 / 4))
    assert predictors.drag(2, 4)(RAW) == pytest.approx(-0.5 * math.log(1 / 16))


def test_the_ratio_has_no_units() -> None:
    # steps 0, 1: (3 / 1.5) / (2 / 2) = 2; step 2: (1 / 0.5) / (4 / 4) = 2; step 3: (1 / 0.5) / (4 / 8) = 4
    assert predictors.log_ratio(0, 3)(RAW) == pytest.approx(-math.log(2))
    assert predictors.log_ratio(2, 4)(RAW) == pytest.approx(-(math.log(2) + math.log(4)) / 2)
    scaled = {"joint": {"gramian": (np.array(RAW["joint"]["gramian"]) * 100).tolist()}}
    scaled["joint"]["losses"] = (np.array(RAW["joint"]["losses"]) * 10).tolist()
    assert predictors.log_ratio(0, 4)(scaled) == pytest.approx(predictors.log_ratio(0, 4)(RAW))


def test_looks_are_medians_over_the_steps_between() -> None:
    assert predictors.looks("affinity", 0, 3)(RAW) == pytest.approx(0.2)
    assert predictors.looks("affinity", 2, 4)(RAW) == pytest.approx(-0.1)
    assert predictors.held_class_loss(1, 4)(RAW) == pytest.approx(-1.1)


def test_first_order_look_ahead() -> None:
    assert predictors.linearised(0, 2)(RAW) == pytest.approx(3 / 2)
    assert predictors.linearised(1, 3)(RAW) == pytest.approx((3 / 2 + 0) / 2)


def test_the_health_loss_and_what_of_it_is_learned_by_heart() -> None:
    assert predictors.class_loss(1, 3)(RAW) == pytest.approx(-1.0)
    assert predictors.class_gap(2, 4)(RAW) == pytest.approx(0.5 - 1.0)


def test_a_race_is_decided_by_the_best_epoch_of_each() -> None:
    assert predictors.race("gaba")(RAW) == pytest.approx(0.25)  # 15 against 20


def test_a_score_is_the_mean_over_its_first_initialisations() -> None:
    case = Measured(Case("FD001", "engine"), probes={102: {"v": 3.0}, 101: {"v": 1.0}}, diagnoses={101: {"v": 8.0}})

    def score(raw: dict[str, Any]) -> float:
        return float(raw["v"])

    assert Scorer("a", "", score, 1.0).of(case) == 2.0
    assert Scorer("a", "", score, 1.0, inits=1).of(case) == 1.0
    assert Scorer("a", "", score, 1.0, measured="diagnoses").of(case) == 8.0
    case.probes[101]["v"] = math.nan
    assert Scorer("a", "", score, 1.0).of(case) == 3.0
    assert math.isnan(Scorer("a", "", score, 1.0, inits=1).of(case))


def test_costs_in_training_steps() -> None:
    found = {predictor.name: predictor for predictor in predictors.predictors()}
    assert list(found) == [*(scorer.name for scorer in SCORERS), *COMBINATIONS]
    assert found["joint-100"].steps == pytest.approx(2 * (50 + 50 * MEASURED_STEP))
    assert found["race"].steps == 2 * 2 * 3 * 50  # two initialisations, two methods, three epochs of 50 steps
    # read off one run: the longer one alone is paid
    assert found["rho+gap"].steps == pytest.approx(max(found["joint-150"].steps, found["gap"].steps))
    # two runs: both are
    assert found["rho+race"].steps == pytest.approx(found["joint-150"].steps + found["race"].steps)
    assert found["rho+race"].parts == ("joint-150", "race")
