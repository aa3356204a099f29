"""The situations of the table: each makes a network, its losses and the way in which a loop calls ``grace.backward``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

HALF = {"autocast to bfloat16": torch.bfloat16, "autocast to float16": torch.float16}


def double(parameter: Tensor) -> None:
    assert parameter.grad is not None
    parameter.grad *= 2


class Net(nn.Module):
    """Two shared layers and a linear head a task."""

    def __init__(self, tasks: int = 3) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 8), nn.Linear(8, 6)
        self.heads = nn.ModuleList(nn.Linear(6, 1) for _ in range(tasks))

    def features(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).tanh()).tanh()

    def forward(self, x: Tensor) -> list[Tensor]:
        h = self.features(x)
        return [(head(h) - task).square().mean() for task, head in enumerate(self.heads)]

    def shared(self) -> list[nn.Parameter]:
        return [*self.first.parameters(), *self.second.parameters()]


@dataclass
class Case:
    """One network in one situation.

    Attributes:
        model: Everything that has parameters.
        shared: What is given as shared.
        losses: Number of the batch -> losses.
        options: Further arguments of ``grace.backward``.
        calls: Calls that make one optimiser step.
        around: The context in which gradients are taken.
    """

    model: nn.Module
    shared: list[Any]
    losses: Callable[[int], list[Tensor | None]]
    options: dict[str, Any] = field(default_factory=dict)
    calls: int = 1
    around: Callable[[], AbstractContextManager[Any]] = nullcontext


def inputs(number: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(12, 5, generator=torch.Generator().manual_seed(100 + number), dtype=torch.float64).to(dtype)


def built(dtype: torch.dtype, tasks: int = 3) -> Net:
    torch.manual_seed(0)
    return Net(tasks).to(dtype)


def plain(dtype: torch.dtype, tasks: int = 3, part: bool = False, **options: Any) -> Case:
    net = built(dtype, tasks)
    chosen = options | ({"measure_on": net.shared()[2:]} if part else {})
    return Case(net, net.shared(), lambda number: net(inputs(number, dtype)), chosen)


def hooks(dtype: torch.dtype) -> Case:
    """Hooks that change gradients: on a shared parameter, a head, an activation, a module, and a node of the graph."""
    case = plain(dtype)
    net: Any = case.model
    net.first.weight.register_hook(lambda g: g * 0.5)
    net.heads[0].weight.register_hook(lambda g: g * 3)
    net.second.register_full_backward_hook(lambda _, into, __: (into[0] * 2,))
    net.second.bias.register_post_accumulate_grad_hook(double)

    def losses(number: int) -> list[Tensor | None]:
        h = net.features(inputs(number, dtype))
        h.register_hook(lambda g: g * 0.25)
        h.grad_fn.register_prehook(lambda gs: (gs[0] * 4,))
        return [(head(h) - task).square().mean() for task, head in enumerate(net.heads)]

    case.losses = losses
    return case


def accumulation(dtype: torch.dtype) -> Case:
    net = built(dtype)
    return Case(
        net, net.shared(), lambda number: [x / 3 for x in net(inputs(number, dtype))], {"accumulation": 3}, calls=3
    )


def autocast(low: torch.dtype, around: bool, scaler: bool, dtype: torch.dtype) -> Case:
    """Forward under autocast; ``around``: backward within it too."""
    case = plain(dtype)

    def losses(number: int) -> list[Tensor | None]:
        with torch.autocast("cpu", low):
            return case.model(inputs(number, dtype))  # type: ignore[no-any-return]

    case.losses = losses
    if around:
        case.around = partial(torch.autocast, "cpu", low)
    if scaler:
        case.options = {"scaler": torch.amp.GradScaler("cpu", init_scale=2.0**10)}
    return case


def checkpointed(reentrant: bool, dtype: torch.dtype) -> Case:
    case = plain(dtype)
    net: Any = case.model

    def losses(number: int) -> list[Tensor | None]:
        h = checkpoint(net.features, inputs(number, dtype).requires_grad_(), use_reentrant=reentrant)
        return [(head(h) - task).square().mean() for task, head in enumerate(net.heads)]

    case.losses = losses
    return case


@cache
def _compiled(dtype: torch.dtype) -> tuple[Net, Any]:
    torch._functorch.config.donated_buffer = False
    net = built(dtype)
    return net, torch.compile(net, backend="aot_eager")


def compiled(dtype: torch.dtype) -> Case:
    net, fast = _compiled(dtype)
    net.zero_grad()
    return Case(net, net.shared(), lambda number: fast(inputs(number, dtype)))


class Tied(Net):
    """The second layer is used twice."""

    def features(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).tanh()).tanh() + (self.second.weight @ self.second.weight.mT).sum(0)


def tied(dtype: torch.dtype) -> Case:
    torch.manual_seed(0)
    net = Tied().to(dtype)
    return Case(net, [*net.shared(), net.second.weight, net.first.bias], lambda number: net(inputs(number, dtype)))


class Mixed(Net):
    """A bfloat16 table before layers in another precision."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 5)

    def forward(self, x: Tensor) -> list[Tensor]:
        rows = torch.arange(len(x)) % 9
        return super().forward(x + self.table(rows).to(x.dtype))


