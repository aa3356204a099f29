"""Windows of several splits of one data set, resident together: a batch of every split in one gather."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grace.data.windows import Windows
from grace.errors import GraceError

ON_DISK = "A stack should train on rows in memory. Found rows on the disk. Use --stack 1."

Batch = tuple[Tensor, Tensor, Tensor]


class StackedWindows:
    """Windows of ``S`` splits; each has scaled rows, engines and a number of windows of its own.

    Args:
        parts: Windows of each split, all of one width.
        device: Where they lie.

    Raises:
        GraceError: The rows are on the disk.
    """

    def __init__(self, parts: Sequence[Windows], device: str) -> None:
        in_memory = [part.rows for part in parts if isinstance(part.rows, np.ndarray)]
        if len(in_memory) < len(parts):
            raise GraceError(ON_DISK)
        self.counts = [len(part) for part in parts]
        self.starts = np.cumsum([0, *self.counts])[:-1].tolist()
        first_row = np.cumsum([0, *(len(rows) for rows in in_memory)])[:-1]

        def together(arrays: Sequence[NDArray[np.generic]]) -> Tensor:
            return torch.from_numpy(np.concatenate(arrays)).to(device)

        self.rows = together(in_memory)
        self._ends = together([part.ends + row for part, row in zip(parts, first_row, strict=True)])
        self._first = together([part.first + row for part, row in zip(parts, first_row, strict=True)])
        self._rul, self._label = together([part.rul for part in parts]), together([part.label for part in parts])
        self._cycles = torch.arange(1 - parts[0].width, 1, device=device)[:, None]
        self._device = device

    def batch(self, index: Tensor) -> Batch:
        """Windows ``[S, T, B, F]``, capped RUL ``[S, B]`` in cycles and health state ``[S, B]`` at ``index`` ``[S, B]``."""
        rows = torch.maximum(self._ends[index][:, None] + self._cycles, self._first[index][:, None])
        return self.rows[rows], self._rul[index], self._label[index]

    def orders(self, seeds: Sequence[int], batch_size: int, steps: Sequence[int]) -> Tensor:
        """Window of every step of an epoch ``[steps, S, B]``: full batches of one permutation a split.

        A split of fewer steps than the longest is filled up with its first batch, which nobody trains on.
        """
        order = torch.zeros(len(seeds), max(steps), batch_size, dtype=torch.int64)
        for part, (seed, count) in enumerate(zip(seeds, steps, strict=True)):
            generator = torch.Generator().manual_seed(seed)
            taken = torch.randperm(self.counts[part], generator=generator)[: count * batch_size]
            order[part, :count] = taken.view(count, batch_size) + self.starts[part]
            order[part, count:] = order[part, 0]
        return order.transpose(0, 1).contiguous().to(self._device)

    def in_order(self, size: int) -> list[Tensor]:
        """All windows once, as indices ``[S, <= size]``; a shorter split repeats its last window at the end."""
        whole = torch.arange(max(self.counts))
        index = torch.stack([whole.clamp(max=n - 1) + start for n, start in zip(self.counts, self.starts, strict=True)])
        return list(index.to(self._device).split(size, 1))


def offsets(seeds: Sequence[int], steps: Sequence[int], batch_size: int, features: int, device: str) -> Tensor:
    """Standard normal constants of each training window and feature, ``[steps, S, 1, B, F]``, as separate runs draw them."""
    drawn = torch.zeros(len(seeds), max(steps), 1, batch_size, features, device=device)
    for part, (seed, count) in enumerate(zip(seeds, steps, strict=True)):
        generator = torch.Generator(device).manual_seed(seed)
        for step in range(count):
            noise = torch.randn(batch_size, 1, features, generator=generator, device=device)
            drawn[part, step] = noise.transpose(0, 1)
    return drawn.transpose(0, 1)
