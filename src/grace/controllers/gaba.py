"""GABA: weights from inverse gradient norms."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from grace.controllers.controller import Controller
from grace.core.gradient_utils import norms
from grace.errors import GraceError


@final
class GABA(Controller):
    r"""Gradient-aware balancing: the task with the larger gradient gets the smaller weight (GRACE text, sections 17-20).

    .. math::
        \lambda_i = \frac{S - |g_i|}{(K - 1) S}, \qquad S = \sum_j |g_j|

    with :math:`|g_i|` the norm of task ``i``'s gradient on the shared parameters. In this order: measure, closed form,
    moving average of the weights (``beta``), floor, renormalise to sum 1. In the first ``warmup`` steps the weights are
    ``1 / K`` while the average, which starts there, already moves.

    As published the weights sit on the floor wherever the norms differ by more than about 20: with K = 2 they are then the
    constant 0.0477 / 0.9523. ``floor=0`` equalises the contributions ``weight * norm`` for K = 2.

    Where the Gramian comes only on every N-th step, the average moves by ``beta ** N``, so that its memory in steps stays.

    Args:
        tasks: Number of tasks ``K``, at least 2.
        beta: Memory of the moving average, in [0, 1).
        floor: Smallest weight before renormalising, in [0, 1/K). Default: the published 0.05, and half of the uniform weight,
            ``0.5 / K``, for more than ten tasks.
        warmup: Steps with uniform weights.
        replicas: Leading dimensions.

    Raises:
        GraceError: A parameter is out of its range.

    Example:
        >>> gaba = GABA(2, beta=0.0, floor=0.0, warmup=0)
        >>> gaba(torch.ones(2), torch.diag(torch.tensor([9.0, 1.0])), 0, 0)  # norms 3 and 1
        tensor([0.2500, 0.7500])
    """

    needs_losses = False
    needs_gramian = True
    average: Tensor
    measured: Tensor

    def __init__(
        self,
        tasks: int,
        beta: float = 0.99,
        floor: float | None = None,
        warmup: int = 100,
        replicas: tuple[int, ...] = (),
    ) -> None:
        super().__init__(tasks, replicas)
        if tasks < 2:
            raise GraceError(f"GABA should balance at least 2 tasks. Found `tasks = {tasks}`.")
        if not 0 <= beta < 1:
            raise GraceError(f"Parameter `beta` should be in [0, 1). Found `beta = {beta}`.")
        floor = min(0.05, 0.5 / tasks) if floor is None else floor
        if not 0 <= floor < 1 / tasks:
            raise GraceError(f"Parameter `floor` should be in [0, 1/K). Found `floor = {floor}` with K = {tasks}.")
        if warmup < 0:
            raise GraceError(f"Parameter `warmup` should be at least 0 steps. Found `warmup = {warmup}`.")
        self.beta, self.floor, self.warmup = beta, floor, warmup
        self.register_buffer("average", torch.full(self.shape, 1 / tasks))
        self.register_buffer("measured", torch.tensor(0))  # steps up to and including the last measurement

    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`."""
        if gramian is not None:
            memory = self.beta ** (step + 1 - self.measured).clamp_min(1)
            self.average.copy_(memory * self.average + (1 - memory) * self.closed_form(norms(gramian)))
            self.measured.fill_(step + 1)
        if step < self.warmup:
            return torch.full_like(self.average, 1 / self.tasks)
        floored = self.average.clamp_min(self.floor)
        return floored / floored.sum(-1, keepdim=True)

    @staticmethod
    def closed_form(sizes: Tensor) -> Tensor:
        """Inverse-norm weights, ``[..., K] -> [..., K]``, summing to 1; uniform where all norms are 0."""
        tasks = sizes.shape[-1]
        total = sizes.sum(-1, keepdim=True)
        return torch.where(total > 0, (total - sizes) / ((tasks - 1) * total), 1 / tasks)
