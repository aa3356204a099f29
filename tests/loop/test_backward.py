"""``grace.backward`` in loops that are not ours; the oracle is plain autograd."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

import grace
from grace.controllers.controller import Controller
from grace.controllers.dwa import DWA
from grace.controllers.fixed import Fixed
from grace.controllers.gaba import GABA
from grace.controllers.gradnorm import GradNorm
from grace.controllers.uncertainty import Uncertainty
from grace.core.gradient_utils import gramian
from tests.loop.foreign import Foreign, batch, losses

WEIGHTS = (0.3, 0.7)


@pytest.fixture
def model() -> Foreign:
    torch.manual_seed(0)
    return Foreign()


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def same(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 1e-5) -> None:
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=tolerance, atol=tolerance, msg=name)


def by_hand(model: nn.Module, weights: tuple[float, ...], data: tuple[Tensor, ...] | None = None) -> dict[str, Tensor]:
    other = copy.deepcopy(model)
    other.zero_grad()
    sum(w * loss for w, loss in zip(weights, losses(other, data or batch()), strict=True)).backward()
    return gradients(other)


def norms_by_hand(model: Foreign, data: tuple[Tensor, ...] | None = None) -> list[float]:
    found = []
    for task in range(len(model.heads)):
        loss = losses(model, data or batch())[task]
        rows = torch.autograd.grad(loss, model.shared(), allow_unused=True)
        found.append(float(torch.cat([g.reshape(-1) for g in rows if g is not None]).norm()))
    return found


def test_fixed_weights_give_what_autograd_gives(model: Foreign) -> None:
    expected = by_hand(model, WEIGHTS)
    step = grace.backward(losses(model, batch()), model.shared(), Fixed(2, WEIGHTS))
    same(gradients(model), expected, 1e-7)
    assert step.gramian is None
    assert step.rho is None


def test_a_measured_step_gives_what_its_weights_give(model: Foreign) -> None:
    a, b = norms_by_hand(model)
    weights = (b / (a + b), a / (a + b))  # GABA's closed form for two tasks
    expected = by_hand(model, weights)
    step = grace.backward(losses(model, batch()), model.shared(), GABA(2, beta=0.0, floor=0.0, warmup=0))
    torch.testing.assert_close(step.weights, torch.tensor(weights))
    same(gradients(model), expected)
    assert step.ratio is not None
    assert float(step.ratio) == pytest.approx(max(a, b) / min(a, b), rel=1e-5)
    cosine = grace.compute_gradient_cosine(*losses(model, batch()), model.shared())
    assert step.rho is not None
    assert float(step.rho[0, 1]) == pytest.approx(cosine, abs=1e-6)


def test_gradients_are_added_up(model: Foreign) -> None:
    outer, data = GABA(2, warmup=10), [batch(seed=seed) for seed in range(3)]
    parts = [by_hand(model, (0.5, 0.5), one) for one in data]
    expected = {name: sum(part[name] for part in parts) for name in parts[0]}
    for one in data:
        grace.backward(losses(model, one), model.shared(), outer)
    same(gradients(model), expected)


def test_a_loop_with_groups_and_clipping_is_the_plain_loop(model: Foreign) -> None:
    other = copy.deepcopy(model)

    def optimiser(net: Foreign) -> torch.optim.Optimizer:
        groups = [{"params": net.shared(), "lr": 1e-2}, {"params": net.heads.parameters(), "weight_decay": 0.1}]
        return torch.optim.AdamW(groups, lr=1e-3)

    ours, plain, outer = optimiser(model), optimiser(other), GABA(2, warmup=100)
    for seed in range(5):
        ours.zero_grad()
        grace.backward(losses(model, batch(seed=seed)), model.shared(), outer, measure_every=2)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        ours.step()
        plain.zero_grad()
        (0.5 * sum(losses(other, batch(seed=seed)))).backward()
        nn.utils.clip_grad_norm_(other.parameters(), 1.0)
        plain.step()
    for (name, a), b in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=name)


def test_measured_on_a_part(model: Foreign) -> None:
    part = model.shared()[-2:]
    rows = [
        torch.cat([g.reshape(-1) for g in torch.autograd.grad(x, part, retain_graph=True)])
        for x in losses(model, batch())
    ]
    a, b = (float(row.norm()) for row in rows)
    expected = by_hand(model, (b / (a + b), a / (a + b)))
    outer = GABA(2, beta=0.0, floor=0.0, warmup=0)
    step = grace.backward(losses(model, batch()), model.shared(), outer, measure_on=part)
    assert step.gramian is not None
    torch.testing.assert_close(step.gramian, torch.stack(rows) @ torch.stack(rows).T, rtol=1e-4, atol=1e-6)
    same(gradients(model), expected)
    whole = grace.backward(losses(model, batch()), model.shared(), GABA(2), measure_on=model.shared())
    plain = grace.backward(losses(model, batch()), model.shared(), GABA(2))
    torch.testing.assert_close(whole.gramian, plain.gramian)
    with pytest.raises(grace.GraceError, match=r"part of the shared parameters.* Found 2 of 3"):
        grace.backward(
            losses(model, batch()), model.shared(), GABA(2), measure_on=[part[0], *model.heads[0].parameters()]
        )


def test_a_parameter_that_one_task_does_not_use() -> None:
    torch.manual_seed(0)
    first, second, head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 1)
    x = torch.randn(6, 3)

    def both() -> list[Tensor]:
        h = first(x)
        return [head(second(h)).square().mean(), h.square().mean()]

    shared = [*first.parameters(), *second.parameters()]
    a, b = (torch.autograd.grad(both()[task], first.weight)[0] for task in (0, 1))
    step = grace.backward(both(), shared, GABA(2))
    torch.testing.assert_close(first.weight.grad, 0.5 * (a + b))
    torch.testing.assert_close(second.weight.grad, 0.5 * torch.autograd.grad(both()[0], second.weight)[0])
    assert step.gramian is not None
    assert bool((step.gramian.diagonal() > 0).all())


@pytest.mark.parametrize("part", ["backbone", "whole"])
def test_a_compiled_module(part: str) -> None:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 6), nn.GELU())
    heads, x = nn.ModuleList([nn.Linear(6, 1), nn.Linear(6, 1)]), torch.randn(9, 5)
    whole = nn.ModuleList([backbone, heads])

    def forward(net: Callable[[Tensor], Tensor]) -> list[Tensor]:
        h = net(x)
        return [heads[0](h).square().mean(), (heads[1](h) - 3).square().mean()]

    plain = forward(backbone)
    (0.5 * sum(plain)).backward()
    expected = gradients(whole)
    whole.zero_grad()
    compile_ = partial(torch.compile, backend="aot_eager")
    both = forward(compile_(backbone)) if part == "backbone" else compile_(lambda: forward(backbone))()
    step = grace.backward(both, backbone.parameters(), GABA(2))
    same(gradients(whole), expected)
    fresh = [forward(backbone)[task] for task in (0, 1)]
    rows = [torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(backbone.parameters()))]) for loss in fresh]
    torch.testing.assert_close(step.gramian, gramian(torch.stack(rows)))


def test_a_step_that_overflows_is_skipped_and_not_measured(model: Foreign) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before, outer = copy.deepcopy(model.state_dict()), GABA(2, warmup=0)
    steep = [1000 * loss for loss in losses(model, batch())]
    step = grace.backward(steep, model.shared(), outer, scaler=scaler)
    assert step.gramian is None
    scaler.step(optimiser)
    scaler.update()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert scaler.get_scale() < 2.0**127
    assert bool(torch.isfinite(outer.average).all())


def test_hooks_fire_once_a_call(model: Foreign) -> None:
    fired = []
    for parameter in model.parameters():
        parameter.register_post_accumulate_grad_hook(lambda p: fired.append(p))
    for outer in (GABA(2), Fixed(2)):
        fired.clear()
        grace.backward(losses(model, batch()), model.shared(), outer)
        assert sorted(map(id, fired)) == sorted(id(p) for p in model.parameters())


def test_a_task_without_labels_is_left_out(model: Foreign) -> None:
    outer = Fixed(2, WEIGHTS)
    grace.backward(losses(model, batch()), model.shared(), outer)
    model.zero_grad()
    expected = by_hand(model, (0.3, 0.0))
    rul, _ = losses(model, batch())
    step = grace.backward([rul, None], model.shared(), outer)
    found = gradients(model)
    same(found, {name: g for name, g in expected.items() if name in found}, 1e-6)
    assert not any(name.startswith("heads.1") for name in found)
    assert step.losses.isnan().tolist() == [False, True]


def test_tasks_that_never_meet_are_balanced_all_the_same(model: Foreign) -> None:
    """Batches with labels of one task in turns: GABA knows each norm from the last batch that had it."""
    outer = GABA(2, beta=0.0, floor=0.0, warmup=0)
    a, b = norms_by_hand(model)
    steps = []
    for turn in range(4):
        rul, health = losses(model, batch())
        both = [rul, None] if turn % 2 == 0 else [None, health]
        steps.append(grace.backward(both, model.shared(), outer, measure_every=1))
    assert steps[0].weights.tolist() == [0.5, 0.5]  # nothing is known of the second task yet
    torch.testing.assert_close(steps[3].weights, torch.tensor([b / (a + b), a / (a + b)]))
    assert steps[3].rho is not None
    assert bool(steps[3].rho[0, 1].isnan())


@pytest.mark.parametrize("make", [GABA, Fixed, GradNorm, Uncertainty, DWA, lambda n: Fixed(n, (1.0, 0.5, 0.1))])
def test_three_tasks_and_every_outer_axis(make: Callable[[int], Controller]) -> None:
    torch.manual_seed(1)
    model, outer = Foreign(3), make(3)
    for epoch in range(2):
        model.zero_grad()
        step = grace.backward(losses(model, batch()), model.shared(), outer, epoch=epoch)
        same(gradients(model), by_hand(model, tuple(step.weights.tolist())), 1e-4)


def test_saved_and_loaded_it_goes_on(model: Foreign) -> None:
    whole, cut = GABA(2, warmup=1), GABA(2, warmup=1)
    for seed in range(6):
        a = grace.backward(losses(model, batch(seed=seed)), model.shared(), whole, measure_every=2)
        b = grace.backward(losses(model, batch(seed=seed)), model.shared(), cut, measure_every=2)
        assert torch.equal(a.weights, b.weights)
        saved, cut = cut.state_dict(), GABA(2, warmup=1)
        cut.load_state_dict(saved)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m, both: ([both[0]], m.shared(), GABA(2)), "should be a list of 2 scalar losses.*Found 1"),
        (lambda m, both: (torch.stack(both), m.shared(), GABA(2)), r"Found a tensor of shape \[2\]"),
        (lambda m, both: ([None, None], m.shared(), GABA(2)), "at least one loss. Found None for every task"),
        (
            lambda m, both: ([both[0], both[1].expand(3)], m.shared(), GABA(2)),
            r"Loss 1 should be a scalar. Found shape \[3\]",
        ),
        (lambda m, both: ([both[0], both[1] * float("nan")], m.shared(), GABA(2)), "Loss 1 should be finite"),
        (lambda m, both: ([None, both[1] * float("nan")], m.shared(), GABA(2)), "Loss 1 should be finite"),
        (
            lambda m, both: ([both[0], both[1].detach()], m.shared(), GABA(2)),
            "Loss 1 should depend on a trainable parameter",
        ),
        (
            lambda m, both: ([both[0], m.heads[1].weight.sum()], m.shared(), GABA(2)),
            "Loss 1 should depend on the shared param",
        ),
        (
            lambda m, both: ([both[0], m.heads[1].weight.sum()], m.shared(), Fixed(2)),
            "Loss 1 should depend on the shared param",
        ),
        (lambda m, both: (both, [], GABA(2)), "at least one parameter with requires_grad=True"),
        (lambda m, both: (both, m.trunk, GABA(2)), "should be an iterable of parameters. Found a LSTM"),
        (lambda m, both: (both, m.shared(), DWA(2)), "`epoch` should be given for DWA"),
    ],
)
def test_bad_input_is_named(model: Foreign, spoil: Callable[..., tuple[object, ...]], message: str) -> None:
    with pytest.raises(grace.GraceError, match=message):
        grace.backward(*spoil(model, losses(model, batch())))  # type: ignore[arg-type]
    assert not gradients(model)


def test_a_single_task_has_nothing_to_balance() -> None:
    with pytest.raises(grace.GraceError, match="at least 2 tasks"):
        GABA(tasks=1)


def test_changes_in_place_between_forward_and_backward(model: Foreign) -> None:
    both = losses(model, batch())
    with torch.no_grad():
        model.heads[0].weight.add_(1.0)
    with pytest.raises(grace.GraceError, match="changed in place"):
        grace.backward(both, model.shared(), GABA(2))


def test_a_graph_that_was_used_before(model: Foreign) -> None:
    both = losses(model, batch())
    sum(both).backward()
    with pytest.raises(grace.GraceError, match="freed already"):
        grace.backward(both, model.shared(), GABA(2))


def test_the_gramian_is_of_the_unweighted_gradients(model: Foreign) -> None:
    rows = [
        torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, model.shared(), retain_graph=True)])
        for loss in losses(model, batch())
    ]
    step = grace.backward(losses(model, batch()), model.shared(), GABA(2))
    torch.testing.assert_close(step.gramian, gramian(torch.stack(rows)))
