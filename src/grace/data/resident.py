"""Windows resident as tensors: batches are gathered by index, without a loader and without copies of windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grace.clock import part
from grace.data.windows import ManyWindows, Windows

Batch = tuple[Tensor, ...]
"""Windows, RUL and health states, and where engines were suspended whether a window is of one of them."""
MAX_PERMUTED = 1 << 24
"""Windows whose permutation is still drawn; of more, batches are drawn at random with replacement."""
MAX_STATISTICS = 1 << 30
SAMPLE, CHUNK = 1 << 15, 1 << 12  # windows that moments are taken of, and that statistics are made of at once


class ResidentWindows:
    """Tensors of :class:`~grace.data.windows.Windows` on a device, and batches gathered from them.

    On the CPU they share the memory of the windows. Rows that stay on the disk are read a batch at a time. ``len()`` counts
    windows.

    Args:
        windows: Windows.
        device: Where.
        statistics: Makes statistics ``[N, S]`` of windows ``[N, T, F]``, which then stand in their place: made once where they
            fit into :data:`MAX_STATISTICS` bytes, else for each batch.
        age: Give the recorded cycles up to each window's last one, float32 ``[N, 1]``, in place of windows.
    """

    def __init__(
        self,
        windows: Windows | ManyWindows,
        device: torch.device | str = "cpu",
        statistics: Callable[[Tensor], Tensor] | None = None,
        age: bool = False,
    ) -> None:
        self._count, self._device, self._stored = len(windows), device, None
        self._of, self._values, self._age = statistics, None, age
        if isinstance(windows, ManyWindows) or not isinstance(windows.rows, np.ndarray):
            self._stored = windows
            return
        self.rows = torch.from_numpy(windows.rows).to(device)
        self.ends, self.first = torch.from_numpy(windows.ends).to(device), torch.from_numpy(windows.first).to(device)
        self.rul, self.label = torch.from_numpy(windows.rul).to(device), torch.from_numpy(windows.label).to(device)
        self.suspended = None if windows.suspended is None else torch.from_numpy(windows.suspended).to(device)
        self._cycles = torch.arange(1 - windows.width, 1, device=device)
        if statistics is not None and len(self):
            size = statistics(self._windows(torch.zeros(1, dtype=torch.int64, device=device))).shape[1]
            if 4 * size * len(self) <= MAX_STATISTICS:
                parts = torch.arange(len(self), device=device).split(CHUNK)
                self._values = torch.cat([statistics(self._windows(index)) for index in parts])

    def __len__(self) -> int:
        return self._count

    @part("batches")
    def batch(self, index: Tensor) -> Batch:
        """Of the windows at int64 ``[B]``: themselves ``[B, T, F]``, or their statistics or ages ``[B, S]``; capped RUL in cycles
        and health state ``[B]``, and where engines were suspended whether the window is of one, ``[B]``."""
        if self._stored is not None:
            x, *known = self._read(self._stored, index.cpu().numpy())
            return x if self._of is None else self._of(x), *known
        sides = (self.rul, self.label) if self.suspended is None else (self.rul, self.label, self.suspended)
        known = [side.index_select(0, index) for side in sides]
        if self._values is not None:
            return self._values.index_select(0, index), *known
        x = self._windows(index)
        return x if self._of is None else self._of(x), *known

    def spread(self, most: int = SAMPLE) -> Tensor:
        """Numbers of at most ``most`` windows, evenly spread."""
        index = torch.linspace(0, len(self) - 1, min(len(self), most), dtype=torch.float64).round().long()
        return index.to(self._device)

    def _windows(self, index: Tensor) -> Tensor:
        if self._age:
            return _age(self.ends[index], self.first[index])
        rows = torch.maximum(self.ends[index, None] + self._cycles, self.first[index, None])
        return self.rows[rows]

    def _read(self, windows: Windows | ManyWindows, index: NDArray[np.int64]) -> Batch:
        part = windows.at(index)
        arrays = (part.ends, part.first, part.rul, part.label, part.suspended)
        ends, first, *known = (torch.from_numpy(array).to(self._device) for array in arrays if array is not None)
        x = _age(ends, first) if self._age else torch.from_numpy(part.batch(np.arange(len(index)))).to(self._device)
        return x, *known

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """Full batches of one permutation, its incomplete rest dropped; all windows if they fill no batch.

        Of more than :data:`MAX_PERMUTED` windows every batch is drawn with replacement: the permutation itself would fill the
        memory that the rows are kept out of.
        """
        size = min(batch_size, len(self))
        if len(self) > MAX_PERMUTED:
            for _ in range(len(self) // size):
                yield self.batch(torch.randint(len(self), (size,), generator=generator).to(self._device))
            return
        order = torch.randperm(len(self), generator=generator).to(self._device)
        for index in order.split(size)[: len(self) // size]:
            yield self.batch(index)

    def stream(self, batch_size: int, seed: int) -> Iterator[Batch]:
        """Endless batches, a permutation an epoch."""
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield from self.epoch(batch_size, generator)


def _age(ends: Tensor, first: Tensor) -> Tensor:
    return (ends - first + 1).float()[:, None]
