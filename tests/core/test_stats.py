"""Intervals over initialisations: an independent oracle, coverage by simulation, and the false interval beside it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from grace.core.stats import over_initialisations


def test_equals_scipy_on_the_initialisations_means() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.2, (7, 30))
    found = over_initialisations(values)
    means = values.mean(axis=1)
    low, high = stats.t.interval(0.95, 6, means.mean(), stats.sem(means))
    assert (found.low, found.mean, found.high) == pytest.approx((low, means.mean(), high))
    assert found.sd_inits == pytest.approx(means.std(ddof=1))
    assert found.sd_batches == pytest.approx(np.sqrt(values.var(axis=1, ddof=1).mean()))


def simulated_coverage(inits: int, trials: int = 2000) -> tuple[float, float]:
    """Share of 95 % intervals that hold the truth: ours, and the one over the batches of one initialisation."""
    rng = np.random.default_rng(1)
    ours = false = 0
    for _ in range(trials):  # SDs as measured on C-MAPSS: 0.23 over initialisations, 0.04 over batches
        values = -0.1 + rng.normal(0, 0.23, (inits, 1)) + rng.normal(0, 0.04, (inits, 50))
        found = over_initialisations(values, bounds=(-9, 9))
        ours += found.low <= -0.1 <= found.high
        low, high = stats.t.interval(0.95, 49, values[0].mean(), stats.sem(values[0]))
        false += low <= -0.1 <= high
    return ours / trials, false / trials


@pytest.mark.parametrize("inits", [2, 8])
def test_coverage(inits: int) -> None:
    ours, false = simulated_coverage(inits)
    assert 0.93 < ours < 0.97
    assert false < 0.10


def test_one_initialisation_knows_nothing_of_its_spread() -> None:
    found = over_initialisations(np.full((1, 50), 0.31))
    assert (found.low, found.high, found.inits) == (-1.0, 1.0, 1)
    assert found.mean == pytest.approx(0.31)


def test_undefined_values_are_left_out_and_counted() -> None:
    values = np.array([[0.1, 0.3], [np.nan, np.nan], [0.4, np.nan]])
    found = over_initialisations(values)
    assert found.inits == 2
    assert found.mean == pytest.approx(0.3)
    assert over_initialisations(np.full((3, 2), np.nan)).inits == 0


def test_the_interval_stays_in_its_range() -> None:
    found = over_initialisations(np.array([[0.9, 0.9], [-0.9, -0.9]]))
    assert (found.low, found.high) == (-1.0, 1.0)
