from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grace.errors import GraceError
from grace.training.conformal import half_width


def test_one_window_an_engine_is_split_conformal() -> None:
    errors = np.arange(1.0, 20.0) * np.array([1, -1] * 9 + [1])  # 19 engines: the ceil(0.9 * 20) = 18th smallest
    assert half_width(errors, np.arange(19), 0.9) == 18


def test_too_few_engines_for_the_level() -> None:
    assert half_width(np.ones(8), np.arange(8), 0.9) == math.inf
    assert half_width(np.ones(9), np.arange(9), 0.9) == 1


def test_every_engine_weighs_the_same() -> None:
    # nine engines with one small error each, one engine with a thousand large ones: it counts as one of eleven
    errors = np.concatenate([np.ones(9), np.full(1000, 50.0)])
    engine = np.concatenate([np.arange(9), np.full(1000, 9)])
    assert half_width(errors, engine, 0.8) == 1
    assert half_width(errors, engine, 0.9) == 50


@given(st.integers(0, 10_000))
def test_coverage_on_new_engines(seed: int) -> None:
    """Engines with shared errors: pooled windows would be too narrow. Mean coverage over new engines is the level or more."""
    rng = np.random.default_rng(seed)
    covered = []
    for _ in range(60):
        shift = rng.normal(0, 10, 31)  # an engine's own error
        errors = shift[:, None] + rng.normal(0, 3, (31, 8))
        half = half_width(errors[:30].ravel(), np.repeat(np.arange(30), 8), 0.8)
        covered.append(np.mean(np.abs(errors[30]) <= half))
    assert np.mean(covered) > 0.8 - 4 * 0.4 / math.sqrt(60)


def test_refusal() -> None:
    with pytest.raises(GraceError, match=r"should be in \(0, 1\)"):
        half_width(np.ones(3), np.arange(3), 1.0)
