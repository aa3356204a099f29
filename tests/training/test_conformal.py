"""Intervals against values worked by hand, a slow transcript of the formula, and coverage on engines that nobody has seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grace.errors import GraceError
from grace.training.conformal import CHUNK, KNOTS, Interval, constant, engines_needed

CAP = 125.0


def flat(errors: np.ndarray, engine: np.ndarray, level: float = 0.9) -> float:
    """Half width of one network whose errors are alike everywhere: predictions of 60, which no end cuts."""
    counts = np.unique(engine, return_inverse=True, return_counts=True)[1:]
    weight = 1 / ((len(counts[1]) + 1) * counts[1][counts[0]])
    interval = Interval(
        level, CAP, np.ones((1, KNOTS)), np.zeros(len(errors), np.int64), np.abs(errors).astype(float), weight
    )
    low, high = interval.ends(np.full((1, 1), 60.0))
    assert math.isnan(low[0]) or high[0] - 60 == pytest.approx(60 - low[0])
    return float(high[0] - 60)


def test_one_window_an_engine_is_split_conformal() -> None:
    errors = np.arange(1.0, 20.0) * np.array([1, -1] * 9 + [1])  # 19 engines: the ceil(0.9 * 20) = 18th smallest
    assert flat(errors, np.arange(19)) == pytest.approx(18)


def test_too_few_engines_for_the_level() -> None:
    assert math.isnan(flat(np.ones(8), np.arange(8)))
    assert flat(np.ones(9), np.arange(9)) == pytest.approx(1)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_as_many_engines_as_are_needed(level: float) -> None:
    needed = engines_needed(level)
    assert math.isfinite(flat(np.ones(needed), np.arange(needed), level))
    assert math.isnan(flat(np.ones(needed - 1), np.arange(needed - 1), level))


def test_every_engine_weighs_the_same() -> None:
    # nine engines with one small error each, one engine with a thousand large ones: it counts as one of eleven
    errors = np.concatenate([np.ones(9), np.full(1000, 50.0)])
    engine = np.concatenate([np.arange(9), np.full(1000, 9)])
    assert flat(errors, engine, 0.8) == pytest.approx(1)
    assert flat(errors, engine, 0.9) == pytest.approx(50)


def drawn(rng: np.random.Generator, engines: int, windows: int, members: int) -> tuple[list[np.ndarray], ...]:
    """Predictions, truths and engines of each member's held-out windows; errors grow with RUL, and engines have their own."""
    true = rng.uniform(0, CAP, (engines, windows))
    own = rng.normal(0, 1, (engines, 1))
    predicted = np.clip(true + (1 + true / 10) * (own + 0.5 * rng.normal(size=true.shape)), 0, CAP)
    parts = np.array_split(np.arange(engines), members)
    return (
        [predicted[part].ravel() for part in parts],
        [true[part].ravel() for part in parts],
        [np.repeat(np.arange(len(part)), windows) for part in parts],
    )


@given(st.integers(0, 10_000), st.sampled_from([1, 2, 5]))
def test_ends_are_those_of_the_formula(seed: int, members: int) -> None:
    """CV+ as Barber et al. write it, one window at a time, by sorting."""
    rng = np.random.default_rng(seed)
    made = drawn(rng, 15, 3, members)
    interval = Interval.of(0.8, CAP, *made)
    assert interval.weight.sum() == pytest.approx(15 / 16)
    assert len(interval.size) == (members if members > 1 else 5)
    new = rng.uniform(0, CAP, (members, 4))
    low, high = interval.ends(new)
    for column in range(4):
        lows, highs = [], []
        for k, r in zip(interval.member, interval.score, strict=True):
            mu = new[k if members > 1 else 0, column]
            around = r * float(np.interp(mu, np.linspace(0, CAP, KNOTS), interval.size[k]))
            lows.append(mu - around)
            highs.append(mu + around)
        order = np.argsort(highs, kind="stable")
        place = np.flatnonzero(np.cumsum(interval.weight[order]) >= 0.8 - 1e-12)[0]
        assert high[column] == pytest.approx(min(np.array(highs)[order][place], CAP))
        order = np.argsort(-np.array(lows), kind="stable")
        place = np.flatnonzero(np.cumsum(interval.weight[order]) >= 0.8 - 1e-12)[0]
        assert low[column] == pytest.approx(max(np.array(lows)[order][place], 0))


def test_widths_follow_the_errors() -> None:
    rng = np.random.default_rng(0)
    interval = Interval.of(0.9, CAP, *drawn(rng, 200, 8, 10))
    low, high = interval.ends(np.broadcast_to(np.array([20.0, 60.0]), (10, 2)))
    near, far = high - low
    assert far > 1.5 * near
    assert interval.half_width(drawn(np.random.default_rng(0), 200, 8, 10)[0]) > near / 2


@given(st.integers(0, 10_000))
def test_coverage_of_new_engines(seed: int) -> None:
    """Engines have errors of their own, so that pooled windows would be too narrow: mean coverage is the level or more."""
    covered = []
    for draw in range(30):
        rng = np.random.default_rng([seed, draw])
        predicted, true, engine = drawn(rng, 31, 8, 1)
        held = engine[0] == 30
        interval = Interval.of(0.8, CAP, [predicted[0][~held]], [true[0][~held]], [engine[0][~held]])
        low, high = interval.ends(predicted[0][held][None])
        covered.append(np.mean((true[0][held] >= low) & (true[0][held] <= high)))
    assert np.mean(covered) > 0.8 - 4 * 0.4 / math.sqrt(30)


def test_the_interval_of_an_older_file_has_one_half_width() -> None:
    low, high = constant(0.9, CAP, 20.0).ends(np.array([[5.0, 60.0, 120.0]]))
    assert (low.tolist(), high.tolist()) == ([0, 40, 100], [25, 80, 125])
    assert np.isnan(constant(0.9, CAP, math.inf).ends(np.array([[5.0]]))).all()


def test_refusal() -> None:
    with pytest.raises(GraceError, match=r"should be in \(0, 1\)"):
        constant(1.0, CAP, 3.0)


@pytest.mark.parametrize("members", [1, 4])
def test_ends_are_the_quantiles_of_each_window_alone(members: int) -> None:
    """Every window by the formula of the module, with a plain loop; more windows than are sorted at once."""
    rng = np.random.default_rng(members)
    engines = [np.repeat(np.arange(12) + 12 * k, 30) for k in range(members)]
    true = [rng.uniform(0, 125, len(engine)) for engine in engines]
    held = [np.clip(side + rng.normal(0, 9, len(side)), 0, 125) for side in true]
    interval = Interval.of(0.8, 125, held, true, engines)
    found = rng.uniform(0, 125, (members, 2 * CHUNK // len(interval.score) + 5))
    every = np.broadcast_to(found, (len(interval.size), found.shape[1]))
    lows, highs = interval.ends(found)
    for column in range(0, found.shape[1], 7):
        low, high = lows[column], highs[column]
        rul = every[interval.member, column]
        reach = interval.score * interval.size_at(rul, interval.member)
        for end, values, sign in ((low, rul - reach, -1), (high, rul + reach, 1)):
            order = np.argsort(sign * values)
            enough = np.cumsum(interval.weight[order]) >= 0.8 - 1e-12
            assert end == np.clip(values[order][enough][0], 0, 125)
