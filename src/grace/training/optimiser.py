"""AdamW, the clip of the gradient and the moving average, with a learning rate and a count of steps for each replica."""

from __future__ import annotations

import torch
from torch import Tensor

from grace.clock import part
from grace.training.layout import Layout, State
from grace.training.schedule import Schedule

BETAS, EPSILON = (0.9, 0.999), 1e-8  # torch's defaults, which separate runs have too


def adamw(
    values: Tensor, grad: Tensor, first: Tensor, second: Tensor, steps: Tensor, rate: Tensor, decay: float
) -> None:
    """One step of ``torch.optim.AdamW`` in place: parameters, gradient and moments ``[R, P]``, steps and rates ``[R]``."""
    slow, fast = BETAS
    if decay:
        values.mul_(1 - decay * rate.unsqueeze(1))
    first.lerp_(grad, 1 - slow)
    second.mul_(fast).addcmul_(grad, grad, value=1 - fast)
    size, scale = rate / (1 - slow**steps), (1 - fast**steps).sqrt_()
    # in place: a row is as large as a core's cache
    spread = second.sqrt().div_(scale.unsqueeze(1)).add_(EPSILON)
    values.sub_((size.unsqueeze(1) * first).div_(spread))


class RowOptimiser:
    """The optimiser of an epoch's steps, in torch's manner: leaves whose ``.grad`` are views of one row a replica.

    It steps ``state`` in place, with the learning rate of every step and replica ``[steps, R]``, and decay, clip and averaging
    of the schedule.
    """

    def __init__(self, state: State, layout: Layout, rates: Tensor, plan: Schedule) -> None:
        self._state, self._rates, self._plan = state, iter(rates), plan
        self._grad = torch.zeros_like(state.values)
        self.leaves = layout.leaves(state.values)
        for name, view in layout.views(self._grad).items():
            self.leaves[name].grad = view

    def zero_grad(self) -> None:
        """Forget the last gradients."""
        self._grad.zero_()

    @part("steps: optimiser")
    @torch.no_grad()
    def step(self) -> None:
        """Clip as ``clip_grad_norm_``, step and average; the first step sets the average, as ``AveragedModel`` does."""
        state, grad, plan = self._state, self._grad, self._plan
        norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
        grad.mul_((plan.clip / norm.add_(1e-6)).clamp_(max=1.0))
        state.steps.add_(1)
        adamw(state.values, grad, state.first, state.second, state.steps, next(self._rates), plan.weight_decay)
        share = torch.where(state.steps == 1, 1.0, 1 - plan.ema_decay).unsqueeze(1).to(grad.dtype)
        state.average.lerp_(state.values, share)
        state.average_statistics.lerp_(state.statistics, share)
