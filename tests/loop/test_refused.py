"""What was refused or raw, and works or explains itself in one sentence."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch._functorch.config
from torch import Tensor, nn

import grace
from grace.controllers.methods import OUTER, build_outer
from tests.loop.situations import Net, built, inputs

DOUBLE = torch.float64


def losses(net: Net, number: int = 0) -> list[Tensor]:
    return net(inputs(number, DOUBLE))


def gradients(net: nn.Module) -> list[Tensor]:
    return [p.grad for p in net.parameters() if p.grad is not None]


def test_twenty_tasks() -> None:
    net, outer = built(DOUBLE, 20), grace.GABA(20, warmup=0)
    step = grace.backward(losses(net), net.shared(), outer)
    assert float(step.weights.sum()) == pytest.approx(1)
    assert float(step.weights.min()) > 0.025 / (1 + 20 * 0.025)


@pytest.mark.parametrize(("tasks", "floor"), [(2, 0.05), (10, 0.05), (11, 0.5 / 11), (20, 0.025)])
def test_the_floor_is_the_published_one_and_half_of_uniform_for_many(tasks: int, floor: float) -> None:
    assert grace.GABA(tasks).floor == pytest.approx(floor)


@pytest.mark.parametrize("axis", OUTER)
def test_a_detached_task_is_refused_whatever_the_axis(axis: str) -> None:
    net, outer = built(DOUBLE), build_outer(axis, 3)
    h = net.features(inputs(0, DOUBLE))
    parts = [(head(h if task != 1 else h.detach()) - task).square().mean() for task, head in enumerate(net.heads)]
    with pytest.raises(grace.GraceError, match="Loss 1 should depend on the shared parameters"):
        grace.backward(parts, net.shared(), outer, epoch=0)
    assert not gradients(net)


@pytest.mark.parametrize("axis", OUTER)
def test_a_task_that_is_detached_later_counts_as_a_gradient_of_zero(axis: str) -> None:
    net, outer = built(DOUBLE), build_outer(axis, 3)
    for detached in (False, True):
        h = net.features(inputs(0, DOUBLE))
        parts = [
            (head(h.detach() if detached and task == 1 else h) - task).square().mean()
            for task, head in enumerate(net.heads)
        ]
        step = grace.backward(parts, net.shared(), outer, epoch=0, measure_every=1)
    if step.gramian is not None:
        assert step.gramian[1].tolist() == [0, 0, 0]


def test_losses_of_shape_one_names_and_named_parameters_are_the_same_step() -> None:
    found = []
    for form in ("plain", "shape", "names", "parameters"):
        net, outer = built(DOUBLE), grace.GABA(3, warmup=0, beta=0.5)
        for number in (0, 1):
            given: Any = losses(net, number)
            if form == "shape":
                given = [x.reshape(1) for x in given]
            if form == "names":
                named = list(zip("abc", given, strict=True))
                given = dict(reversed(named) if number else named)  # the names of the first call say the order
            shared: Any = net.shared()
            if form == "parameters":
                shared = [item for item in net.named_parameters() if not item[0].startswith("heads")]
            step = grace.backward(given, shared, outer, measure_every=1)
        assert step.losses.shape == (3,)
        found.append([step.weights, *gradients(net)])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_a_name_left_out_is_an_absent_task_and_an_unknown_one_is_refused() -> None:
    net, outer = built(DOUBLE), grace.GABA(3)
    grace.backward(dict(zip("abc", losses(net), strict=True)), net.shared(), outer)
    step = grace.backward({"a": losses(net)[0], "c": losses(net)[2]}, net.shared(), outer)
    assert step.losses.isnan().tolist() == [False, True, False]
    with pytest.raises(grace.GraceError, match=r"by the names of the first call.*Found a, d after a, b, c"):
        grace.backward({"a": losses(net)[0], "d": losses(net)[2]}, net.shared(), outer)


@pytest.mark.filterwarnings("ignore:.*donated_buffer.*")
def test_a_compiled_graph_that_can_be_used_once_is_named_before_anything_is_changed() -> None:
    """PyTorch decides it in the first backward pass: where that measures, all goes well."""
    torch._functorch.config.donated_buffer = True
    try:
        torch.compiler.reset()
        net = built(torch.float32)
        fast = torch.compile(net, backend="aot_eager")
        outer = grace.GABA(3)
        grace.backward(fast(inputs(0, torch.float32)), net.shared(), grace.Fixed(3))
        assert gradients(net)
        net.zero_grad()
        with pytest.raises(grace.GraceError, match=r"compiled to be used once.*donated_buffer = False"):
            grace.backward(fast(inputs(0, torch.float32)), net.shared(), outer)
        assert not gradients(net)
        assert int(outer.seen.steps) == 0
        torch.compiler.reset()
        fast = torch.compile(net, backend="aot_eager")
        for every in (1, 1000, 1):
            grace.backward(fast(inputs(0, torch.float32)), net.shared(), outer, measure_every=every)
    finally:
        torch._functorch.config.donated_buffer = False
        torch.compiler.reset()


def test_every_second_call_of_a_user_is_his_own_measure_every() -> None:
    net, outer = built(DOUBLE), grace.GABA(3)
    outer.measure_every = 2
    measured = [grace.backward(losses(net), net.shared(), outer).gramian is not None for _ in range(4)]
    assert measured == [True, False, True, False]
    upgrad = grace.TorchJDWeighting(3, "UPGrad")
    assert all(grace.backward(losses(net), net.shared(), upgrad).gramian is not None for _ in range(3))
    tenth = grace.GABA(3)
    measured = [grace.backward(losses(net), net.shared(), tenth).gramian is not None for _ in range(11)]
    assert [number for number, there in enumerate(measured) if there] == [0, 10]


def test_retain_graph() -> None:
    net, outer = built(DOUBLE), grace.GABA(3)
    both = losses(net)
    for _ in range(2):
        grace.backward(both, net.shared(), outer, measure_every=1, retain_graph=True)
    sum(both).backward()  # type: ignore[union-attr]
    plain = built(DOUBLE)
    (sum(losses(plain)) * (1 + 2 / 3)).backward()
    torch.testing.assert_close(gradients(net), gradients(plain))


def passes(net: Net, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[int, int]:
    """Passes that measure, and real backward passes of losses, in one measured call."""
    counts = {"grad": 0, "backward": 0}
    grad, backward = torch.autograd.grad, Tensor.backward

    def counted(name: str, function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            counts[name] += 1
            return function(*arguments, **named)

        return call

    outer = grace.GABA(3)
    grace.backward(losses(net), net.shared(), outer, measure_every=1)
    both = losses(net)
    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "grad", counted("grad", grad))
        patch.setattr(Tensor, "backward", counted("backward", backward))
        grace.backward(both, net.shared(), outer, measure_every=1, **options)
    return counts["grad"], counts["backward"]


def test_where_nothing_listens_the_measuring_passes_are_the_update(monkeypatch: pytest.MonkeyPatch) -> None:
    assert passes(built(DOUBLE), monkeypatch) == (3, 0)
    assert passes(built(DOUBLE), monkeypatch, retain_graph=True) == (3, 1)
    net = built(DOUBLE)
    net.first.weight.register_hook(lambda g: g)
    assert passes(net, monkeypatch) == (3, 1)


@pytest.mark.parametrize(
    "listen",
    [
        lambda h: h.register_hook(lambda g: g * 2),
        lambda h: h.grad_fn.register_hook(lambda i, o: None),
        lambda h: h.grad_fn.register_prehook(lambda o: None),
        lambda h: torch.autograd.graph.register_multi_grad_hook((h,), lambda g: None),
    ],
    ids=["tensor", "node", "node before", "several tensors"],
)
@pytest.mark.parametrize("earlier", [False, True], ids=["made after", "made before the last call"])
def test_every_kind_of_hook_on_the_way_is_heard(listen: Any, earlier: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the graph was made before the last call, so that no hook is newer than that."""
    from grace.core.graph import Graph

    net, outer = built(DOUBLE), grace.GABA(3)
    h = net.features(inputs(0, DOUBLE))
    parts = [(head(h) - task).square().mean() for task, head in enumerate(net.heads)]
    listen(h)
    if earlier:
        grace.backward(losses(net), net.shared(), outer)
    assert Graph.of(parts).listens


def test_muted_hooks_come_back_after_an_error() -> None:
    net, outer = built(DOUBLE), grace.GABA(3)
    net.first.weight.register_hook(lambda g: g * 0.5)
    both = losses(net)
    sum(both).backward()  # type: ignore[union-attr]
    net.zero_grad()
    with pytest.raises(grace.GraceError, match="freed already"):
        grace.backward(both, net.shared(), outer)
    assert net.first.weight._backward_hooks


@pytest.mark.parametrize("factor", [1e22, float("inf")])
def test_a_gradient_whose_square_is_not_finite_is_named(factor: float) -> None:
    net, outer = built(torch.float32), grace.GABA(3)
    parts = net(inputs(0, torch.float32))
    parts[1] = parts[1] * 1e22 if factor < float("inf") else parts[1] + (net.first.weight * 0).square().sum().sqrt()
    with pytest.raises(grace.GraceError, match="The gradient of loss 1 should be finite, and its square too"):
        grace.backward(parts, net.shared(), outer)
    assert not gradients(net)
    assert int(outer.seen.steps) == 0
