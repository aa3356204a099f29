"""Windows resident as tensors: batches are gathered by index, without a loader and without copies of windows."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from grace.data.windows import Windows


class ResidentWindows:
    """Tensors of :class:`~grace.data.windows.Windows` on a device, and batches gathered from them.

    On the CPU they share the memory of the windows. ``len()`` counts windows.
    """

    def __init__(self, windows: Windows, device: torch.device | str = "cpu") -> None:
        self.rows = torch.from_numpy(windows.rows).to(device)
        self.ends, self.first = torch.from_numpy(windows.ends).to(device), torch.from_numpy(windows.first).to(device)
        self.rul, self.label = torch.from_numpy(windows.rul).to(device), torch.from_numpy(windows.label).to(device)
        self._cycles = torch.arange(1 - windows.width, 1, device=device)

    def __len__(self) -> int:
        return len(self.ends)

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Windows ``[B, T, F]``, capped RUL ``[B]`` in cycles and health state ``[B]`` at ``index`` (int64 ``[B]``)."""
        rows = torch.maximum(self.ends[index, None] + self._cycles, self.first[index, None])
        return self.rows[rows], self.rul[index], self.label[index]

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """All windows once, in their order."""
        for index in torch.arange(len(self), device=self.ends.device).split(batch_size):
            yield self.batch(index)

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Full batches of one permutation, its incomplete rest dropped; all windows if they fill no batch."""
        size = min(batch_size, len(self))
        order = torch.randperm(len(self), generator=generator).to(self.ends.device)
        for index in order.split(size)[: len(self) // size]:
            yield self.batch(index)

    def stream(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Endless batches, a permutation an epoch."""
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield from self.epoch(batch_size, generator)
