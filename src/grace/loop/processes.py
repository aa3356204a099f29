"""Several processes that train one network: what they have to agree on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

Group = Any | Literal[False] | None
"""A process group of :mod:`torch.distributed`; None: all processes, if there are several; False: this one alone."""


def world(group: Group) -> Group:
    """The group to agree with, or False where this process trains alone."""
    distributed = torch.distributed
    if group is False or not (distributed.is_available() and distributed.is_initialized()):
        return False
    group = distributed.group.WORLD if group is None else group
    return group if distributed.get_world_size(group) > 1 else False


def mean(values: Tensor, group: Group) -> Tensor:
    """Mean over the processes of a group, the same bits in each."""
    if group is False:
        return values
    total = values.clone()
    torch.distributed.all_reduce(total, group=group)
    return total / torch.distributed.get_world_size(group)


def mean_of_present(losses: Sequence[Tensor | None], group: Group) -> Tensor:
    """Detached losses ``[K]``, each the mean over the processes that have it; NaN where none has."""
    device = next(loss.device for loss in losses if loss is not None)
    sums = torch.stack(
        [torch.zeros((), device=device) if x is None else x.detach().reshape(()).float() for x in losses]
    )
    there = torch.tensor([0.0 if loss is None else 1.0 for loss in losses], device=device)
    if group is not False:
        both = mean(torch.stack([sums, there]), group)
        sums, there = both[0], both[1]
    return torch.where(there > 0, sums / there, torch.nan)
