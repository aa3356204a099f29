"""AdamW, the clip of the gradient and the moving average, with a learning rate and a count of steps for each replica."""

from __future__ import annotations

import torch
from torch import Tensor

from grace.stacked.layout import State

BETAS, EPSILON = (0.9, 0.999), 1e-8  # torch's defaults, which separate runs have too


def adamw(
    values: Tensor, grad: Tensor, first: Tensor, second: Tensor, steps: Tensor, rate: Tensor, decay: float
) -> None:
    """One step of AdamW in place, as ``torch.optim.AdamW``.

    Args:
        values: Parameters ``[R, P]``.
        grad: Gradient ``[R, P]``.
        first: Mean of the gradient ``[R, P]``.
        second: Mean of its square ``[R, P]``.
        steps: Steps with this one ``[R]``.
        rate: Learning rates ``[R]``.
        decay: Decoupled weight decay.
    """
    slow, fast = BETAS
    values.mul_(1 - decay * rate[:, None])
    first.lerp_(grad, 1 - slow)
    second.mul_(fast).addcmul_(grad, grad, value=1 - fast)
    size = rate / (1 - slow**steps)
    scale = (1 - fast**steps).sqrt()
    values.sub_(size[:, None] * first / (second.sqrt() / scale[:, None] + EPSILON))


def clip(grad: Tensor, largest: float) -> None:
    """Scale each row of ``[R, P]`` to a norm of at most ``largest``, in place, as ``clip_grad_norm_``."""
    norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
    grad.mul_((largest / (norm + 1e-6)).clamp(max=1.0))


@torch.no_grad()
def step(state: State, grad: Tensor, rate: Tensor, decay: float, largest: float, memory: float) -> None:
    """Clip, step and average; the first step sets the average, as ``AveragedModel`` does.

    Args:
        state: What is stepped, in place.
        grad: Gradient ``[R, P]``, clipped in place.
        rate: Learning rates ``[R]``.
        decay: Weight decay.
        largest: Largest norm of the gradient.
        memory: Memory of the moving average, a step.
    """
    clip(grad, largest)
    state.steps.add_(1)
    adamw(state.values, grad, state.first, state.second, state.steps, rate, decay)
    share = torch.where(state.steps == 1, 1.0, 1 - memory)[:, None].to(grad.dtype)
    state.average.lerp_(state.values, share)
    state.average_statistics.lerp_(state.statistics, share)
