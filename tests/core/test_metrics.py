"""RMSE and NASA score by hand, macro-F1 by scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from grace.core.metrics import macro_f1, nasa_score, rmse


def test_hand_arithmetic() -> None:
    # errors +10, -13, 0: e - 1 each for the first two
    predicted, true = [30.0, 7.0, 5.0], [20.0, 20.0, 5.0]
    assert rmse(predicted, true) == pytest.approx(math.sqrt((100 + 169) / 3))
    assert nasa_score(predicted, true) == pytest.approx(2 * (math.e - 1))


def test_late_costs_more_than_early() -> None:
    assert nasa_score([30], [20]) > nasa_score([10], [20]) > nasa_score([20], [20]) == 0


def test_macro_f1_is_scikit_learns_to_the_last_bit() -> None:
    draw = np.random.default_rng(0)
    for classes in (1, 2, 3, 3, 3, 7):
        predicted, true = draw.integers(0, classes, (2, 50))
        true[true == 1] = 0  # a class that is predicted and never there
        assert macro_f1(predicted, true) == f1_score(true, predicted, average="macro", zero_division=0)
    assert macro_f1([0, 0, 2], [0, 1, 1]) == pytest.approx((2 / 3 + 0 + 0) / 3)
