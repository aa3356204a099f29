"""p values and their adjustment against scipy, many families at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from grace.core.stats import Family, adjust, p_values, student


def test_p_values_are_those_of_scipys_t_test() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, (4, 7, 5))
    assert p_values(values) == pytest.approx(stats.ttest_1samp(values, 0, axis=-1).pvalue)
    assert student(values[0, 0]).p == pytest.approx(float(p_values(values)[0, 0]))


def test_p_values_without_spread() -> None:
    assert p_values(np.array([[0.0, 0.0], [2.0, 2.0]])).tolist() == [1, 0]
    assert np.isnan(p_values(np.ones((3, 1)))).all()
    assert np.isnan(p_values(np.ones((3, 0)))).all()


def test_the_adjustment_is_scipys_in_each_family() -> None:
    p = np.random.default_rng(1).uniform(size=(20, 9)) ** 3
    assert adjust(p) == pytest.approx(stats.false_discovery_control(p, axis=-1))
    assert adjust(p[0]) == pytest.approx(stats.false_discovery_control(p[0]))


def test_what_has_no_p_value_is_of_no_family() -> None:
    p = np.array([[0.04, np.nan, 0.01, 0.03], [np.nan, np.nan, 0.5, np.nan]])
    expected = [[0.04, np.nan, 0.03, 0.04], [np.nan, np.nan, 0.5, np.nan]]
    assert adjust(p) == pytest.approx(np.array(expected), nan_ok=True)
    found = Family.of([student([1.0]), student([1.0, 1.1, 0.9]), student([-1.0, 1.2, 0.1])])
    assert found.looked_at == 2
    assert np.isnan(found.adjusted[0])
    assert adjust(np.empty(0)).tolist() == []
