"""The step of many trainings at once: as :func:`grace.core.step.take_step`, replicas being the first dimension of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from grace.clock import part

Weigh = Callable[[Tensor | None], tuple[Tensor, Tensor | None]]
"""Gramians ``[R, K, K]`` or None -> task weights ``[R, K]``, and the outer axes' own losses ``[R]`` or None."""

Gradients = Sequence[Tensor | None]


@part("steps: backward")
def step_of_replicas(
    losses: Tensor,
    weigh: Weigh,
    shared: Sequence[Tensor],
    own: Sequence[Tensor],
    *,
    due: bool,
    measure_on: Sequence[Tensor] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Add to ``.grad`` what ``((w * L).sum() + own.sum()).backward()`` adds: replicas do not mix, so that each has its own.

    Where the Gramian is measured on all shared parameters, the measured gradients are also the update: one backward pass a task.

    Args:
        losses: ``[R, K]``.
        weigh: See :data:`Weigh`; called once.
        shared: Shared parameters ``[R, ...]``, leaves; ``own`` are all others.
        due: Whether the Gramian is measured, on ``measure_on``, a part of the shared parameters, or on all.

    Returns:
        Weights ``[R, K]`` and Gramians ``[R, K, K]``, or None where they were not measured.
    """
    leaves = [*shared, *own]
    gram, again = None, due and measure_on is None
    if due:
        read = shared if measure_on is None else measure_on
        rows = _task_gradients(losses, leaves if again else read, retain_graph=not again)
        gram = _gramians([row[: len(read)] for row in rows])
    weights, extra = weigh(gram)
    if again:
        for row, weight in zip(rows, weights.unbind(1), strict=True):
            _add(leaves, row, weight)
    else:
        _add(leaves, torch.autograd.grad((weights * losses).sum(), leaves, allow_unused=True), None)
    if extra is not None:
        extra.sum().backward()
    return weights, gram


@part("steps: Gramian")
def gramians_of_replicas(losses: Tensor, inputs: Sequence[Tensor], *, retain_graph: bool = False) -> Tensor:
    """Gramians ``[R, K, K]`` of the task gradients on ``inputs`` ``[R, ...]`` of losses ``[R, K]``; ``.grad`` is left alone."""
    return _gramians(_task_gradients(losses, inputs, retain_graph=retain_graph))


def _task_gradients(losses: Tensor, inputs: Sequence[Tensor], *, retain_graph: bool) -> list[Gradients]:
    """Gradients of every task, one pass a task for all replicas; None where a task does not use a parameter."""
    last = losses.shape[1] - 1
    # of a scalar: the first gradient of anything else in a process imports sympy
    return [
        torch.autograd.grad(losses[:, task].sum(), inputs, retain_graph=retain_graph or task < last, allow_unused=True)
        for task in range(last + 1)
    ]


@part("steps: Gramian")
def _gramians(rows: Sequence[Gradients]) -> Tensor:
    """Gramians ``[R, K, K]`` of task gradients, a sum over the parameters ``[R, ...]`` that they are of."""
    example = next(g for row in rows for g in row if g is not None)
    gram = example.new_zeros(len(example), len(rows), len(rows))
    for task, row in enumerate(rows):
        for other in range(task + 1):
            pairs = [(a, b) for a, b in zip(row, rows[other], strict=True) if a is not None and b is not None]
            if pairs:
                parts = [torch.linalg.vecdot(a.flatten(1), b.flatten(1)) for a, b in pairs]
                gram[:, task, other] = gram[:, other, task] = torch.stack(parts).sum(0)
    return gram


@torch.no_grad()
def _add(leaves: Sequence[Tensor], gradients: Gradients, weights: Tensor | None) -> None:
    """Add gradients, times ``weights`` ``[R]``, to ``.grad``; autograd itself warns of a ``.grad`` that is a row of many."""
    sums: list[Tensor] = []
    found: Any = []
    for leaf, gradient in zip(leaves, gradients, strict=True):
        if gradient is not None:
            leaf.grad = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            sums.append(leaf.grad)
            found.append(gradient)
    if weights is None:
        torch._foreach_add_(sums, found)
    else:
        torch._foreach_addcmul_(sums, found, [weights.to(g.dtype).view(-1, *[1] * (g.dim() - 1)) for g in found])
