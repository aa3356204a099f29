"""The step: measure where it is due, ask for weights, and set ``.grad`` to that of the weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from grace.clock import part
from grace.core.graph import Graph, remember
from grace.core.measure import HALF_PRECISION, Gradients, gramian_of, measure
from grace.core.processes import Group
from grace.errors import GraceError

Weigh = Callable[[Tensor | None], tuple[Tensor, Tensor | None]]
"""Gramian ``[K, K]``, or None where none was measured -> task weights ``[K]`` and the outer axis' own loss, or None."""


@part("steps: backward")
def take_step(
    losses: Sequence[Tensor | None],
    weigh: Weigh,
    shared: Sequence[Tensor],
    *,
    due: Sequence[bool],
    measure_on: Sequence[Tensor] | None = None,
    scaler: torch.amp.GradScaler | None = None,
    group: Group = False,
    retain_graph: bool = False,
    check: bool = True,
) -> tuple[Tensor, Tensor | None]:
    r"""Add to ``.grad`` what ``(sum(w * L) + own).backward()`` adds, with weights that may depend on the Gramian of this batch.

    Each task that is due takes a backward pass that measures. Where nothing listens (hooks, other processes, functions that
    are not PyTorch's) these passes are also the update: :math:`\sum_i w_i g_i` for every parameter. Everywhere else the
    measuring passes end at the tensors that are measured, and the update is a real backward pass of the weighted sum.

    Args:
        losses: ``K`` scalar losses; None for a task that is absent.
        weigh: See :data:`Weigh`; called once.
        shared: Trainable parameters whose task gradients are measured, each once.
        due: For each task whether it is measured, if it is there.
        measure_on: What the Gramian is taken of in place of all shared parameters: some of them, or activations.
        scaler: A ``torch.amp.GradScaler``, or None.
        group: Processes that train one network, or False.
        retain_graph: Keep the losses' graph.
        check: Refuse a Gramian that is not finite; it waits for the device.

    Returns:
        Weights ``[K]`` and the Gramian ``[K, K]`` of the unscaled gradients, NaN for a task that was not measured; None where
        none was, or where scaled gradients overflowed.

    Raises:
        GraceError: A gradient that is not finite, or a graph that was freed or changed in place.
    """
    scaled = losses if scaler is None else [None if loss is None else scaler.scale(loss) for loss in losses]
    with _explained():
        gram, reuse = None, None
        if any(due):
            scale = None if scaler is None else float(scaler.get_scale())
            gram, reuse = _measured(scaled, shared, due, measure_on, scale, group, retain_graph, check)
        weights, own = weigh(gram)
        if own is not None and scaler is not None:
            own = scaler.scale(own)
        if reuse is None:
            _weighted_sum(scaled, weights, own).backward(retain_graph=retain_graph)
        else:
            _add_to_grad(*reuse, weights)
            if own is not None:
                own.backward()
    remember()
    return weights, gram


def _measured(
    losses: Sequence[Tensor | None],
    shared: Sequence[Tensor],
    due: Sequence[bool],
    measure_on: Sequence[Tensor] | None,
    scale: float | None,
    group: Group,
    retain_graph: bool,
    check: bool,
) -> tuple[Tensor | None, tuple[list[Tensor], list[Gradients | None]] | None]:
    """The Gramian, and where the gradients can be used again these and what they are of."""
    live = [loss for loss in losses if loss is not None]
    graph = Graph.of(live)
    tasks = [task for task, loss in enumerate(losses) if loss is not None and due[task]]
    again = measure_on is None and len(tasks) == len(live) and not retain_graph and not graph.listens
    read = list(shared if measure_on is None else measure_on)
    known = set(read)
    inputs = [*read, *(leaf for leaf in graph.leaves if leaf not in known)] if again else read
    found: list[Gradients | None] = [None] * len(losses)
    for task, row in zip(tasks, measure([losses[t] for t in tasks], inputs, graph, keep=not again), strict=True):  # type: ignore[misc]
        found[task] = row
    rows = [None if row is None else row[: len(read)] for row in found]
    if group is not False:  # all processes take part, also those without a task
        rows = [[None] * len(read) if row is None and due[task] else row for task, row in enumerate(rows)]
    gram = gramian_of(rows, read, group)
    reuse = (inputs, found) if again else None
    if scale is not None:
        gram = gram / scale / scale
    if (scale is not None or check) and (bad := _not_finite(gram, rows)) is not None:
        if scale is not None:
            return None, reuse
        raise GraceError(
            f"The gradient of loss {bad} should be finite, and its square too. Found NaN or infinity although the loss is "
            "finite. Look for a division by zero, a square root of zero, or a loss in units that are far too small."
        )
    return gram, reuse


def _not_finite(gram: Tensor, rows: Sequence[Gradients | None]) -> int | None:
    """The first task whose gradient is not finite, or whose square does not fit its precision."""
    there = [task for task, row in enumerate(rows) if row is not None]
    fine = gram[there][:, there].isfinite()
    if bool(fine.all()):
        return None
    return next((task for task, own in zip(there, fine.diagonal().tolist(), strict=True) if not own), there[0])


def _weighted_sum(losses: Sequence[Tensor | None], weights: Tensor, own: Tensor | None) -> Tensor:
    terms = [w * loss for w, loss in zip(weights, losses, strict=True) if loss is not None]
    total: Tensor = terms[0]
    for term in terms[1:] if own is None else [*terms[1:], own]:
        total = total + term
    return total


def _add_to_grad(inputs: list[Tensor], gradients: list[Gradients | None], weights: Tensor) -> None:
    """Add the weighted sum of measured task gradients to ``.grad``."""
    pairs = [(w, row) for w, row in zip(weights, gradients, strict=True) if row is not None]
    leaves, values = [], []
    for place, leaf in enumerate(inputs):
        parts = [(w, g) for w, row in pairs if (g := row[place]) is not None]
        for _, row in pairs:
            row[place] = None  # its memory is free as soon as it is summed
        if parts:
            leaves.append(leaf)
            values.append(_sum(parts).to(leaf.dtype))
    torch.autograd.backward(leaves, values)


@torch.no_grad()
def _sum(parts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Weighted sum of one leaf's gradients, in single precision where they are narrower."""
    found: Tensor | None = None
    for weight, gradient in parts:
        wide = gradient.float() if gradient.dtype in HALF_PRECISION else gradient
        weight = weight.to(wide.device)
        if found is None:
            found = wide * weight
        elif found.is_sparse or wide.is_sparse:
            found = found + wide * weight
        else:
            found.addcmul_(wide, weight.to(wide.dtype))
    assert found is not None
    return found


_MENDED = {
    "modified by an inplace operation": "changed in place. Call it before optimiser.step(), and avoid in-place changes",
    "backward through the graph a second time": "freed already. Do not call .backward() on the losses before",
    "donated buffers": "compiled to be used once. Set torch._functorch.config.donated_buffer = False before the first step",
}
"""Signs in autograd's own errors, and what was found and how to mend it."""


@contextmanager
def _explained() -> Iterator[None]:
    """Autograd's own errors that a user can mend, in words."""
    try:
        yield
    except RuntimeError as error:
        for sign, found in _MENDED.items():
            if sign in str(error):
                raise GraceError(
                    f"The losses' graph should be as the forward pass left it. Found one that was {found}."
                ) from None
        raise
