"""Situations in which ``grace.backward`` was silently wrong, each by the number that issue 15 gives it.

Number 1 is in test_table_processes.py, number 10 in test_lightning.py.
"""

from __future__ import annotations

import copy
import warnings
from itertools import cycle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import grace
from grace.controllers.controller import Controller
from grace.controllers.methods import build_outer
from grace.core.fit import Weighed
from tests.loop.situations import Net, built, inputs

DOUBLE = torch.float64
LEARNING = ("uncertainty", "gradnorm")


def call(net: Net, outer: Controller, number: int = 0, **options: Any) -> Weighed:
    return grace.backward(net(inputs(number, DOUBLE)), net.shared(), outer, **({"measure_every": 1} | options))


@pytest.mark.parametrize("measured", [True, False])
def test_2_hooks_run_once(measured: bool) -> None:
    net, seen = built(DOUBLE), []
    net.first.weight.register_hook(lambda g: seen.append(1) or g * 0.5)
    outer = grace.GABA(3)
    step = call(net, outer) if measured else grace.backward(net(inputs(0, DOUBLE)), net.shared(), grace.Fixed(3))
    assert len(seen) == 1
    plain = built(DOUBLE)
    sum(w * x for w, x in zip(step.weights, plain(inputs(0, DOUBLE)), strict=True)).backward()
    torch.testing.assert_close(net.first.weight.grad, 0.5 * plain.first.weight.grad)


@pytest.mark.parametrize("axis", LEARNING)
def test_3_learning_axes_under_accumulation(axis: str) -> None:
    """Four calls of a quarter each: ``.grad`` is that of one call on the whole."""
    whole, parts = build_outer(axis, 3), build_outer(axis, 3)
    for outer, calls in ((whole, 1), (parts, 4)):
        net = built(DOUBLE)
        for _ in range(calls):
            losses = [x / calls for x in net(inputs(0, DOUBLE))]
            grace.backward(losses, net.shared(), outer, measure_every=1, accumulation=calls)
    for a, b in zip(parts.parameters(), whole.parameters(), strict=True):
        assert a.grad is not None
        assert bool(a.grad.abs().max() > 0) or axis == "gradnorm"
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("axis", LEARNING)
def test_4_learning_axes_with_a_scaler(axis: str) -> None:
    """What the scaler hands to the optimiser is what there is without one."""
    found = []
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=65536.0)):
        outer, net = build_outer(axis, 3), built(torch.float32)
        optimiser = torch.optim.SGD([*net.parameters(), *outer.parameters()], lr=0.1)
        for number in (0, 1):
            optimiser.zero_grad()
            losses = [(task + 1) * x for task, x in enumerate(net(inputs(number, torch.float32)))]
            grace.backward(losses, net.shared(), outer, measure_every=1, scaler=scaler)
        if scaler is not None:
            scaler.unscale_(optimiser)
        found.append([p.grad.clone() for p in outer.parameters() if p.grad is not None])
    assert float(found[0][0].abs().max()) > 0.01
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


