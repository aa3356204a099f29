"""Cost of one multi-task training step, as ratios to a plain one: forward, backward, clip, AdamW and average on one thread.

Every way trains the same network on the same batch; they take turns, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from layers import ByLayers
from torch import Tensor, nn

from grace.core.gradient_utils import cosines, gramian, norm_ratio, task_gradients
from grace.core.graph import remember
from grace.core.replicas import step_of_replicas
from grace.core.step import take_step
from grace.core.weighted_mse import moderate_weighted_mse_loss
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.training.layout import Layout, State
from grace.training.optimiser import RowOptimiser
from grace.training.schedule import Schedule

HALF = torch.tensor([0.5, 0.5])
Batch = tuple[Tensor, Tensor, Tensor]


class Way:
    """One way to take a step: its own copy of the network and optimiser, and how gradients come about.

    Peers, and the plain step that all are divided by, train the network as PyTorch's own layers compute it.
    """

    by_layers = True

    def __init__(self, model: CNNBiLSTMAttention) -> None:
        one = copy.deepcopy(model).train()
        self.model: Any = ByLayers(one) if self.by_layers else one
        self.shared = self.model.shared_parameters()
        self._optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)
        self._average = copy.deepcopy(list(self.model.parameters()))

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """RUL loss and health cross entropy."""
        return losses_of(*self.model(batch[0]), batch)

    def gradients(self, batch: Batch) -> None:
        """Set ``.grad``; here plain: fixed weights, one backward pass."""
        rul, health = self.losses(batch)
        (0.5 * rul + 0.5 * health).backward()

    def step(self, batch: Batch) -> None:
        """A whole training step."""
        self._optimiser.zero_grad()
        self.gradients(batch)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(self._average, list(self.model.parameters()), 0.001)


def losses_of(rul: Tensor, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Both losses of a prediction."""
    return moderate_weighted_mse_loss(rul, batch[1]), nn.functional.cross_entropy(logits, batch[2])


class Every(Way):
    """GRACE, the Gramian measured: one backward pass a task, whose gradients are also the update."""

    by_layers = False

    def gradients(self, batch: Batch) -> None:
        """See :class:`Way`."""
        remember()
        take_step(self.losses(batch), _weigh, self.shared, due=[True, True], check=False)


class StackedEvery(Way):
    """The same in the training engine, a stack of one."""

    def __init__(self, model: CNNBiLSTMAttention) -> None:
        named, shared = dict(model.named_parameters()), {id(p) for p in model.shared_parameters()}
        layout, running = Layout.of(named), Layout.of(floats(model))
        state = State.start(layout.pack([named]), running.pack([floats(model)]))
        rates = torch.tensor(1e-4).expand(10_000, 1)
        self._optimiser = RowOptimiser(state, layout, rates, replace(Schedule.named("paper"), weight_decay=1e-2))
        leaves = self._optimiser.leaves
        self._network = model.together(leaves, running.views(state.statistics), True)
        self._shared = [leaves[name] for name, p in named.items() if id(p) in shared]
        self._own = [leaves[name] for name, p in named.items() if id(p) not in shared]

    def step(self, batch: Batch) -> None:
        """See :class:`Way`."""
        self._optimiser.zero_grad()
        rul, logits = self._network(batch[0][None])
        losses = torch.stack(losses_of(rul[0], logits[0], batch))[None]

        def weigh(gram: Tensor | None) -> tuple[Tensor, None]:
            return _weigh(None if gram is None else gram[0])[0][None], None

        step_of_replicas(losses, weigh, self._shared, self._own, due=True)
        self._optimiser.step()


def floats(model: nn.Module) -> dict[str, Tensor]:
    """Running statistics by name."""
    return {name: buffer for name, buffer in model.named_buffers() if buffer.is_floating_point()}


class ThreePasses(Way):
    """As the source does it: two passes to measure, a third one to train."""

    def gradients(self, batch: Batch) -> None:
        """See :class:`Way`."""
        losses = self.losses(batch)
        weights, _ = _weigh(gramian(task_gradients(losses, self.shared, retain_graph=True)))
        (weights * torch.stack(losses)).sum().backward()


class AtRepresentation(Way):
    """The Gramian of the losses at the representation alone, then one backward pass of the weighted sum."""

    by_layers = False

    def gradients(self, batch: Batch) -> None:
        """See :class:`Way`."""
        z = self.model.represent(batch[0])
        losses = losses_of(self.model.rul_scale * self.model.rul_head(z)[:, 0], self.model.health_head(z), batch)
        take_step(losses, _weigh, self.shared, due=[True, True], measure_on=[z], check=False)


class OnPart(Way):
    """GRACE, the Gramian measured on the upper part of the backbone (``measure_on``)."""

    by_layers = False

    def gradients(self, batch: Batch) -> None:
        """See :class:`Way`."""
        upper = self.model.shared_parameters("upper")
        take_step(self.losses(batch), _weigh, self.shared, due=[True, True], measure_on=upper, check=False)


