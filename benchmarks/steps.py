"""Cost of one multi-task training step, as ratios to a plain one: forward, backward, clip, AdamW and average on one thread.

Every way trains the same network on the same batch; they take turns, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from grace.core.gradient_utils import cosines, gramian, norm_ratio, task_gradients, weighted_backward
from grace.core.weighted_mse import moderate_weighted_mse_loss
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.stacked.layout import State
from grace.stacked.network import StackedNetwork
from grace.stacked.optimiser import step as optimise

HALF = torch.tensor([0.5, 0.5])
Batch = tuple[Tensor, Tensor, Tensor]


class Way:
    """One way to take a step: its own copy of the network and optimiser, and how gradients come about."""

    def __init__(self, model: CNNBiLSTMAttention) -> None:
        self.model = copy.deepcopy(model).train()
        self.shared = self.model.shared_parameters()
        known = {id(p) for p in self.shared}
        self.own = [p for p in self.model.parameters() if id(p) not in known]
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

    def gradients(self, batch: Batch) -> None:
        """See :class:`Way`."""
        weighted_backward(self.losses(batch), _weigh, self.shared, self.own, check=False)


class StackedEvery(Way):
    """The same in the stacked engine, a stack of one: the same function and Gramian with fewer products and calls."""

    def __init__(self, model: CNNBiLSTMAttention) -> None:
        self._network = StackedNetwork(model)
        values = self._network.parameters.pack([dict(model.named_parameters())])
        self._state = State.start(values, self._network.statistics.pack([dict(model.named_buffers())]))

    def step(self, batch: Batch) -> None:
        """See :class:`Way`."""
        layout, state = self._network.parameters, self._state
        leaves = layout.leaves(state.values)
        x = batch[0].transpose(0, 1)[None]
        rul, logits = self._network(x, leaves, self._network.statistics.views(state.statistics), True)
        tasks = torch.zeros(1, 2, state.values.shape[1])
        for task, loss in enumerate(losses_of(rul[0], logits[0], batch)):
            found = torch.autograd.grad(loss, list(leaves.values()), retain_graph=task == 0, allow_unused=True)
            layout.write(tasks[:, task], found)
        weights = _weigh(gramian(tasks[0, :, : self._network.shared_width]))
        optimise(state, (weights @ tasks), torch.tensor([1e-4]), 1e-2, 1.0, 0.999)


class ThreePasses(Way):
    """As the source does it: two passes to measure, a third one to train."""

    def gradients(self, batch: Batch) -> None:
        """See :class:`Way`."""
        losses = self.losses(batch)
        weights = _weigh(gramian(task_gradients(losses, self.shared, retain_graph=True)))
        (weights * torch.stack(losses)).sum().backward()


class AtRepresentation(Way):
    """The Gramian of the losses at the representation alone, then one backward pass of the weighted sum."""

    def gradients(self, batch: Batch) -> None:
        """See :class:`Way`."""
        z = self.model.represent(batch[0])
        losses = losses_of(self.model.rul_scale * self.model.rul_head(z)[:, 0], self.model.health_head(z), batch)
        weights = _weigh(gramian(task_gradients(losses, [z], retain_graph=True)))
        (weights * torch.stack(losses)).sum().backward()


class OnPart(Way):
    """GRACE, the Gramian measured on the upper part of the backbone (``measure_on``)."""

    def gradients(self, batch: Batch) -> None:
        """See :class:`Way`."""
        upper = self.model.shared_parameters("upper")
        weighted_backward(self.losses(batch), _weigh, self.shared, self.own, measured=upper, check=False)


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


def _weigh(gram: Tensor) -> Tensor:
    """Any function of the Gramian: GABA's closed form costs as much as this one."""
    return HALF + 0 * gram[0, 0]


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

    Counted on the stacked network with one replica, whose products the counter knows.
    """
    from operations import operations_of

    one = CNNBiLSTMAttention("paper")
    network = StackedNetwork(one)
    p = network.parameters.leaves(network.parameters.pack([dict(one.named_parameters())]))
    running = network.statistics.views(network.statistics.pack([dict(one.named_buffers())]))
    x, y, label = random_batch(batch_size)

    def counted(backward: Callable[[Tensor, Tensor], Any]) -> int:
        def step() -> None:
            rul, logits = network(x.transpose(0, 1)[None], p, running, True)
            backward(*losses_of(rul[0], logits[0], (x, y, label)))

        return operations_of(step)

    def grad(loss: Tensor, keep: bool = False) -> Any:
        return torch.autograd.grad(loss, list(p.values()), retain_graph=keep, allow_unused=True)

    plain = counted(lambda a, b: grad(a + b))
    every = counted(lambda a, b: (grad(a, True), grad(b)))
    three = counted(lambda a, b: (grad(a, True), grad(b, True), grad(a + b)))
    return {"GRACE, Gramian in every step": every / plain, "three passes (the source)": three / plain}


def agreement(steps: int, size: str = "paper", batch_size: int = 64) -> dict[str, dict[str, float]]:
    """How well a part of the Gramian tells rho and the ratio of norms of all of it, along a training on a simulated fleet.

    Returns:
        For each cut the median absolute difference in rho and the median factor between the ratios of norms.
    """
    from grace.data.conventions import Conventions
    from grace.data.prepare import prepare_training
    from grace.data.simulated import Simulation, simulate
    from grace.models.rul_problem import RULProblem

    windows = prepare_training(simulate(Simulation(engines=20))[0], Conventions()).windows
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
