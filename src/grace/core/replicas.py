"""The step of many trainings at once: as :func:`grace.core.step.take_step`, replicas being the first dimension of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Weigh = Callable[[Tensor | None], tuple[Tensor, Tensor | None]]
"""Gramians ``[R, K, K]`` or None -> task weights ``[R, K]``, and the outer axes' own losses ``[R]`` or None."""

Gradients = Sequence[Tensor | None]


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
        _add(leaves, torch.autograd.grad(losses, leaves, weights, allow_unused=True), None)
    if extra is not None:
        extra.sum().backward()
    return weights, gram


def gramians_of_replicas(losses: Tensor, inputs: Sequence[Tensor], *, retain_graph: bool = False) -> Tensor:
    """Gramians ``[R, K, K]`` of the task gradients on ``inputs`` ``[R, ...]`` of losses ``[R, K]``; ``.grad`` is left alone."""
    return _gramians(_task_gradients(losses, inputs, retain_graph=retain_graph))


def _task_gradients(losses: Tensor, inputs: Sequence[Tensor], *, retain_graph: bool) -> list[Gradients]:
    """Gradients of every task, one pass a task for all replicas; None where a task does not use a parameter."""
    last, rows = losses.shape[1] - 1, torch.eye(losses.shape[1], dtype=losses.dtype, device=losses.device)
    return [
        torch.autograd.grad(
            losses, inputs, row.expand_as(losses), retain_graph=retain_graph or task < last, allow_unused=True
        )
        for task, row in enumerate(rows)
    ]


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
    pairs = [(leaf, found) for leaf, found in zip(leaves, gradients, strict=True) if found is not None]
    for leaf, _ in pairs:
        if leaf.grad is None:
            leaf.grad = torch.zeros_like(leaf)
    sums: list[Any] = [leaf.grad for leaf, _ in pairs]
    found: Any = [found for _, found in pairs]
    if weights is None:
        torch._foreach_add_(sums, found)
    else:
        shaped = [weights.to(leaf.dtype).view(-1, *[1] * (leaf.dim() - 1)) for leaf, _ in pairs]
        torch._foreach_addcmul_(sums, found, shaped)
