"""The other controllers against hand arithmetic, autograd and the papers' own updates."""

from __future__ import annotations

import math

import pytest
import torch

from grace.controllers.dwa import DWA
from grace.controllers.fixed import Fixed, LossNormalised
from grace.controllers.gradnorm import GradNorm
from grace.controllers.uncertainty import Uncertainty


def test_fixed() -> None:
    assert Fixed(4)(torch.ones(4), None, 0, 0).tolist() == [0.25] * 4
    assert Fixed(2, (1.0, 0.0))(torch.ones(2), None, 5, 1).tolist() == [1.0, 0.0]


def test_loss_normalised() -> None:
    losses = torch.tensor([400.0, 0.5])
    weights = LossNormalised(2)(losses, None, 0, 0)
    assert (weights * losses).tolist() == pytest.approx([0.5, 0.5])


def test_uncertainty_is_the_gradient_of_kendalls_loss() -> None:
    controller = Uncertainty(2)
    with torch.no_grad():
        controller.log_variances.copy_(torch.tensor([0.7, -0.4]))
    losses = torch.tensor([3.0, 1.2])
    weights = controller(losses, None, 0, 0)
    controller.own_loss(losses, None).backward()
    s = torch.tensor([0.7, -0.4], requires_grad=True)
    # regression: L / (2 sigma^2) + log sigma; classification: L / sigma^2 + log sigma
    kendall = losses[0] * torch.exp(-s[0]) / 2 + s[0] / 2 + losses[1] * torch.exp(-s[1]) + s[1] / 2
    kendall.backward()
    torch.testing.assert_close(controller.log_variances.grad, s.grad)
    assert weights.tolist() == pytest.approx([math.exp(-0.7) / 2, math.exp(0.4)])


def test_uncertainty_settles_where_the_weighted_losses_are_equal() -> None:
    controller = Uncertainty(2)
    optimiser = torch.optim.Adam(controller.parameters(), lr=0.05)
    losses = torch.tensor([0.04, 0.6])
    for step in range(2000):
        optimiser.zero_grad()
        weights = controller(losses, None, step, 0)
        controller.own_loss(losses, None).backward()
        optimiser.step()
    assert (weights * losses).tolist() == pytest.approx([0.5, 0.5], abs=1e-3)


def test_dwa_by_hand() -> None:
    dwa = DWA(2, temperature=2.0)
    epochs = [[(8.0, 1.0), (4.0, 3.0)], [(3.0, 1.0), (3.0, 2.0)], [(1.0, 1.0), (1.0, 1.0)]]
    seen = [
        dwa(torch.tensor(losses), None, 2 * e + i, e).tolist()
        for e, rows in enumerate(epochs)
        for i, losses in enumerate(rows)
    ]
    assert seen[:4] == [[1.0, 1.0]] * 4
    # means 6, 2 then 3, 1.5: r = 0.5 and 0.75
    a, b = math.exp(0.25), math.exp(0.375)
    expected = [2 * a / (a + b), 2 * b / (a + b)]
    assert seen[4] == pytest.approx(expected)
    assert seen[5] == pytest.approx(expected)


def test_gradnorm_gradient_is_autograds() -> None:
    controller = GradNorm(2, alpha=1.5)
    rows = torch.tensor([[3.0, 0.0, 4.0], [0.0, 1.0, 0.0]])
    controller(torch.tensor([2.0, 4.0]), rows @ rows.T, 0, 0)
    losses = torch.tensor([1.0, 3.0])
    controller(losses, rows @ rows.T, 1, 0)
    controller.own_loss(losses, rows @ rows.T).backward()
    w = torch.ones(2, requires_grad=True)
    contributions = w * rows.norm(dim=1)
    rate = losses / torch.tensor([2.0, 4.0])
    target = (contributions.mean() * (rate / rate.mean()) ** 1.5).detach()
    (contributions - target).abs().sum().backward()
    torch.testing.assert_close(controller.weights.grad, w.grad)


def test_gradnorm_equalises_contributions_of_tasks_that_learn_alike() -> None:
    controller = GradNorm(2)
    optimiser = torch.optim.Adam(controller.parameters(), lr=GradNorm.learning_rate)
    gram = torch.diag(torch.tensor([16.0, 1.0]))
    for step in range(400):
        optimiser.zero_grad()
        losses = torch.tensor([2.0, 2.0])
        weights = controller(losses, gram, step, 0)
        controller.own_loss(losses, gram).backward()
        optimiser.step()
    assert float(weights.sum()) == pytest.approx(2)
    assert float(weights[0] * 4) == pytest.approx(float(weights[1] * 1), rel=0.1)


def test_gradnorm_keeps_its_weights_where_nothing_was_measured() -> None:
    controller = GradNorm(2)
    before = controller(torch.ones(2), torch.eye(2), 0, 0)
    assert torch.equal(controller(torch.ones(2), None, 1, 0), before)
    assert controller.own_loss(torch.ones(2), None) is None
