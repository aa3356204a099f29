"""What an epoch of several tasks enters into the history, counted out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from grace.core.stats import student
from grace.training.replica import Sums


def entry_of(gradients: list[list[list[float]]], weights: list[float]) -> dict[str, object]:
    """Of steps with these gradients ``[M, K, 2]``."""
    g = torch.tensor(gradients)
    sums, losses = Sums(1, g.shape[1], "cpu"), torch.ones(1, g.shape[1])
    for rows in g:
        sums.add(torch.tensor([0]), losses, torch.tensor([weights]))
        sums.measured((rows @ rows.T)[None], [0])
    return sums.summaries()[0].summary()


def test_rho_is_of_rul_and_the_others_as_they_are_weighted() -> None:
    steps = [[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [3.0, 4.0], [0.0, 1.0]]]
    entry = entry_of(steps, [1.0, 0.5, 0.5])
    # (1, 1) / 2 and (3, 5) / 2 against (1, 0)
    expected = student([1 / math.sqrt(2), 3 / math.sqrt(34)])
    assert (entry["rho"], entry["rho_low"]) == (pytest.approx(expected.mean), pytest.approx(expected.low))
    np.testing.assert_allclose(entry["pairs"], [[1, 0.8, 0], [0.8, 1, 0.4], [0, 0.4, 1]], atol=1e-6)  # type: ignore[arg-type]
    alone = entry_of(steps, [1.0, 0.0, 0.0])  # what is watched beside RUL alone: all others alike
    assert alone["rho"] == pytest.approx(expected.mean)


def test_small_gradients_are_gradients_and_zero_has_no_pair() -> None:
    tiny = 1e-12  # of a loss in units of the cap, squared twice over
    steps = [[[tiny, 0.0], [tiny, tiny], [0.0, 0.0]], [[tiny, 0.0], [0.0, 0.0], [0.0, 0.0]]]
    entry = entry_of(steps, [1.0, 0.5, 0.5])
    assert entry["rho"] == pytest.approx(1 / math.sqrt(2) / 2)  # 0 where there is nothing to compare
    pairs = np.array(entry["pairs"])
    assert pairs[0, 1] == pytest.approx(1 / math.sqrt(2), rel=1e-4)  # of the one batch that has both
    assert np.isnan(pairs[2]).all()


def test_of_two_tasks_there_is_one_pair_and_its_name_is_rho() -> None:
    entry = entry_of([[[1.0, 0.0], [3.0, 4.0]]], [0.0, 1.0])
    assert entry["rho"] == pytest.approx(0.6)
    assert "pairs" not in entry