def mixed(dtype: torch.dtype) -> Case:
    torch.manual_seed(0)
    net = Mixed().to(dtype)
    net.table.to(torch.bfloat16)
    return Case(net, [*net.table.parameters(), *net.shared()], lambda number: net(inputs(number, dtype)))


class Complex(Net):
    """A complex filter after real layers."""

    def __init__(self) -> None:
        super().__init__()
        self.filter = nn.Parameter(torch.randn(6, dtype=torch.complex64))

    def features(self, x: Tensor) -> Tensor:
        return (super().features(x) * self.filter).abs()


def complex_(dtype: torch.dtype) -> Case:
    torch.manual_seed(0)
    net = Complex()
    wide = torch.complex128 if dtype == torch.float64 else torch.complex64
    for module in (net.first, net.second, net.heads):
        module.to(dtype)
    net.filter.data = net.filter.data.to(wide)
    return Case(net, [*net.shared(), net.filter], lambda number: net(inputs(number, dtype)))


class Sparse(Mixed):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 5, sparse=True)


def sparse(dtype: torch.dtype) -> Case:
    torch.manual_seed(0)
    net = Sparse().to(dtype)
    return Case(net, [*net.shared(), *net.table.parameters()], lambda number: net(inputs(number, dtype)))


def frozen(dtype: torch.dtype) -> Case:
    case = plain(dtype)
    case.model.first.requires_grad_(False)  # type: ignore[union-attr]
    return case


def unused(dtype: torch.dtype) -> Case:
    case = plain(dtype)
    case.model.extra = nn.Linear(2, 2).to(dtype)
    case.shared += list(case.model.extra.parameters())
    return case


def absent(dtype: torch.dtype) -> Case:
    """Every task in the first call, later one without labels; its head stays without a gradient."""
    case = plain(dtype)
    net = case.model
    case.losses = lambda number: [
        x if number == 0 or task != 1 else None for task, x in enumerate(net(inputs(number, dtype)))
    ]
    return case


def penalty(dtype: torch.dtype) -> Case:
    case = plain(dtype)
    net: Any = case.model

    def losses(number: int) -> list[Tensor | None]:
        x = inputs(number, dtype).requires_grad_()
        h = net.features(x)
        found = [(head(h) - task).square().mean() for task, head in enumerate(net.heads)]
        (slope,) = torch.autograd.grad(found[0], x, create_graph=True)
        found[0] = found[0] + slope.square().sum()
        return found  # type: ignore[return-value]

    case.losses = losses
    return case


def at_features(dtype: torch.dtype) -> Case:
    case = plain(dtype)
    net: Any = case.model
    kept: list[Tensor] = []

    def losses(number: int) -> list[Tensor | None]:
        kept[:] = [net.features(inputs(number, dtype))]
        return [(head(kept[0]) - task).square().mean() for task, head in enumerate(net.heads)]

    case.losses, case.options = losses, {"measure_on": kept}
    return case


BOTH = (torch.float64, torch.float32)

SITUATIONS: dict[str, tuple[Callable[[torch.dtype], Case], tuple[torch.dtype, ...]]] = {
    "plain": (plain, BOTH),
    "hooks on parameters, activations, modules and nodes": (hooks, BOTH),
    "gradient accumulation": (accumulation, BOTH),
    **{name: (partial(autocast, low, False, False), (torch.float32,)) for name, low in HALF.items()},
    **{
        f"{name}, around the call too": (partial(autocast, low, True, False), (torch.float32,))
        for name, low in HALF.items()
    },
    "GradScaler": (partial(autocast, torch.float16, False, True), (torch.float32,)),
    "checkpointing, not reentrant": (partial(checkpointed, False), BOTH),
    "checkpointing, reentrant": (partial(checkpointed, True), BOTH),
    "torch.compile": (compiled, BOTH),
    "tied weights, listed twice": (tied, BOTH),
    "mixed precision of parameters": (mixed, BOTH),
    "complex parameters": (complex_, BOTH),
    "sparse gradients": (sparse, BOTH),
    "frozen parameters": (frozen, BOTH),
    "unused parameters": (unused, BOTH),
    "an absent task": (absent, BOTH),
    "a gradient penalty": (penalty, BOTH),
    "20 tasks": (partial(plain, tasks=20), BOTH),
    "retain_graph": (partial(plain, retain_graph=True), BOTH),
    "measured on activations": (at_features, BOTH),
    "measured on a part": (partial(plain, part=True), BOTH),
}
"""Rows of the table on one process, and the precisions in which they are tested."""
