"""The contract of the outer axis: losses and the Gramian of the task gradients go in, task weights come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from grace.errors import GraceError


class Controller(nn.Module, ABC):
    """Weights the tasks, one call a training step, in the order of the steps.

    All state is in ``state_dict``: a controller that is saved and loaded goes on as if nothing had happened. Leading
    dimensions ``...`` are replicas: many trainings at once, each with weights of its own.

    Class attributes declare what :meth:`forward` and :meth:`own_loss` read (``needs_losses``, ``needs_gramian``, ``needs_epoch``)
    and how many steps may lie between two measurements of the Gramian (``measure_every``, chosen by measurement:
    docs/training.md). Every loop believes them.

    A controller that learns has parameters and an :meth:`own_loss`; the training's optimiser steps them, without weight decay
    and with the learning rate ``learning_rate``, or its own where that is None.

    Args:
        tasks: Number of tasks ``K``, at least 1.
        replicas: Leading dimensions of losses and Gramian.

    Raises:
        GraceError: ``tasks`` is not positive.
    """

    needs_losses: ClassVar[bool] = True
    needs_gramian: ClassVar[bool] = False
    needs_epoch: ClassVar[bool] = False
    learning_rate: ClassVar[float | None] = None
    measure_every: int = 10

    def __init__(self, tasks: int, replicas: tuple[int, ...] = ()) -> None:
        super().__init__()
        if tasks < 1:
            raise GraceError(f"Parameter `tasks` should be at least 1. Found `tasks = {tasks}`.")
        self.tasks = tasks
        self.shape = (*replicas, tasks)
        self.seen = _Seen(tasks)

    @abstractmethod
    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """Task weights of this step.

        Args:
            losses: Detached losses ``[..., K]`` of this batch.
            gramian: ``[..., K, K]`` of the unweighted task gradients on the shared parameters, or None where it was not
                measured in this step: a controller that needs it then goes on with what it knows.
            step: Optimiser steps made before this one, from 0.
            epoch: Epochs finished before this one, from 0.

        Returns:
            Weights ``[..., K]``, detached.
        """

    def own_loss(self, losses: Tensor, gramian: Tensor | None) -> Tensor | None:
        """The term that a controller which learns adds to the weighted sum of the losses; called after :meth:`forward`.

        Args:
            losses: As in :meth:`forward`; constants here.
            gramian: Likewise.

        Returns:
            A loss ``[...]`` of the controller's own parameters, one a replica; None where there is nothing to learn.
        """
        return None


class _Seen(nn.Module):
    """What :func:`grace.backward` has seen of each task, so that a task without labels in a batch keeps its last values.

    Args:
        tasks: Number of tasks ``K``.
    """

    steps: Tensor
    appearances: Tensor
    losses: Tensor
    gramian: Tensor
    measured: Tensor

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("appearances", torch.zeros(tasks, dtype=torch.int64))
        self.register_buffer("losses", torch.full((tasks,), torch.nan))
        self.register_buffer("gramian", torch.full((tasks, tasks), torch.nan))
        self.register_buffer("measured", torch.full((tasks,), -1))  # step of each task's last measurement
        self.names: tuple[str, ...] | None = None  # where losses come by name: in the order of the first call

    def due(self, present: list[bool], every: int, accumulation: int) -> list[bool]:
        """Which of the tasks that are present are to be measured: each in every N-th of its own appearances.

        Args:
            present: For each task whether some process has it in this call.
            every: ``N``; with accumulation in optimiser steps, of which all calls are measured.
            accumulation: Calls that make one optimiser step.
        """
        turns = (self.appearances // accumulation % every == 0).tolist()
        return [there and turn for there, turn in zip(present, turns, strict=True)]

    def known(self) -> Tensor | None:
        """Gramian of the last measurement of each task ``[K, K]``; None before all were measured.

        Tasks that were not measured together get a product of 0, so that it is the Gramian of some gradients.
        """
        if bool((self.measured < 0).any()):
            return None
        return torch.where(self.measured[:, None] == self.measured, self.gramian, 0.0)

    def update(self, losses: Tensor, gramian: Tensor | None, present: list[bool]) -> None:
        """Keep what is there: losses ``[K]`` and Gramian ``[K, K]``, NaN for what was not measured."""
        there = torch.tensor(present, device=self.losses.device)
        self.losses.copy_(torch.where(there, losses.to(self.losses), self.losses))
        if gramian is not None:
            gramian = gramian.to(self.gramian)
            self.gramian.copy_(torch.where(gramian.isnan(), self.gramian, gramian))
            self.measured.copy_(torch.where(gramian.diagonal().isnan(), self.measured, self.steps))
        self.appearances += there
        self.steps += 1