def test_5_one_task_a_batch_with_measurements_far_apart() -> None:
    """Each task is measured in every tenth batch that has it: the weights follow both norms."""
    net, outer = built(DOUBLE, 2), grace.GABA(2, beta=0.0, floor=0.0, warmup=0)
    for number, task in zip(range(60), cycle((0, 1)), strict=False):
        losses = net(inputs(0, DOUBLE))
        step = grace.backward(
            [x if i == task else None for i, x in enumerate(losses)], net.shared(), outer, measure_every=10
        )
        assert (step.gramian is not None) == (number // 2 % 10 == 0)
        net.zero_grad()
    sizes = [
        torch.cat([g.reshape(-1) for g in torch.autograd.grad(x, net.shared(), retain_graph=True)]).norm()
        for x in net(inputs(0, DOUBLE))
    ]
    torch.testing.assert_close(
        step.weights.double(), torch.stack([sizes[1], sizes[0]]) / sum(sizes), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("low", [torch.float16, torch.bfloat16])
def test_6_under_autocast_our_own_products_are_exact(low: torch.dtype) -> None:
    """Of the gradients as autograd gives them in that context, whose squares overflow float16."""
    net = built(torch.float32)
    with torch.autocast("cpu", low):
        losses = [300 * x for x in net(inputs(0, torch.float32))]
        found = grace.backward(losses, net.shared(), grace.GABA(3, warmup=0, beta=0.0), measure_every=1)
        again = [300 * x for x in net(inputs(0, torch.float32))]
        rows = [torch.autograd.grad(x, net.shared(), retain_graph=True) for x in again]
    matrix = torch.stack([torch.cat([g.double().reshape(-1) for g in row]) for row in rows])
    expected = matrix @ matrix.T
    assert found.gramian is not None
    assert float(expected.max()) > torch.finfo(torch.float16).max
    torch.testing.assert_close(found.gramian.double(), expected, rtol=1e-6, atol=0)


def test_7_mixed_dtypes_keep_their_own() -> None:
    """A bfloat16 table first, and a complex parameter after real ones."""
    torch.manual_seed(0)
    table, mix = nn.Embedding(9, 6).to(torch.bfloat16), nn.Linear(6, 4).double()
    turn = nn.Parameter(torch.randn(4, dtype=torch.complex128))

    def losses() -> list[Tensor]:
        z = mix(table(torch.arange(9)).double()) * turn
        return [z.abs().square().mean(), (z.imag - 1).square().mean()]

    shared = [*table.parameters(), *mix.parameters(), turn]
    for _ in range(2):  # the first call takes a real backward pass, the second may use the measured gradients
        for p in shared:
            p.grad = None
        step = grace.backward(losses(), shared, grace.GABA(2, warmup=0), measure_every=1)
    found = [p.grad.clone() for p in shared if p.grad is not None]
    for p in shared:
        p.grad = None
    sum(w * x for w, x in zip(step.weights, losses(), strict=True)).backward()
    torch.testing.assert_close(found[1:], [p.grad for p in shared[1:]], rtol=1e-10, atol=1e-12)
    assert float((found[0] - shared[0].grad).float().norm()) <= 2**-8 * float(shared[0].grad.float().norm())
    assert float(turn.grad.imag.abs().max()) > 0.01


def test_8_a_tied_weight_that_is_listed_twice_counts_once() -> None:
    once, twice = (call(built(DOUBLE), grace.GABA(3)) for _ in range(2))
    net = built(DOUBLE)
    twice = grace.backward(net(inputs(0, DOUBLE)), [*net.shared(), *net.shared()], grace.GABA(3))
    torch.testing.assert_close(twice.gramian, once.gramian)


class Problem(nn.Module):
    def __init__(self, backbone: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = nn.Linear(4, 8) if backbone is None else backbone
        self.a, self.b = nn.Linear(8, 1), nn.Linear(8, 1)


def losses_of(net: Problem, x: Tensor) -> list[Tensor]:
    h = net.backbone(x).tanh()
    return [(net.a(h) - x.sum(1, keepdim=True)).square().mean(), (net.b(h) - x[:, :1]).square().mean()]


BATCHES = [torch.randn(16, 4, generator=torch.Generator().manual_seed(n)) for n in range(3)]


def shared_of(net: Problem) -> list[nn.Parameter]:
    return list(net.backbone.parameters())


def test_9_a_network_that_is_made_once_stays_as_it_is() -> None:
    pretrained = Problem()
    before = copy.deepcopy(pretrained.state_dict())
    with pytest.warns(UserWarning, match="start from the same values"):
        found = grace.diagnose(lambda: pretrained, BATCHES, losses_of, shared_of, inits=2, steps=6, reads=3)
    assert "batches and dropout alone" in str(found.conventions["interval"])
    assert all(torch.equal(before[name], value) for name, value in pretrained.state_dict().items())


def test_9_new_heads_on_one_pretrained_backbone() -> None:
    backbone = nn.Linear(4, 8)
    before = copy.deepcopy(backbone.state_dict())
    methods = {"first": lambda: grace.Fixed(2, (1, 0)), "again": lambda: grace.Fixed(2, (1, 0))}

    def error(net: Problem) -> Tensor:
        return losses_of(net, BATCHES[0])[0]

    found = grace.compare(lambda: Problem(backbone), BATCHES, losses_of, shared_of, error, methods, steps=5, seeds=2)
    assert found.values["first"] == found.values["again"]  # the second way does not go on where the first one ended
    assert all(torch.equal(before[name], value) for name, value in backbone.state_dict().items())


def train(net: Net, outer: Controller, held: bool, steps: int = 12) -> None:
    optimiser = torch.optim.SGD([*net.parameters(), *(outer.parameters() if held else ())], lr=0.01, fused=True)
    for number in range(steps):
        optimiser.zero_grad()
        call(net, outer, number)
        optimiser.step()


@pytest.mark.parametrize("axis", LEARNING)
def test_11_a_learning_axis_that_no_optimiser_holds_is_told(axis: str) -> None:
    kind = type(build_outer(axis, 3)).__name__
    with pytest.warns(UserWarning, match=f"The parameters of {kind} should be in your optimiser"):
        train(built(DOUBLE), build_outer(axis, 3), held=False)


@pytest.mark.parametrize("axis", LEARNING)
def test_11_no_false_alarm(axis: str) -> None:
    """Held, held by an optimiser of its own, accumulating for long, or on purpose without gradients."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(built(DOUBLE), build_outer(axis, 3), held=True, steps=25)
        net, outer = built(DOUBLE), build_outer(axis, 3)
        both = torch.optim.SGD(net.parameters(), lr=0.01), torch.optim.Adam(outer.parameters())
        for number in range(25):
            call(net, outer, number)
            for optimiser in both:
                optimiser.step()
                optimiser.zero_grad()
        net, outer = built(DOUBLE), build_outer(axis, 3)
        for number in range(25):
            call(net, outer, number, accumulation=25)
        frozen = build_outer(axis, 3).requires_grad_(False)
        train(built(DOUBLE), frozen, held=False, steps=25)


@pytest.mark.parametrize("axis", ["gaba", "fixed"])
def test_12_what_an_absent_task_leaves_is_none(axis: str) -> None:
    net, outer = built(DOUBLE), build_outer(axis, 3)
    for absent in ((), (1,)):
        net.zero_grad()
        losses = net(inputs(0, DOUBLE))
        grace.backward([None if t in absent else x for t, x in enumerate(losses)], net.shared(), outer, measure_every=1)
    assert net.heads[1].weight.grad is None
    assert net.heads[0].weight.grad is not None


def test_12_a_shared_parameter_that_only_the_absent_task_uses() -> None:
    first, second, head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 1)
    shared = [*first.parameters(), *second.parameters()]
    outer = grace.GABA(2)
    for absent in (False, True):
        for p in shared:
            p.grad = None
        h = first(torch.ones(2, 3))
        grace.backward(
            [h.square().mean(), None if absent else head(second(h)).square().mean()], shared, outer, measure_every=1
        )
    assert second.weight.grad is None
