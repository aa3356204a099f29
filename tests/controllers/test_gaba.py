from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from grace.controllers.gaba import GABA


def gram(*norms: float) -> Tensor:
    return torch.diag(torch.tensor(norms) ** 2)


def test_two_tasks_by_hand() -> None:
    # lambda_rul = |g_health| / (|g_rul| + |g_health|) = 2 / (6 + 2)
    torch.testing.assert_close(GABA.closed_form(torch.tensor([6.0, 2.0])), torch.tensor([0.25, 0.75]))


def test_three_tasks_by_hand() -> None:
    # S = 10: (10 - 5, 10 - 3, 10 - 2) / (2 * 10)
    torch.testing.assert_close(GABA.closed_form(torch.tensor([5.0, 3.0, 2.0])), torch.tensor([0.25, 0.35, 0.40]))


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=6))
def test_closed_form_sums_to_one_and_reverses_the_order(sizes: list[float]) -> None:
    norms = torch.tensor(sizes, dtype=torch.float64)
    weights = GABA.closed_form(norms)
    assert float(weights.sum()) == pytest.approx(1)
    assert bool((weights[norms.argsort()].diff() <= 1e-12).all())


def test_order_measure_average_floor_renormalise() -> None:
    gaba = GABA(2, beta=0.5, floor=0.3, warmup=1)
    assert gaba(torch.ones(2), gram(9.0, 1.0), 0, 0).tolist() == [0.5, 0.5]
    # the average began at 0.5 and moved in the warm-up: 0.5 * 0.5 + 0.5 * 0.1 = 0.3; now 0.5 * 0.3 + 0.5 * 0.1 = 0.2
    torch.testing.assert_close(gaba.average, torch.tensor([0.3, 0.7]))
    weights = gaba(torch.ones(2), gram(9.0, 1.0), 1, 0)
    torch.testing.assert_close(gaba.average, torch.tensor([0.2, 0.8]))
    torch.testing.assert_close(weights, torch.tensor([0.3, 0.8]) / 1.1)  # floor on 0.2, then to sum 1


def test_as_published_it_sits_on_its_floor_at_the_measured_ratio() -> None:
    gaba = GABA(2)
    for step in range(2000):
        weights = gaba(torch.ones(2), gram(500.0, 1.0), step, 0)
    # 0.05 / (0.05 + 500 / 501): renormalising takes the floor below itself
    assert weights.tolist() == pytest.approx([0.0477, 0.9523], abs=1e-4)


def test_floor_zero_equalises_the_contributions() -> None:
    gaba = GABA(2, beta=0.0, floor=0.0, warmup=0)
    weights = gaba(torch.ones(2), gram(500.0, 1.0), 0, 0)
    assert float(weights[0] * 500) == pytest.approx(float(weights[1] * 1), rel=1e-4)


def test_measured_on_every_tenth_step_the_average_keeps_its_memory() -> None:
    every, tenth = GABA(2, floor=0.0, warmup=0), GABA(2, floor=0.0, warmup=0)
    for step in range(101):
        a = every(torch.ones(2), gram(30.0, 1.0), step, 0)
        b = tenth(torch.ones(2), gram(30.0, 1.0) if step % 10 == 0 else None, step, 0)
    # with a constant ratio both averages are 1/31 + (1/2 - 1/31) * 0.99^101
    torch.testing.assert_close(a, b)


def test_zero_gradients_leave_the_weights_equal() -> None:
    assert GABA(2, beta=0.0, warmup=0)(torch.ones(2), torch.zeros(2, 2), 0, 0).tolist() == [0.5, 0.5]
