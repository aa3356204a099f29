"""Windows resident as tensors: batches are gathered by index, without a loader and without copies of windows."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from grace.data.windows import Windows


class ResidentWindows:
    """Tensors over the memory of :class:`~grace.data.windows.Windows`, and batches gathered from them."""

    def __init__(self, windows: Windows) -> None:
        self.rows = torch.from_numpy(windows.rows)
        self.ends, self.first = torch.from_numpy(windows.ends), torch.from_numpy(windows.first)
        self.rul, self.label = torch.from_numpy(windows.rul), torch.from_numpy(windows.label)
        self._cycles = torch.arange(1 - windows.width, 1)

    def __len__(self) -> int:
        return len(self.ends)

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Windows ``[B, T, F]``, capped RUL ``[B]`` in cycles and health state ``[B]`` at ``index`` (int64 ``[B]``)."""
        rows = torch.maximum(self.ends[index, None] + self._cycles, self.first[index, None])
        return self.rows[rows], self.rul[index], self.label[index]

    def stream(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Endless batches: one permutation an epoch, its incomplete rest dropped; all windows if they fill no batch."""
        generator = torch.Generator().manual_seed(seed)
        size = min(batch_size, len(self))
        while True:
            order = torch.randperm(len(self), generator=generator)
            for index in order.split(size)[: len(self) // size]:
                yield self.batch(index)
