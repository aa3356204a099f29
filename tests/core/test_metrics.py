"""RMSE and NASA score by hand."""

from __future__ import annotations

import math

import pytest

from grace.core.metrics import nasa_score, rmse


def test_hand_arithmetic() -> None:
    # errors +10, -13, 0: e - 1 each for the first two
    predicted, true = [30.0, 7.0, 5.0], [20.0, 20.0, 5.0]
    assert rmse(predicted, true) == pytest.approx(math.sqrt((100 + 169) / 3))
    assert nasa_score(predicted, true) == pytest.approx(2 * (math.e - 1))


def test_late_costs_more_than_early() -> None:
    assert nasa_score([30], [20]) > nasa_score([10], [20]) > nasa_score([20], [20]) == 0
