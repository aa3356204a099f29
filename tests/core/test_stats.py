"""The only statistics: scipy as an independent oracle, coverage by simulation, and the false intervals beside the true ones."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import grace
from grace.core.stats import (
    Estimate,
    Family,
    bootstrap,
    mean,
    over_initialisations,
    paired,
    quantile,
    rmse_error,
    student,
)


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


def test_students_interval_and_p_value_are_scipys() -> None:
    rng = np.random.default_rng(2)
    for n in (2, 5, 40):
        values = rng.normal(0.3, 1.0, n)
        found, expected = student(values), stats.ttest_1samp(values, 0.0)
        assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
        assert found.p == pytest.approx(expected.pvalue)
        assert (found.mean, found.n) == (pytest.approx(values.mean()), n)
        assert found.measurable == (expected.pvalue < 0.05)


def test_verdicts_by_hand() -> None:
    assert student([1.0, 1.1, 0.9]).verdict == "higher"
    assert student([-1.0, -1.1, -0.9]).verdict == "lower"
    assert student([-1.0, 1.1, 0.2]).verdict == "unclear"
    one = student([3.0])
    assert math.isnan(one.low)
    assert (one.verdict, one.n) == ("unclear", 1)  # one value tells nothing of the noise
    assert student([2.0, 2.0]).verdict == "higher"  # no spread at all
    assert (student([0.0, 0.0]).verdict, student([0.0, 0.0]).p) == ("unclear", 1.0)


def test_pairs_leave_out_what_one_side_lacks() -> None:
    found = paired({1: 10.0, 2: 12.0, 3: 99.0}, {1: 9.0, 2: 10.0, 4: 1.0})
    assert found is not None
    assert (found.mean, found.n) == (1.5, 2)
    assert paired({1: 1.0}, {2: 1.0}) is None


def test_a_percentile_bootstrap_of_five_seeds_is_two_thirds_as_wide() -> None:
    """Why there is one interval: a verdict by the other would stand on a width that covers far less than 95 %."""
    rng = np.random.default_rng(3)
    held = {"student": 0, "bootstrap": 0}
    widths = []
    for _ in range(400):
        values = rng.normal(1.0, 1.0, 5)
        ours = student(values)
        means = values[rng.integers(0, 5, (1000, 5))].mean(1)
        low, high = np.percentile(means, [2.5, 97.5])
        held["student"] += ours.low <= 1.0 <= ours.high
        held["bootstrap"] += low <= 1.0 <= high
        widths.append((high - low) / (ours.high - ours.low))
    assert 0.92 < held["student"] / 400 < 0.98
    assert held["bootstrap"] / 400 < 0.9
    assert np.mean(widths) == pytest.approx(0.62, abs=0.03)


def test_adjusted_p_values_are_scipys() -> None:
    rng = np.random.default_rng(4)
    p = [*rng.random(20) ** 3, 0.0, 1.0]
    found = Family.of([Estimate(0.0, -1.0, 1.0, 5, value) for value in p])
    np.testing.assert_allclose(found.adjusted, stats.false_discovery_control(p))
    assert found.looked_at == 22
    assert found.remaining == (stats.false_discovery_control(p) <= 0.05).sum()


def test_a_family_counts_what_has_a_p_value() -> None:
    found = Family.of([student([1.0, 1.1, 0.9]), student([5.0]), student([-1.0, 1.0])])
    assert (found.looked_at, found.measurable, found.remaining) == (2, 1, 1)
    assert math.isnan(found.adjusted[1])
    assert found.words.startswith(
        "2 paired differences looked at: 1 leave out 0 in their own 95 % interval, where chance"
    )
    assert Family.of([]).words == "No paired difference was looked at."


def test_of_many_true_zeros_hardly_any_remains() -> None:
    rng = np.random.default_rng(5)
    tables = [Family.of([student(rng.normal(size=5)) for _ in range(32)]) for _ in range(100)]
    assert 1.0 < np.mean([table.measurable for table in tables]) < 2.2  # 1.6 by chance
    assert np.mean([table.remaining > 0 for table in tables]) < 0.12  # 5 % by design


def test_the_error_of_an_rmse_over_engines_is_that_of_many_test_sets() -> None:
    rng = np.random.default_rng(6)
    squared = rng.gamma(0.5, 300.0, (4000, 100))  # errors of engines, heavy-tailed as real ones
    spread = np.sqrt(squared.mean(1)).std()
    estimates = [rmse_error(row) for row in squared]
    assert np.mean(estimates) == pytest.approx(spread, rel=0.1)
    assert rmse_error(np.array([1.0, 9.0])) == pytest.approx(np.std([1, 9], ddof=1) / (2 * 2**0.5 * 5**0.5))
    assert math.isnan(rmse_error(np.array([4.0])))


def test_families_are_drawn_whole() -> None:
    """Cases that share engines are no independent evidence: 10 families of 20 equal cases have the interval of 10 values."""
    rng = np.random.default_rng(7)
    of_family = rng.normal(size=10)
    values, families = np.repeat(of_family, 20), np.repeat(np.arange(10), 20)
    found = bootstrap(mean, values, families=families)
    alone = bootstrap(mean, of_family, families=np.arange(10))
    assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high))
    naive = bootstrap(mean, values, families=np.arange(200))
    assert found.high - found.low > 3 * (naive.high - naive.low)


def test_a_bootstrap_of_many_values_is_scipys() -> None:
    values = np.random.default_rng(8).gamma(2.0, 1.0, 60)
    found = bootstrap(mean, values, families=np.arange(60))
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)


def test_an_undefined_statistic_has_no_interval() -> None:
    assert math.isnan(bootstrap(mean, np.empty(0), families=np.empty(0)).value)
    assert math.isnan(bootstrap(mean, np.array([np.nan, 1.0]), families=np.arange(2)).value)
    assert math.isnan(bootstrap(mean, np.ones(3), families=np.zeros(3)).low)  # one family alone


def test_quantiles_are_those_of_the_tables() -> None:
    assert quantile(4) == pytest.approx(2.776445)
    assert quantile(2, 0.9) == pytest.approx(2.919986)


def test_no_other_interval_stands_anywhere() -> None:
    """Student's, normal and bootstrap quantiles are taken in one file."""
    taken = {"stdtrit", "ttest_1samp", "bootstrap", "sem", "ppf", "percentile", "nanpercentile"}
    folder = Path(grace.__file__).parent
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else None
            if name in taken or (isinstance(node, ast.Constant) and node.value == 1.96):
                found.add(str(path.relative_to(folder)))
    assert found <= {"core/stats.py"}, found
