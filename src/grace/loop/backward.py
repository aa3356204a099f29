"""In place of ``loss.backward()``: weigh the tasks by an outer axis, in any training loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grace.controllers.controller import Controller
from grace.core.gradient_utils import (
    check_finite,
    check_losses,
    cosines,
    deposit,
    flat,
    gramian,
    leaves,
    norm_ratio,
    trainable,
)
from grace.errors import GraceError
from grace.loop.processes import Group, mean, mean_of_present, world


@dataclass(frozen=True, eq=False)
class Combined:
    """What one call of :func:`backward` did.

    Attributes:
        weights: Weight of each task ``[K]``; a task that was absent keeps its weight but took no part.
        losses: Detached losses ``[K]``, NaN for an absent task.
        gramian: Gramian of the unweighted task gradients on the shared parameters ``[K, K]``, NaN for an absent task; None
            where this step was not measured.
    """

    weights: Tensor
    losses: Tensor
    gramian: Tensor | None

    @property
    def rho(self) -> Tensor | None:
        """Cosines of the task gradients ``[K, K]``, or None where this step was not measured."""
        return None if self.gramian is None else torch.where(self.gramian.isnan(), torch.nan, cosines(self.gramian))

    @property
    def ratio(self) -> Tensor | None:
        """Largest over smallest gradient norm (units of the losses), or None where this step was not measured."""
        return None if self.gramian is None else norm_ratio(self.gramian)


def backward(
    losses: Sequence[Tensor | None],
    shared: Iterable[Tensor],
    outer: Controller,
    *,
    epoch: int | None = None,
    measure_every: int = 1,
    measure_on: Iterable[Tensor] | None = None,
    scaler: Any = None,
    group: Group = None,
    check: bool = True,
) -> Combined:
    r"""Set ``.grad`` as ``sum(w * L).backward()`` would, with the weights of the outer axis.

    The gradient on the shared parameters is :math:`\sum_i w_i g_i` with the measured task gradients :math:`g_i`: a measured
    step costs one backward pass a task, any other step one. Gradients are added to ``.grad``, so that accumulating over
    several calls, clipping, parameter groups and any optimiser work as with ``loss.backward()``; its hooks fire too.

    Args:
        losses: ``K`` scalar losses of this batch, one a task, in any units. None for a task without labels in this batch: it
            is left out of this step, and the outer axis goes on with what it last saw of it. Until every task has been
            there once, the weights are ``1 / K``.
        shared: The parameters that the tasks share, given explicitly; heads excluded. Frozen ones are left out.
        outer: The outer axis, e.g. ``GABA(tasks=2)``. Its state is in its ``state_dict``. One that learns
            (``Uncertainty``, ``GradNorm``) has parameters: give ``outer.parameters()`` to your optimiser.
        epoch: Number of the epoch, from 0; only ``DWA`` needs it.
        measure_every: Measure the Gramian in every N-th call, for an outer axis that needs it.
        measure_on: The part of the shared parameters that the Gramian is taken of, e.g. those of the last layers; None: all. With
            a part, a measured step costs one whole backward pass, and one a task that ends at these parameters; the gradients
            stay exact for the weights.
        scaler: A ``torch.amp.GradScaler``: the losses are scaled before their backward passes, the Gramian is not. A step
            whose gradients overflow is not measured, as the scaler will skip it.
        group: Processes that train one network together (``torch.distributed``). Default: all, where a process group has been
            initialised. All of them then use the same weights, of the Gramian of the mean gradients. False: this one alone.
        check: Refuse losses and gradients that are not finite; it waits for the device.

    Returns:
        Weights, losses and the Gramian.

    Raises:
        GraceError: Another number of losses than the outer axis has tasks, no loss at all, one that is no scalar, not finite
            or does not depend on the shared parameters, a shared parameter that no loss reaches (looked for in the first
            call), or a graph that was freed or changed in place.

    Example:
        >>> from torch import nn
        >>> from grace.controllers.gaba import GABA
        >>> backbone, a, b = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 1)
        >>> h = backbone(torch.randn(16, 4)).relu()
        >>> losses = [a(h).square().mean(), (b(h) - 1).square().mean()]
        >>> backward(losses, backbone.parameters(), GABA(tasks=2)).weights
        tensor([0.5000, 0.5000])
    """
    parameters, seen = trainable(shared), outer.seen
    present = _present(losses, outer)
    if outer.needs_epoch and epoch is None:
        raise GraceError(f"`epoch` should be given for {type(outer).__name__}, from 0. Found none. Pass epoch=epoch.")
    if measure_every < 1:
        raise GraceError(f"`measure_every` should be at least 1. Found {measure_every}.")
    if check:
        check_losses(losses)
    processes = world(group)
    detached = mean_of_present(losses, processes)
    if scaler is not None:
        losses = [None if loss is None else scaler.scale(loss) for loss in losses]
    scale = 1.0 if scaler is None else float(scaler.get_scale())
    measure = outer.needs_gramian and int(seen.steps) % measure_every == 0
    part = None if measure_on is None else _part(measure_on, parameters)
    if int(seen.steps) == 0 and len(present) == outer.tasks:
        _check_all_reached(losses, parameters)
    gram = None
    with _explained():
        if measure:
            step = _measured(losses, parameters, part, scale, processes, check=check and scaler is None)
            gram = step.gramian(~detached.isnan())
        weights = _weights(outer, detached, gram, epoch or 0)
        if measure and part is None:
            deposit(step.shared, step.own, weights.to(step.rows.device), step.rows, step.heads)
        else:
            terms = [w.to(loss) * loss for w, loss in zip(weights, losses, strict=True) if loss is not None]
            torch.stack(terms).sum().backward()
        if (own := outer.own_loss(seen.losses, gram)) is not None:
            own.backward()
    seen.steps += 1
    return Combined(weights.clone(), detached, gram)


@dataclass(frozen=True, eq=False)
class _Step:
    """Task gradients of one batch, before they are weighted: those on the shared parameters ``[K, P]`` and on all others."""

    shared: list[Tensor]
    own: list[Tensor]
    rows: Tensor
    heads: list[tuple[Tensor | None, ...]]
    scale: float

    def gramian(self, present: Tensor) -> Tensor | None:
        """Gramian of the unscaled gradients, NaN for an absent task; None where a scaled gradient overflowed."""
        wide = self.rows if self.rows.dtype == torch.float64 else self.rows.float()
        gram = gramian(wide / self.scale)
        if self.scale != 1.0 and not bool(torch.isfinite(gram).all()):
            return None
        return torch.where(present[:, None] & present, gram, torch.nan)


def _measured(
    losses: Sequence[Tensor | None],
    shared: list[Tensor],
    part: list[Tensor] | None,
    scale: float,
    processes: Group,
    *,
    check: bool,
) -> _Step:
    live = [loss for loss in losses if loss is not None]
    known = set(shared)
    own = [leaf for leaf in leaves(live) if leaf not in known] if part is None else []
    shared = shared if part is None else part
    rows = torch.zeros(len(losses), sum(p.numel() for p in shared), dtype=shared[0].dtype, device=shared[0].device)
    heads: list[tuple[Tensor | None, ...]] = []
    for task, loss in enumerate(losses):
        if loss is None:
            heads.append((None,) * len(own))
            continue
        keep = part is not None or loss is not live[-1]
        found = torch.autograd.grad(loss, [*shared, *own], retain_graph=keep, allow_unused=True)
        _check_used(task, found[: len(shared)])
        rows[task] = flat(found[: len(shared)], shared)
        heads.append(found[len(shared) :])
    if check:
        check_finite(rows)
    return _Step(shared, own, mean(rows, processes), heads, scale)


def _weights(outer: Controller, losses: Tensor, gram: Tensor | None, epoch: int) -> Tensor:
    """Weights of the outer axis, which is told the last known values of absent tasks; uniform until all were there."""
    seen = outer.seen
    seen.update(losses, gram)
    if bool(seen.losses.isnan().any()):
        return torch.full((outer.tasks,), 1 / outer.tasks, device=losses.device)
    whole = gram is not None and not bool(seen.gramian.diagonal().isnan().any())
    known = torch.nan_to_num(seen.gramian, nan=0.0) if whole else None  # tasks that never met: no cosine, but norms
    weights: Tensor = outer(seen.losses, known, int(seen.steps), epoch)
    return weights.detach().to(losses.device)


def _present(losses: Sequence[Tensor | None], outer: Controller) -> list[int]:
    if isinstance(losses, Tensor) or len(losses) != outer.tasks:
        found = f"a tensor of shape {list(losses.shape)}" if isinstance(losses, Tensor) else str(len(losses))
        raise GraceError(
            f"`losses` should be a list of {outer.tasks} scalar losses, as {type(outer).__name__} has {outer.tasks} tasks. "
            f"Found {found}. Give None for a task without labels in this batch."
        )
    present = [task for task, loss in enumerate(losses) if loss is not None]
    if not present:
        raise GraceError("`losses` should hold at least one loss. Found None for every task. Leave such a batch out.")
    return present


def _part(measure_on: Iterable[Tensor], shared: list[Tensor]) -> list[Tensor]:
    part, known = trainable(measure_on), set(shared)
    if outside := sum(parameter not in known for parameter in part):
        raise GraceError(
            f"`measure_on` should be a part of the shared parameters. Found {outside} of {len(part)} that are not among them. "
            "Leave the heads out."
        )
    return part


def _check_used(task: int, gradients: Sequence[Tensor | None]) -> None:
    if all(gradient is None for gradient in gradients):
        raise GraceError(
            f"Loss {task} should depend on the shared parameters. Found none of them in its graph. Was the shared "
            "representation detached, or are these another module's parameters?"
        )


def _check_all_reached(losses: Sequence[Tensor | None], shared: list[Tensor]) -> None:
    found = set(leaves(loss for loss in losses if loss is not None))
    missing = [parameter for parameter in shared if parameter not in found]
    if missing:
        raise GraceError(
            f"Every shared parameter should be reached by some loss. Found {len(missing)} that none reaches, the first of "
            f"shape {list(missing[0].shape)}. Leave them out of `shared`, or freeze them."
        )


_MENDED = (
    (
        "modified by an inplace operation",
        "changed in place",
        "Call it before optimiser.step(), and avoid in-place changes",
    ),
    ("backward through the graph a second time", "freed already", "Do not call .backward() on the losses before"),
    (
        "donated buffers",
        "compiled to be used once",
        "Set torch._functorch.config.donated_buffer = False before the first step",
    ),
)


@contextmanager
def _explained() -> Iterator[None]:
    """Autograd's own errors that a user can mend, in words."""
    try:
        yield
    except RuntimeError as error:
        for sign, found, remedy in _MENDED:
            if sign in str(error):
                raise GraceError(
                    f"The losses' graph should be as the forward pass left it. Found one that was {found}. {remedy}."
                ) from None
        raise
