"""Several processes that train one network: what they have to agree on."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from grace.errors import GraceError

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

Group: TypeAlias = "ProcessGroup | Literal[False] | None"
"""A process group of :mod:`torch.distributed`; None: all processes, if there are several; False: this one alone."""


def world(group: Group = None) -> Group:
    """The group to agree with, or False where this process trains alone."""
    distributed = torch.distributed
    if group is False or not (distributed.is_available() and distributed.is_initialized()):
        return False
    group = distributed.group.WORLD if group is None else group
    return group if distributed.get_world_size(group) > 1 else False


def total(values: Tensor, group: Group) -> Tensor:
    """Sum over the processes of a group, the same bits in each."""
    if group is False:
        return values
    found = values.clone(memory_format=torch.contiguous_format)
    torch.distributed.all_reduce(found, group=group)
    return found


def mean(values: Tensor, group: Group) -> Tensor:
    """Mean over the processes of a group, the same bits in each."""
    return values if group is False else total(values, group) / torch.distributed.get_world_size(group)


def mean_of_present(losses: Sequence[Tensor | None], group: Group) -> tuple[Tensor, list[float]]:
    """Detached losses ``[K]``, each the mean over the processes that have it, and the share of the processes that have it."""
    device = next(loss.device for loss in losses if loss is not None)
    wide = torch.float64 if any(loss is not None and loss.dtype == torch.float64 for loss in losses) else torch.float32
    zero = torch.zeros((), dtype=wide, device=device)
    sums = torch.stack([zero if x is None else x.detach().reshape(()).to(zero) for x in losses])
    there = [0.0 if loss is None else 1.0 for loss in losses]
    shares = torch.tensor(there, dtype=wide, device=device)
    if group is not False:
        sums, shares = mean(torch.stack([sums, shares]), group)
        there = shares.tolist()
    return torch.where(shares > 0, sums / shares, torch.nan), there


def check_absent(present: Sequence[float], leaves: Sequence[Tensor], group: Group) -> None:
    """Refuse a task that some process lacks where ``DistributedDataParallel`` would wait for its head's gradients.

    All processes of the group call this and raise if one of them would wait. ``present`` is the share of them that has each task,
    ``leaves`` are the parameters that this process' losses reach.
    """
    reached = set(leaves)
    waits = any(
        not module.find_unused_parameters and any(p.requires_grad and p not in reached for p in module.parameters())
        for module in gc.get_objects()
        if issubclass(type(module), DistributedDataParallel) and not reached.isdisjoint(module.parameters())
    )
    device = leaves[0].device
    if bool(total(torch.tensor(float(waits), device=device), group) > 0):
        task, share = next((task, share) for task, share in enumerate(present) if share < 1)
        raise GraceError(
            "Each task should be there in every process, as DistributedDataParallel waits for all gradients. Found task "
            f"{task} in {share:.0%} of them. Give it find_unused_parameters=True and leave out the head of a task without labels."
        )
