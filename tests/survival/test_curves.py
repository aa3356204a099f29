"""Survival curves between their edges, beyond them, and after some time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grace.errors import GraceError
from grace.survival.curves import Curves

EDGES = np.array([0.0, 10, 20])
TWO = np.array([[1.0, 0.5, 0.25], [1.0, 1.0, 0.0]])


def test_between_edges_survival_is_linear_and_beyond_them_the_hazard_of_the_last_interval_stays() -> None:
    found = Curves(EDGES, TWO, goes_on=True).survival(np.array([0.0, 5, 15, 20, 30, 40]))
    np.testing.assert_allclose(found[0], [1, 0.75, 0.375, 0.25, 0.125, 0.0625])
    np.testing.assert_allclose(found[1], [1, 1, 0.5, 0, 0, 0])
    own = Curves(EDGES, TWO, goes_on=True).survival(np.array([[5.0], [15.0]]))
    np.testing.assert_allclose(own, [[0.75], [0.5]])


def test_curves_that_end_are_not_told_beyond() -> None:
    with pytest.raises(GraceError, match=r"at most 20\. Found 21\. Beyond it only a hazard"):
        Curves(EDGES, TWO).survival(np.array([21.0]))


def test_mean_is_the_area() -> None:
    np.testing.assert_allclose(Curves(EDGES, TWO).mean(), [7.5 + 3.75, 10 + 5])


def test_after_a_time_it_is_what_is_left_of_those_that_live() -> None:
    curves = Curves(EDGES, TWO, goes_on=True)
    after = curves.after(np.array([10.0, 5.0]))
    np.testing.assert_allclose(after.edges, EDGES)
    np.testing.assert_allclose(after.values[0], [1, 0.5, 0.25])  # 0.25 / 0.5, then half in ten
    np.testing.assert_allclose(after.values[1], [1, 0.5, 0])
    assert after.goes_on
    same = curves.after(np.zeros(2))
    np.testing.assert_allclose(same.values, TWO)
    ends = Curves(EDGES, TWO).after(np.array([4.0, 0.0]))
    np.testing.assert_allclose(ends.edges, [[0, 8, 16], EDGES])
    np.testing.assert_allclose(ends.values[0], [1, 0.45 / 0.8, 0.25 / 0.8])
    np.testing.assert_allclose(ends.values[1], TWO[1])
    assert not ends.goes_on


def test_of_curves_that_end_each_does_so_by_itself() -> None:
    ends = Curves(EDGES, TWO).after(np.array([4.0, 0.0]))
    np.testing.assert_allclose(ends.survival(np.array([16.0])), [[0.25 / 0.8], [0.4]])
    np.testing.assert_array_equal(np.isnan(ends.survival(np.array([8.0, 18.0]))), [[False, True], [False, False]])
    np.testing.assert_allclose(ends.mean(), [8 * (1 + 0.45 / 0.8) / 2 + 8 * (0.7 / 0.8) / 2, 15])
    rounded = Curves(np.array([0.0, 0.1, 0.3]), TWO[:1]).after(np.array([0.1]))  # 0.3 - 0.1 is less than 0.2
    assert rounded.survival(np.array([0.2]))[0, 0] == pytest.approx(0.5)
    one = Curves(EDGES, TWO).tells(np.array([19.0, 20.0]))
    assert (one.tolist(), Curves(EDGES, TWO, True).tells(np.array([30.0, 20.0])).all()) == ([True, False], True)
    with pytest.raises(GraceError, match=r"before the end of their curves\. Found 20\. Leave out"):
        Curves(EDGES, TWO).after(np.array([19.0, 20.0]))


@given(st.integers(0, 10_000))
def test_no_curve_depends_on_the_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.column_stack([np.ones(5), np.cumprod(rng.random((5, 6)), axis=1)])
    curves, waited = Curves(np.linspace(0, 30, 7), values), rng.uniform(0, 29, 5) * (rng.random(5) < 0.7)
    together, times = curves.after(waited), rng.uniform(0, 30, (5, 4))
    for i in range(5):
        alone = curves.at(np.array([i])).after(waited[[i]])
        times_told = np.minimum(times[[i]], 30 - waited[i])
        np.testing.assert_allclose(together.at(np.array([i])).values, alone.values, rtol=1e-12)
        np.testing.assert_allclose(
            together.at(np.array([i])).survival(times_told), alone.survival(times_told), rtol=1e-12
        )
    expected = np.where(times <= 30 - waited[:, None], together.survival(np.minimum(times, 0)), np.nan)
    np.testing.assert_array_equal(np.isnan(together.survival(times)), np.isnan(expected))


def test_of_nobody_alive_nothing_is_left() -> None:
    assert Curves(EDGES, np.array([[1.0, 0, 0]]), goes_on=True).after(np.array([12.0])).values.tolist() == [[1, 0, 0]]
