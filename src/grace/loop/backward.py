"""In place of ``loss.backward()``: weigh the tasks by an outer axis, in any training loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from grace.controllers.controller import Controller
from grace.core.fit import Losses, Weighed
from grace.core.gradient_utils import check_losses, trainable
from grace.core.graph import Graph
from grace.core.measure import sharded
from grace.core.processes import Group, check_absent, mean_of_present, world
from grace.core.step import take_step
from grace.errors import GraceError
from grace.loop.optimiser_check import check_optimised


def backward(
    losses: Losses,
    shared: Iterable[Tensor | tuple[str, Tensor]],
    outer: Controller,
    *,
    epoch: int | None = None,
    measure_every: int | None = None,
    measure_on: Tensor | Iterable[Tensor] | None = None,
    accumulation: int = 1,
    retain_graph: bool = False,
    scaler: torch.amp.GradScaler | None = None,
    group: Group = None,
    check: bool = True,
) -> Weighed:
    r"""Set ``.grad`` as ``sum(w * L).backward()`` does, with the weights of the outer axis.

    For every parameter, those of the heads and of the outer axis included: gradients are added to ``.grad``, hooks run once, and
    accumulation, clipping, parameter groups, mixed precision, several processes and any optimiser work as with
    ``loss.backward()`` (docs/how-to/own-loop.md has the table). A measured call costs one backward pass a task, or one more
    where something listens to the backward pass; any other call one.

    Args:
        losses: ``K`` scalar losses of this batch, one a task, in any units, as a sequence or by name (the names of the first call
            say the order). None, or a name left out, for a task without labels in this batch: it is left out of this step, and
            the outer axis goes on with what it last saw of it. Until every task has been there once, the weights are ``1 / K``.
        shared: The parameters that the tasks share, given explicitly; heads excluded. Frozen ones are left out.
        outer: The outer axis, e.g. ``GABA(tasks=2)``. Its state is in its ``state_dict``. One that learns
            (``Uncertainty``, ``GradNorm``) has parameters: give ``outer.parameters()`` to your optimiser.
        epoch: Number of the epoch, from 0; only ``DWA`` needs it.
        measure_every: Measure each task in every N-th of the calls that it is in, for an outer axis that needs the Gramian.
            Default: the outer axis' own, 10, and 1 for TorchJD's weightings.
        measure_on: What the Gramian is taken of. None: all shared parameters. A part of them, e.g. those of the last layers, or
            the activations that all heads start from: a measured call then costs one whole backward pass, and one a task that
            ends there; the gradients stay exact for the weights.
        accumulation: Calls that make one optimiser step, where you divide each loss by their number, as usual. The outer axis
            sees the undivided losses, one that learns takes its share, and the calls of a step are measured together.
        retain_graph: As in ``loss.backward()``.
        scaler: A ``torch.amp.GradScaler``: the losses are scaled before their backward passes, the Gramian is not. A step
            whose gradients overflow is not measured, as the scaler will skip it.
        group: Processes that train one network together (``torch.distributed``). Default: all, where a process group has been
            initialised. All of them then use the same weights, of the Gramian of the mean gradients. False: this one alone.
        check: Refuse losses and gradients that are not finite; it waits for the device.

    Returns:
        Weights, losses and the Gramian.

    Raises:
        GraceError: Another number of losses than the outer axis has tasks, no loss at all, one that is no scalar or not finite,
            one that does not depend on the shared parameters (looked for where a task is first there), or a graph that was
            freed or changed in place.

    Example:
        >>> from torch import nn
        >>> from grace.controllers.gaba import GABA
        >>> backbone, a, b = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 1)
        >>> h = backbone(torch.randn(16, 4)).relu()
        >>> losses = {"a": a(h).square().mean(), "b": (b(h) - 1).square().mean()}
        >>> backward(losses, backbone.parameters(), GABA(tasks=2)).weights
        tensor([0.5000, 0.5000])
    """
    parameters, seen = trainable(shared), outer.seen
    listed = _in_order(losses, outer)
    _check_choices(outer, epoch, measure_every, accumulation)
    if check:
        check_losses(listed)
    listed = [None if loss is None else loss.reshape(()) for loss in listed]
    processes = world(group)
    detached, present = mean_of_present(listed, processes)
    detached = detached * accumulation
    part = None if measure_on is None else _part(measure_on, parameters)
    _check_reached(listed, parameters, outer)
    if processes is not False and not all(share == 1 for share in present):
        check_absent(present, Graph.of([loss for loss in listed if loss is not None]).leaves, processes)
    there = [share > 0 for share in present]
    every = outer.measure_every if measure_every is None else measure_every
    due = seen.due(there, every, accumulation) if outer.needs_gramian else [False] * outer.tasks

    def weigh(gram: Tensor | None) -> tuple[Tensor, Tensor | None]:
        undivided = None if gram is None else gram * accumulation**2
        weights, own = _weights(outer, detached, undivided, there, epoch or 0)
        return weights, None if own is None else own.to(detached.device) / accumulation

    weights, gram = take_step(
        listed,
        weigh,
        parameters,
        due=due,
        measure_on=part,
        scaler=scaler,
        group=processes,
        retain_graph=retain_graph,
        check=check,
    )
    check_optimised(outer, parameters)
    return Weighed(detached, weights.clone(), None if gram is None else gram * accumulation**2)


def _weights(
    outer: Controller, losses: Tensor, gram: Tensor | None, present: list[bool], epoch: int
) -> tuple[Tensor, Tensor | None]:
    """Weights and own loss of the outer axis, which sees of absent tasks what it last saw; uniform until all were there."""
    seen, step = outer.seen, int(outer.seen.steps)
    seen.update(losses, gram, present)
    if bool((seen.appearances == 0).any()):
        return torch.full((outer.tasks,), 1 / outer.tasks, device=losses.device), None
    known = None if gram is None else seen.known()
    weights: Tensor = outer(seen.losses, known, step, epoch)
    own = outer.own_loss(seen.losses.clone(), known)
    return weights.detach().to(losses.device), own if own is not None and own.requires_grad else None


def _in_order(losses: Losses, outer: Controller) -> list[Tensor | None]:
    """The losses as a list, one a task."""
    kind, tasks = type(outer).__name__, outer.tasks
    if isinstance(losses, Mapping):
        names = outer.seen.names or tuple(losses)
        if len(names) != tasks or not set(losses) <= set(names):
            first = f" after {', '.join(names)}" if outer.seen.names else ""
            raise GraceError(
                f"`losses` should hold {tasks} losses by the names of the first call, as {kind} has {tasks} tasks. "
                f"Found {', '.join(losses) or 'none'}{first}. Give None for a task without labels in this batch."
            )
        outer.seen.names = names
        losses = [losses.get(name) for name in names]
    if isinstance(losses, Tensor) or len(losses) != tasks:
        found = f"a tensor of shape {list(losses.shape)}" if isinstance(losses, Tensor) else str(len(losses))
        raise GraceError(
            f"`losses` should be a list of {tasks} scalar losses, as {kind} has {tasks} tasks. "
            f"Found {found}. Give None for a task without labels in this batch."
        )
    if all(loss is None for loss in losses):
        raise GraceError("`losses` should hold at least one loss. Found None for every task. Leave such a batch out.")
    return list(losses)


def _check_choices(outer: Controller, epoch: int | None, measure_every: int | None, accumulation: int) -> None:
    if outer.needs_epoch and epoch is None:
        raise GraceError(f"`epoch` should be given for {type(outer).__name__}, from 0. Found none. Pass epoch=epoch.")
    for name, value in (("measure_every", measure_every), ("accumulation", accumulation)):
        if value is not None and value < 1:
            raise GraceError(f"`{name}` should be at least 1. Found {value}.")


def _part(measure_on: Tensor | Iterable[Tensor], shared: list[Tensor]) -> list[Tensor]:
    """What is measured on: some of the shared parameters, or activations."""
    part, known = trainable([measure_on] if isinstance(measure_on, Tensor) else measure_on), set(shared)
    if outside := sum(tensor.is_leaf and tensor not in known for tensor in part):
        raise GraceError(
            f"`measure_on` should be a part of the shared parameters, or activations. Found {outside} of {len(part)} that are "
            "not among them. Leave the heads out."
        )
    return part


def _check_reached(losses: Sequence[Tensor | None], shared: list[Tensor], outer: Controller) -> None:
    """Refuse a task that is here for the first time and does not depend on the shared parameters."""
    known, new = set(shared), (outer.seen.appearances == 0).tolist()
    for task, loss in enumerate(losses):
        if loss is None or not new[task] or sharded(shared):
            continue
        graph = Graph.of([loss])
        if not graph.reentrant and known.isdisjoint(graph.leaves):
            raise GraceError(
                f"Loss {task} should depend on the shared parameters. Found none of them in its graph. Was the shared "
                "representation detached, or are these another module's parameters?"
            )
