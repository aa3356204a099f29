"""Races: the estimate by hand and by scipy, and a lap against the predictions of its members."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import grace
from grace.advice.race import Lap, change, estimate, lap_of
from grace.data.conventions import Conventions
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES


def lap(*squared: float) -> Lap:
    return {str(unit): value for unit, value in enumerate(squared)}


def test_a_change_is_the_mean_over_seeds_of_log_ratios_of_pooled_errors() -> None:
    ours, theirs = (
        {0: lap(1, 3), 1: lap(2, 2)},
        {0: lap(4, 4), 1: lap(1, 1)},
    )
    assert change(ours, theirs, [0, 1]) == pytest.approx((math.log(math.sqrt(4 / 8)) + math.log(math.sqrt(4 / 2))) / 2)


def test_the_interval_is_that_of_the_jackknife_over_units() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(1, 2, 7), rng.uniform(1, 2, 7)
    found = estimate({0: lap(*ours)}, {0: lap(*theirs)}, [0])

    def ratio(keep: np.ndarray) -> float:
        return 0.5 * math.log(ours[keep].sum() / theirs[keep].sum())

    every = np.arange(7)
    left = np.array([ratio(every != unit) for unit in every])
    error = math.sqrt(6 / 7 * np.square(left - left.mean()).sum())
    half = stats.t.ppf(0.975, 6) * error
    assert (found.mean, found.low, found.high, found.n) == pytest.approx(
        (ratio(every >= 0), found.mean - half, found.mean + half, 7)
    )
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.mean) / error, 6))


def test_seeds_that_differ_more_than_units_widen_the_interval() -> None:
    theirs = {seed: lap(1, 1, 1) for seed in range(3)}
    ours = {seed: lap(*[value] * 3) for seed, value in enumerate((0.5, 1.0, 4.0))}
    ratios = [0.5 * math.log(value) for value in (0.5, 1.0, 4.0)]
    found = estimate(ours, theirs, [0, 1, 2])
    low, high = stats.ttest_1samp(ratios, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    alone = estimate({0: {"7": 1.0}}, {0: {"7": 2.0}}, [0])  # one unit and one seed say nothing of either
    assert (alone.low, alone.high) == (-math.inf, math.inf)


def test_a_lap_is_the_error_under_the_network_that_has_not_seen_the_unit() -> None:
    fleet, _ = grace.simulate(grace.Simulation(engines=7, test_engines=1))
    plan = replace(SCHEDULES["statistics"], epochs=1, steps=5, batch_size=32)
    spec = run_spec(
        "simulated", "rul-only", folds=3, schedule=plan, rul_scale="cap", conventions=Conventions(window=20)
    )
    run = train(spec, fleet)
    found = lap_of(run, spec, fleet)
    assert list(found) == [str(unit) for unit in range(7)]
    pooled = math.sqrt(sum(found.values()) / 7)
    assert pooled == pytest.approx(run.record.validation["rmse"], rel=1e-5)  # as many cuts of each unit

    pairs = np.array(["a", "a", "b", "c", "b", "d", "d"])
    grouped = replace(fleet, groups=pairs)
    again = train(spec, grouped)
    found = lap_of(again, spec, grouped)
    assert list(found) == ["0", "2", "3", "5"]
    assert math.sqrt(sum(found.values()) / 7) == pytest.approx(again.record.validation["rmse"], rel=1e-5)