class TorchJD(Way):
    """TorchJD's ``mtl_backward`` from the representation, with one of its aggregators."""

    aggregator = "UPGrad"

    def gradients(self, batch: Batch) -> None:
        """See :class:`Way`."""
        from torchjd import aggregation
        from torchjd.autojac import jac_to_grad, mtl_backward

        z = self.model.represent(batch[0])
        losses = losses_of(self.model.rul_scale * self.model.rul_head(z)[:, 0], self.model.health_head(z), batch)
        # its parallel differentiation is a vmap, which has no rule for an LSTM: one task at a time
        mtl_backward(losses, features=z, shared_params=self.shared, parallel_chunk_size=1)
        jac_to_grad(self.shared, getattr(aggregation, self.aggregator)())


class PCGrad(TorchJD):
    """The same with PCGrad."""

    aggregator = "PCGrad"


WAYS: dict[str, type[Way]] = {
    "plain, 0.5 / 0.5": Way,
    "GRACE, Gramian in every step": Every,
    "GRACE, Gramian in every step, stacked": StackedEvery,
    "Gramian at the representation": AtRepresentation,
    "Gramian of attention and above": OnPart,
    "TorchJD UPGrad": TorchJD,
    "TorchJD PCGrad": PCGrad,
    "three passes (the source)": ThreePasses,
}
"""Ways by name; the first is what the others are divided by."""


def _weigh(gram: Tensor | None) -> tuple[Tensor, None]:
    """Any function of the Gramian: GABA's closed form costs as much as this one."""
    assert gram is not None
    return HALF + 0 * gram[0, 0], None


def random_batch(size: int, window: int = 30, features: int = 17) -> Batch:
    """Windows ``[B, T, F]``, RUL ``[B]`` and health states ``[B]``."""
    return torch.randn(size, window, features), torch.rand(size) * 125, torch.randint(0, 3, (size,))


def step_seconds(
    size: str, batch_size: int, rounds: int, ways: tuple[str, ...] = tuple(WAYS)
) -> dict[str, list[float]]:
    """Seconds of a step in each way, interleaved, after one round of warm-up."""
    torch.manual_seed(0)
    model, batch = CNNBiLSTMAttention(size), random_batch(batch_size)
    made = {name: WAYS[name](model) for name in ways}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(rounds + 1):
        for name, way in made.items():
            began = time.perf_counter()
            way.step(batch)
            if round_number:
                spent[name].append(time.perf_counter() - began)
    return spent


def operations(batch_size: int = 4) -> dict[str, float]:
    """Operations of matrix products in a step relative to a plain one: what a ratio is bound by on a machine at its limit.

    Counted on our function, whose products the counter knows.
    """
    from operations import operations_of

    one = CNNBiLSTMAttention("paper").train()
    x, y, label = random_batch(batch_size)

    def counted(backward: Callable[[Tensor, Tensor], Any]) -> int:
        def step() -> None:
            backward(*losses_of(*one(x), (x, y, label)))

        return operations_of(step)

    def grad(loss: Tensor, keep: bool = False) -> Any:
        return torch.autograd.grad(loss, list(one.parameters()), retain_graph=keep, allow_unused=True)

    plain = counted(lambda a, b: grad(a + b))
    every = counted(lambda a, b: (grad(a, True), grad(b)))
    three = counted(lambda a, b: (grad(a, True), grad(b, True), grad(a + b)))
    return {"GRACE, Gramian in every step": every / plain, "three passes (the source)": three / plain}


def agreement(steps: int, size: str = "paper", batch_size: int = 64) -> dict[str, dict[str, float]]:
    """How well a part of the Gramian tells rho and the ratio of norms of all of it, along a training on a simulated fleet.

    Returns:
        For each cut the median absolute difference in rho and the median factor between the ratios of norms.
    """
    from grace.data.conventions import PUBLISHED
    from grace.data.prepare import Prepared
    from grace.data.simulated.fleet import Simulation, simulate
    from grace.models.rul_problem import RULProblem

    windows = Prepared.of(simulate(Simulation(engines=20))[0], PUBLISHED).windows
    problem = RULProblem(windows, size=size, unit="cycles", batch_size=batch_size)
    torch.manual_seed(0)
    way = Way(CNNBiLSTMAttention(size, windows.rows.shape[1], rul_scale=125.0, rul_start=0.5))
    told: dict[str, list[tuple[Tensor, Tensor]]] = {"representation": [], "attention and above": []}
    stream = problem.batches(0)
    upper = way.model.shared_parameters("upper")
    for _ in range(steps):
        batch = next(stream)
        z = way.model.represent(batch[0])
        losses = losses_of(way.model.rul_scale * way.model.rul_head(z)[:, 0], way.model.health_head(z), batch)
        whole = gramian(task_gradients(losses, way.shared, retain_graph=True))
        for name, tensors in (("representation", [z]), ("attention and above", upper)):
            told[name].append((gramian(task_gradients(losses, tensors, retain_graph=True)), whole))
        way.step(batch)
    found = {}
    for name, pairs in told.items():
        rho = torch.stack([(cosines(a) - cosines(b))[0, 1].abs() for a, b in pairs])
        factor = torch.stack([(norm_ratio(a) / norm_ratio(b)).log().abs().exp() for a, b in pairs])
        found[name] = {"rho": float(rho.median()), "ratio": float(factor.median()), "steps": steps}
    return found
