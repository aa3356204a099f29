"""docs/survival.md says what the code does."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import exp1

from grace.models import hazard
from grace.survival import by_age, by_statistics, calibration, figures
from grace.survival.baselines import BASELINES
from grace.survival.curves import Curves
from grace.survival.landmarks import Landmarks
from grace.training import protocol

PAGE = (Path(__file__).parents[2] / "docs" / "survival.md").read_text()


def test_the_table_of_baselines_is_that_of_the_code() -> None:
    table = PAGE[PAGE.index("| name | reads") :]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(BASELINES)


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"a grid of {figures.POINTS} times" in PAGE
    assert figures.KNOWN == 0.1  # "a tenth" twice
    assert f"a fifth of {calibration.ENOUGH} landmarks or more" in PAGE
    assert f"at most {by_statistics.MOST:,} training landmarks" in PAGE
    assert by_age.LEAST == 5
    assert f"At most {protocol.MAX_LANDMARKS:,} rows" in PAGE
    assert f"{hazard.INTERVALS} intervals" in PAGE
    assert "at which five training units ran, in fleets of fewer than 25 a fifth of them" in PAGE


def test_failures_within_fifty_days_of_lives_with_a_mean_of_a_hundred_last_23() -> None:
    known = re.search(r"last (\d+) days on average,\s+`100 - 50 / \(exp\(50 / 100\) - 1\)`", PAGE)
    assert known
    life = np.random.default_rng(0).exponential(100, 400_000)
    assert int(known[1]) == round(100 - 50 / (math.exp(50 / 100) - 1)) == round(life[life <= 50].mean())


def test_random_moments_of_each_life_fail_sooner_than_lives_do_at_any_age() -> None:
    """Exponential lives: remaining life is as life itself, but a uniform moment of each life leaves ``u L``."""
    known = re.search(r"probability of (\d+) %, at any age; among random\s+moments of each life (\d+) % do", PAGE)
    assert known
    at_any_age = 1 - math.exp(-0.3)
    looking_ahead = at_any_age + 0.3 * exp1(0.3)  # E min(30 / L, 1)
    assert (int(known[1]), int(known[2])) == (round(100 * at_any_age), round(100 * looking_ahead))
    rng = np.random.default_rng(0)
    left = rng.exponential(100, 400_000) * rng.random(400_000)
    assert np.mean(left <= 30) == pytest.approx(looking_ahead, abs=0.005)


def test_the_names_of_the_page_are_those_of_a_record() -> None:
    rng = np.random.default_rng(0)
    landmarks = Landmarks(rng.exponential(40, 300), rng.random(300) < 0.7, np.arange(300), np.zeros(300))
    fall = np.sort(rng.random((300, 4)), axis=1)[:, ::-1]
    found = figures.survival_figures(
        Curves(np.linspace(0, 80, 5), np.hstack([np.ones((300, 1)), fall])), landmarks, [30]
    )
    names = re.findall(r"`(harrell|uno|ibs\w*|grid_end|within_\w+)`", PAGE)
    assert len(set(names)) >= 8
    assert {name.replace("_H_", "_30_") for name in names} <= found.keys()
