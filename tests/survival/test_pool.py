"""The pool of a model's curves and the fleet's: its share is the best one, and honest on folds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from grace.survival.curves import Curves
from grace.survival.figures import grid, integrated_brier
from grace.survival.landmarks import Landmarks
from grace.survival.pool import Pool, out_of_fold

EDGES = np.linspace(0, 90, 31)


def units(seed: int, count: int = 200) -> tuple[np.ndarray, Landmarks]:
    """Mean lives, and exponential lives with them of which some are suspended."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(20, 200, count)
    life, seen = rng.exponential(mean), rng.uniform(20, 150, count)
    return mean, Landmarks(np.minimum(life, seen), life <= seen, np.arange(count), np.zeros(count))


def curves_of(mean: np.ndarray) -> Curves:
    return Curves(EDGES, np.exp(-EDGES / mean[:, None]))


@pytest.mark.parametrize("seed", range(4))
def test_the_share_is_that_of_the_least_integrated_brier_score(seed: int) -> None:
    mean, landmarks = units(seed)
    noise = np.random.default_rng(seed).lognormal(0, 1, len(mean))  # a model that is too sure
    model, times = curves_of(mean * noise), grid(landmarks, 90.0)
    pool = Pool.of(model, landmarks)

    def score(share: float) -> float:
        return float(integrated_brier(Pool(EDGES, pool.fleet, share, False).curves(model), landmarks, times).mean())

    best = minimize_scalar(score, bounds=(0, 1), method="bounded", options={"xatol": 1e-9})
    assert 0 < pool.share < 1
    assert pool.share == pytest.approx(best.x, abs=1e-5)


def test_a_model_that_knows_is_believed_and_one_that_guesses_is_not() -> None:
    mean, landmarks = units(0, 2000)
    assert Pool.of(curves_of(mean), landmarks).share > 0.9
    shuffled = np.random.default_rng(1).permutation(mean)
    assert Pool.of(curves_of(shuffled), landmarks).share < 0.15
    upside_down = curves_of(1 / mean * 2000)
    assert Pool.of(upside_down, landmarks).share == 0


def test_ends_of_the_pool_are_the_model_and_the_fleet() -> None:
    mean, landmarks = units(3)
    model, fleet = curves_of(mean), Pool.of(curves_of(mean), landmarks).fleet
    np.testing.assert_array_equal(Pool(EDGES, fleet, 1.0, True).curves(model).values, model.values)
    np.testing.assert_array_equal(Pool(EDGES, fleet, 0.0, True).curves(model).values, np.tile(fleet, (len(mean), 1)))
    assert Pool(EDGES, fleet, 0.5, True).curves(model).goes_on


def test_a_fold_is_pooled_as_the_others_say() -> None:
    mean, landmarks = units(5)
    model = curves_of(mean)
    folds = np.array_split(np.arange(len(mean)), 4)
    found = out_of_fold(model, landmarks, folds)
    others = np.setdiff1d(np.arange(len(mean)), folds[1])
    expected = Pool.of(model.at(others), landmarks.at(others)).curves(model.at(folds[1]))
    np.testing.assert_array_equal(found.values[folds[1]], expected.values)
    # what happens to the units of a fold moves none of their own curves
    worse = np.where(np.isin(np.arange(len(mean)), folds[1]), landmarks.time / 7, landmarks.time)
    changed = out_of_fold(model, Landmarks(worse, landmarks.event, landmarks.unit, landmarks.age), folds)
    np.testing.assert_array_equal(changed.values[folds[1]], found.values[folds[1]])
    assert not np.array_equal(changed.values[folds[0]], found.values[folds[0]])


def test_without_anything_known_the_model_stands_alone() -> None:
    landmarks = Landmarks([3.0], [False], [0], [0.0])
    assert Pool.of(curves_of(np.array([50.0])), landmarks).share == 1
