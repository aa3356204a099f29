"""Many networks of one shape as rows of flat tensors: one row a replica, one operation for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

ALIGNED = 64  # values; a tensor that begins off a multiple of 16 bytes misses the matrix units of a GPU


@dataclass(frozen=True)
class Layout:
    """Where each named tensor of a network begins in its replica's row of length ``width``, and its shape; gaps hold zeros."""

    shapes: dict[str, tuple[int, ...]]
    starts: dict[str, int]
    width: int

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Layout:
        """The layout of a network's tensors, in their order."""
        starts, end = {}, 0
        for name, tensor in tensors.items():
            starts[name] = end
            end += -(-tensor.numel() // ALIGNED) * ALIGNED
        return cls({name: tuple(tensor.shape) for name, tensor in tensors.items()}, starts, end)

    def pack(self, networks: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """The tensors of ``R`` networks as rows ``[R, P]``."""
        example = next(iter(networks[0].values()), torch.zeros(0))
        flat = torch.zeros(len(networks), self.width, dtype=example.dtype, device=example.device)
        for name, view in self.views(flat).items():
            view.copy_(torch.stack([network[name].detach() for network in networks]))
        return flat

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Rows ``[R, P]`` as tensors ``[R, *shape]`` by name; they share its memory."""
        return {
            name: flat[:, start : start + math.prod(self.shapes[name])].unflatten(1, self.shapes[name])
            for name, start in self.starts.items()
        }

    def leaves(self, flat: Tensor) -> dict[str, Tensor]:
        """As :meth:`views`, each a leaf that gradients are taken of."""
        return {name: view.detach().requires_grad_() for name, view in self.views(flat).items()}


@dataclass(frozen=True, eq=False)
class State:
    """What a step changes, one row a replica.

    ``values`` are the parameters ``[R, P]``, ``first`` and ``second`` AdamW's moments, ``average`` their moving average;
    ``statistics`` the running ones of the BatchNorms ``[R, S]``, with their moving average; ``steps`` those taken ``[R]``.
    """

    values: Tensor
    first: Tensor
    second: Tensor
    average: Tensor
    statistics: Tensor
    average_statistics: Tensor
    steps: Tensor

    @classmethod
    def start(cls, values: Tensor, statistics: Tensor) -> State:
        """The state before the first step."""
        return cls(
            values=values,
            first=torch.zeros_like(values),
            second=torch.zeros_like(values),
            average=values.clone(),
            statistics=statistics,
            average_statistics=statistics.clone(),
            steps=torch.zeros(len(values), device=values.device),
        )

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def select(self, rows: Tensor) -> State:
        """A copy of the replicas at ``rows`` (int64)."""
        return replace(self, **{name: tensor[rows] for name, tensor in self.tensors().items()})

    def put(self, rows: Tensor, other: State) -> None:
        """Write back what :meth:`select` took."""
        for name, tensor in self.tensors().items():
            tensor[rows] = getattr(other, name)


def check_tensors(found: Mapping[str, Any], known: Mapping[str, Tensor]) -> None:
    """Refuse values that are not tensors of the shapes and types of those that are known.

    Raises:
        KeyError, ValueError: One is missing, or is another one.
    """
    for name, tensor in known.items():
        value = found[name]
        if not isinstance(value, Tensor) or (value.shape, value.dtype) != (tensor.shape, tensor.dtype):
            raise ValueError(f"{name} should be a tensor of shape {list(tensor.shape)}")
