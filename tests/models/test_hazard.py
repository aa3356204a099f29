"""The discrete hazard, against arithmetic by hand, integrals, draws and a life table."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from grace.core.weighted_mse import INNER, WEIGHT
from grace.data.resident import Batch
from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.models.function import Networks
from grace.models.hazard import INTERVALS, restricted_mean, start, surprise, survival
from grace.models.heads import MultiHead
from grace.models.losses import Losses
from grace.models.units import UNITS
from grace.training.layout import Layout

CAP = 30.0
H = (0.1, 0.5, 0.2)
"""Hazards of three intervals of 10 cycles: survival 1, 0.9, 0.45, 0.36."""


def logits(*hazards: float) -> Tensor:
    return torch.tensor(hazards, dtype=torch.float64).logit()


def surprises(rul: list[float], suspended: list[bool]) -> list[float]:
    of = torch.tensor(rul, dtype=torch.float64)
    found: list[float] = (
        surprise(logits(*H).expand(len(rul), 3), of, CAP, torch.tensor(suspended)).exp().reciprocal().tolist()
    )
    return found


def test_three_intervals_by_hand() -> None:
    assert survival(logits(*H)).tolist() == pytest.approx([1, 0.9, 0.45, 0.36])
    assert float(restricted_mean(logits(*H), CAP)) == pytest.approx(10 * (0.95 + 0.675 + 0.405))
    # in the first, at an edge (of the interval that begins there), in the last, at the cap
    assert surprises([0, 4, 10, 29, 30], [False] * 5) == pytest.approx([0.1, 0.1, 0.45, 0.09, 0.36])
    # survival up to 0, 4 tenths through the first, at an edge, half through the second, at the cap and beyond
    assert surprises([0, 4, 10, 15, 30, 31], [True] * 6) == pytest.approx([1, 0.96, 0.9, 0.675, 0.36, 0.36])
    each = torch.tensor([4.0, 30.0])
    assert torch.equal(
        surprise(logits(*H).expand(2, 3), each, CAP), surprise(logits(*H).expand(2, 3), each, CAP, each < 0)
    )


def test_all_outcomes_add_up_to_one() -> None:
    """Of windows that failed, in each interval or not before the cap; and survival falls from 1 to the last of them."""
    hazards = torch.randn(7, INTERVALS, dtype=torch.float64)
    middles = (torch.arange(INTERVALS + 1) + 0.5) * 8
    every = torch.stack([(-surprise(hazards, at.expand(7), 8.0 * INTERVALS)).exp() for at in middles])
    torch.testing.assert_close(every.sum(0), torch.ones(7, dtype=torch.float64))
    assert (survival(hazards).diff() < 0).all()


def test_all_outcomes_are_equally_likely_at_the_start() -> None:
    curve = survival(start(INTERVALS).double())
    torch.testing.assert_close(curve, torch.linspace(1, 1 / (INTERVALS + 1), INTERVALS + 1, dtype=torch.float64))


@pytest.mark.parametrize("rate", [0.003, 0.02, 0.1])
def test_the_mean_of_a_constant_hazard_is_the_known_integral(rate: float) -> None:
    intervals = 2000
    hazard = 1 - math.exp(-rate * 125 / intervals)
    found = restricted_mean(torch.full((intervals,), hazard, dtype=torch.float64).logit(), 125.0)
    assert float(found) == pytest.approx((1 - math.exp(-125 * rate)) / rate, rel=1e-5)


def test_the_mean_is_that_of_draws() -> None:
    """Of draws from the piecewise uniform distribution that the hazards mean."""
    rng, chances = np.random.default_rng(0), np.array([0.1, 0.45, 0.09, 0.36])
    interval = rng.choice(4, 200_000, p=chances)
    drawn = np.minimum(10 * (interval + rng.random(len(interval))), CAP)
    assert float(restricted_mean(logits(*H), CAP)) == pytest.approx(drawn.mean(), abs=0.1)


def test_the_likelihood_finds_the_hazards_of_a_life_table() -> None:
    """Its maximum is deaths over those at risk, the life table's estimate, where suspension is at edges of intervals."""
    rng = np.random.default_rng(1)
    rul, suspended = rng.uniform(0, 40, 400), rng.random(400) < 0.4
    rul[suspended] = rng.integers(0, 4, suspended.sum()) * 10.0
    bin_of = np.minimum(rul // 10, 3)
    failed = [(~suspended & (bin_of == k)).sum() for k in range(3)]
    risk = [((~suspended & (bin_of >= k)) | (suspended & (rul > 10 * k))).sum() for k in range(3)]
    hazards = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([hazards], max_iter=50)

    def loss() -> Tensor:
        optimiser.zero_grad()
        found = surprise(hazards.expand(400, 3), torch.tensor(rul), CAP, torch.tensor(suspended)).sum() / 400
        found.backward()
        return found

    optimiser.step(loss)
    assert hazards.sigmoid().tolist() == pytest.approx(np.divide(failed, risk), abs=1e-4)


def likelihood(hazards: Tensor, rul: Tensor, some: Tensor, inner: str, cap: float, suspended: str = "hazard") -> Tensor:
    """RUL loss of one network on a batch of failed and suspended windows."""
    batch = Batch(hazards, rul, torch.zeros(*rul.shape, 0), some)
    losses = Losses(cap, "hazard", (), {"rul": slice(0, rul.shape[1])}, suspended)
    return losses([hazards], batch, [inner], lambda _: None)[0]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_loss_finds_a_constant_hazard_whatever_the_share_that_was_suspended(share: float) -> None:
    """One hazard for all intervals: its maximum is failures over the time at risk, to the width of an interval."""
    rng, count, cap = np.random.default_rng(2), 20_000, 40.0
    life, until = rng.exponential(40, count), rng.exponential(40 * (1 - share) / share, count)
    some = torch.tensor(until < life)[None]
    rul = torch.tensor(np.minimum(np.minimum(life, until), cap))[None]
    hazard = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([hazard], max_iter=50)

    def loss() -> Tensor:
        optimiser.zero_grad()
        found = likelihood(hazard.expand(1, count, 80), rul, some, "mse", cap).sum()
        found.backward()
        return found

    optimiser.step(loss)
    assert float(hazard.detach().sigmoid()) == pytest.approx(1 - np.exp(-0.5 / 40), rel=0.05)


def test_gradients_are_finite_and_right() -> None:
    hazards = torch.randn(8, 4, dtype=torch.float64, requires_grad=True)
    rul = torch.tensor([0, 3, 10, 20, 29.99, 30, 35, 12], dtype=torch.float64)
    for some in (torch.zeros(8, dtype=torch.bool), torch.ones(8, dtype=torch.bool), rul > 11):
        assert torch.autograd.gradcheck(partial(surprise, rul=rul, cap=CAP, suspended=some), hazards)
    assert torch.autograd.gradcheck(lambda x: restricted_mean(x, CAP), hazards)
    for size in (-200.0, 200.0):  # hazards that are 0 and 1 in float32
        far = torch.full((8, 4), size, requires_grad=True)
        for some in (rul < 0, rul >= 0):
            loss = surprise(far, rul.float(), CAP, some)
            assert loss.isfinite().all()
            assert torch.autograd.grad(loss.sum(), far)[0].isfinite().all()


@pytest.mark.parametrize("name", list(INNER))
def test_weights_are_those_of_the_inner_loss(name: str) -> None:
    rul = torch.linspace(0, 150, 31, dtype=torch.float64)
    one_off = torch.stack([INNER[name](row[:1] + 1, row[:1], 125.0) for row in rul[:, None]])
    assert torch.equal(WEIGHT[name](rul, 125.0), one_off)


def test_losses_of_a_batch_by_hand() -> None:
    hazards = logits(*H).expand(1, 4, 3)
    rul = torch.tensor([[4.0, 30.0, 15.0, 4.0]], dtype=torch.float64)
    some = torch.tensor([[False, False, True, True]])

    def found(inner: str, suspended: Tensor = some, of: int = 4) -> float:
        return float(likelihood(hazards[:, :of], rul[:, :of], suspended[:, :of], inner, 30))

    failed, other = -np.log([0.1, 0.36]), -np.log([0.675, 0.96])
    assert found("mse", of=2) == pytest.approx(failed.mean())
    assert found("mse") == pytest.approx((failed.sum() + other.sum()) / 4)
    near = np.array([[2 - 4 / 30, 1.0], [1.5, 2 - 4 / 30]])
    assert found("weighted_mse") == pytest.approx(((near[0] * failed).sum() + (near[1] * other).sum()) / 4)
    none = float(likelihood(hazards, rul, some & False, "mse", 30, "ignore"))
    assert found("mse", some & False) == pytest.approx(none)


@pytest.mark.parametrize("size", ["statistics", "tiny"])
def test_many_networks_are_those_that_they_are_alone(size: str) -> None:
    with torch.random.fork_rng():
        single: list[MultiHead] = [UNITS["hazard"].network(size, 5, 125).double().eval() for _ in range(3)]
        x = torch.randn(3, 6, 30, 5, dtype=torch.float64)
    layout = Layout.of(dict(single[0].named_parameters()))
    p = layout.views(layout.pack([dict(one.named_parameters()) for one in single]))
    floats = [{n: b for n, b in one.named_buffers() if b.is_floating_point()} for one in single]
    together: Networks = single[0].together(p, {n: torch.stack([one[n] for one in floats]) for n in floats[0]}, False)
    rul, _ = together(x)
    for number, one in enumerate(single):
        torch.testing.assert_close(rul[number], one(x[number])[0])
        curve = one.survival(x[number])
        assert curve.shape == (6, INTERVALS + 1)
        torch.testing.assert_close(rul[number], 125 / INTERVALS * torch.trapezoid(curve))


def test_a_head_that_emits_rul_tells_no_survival() -> None:
    with pytest.raises(
        GraceError, match=r"should have hazards for its RUL head. Found one that emits RUL. Train it with"
    ):
        CNNBiLSTMAttention("tiny").survival(torch.zeros(2, 30, 17))
