"""The outer axis of a stack: replicas of one method and pace share a controller, whose leading dimension they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grace.clock import part
from grace.controllers.controller import Controller
from grace.controllers.methods import build_outer
from grace.training.optimiser import adamw
from grace.training.schedule import Rate
from grace.training.spec import RunSpec


class _Learned:
    """A parameter ``[n, K]`` of a controller of ``n`` replicas (``[K]`` of one) with its moments; AdamW without decay."""

    def __init__(self, parameter: Tensor, replicas: int) -> None:
        self._parameter = parameter
        self._value = parameter.detach().view(replicas, -1)
        self.first, self.second = torch.zeros_like(self._value), torch.zeros_like(self._value)
        self.steps = torch.zeros(replicas, device=parameter.device)

    @torch.no_grad()
    def step(self, rate: Tensor) -> None:
        """One step, where there is a gradient, with the rates ``[n]``."""
        if self._parameter.grad is not None:
            self.steps.add_(1)
            grad = self._parameter.grad.view_as(self._value)
            adamw(self._value, grad, self.first, self.second, self.steps, rate, 0.0)
            self._parameter.grad = None


class _Group:
    """Replicas with the same outer axis, options and steps an epoch; a single one is a controller without a leading dimension.

    ``members`` are their numbers in the stack, ``spec`` is that of one of them.
    """

    def __init__(self, members: list[int], spec: RunSpec, per_epoch: int, device: str, monitor_every: int) -> None:
        self.members, self._per_epoch = members, per_epoch
        self._epoch = self._first = 0  # number of the epoch, and of its first step
        self.index = torch.tensor(members, device=device)
        replicas = (len(members),) if len(members) > 1 else ()
        self.controller: Controller = build_outer(
            spec.outer, len(spec.tasks), replicas=replicas, **dict(spec.options)
        ).to(device)
        self._every = spec.measure_every if self.controller.needs_gramian else 0
        self._monitor_every = 0 if self._every else monitor_every
        self._peak = self.controller.learning_rate or spec.schedule.learning_rate
        self._rates = torch.zeros(per_epoch, len(members), device=device)
        self._learned = [_Learned(parameter, len(members)) for parameter in self.controller.parameters()]

    def measures(self, step: int) -> bool:
        """Whether this group's Gramians are measured in this step of the epoch."""
        return bool(self._every) and (self._first + step) % self._every == 0

    def watched(self, step: int) -> bool:
        """Whether Gramians that the controller does not need are measured for a display in this step."""
        return bool(self._monitor_every) and (self._first + step) % self._monitor_every == 0

    def begin_epoch(self, epoch: int, rates: Sequence[Rate]) -> None:
        """Set the learning rates of the parameters for every step of the epoch."""
        self._epoch, self._first = epoch, epoch * self._per_epoch
        if self._learned:
            steps = range(self._first, self._first + self._per_epoch)
            table = [[rates[member].at(step, self._peak) for member in self.members] for step in steps]
            self._rates = torch.tensor(table, device=self.index.device)

    def weigh(self, losses: Tensor, gram: Tensor | None, step: int) -> tuple[Tensor, Tensor | None]:
        """Weights ``[n, K]`` from losses ``[n, K]`` and Gramians ``[n, K, K]``, and the sum of the controllers' own losses."""
        if len(self.members) == 1:
            losses, gram = losses[0], None if gram is None else gram[0]
        with torch.no_grad():
            weights: Tensor = self.controller(losses, gram, self._first + step, self._epoch)
        own = self.controller.own_loss(losses, gram)
        return weights.view(len(self.members), -1), None if own is None else own.sum()

    def step(self, step: int) -> None:
        """Step the controller's own parameters, after this step of the epoch."""
        for learned in self._learned:
            learned.step(self._rates[step])

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
    """The controllers of a stack of ``R`` replicas, from the spec and the steps an epoch of each."""

    def __init__(self, specs: Sequence[RunSpec], per_epoch: Sequence[int], device: str, monitor_every: int) -> None:
        found: dict[tuple[Any, ...], list[int]] = {}
        for number, (spec, steps) in enumerate(zip(specs, per_epoch, strict=True)):
            found.setdefault((spec.outer, spec.options, spec.measure_every, steps), []).append(number)
        self.groups = [_Group(m, specs[m[0]], per_epoch[m[0]], device, monitor_every) for m in found.values()]
        tasks = len(specs[0].tasks)
        self.losses = torch.ones(len(specs), tasks, device=device)
        self.gramians = torch.eye(tasks, device=device).repeat(len(specs), 1, 1)

    def at_work(self, rows: Sequence[int]) -> list[_Group]:
        """The groups that hold some of these replicas."""
        return [group for group in self.groups if not set(group.members).isdisjoint(rows)]

    @part("steps: task weights")
    def weigh(
        self, groups: Sequence[_Group], rows: Tensor, losses: Tensor, gram: Tensor | None, step: int
    ) -> tuple[Tensor, Tensor | None]:
        """Weights ``[n, K]`` of the replicas at ``rows``, from their losses ``[n, K]`` and Gramians ``[n, K, K]``; own losses.

        Replicas that have stopped stay in their group with their last losses; nobody reads their weights.
        """
        self.losses.index_copy_(0, rows, losses)
        if gram is not None:
            self.gramians.index_copy_(0, rows, gram)
        weights, own = torch.ones_like(self.losses), []
        for group in groups:
            seen = self.gramians.index_select(0, group.index) if gram is not None and group.measures(step) else None
            found, learns = group.weigh(self.losses.index_select(0, group.index), seen, step)
            weights.index_copy_(0, group.index, found.to(weights.dtype))
            own += [] if learns is None else [learns]
        return weights.index_select(0, rows), torch.stack(own) if own else None
