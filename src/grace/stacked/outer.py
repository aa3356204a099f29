"""The outer axis of a stack: replicas of one method and pace share a controller, whose leading dimension they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from grace.controllers.controller import Controller
from grace.controllers.methods import build_outer
from grace.models.rul_problem import TASKS
from grace.stacked.optimiser import adamw
from grace.training.schedule import Rate
from grace.training.spec import RunSpec


@dataclass(eq=False)
class Learned:
    """A controller's parameter ``[n, K]`` with its moments."""

    value: nn.Parameter
    first: Tensor
    second: Tensor
    steps: Tensor


class Group:
    """Replicas with the same outer axis, options and steps an epoch.

    Args:
        members: Their numbers in the stack.
        spec: A spec of one of them.
        per_epoch: Steps an epoch.
        device: Where the controller lies.
    """

    def __init__(self, members: list[int], spec: RunSpec, per_epoch: int, device: str) -> None:
        self.members, self.per_epoch = members, per_epoch
        self.index = torch.tensor(members, device=device)
        self.controller: Controller = build_outer(
            spec.outer, len(TASKS), replicas=(len(members),), **dict(spec.options)
        ).to(device)
        self.every = spec.measure_every if self.controller.needs_gramian else spec.monitor_every
        self._peak = self.controller.learning_rate or spec.schedule.learning_rate
        self._rates = torch.zeros(per_epoch, len(members), device=device)
        self._learned = [
            Learned(p, torch.zeros_like(p), torch.zeros_like(p), torch.zeros(len(members), device=device))
            for p in self.controller.parameters()
        ]

    def measures(self, step: int, epoch: int) -> bool:
        """Whether this group's Gramians are measured in this step of the epoch."""
        return bool(self.every) and (epoch * self.per_epoch + step) % self.every == 0

    def begin_epoch(self, epoch: int, rates: Sequence[Rate]) -> None:
        """Set the learning rates of the parameters for every step of the epoch."""
        if self._learned:
            steps = range(epoch * self.per_epoch, (epoch + 1) * self.per_epoch)
            table = [[rates[member].at(step, self._peak) for member in self.members] for step in steps]
            self._rates = torch.tensor(table, device=self.index.device)

    def weigh(self, losses: Tensor, gram: Tensor | None, step: int, epoch: int) -> Tensor:
        """Weights ``[n, K]`` from losses ``[n, K]``; the controller's own parameters are stepped."""
        with torch.no_grad():
            weights: Tensor = self.controller(losses, gram, epoch * self.per_epoch + step, epoch)
        if (own := self.controller.own_loss(losses, gram)) is not None:
            own.sum().backward()
        for learned in self._learned:
            if (grad := learned.value.grad) is not None:
                learned.steps.add_(1)
                with torch.no_grad():
                    adamw(learned.value, grad, learned.first, learned.second, learned.steps, self._rates[step], 0.0)
            learned.value.grad = None
        return weights

    def state_dict(self) -> dict[str, Any]:
        """The controller's state and the moments of its parameters."""
        moments = [{"first": p.first, "second": p.second, "steps": p.steps} for p in self._learned]
        return {"controller": self.controller.state_dict(), "moments": moments}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.controller.load_state_dict(state["controller"])
        for learned, moments in zip(self._learned, state["moments"], strict=True):
            learned.first, learned.second, learned.steps = moments["first"], moments["second"], moments["steps"]


class Outer:
    """The controllers of a stack of ``R`` replicas.

    Args:
        specs: What is trained.
        per_epoch: Steps an epoch of each.
        device: Where it happens.
    """

    def __init__(self, specs: Sequence[RunSpec], per_epoch: Sequence[int], device: str) -> None:
        found: dict[tuple[Any, ...], list[int]] = {}
        for number, (spec, steps) in enumerate(zip(specs, per_epoch, strict=True)):
            found.setdefault((spec.outer, spec.options, steps), []).append(number)
        self.groups = [Group(m, specs[m[0]], per_epoch[m[0]], device) for m in found.values()]
        self.losses = torch.ones(len(specs), len(TASKS), device=device)
        self.gramians = torch.eye(len(TASKS), device=device).repeat(len(specs), 1, 1)

    def at_work(self, rows: Sequence[int]) -> list[Group]:
        """The groups that hold some of these replicas."""
        return [group for group in self.groups if not set(group.members).isdisjoint(rows)]

    def weigh(
        self, groups: Sequence[Group], rows: Tensor, losses: Tensor, gram: Tensor | None, step: int, epoch: int
    ) -> Tensor:
        """Weights ``[n, K]`` of the replicas at ``rows``, from their losses ``[n, K]`` and Gramians ``[n, K, K]``.

        Replicas that have stopped stay in their group with their last losses; nobody reads their weights.
        """
        self.losses[rows] = losses
        if gram is not None:
            self.gramians[rows] = gram
        weights = torch.ones_like(self.losses)
        for group in groups:
            seen = self.gramians[group.index] if gram is not None and group.measures(step, epoch) else None
            weights[group.index] = group.weigh(self.losses[group.index], seen, step, epoch).to(weights.dtype)
        return weights[rows]
