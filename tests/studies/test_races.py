"""Races of the study of advice: the estimate by hand and by scipy, what is missing, and who goes on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from studies.advice.cases import ALL, Way, World, references
from studies.advice.predictors import LOOKS
from studies.advice.races import change, estimate, halved, laps_of, raced, reference

WORLD, FEW = World("sim8", ALL), World("sim8", 4)
NARROW, WIDE = references(WORLD)
CASE = Way("wide", "ignore", "health", 0.1)


def row(*squared: float) -> dict[str, Any]:
    return {"rmse": 0.2, "squared": {str(unit): value for unit, value in enumerate(squared)}}


def test_a_change_is_the_mean_over_seeds_of_log_ratios_of_pooled_errors() -> None:
    ours, theirs = (
        {0: row(1, 3)["squared"], 1: row(2, 2)["squared"]},
        {0: row(4, 4)["squared"], 1: row(1, 1)["squared"]},
    )
    assert change(ours, theirs, [0, 1]) == pytest.approx((math.log(math.sqrt(4 / 8)) + math.log(math.sqrt(4 / 2))) / 2)


def test_the_interval_is_that_of_the_jackknife_over_units() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(1, 2, 7), rng.uniform(1, 2, 7)
    found = estimate({0: row(*ours)["squared"]}, {0: row(*theirs)["squared"]}, [0])

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
    theirs = {seed: row(1, 1, 1)["squared"] for seed in range(3)}
    ours = {seed: row(*[value] * 3)["squared"] for seed, value in enumerate((0.5, 1.0, 4.0))}
    ratios = [0.5 * math.log(value) for value in (0.5, 1.0, 4.0)]
    found = estimate(ours, theirs, [0, 1, 2])
    low, high = stats.ttest_1samp(ratios, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    alone = estimate({0: {"7": 1.0}}, {0: {"7": 2.0}}, [0])  # one unit and one seed say nothing of either
    assert (alone.low, alone.high) == (-math.inf, math.inf)


def test_a_race_is_against_the_best_of_rul_alone_in_that_race() -> None:
    rows = {
        NARROW.name: {"0.0": row(1, 1), "0.1": row(9, 9), "1.0": row(1, 1)},
        WIDE.name: {"0.0": row(2, 2), "0.1": row(2, 2)},
        CASE.name: {"0.0": row(1, 1), "0.1": row(1, 1), "0.2": {"rmse": 0.1}, "0.3": None},
    }
    assert list(laps_of(rows, CASE, 0)) == [0, 1]
    assert reference(rows, WORLD, 0, [0]) == NARROW
    assert reference(rows, WORLD, 0, [0, 1]) == WIDE
    assert reference(rows, WORLD, 1, [0]) is None
    one, two = raced(rows, WORLD, CASE, 0, [0]), raced(rows, WORLD, CASE, 0, [0, 1])
    assert one is not None
    assert two is not None
    assert (one.mean, two.mean) == pytest.approx((0.0, 0.5 * math.log(0.5)))
    assert raced(rows, WORLD, CASE, 0, [0, 1, 2]) is None


def test_the_better_half_runs_on() -> None:
    other = Way("narrow", "ignore", "random", 0.5)
    rows = {way.name: {f"0.{seed}": row(1, 1) for seed in range(3)} for way in (NARROW, WIDE)}
    rows[CASE.name] = {f"0.{seed}": row(*[0.5, 1.0, 2.0][seed : seed + 1] * 2) for seed in range(3)}
    rows[other.name] = {f"0.{seed}": row(*[0.8, 0.1, 0.1][seed : seed + 1] * 2) for seed in range(3)}
    found = halved(rows, WORLD, [CASE, other], 0)
    assert found[CASE].mean == pytest.approx(0.0)  # seeds of 0.5, 1 and 2
    assert found[other].mean == pytest.approx(0.5 * math.log(0.8))  # its better seeds were never run


def test_looks_read_what_their_names_say() -> None:
    gram = [[4.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]
    one = {"cosine": [[1, 0.2, 0.1], [0.2, 1, -0.3], [0.1, -0.3, 1]], "gramian": gram}
    joint = one | {"rho": 0.5, "linear": 0.6, "ahead": 0.7, "own": 0.1}
    raw: dict[str, Any] = {"failures": 8, "coverage": 0.9, "given_rul": 0.4, "init": [one], "warmup": [one]}
    raw["joint"], raw["label"] = [joint, joint | {"rho": 0.1}], [{"seen": 0.5, "held": 0.8}]
    raw["seconds"] = {"given-rul": 1, "init": 2, "warmup": 3, "joint": 4, "label": 5}
    found = {look.name: look.read(raw) for look in LOOKS}
    expected = {"failures": -math.log(8), "coverage": 0.9, "given-rul": 0.4, "ratio": math.log(2), "source": 0.2}
    expected |= {"rho-init": 0.2, "rho-warmup": 0.2, "rho-joint": 0.2, "rho-held": 0.3, "rho-bound": -0.3}
    expected |= {"look-ahead": 0.7, "linearised": 0.6, "label-gap": -0.3}
    assert found == pytest.approx(expected)
    assert {look.name: look.seconds(raw) for look in LOOKS}["label-gap"] == 5
    unknown = raw | {"given_rul": None, "label": [{"seen": 0.5, "held": None}]}  # as a file has what is undefined
    assert all(math.isnan(look.read(unknown)) for look in LOOKS if look.name in ("given-rul", "label-gap"))
    two = {**raw, "joint": [joint | {"cosine": [[1, 0.2], [0.2, 1]]}]}
    assert math.isnan(next(look for look in LOOKS if look.name == "rho-bound").read(two))  # no suspended unit, no bound
