"""Windows resident as tensors: batches are gathered by index, without a loader and without copies of windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grace.clock import part
from grace.data.windows import ManyWindows, Windows


class Batch(NamedTuple):
    """``B`` windows; leading dimensions ``...`` are replicas.

    Attributes:
        x: Windows ``[..., B, T, F]``, or their statistics or ages ``[..., B, S]``.
        rul: Capped RUL, cycles ``[..., B]``.
        labels: Of the tasks, ``[..., B, D]``; NaN where not known.
        suspended: Whether the engine was suspended, so that ``rul`` is a lower bound, bool ``[..., B]``.
    """

    x: Tensor
    rul: Tensor
    labels: Tensor
    suspended: Tensor


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
        self._count, self.device, self._stored = len(windows), device, None
        self._of, self._values, self._age = statistics, None, age
        if isinstance(windows, ManyWindows) or not isinstance(windows.rows, np.ndarray):
            self._stored = windows
            return
        self.rows = torch.from_numpy(windows.rows).to(device)
        self.ends, self.first = torch.from_numpy(windows.ends).to(device), torch.from_numpy(windows.first).to(device)
        self._known = [side.to(device) for side in _known(windows)]
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
        """The windows at int64 ``[B]``."""
        if self._stored is not None:
            x, *known = self._read(self._stored, index.cpu().numpy())
            return Batch(x if self._of is None else self._of(x), *known)
        known = [side.index_select(0, index) for side in self._known]
        if self._values is not None:
            return Batch(self._values.index_select(0, index), *known)
        x = self._windows(index)
        return Batch(x if self._of is None else self._of(x), *known)

    def spread(self, most: int = SAMPLE) -> Tensor:
        """Numbers of at most ``most`` windows, evenly spread."""
        index = torch.linspace(0, len(self) - 1, min(len(self), most), dtype=torch.float64).round().long()
        return index.to(self.device)

    def labels(self) -> Tensor:
        """Labels of the tasks ``[N, D]``: of all windows, or of :data:`SAMPLE` of those whose rows stay on the disk."""
        if self._stored is not None:
            return torch.from_numpy(self._stored.at(self.spread().cpu().numpy()).labels).to(self.device)
        return self._known[1]

    def _windows(self, index: Tensor) -> Tensor:
        if self._age:
            return _age(self.ends[index], self.first[index])
        rows = torch.maximum(self.ends[index, None] + self._cycles, self.first[index, None])
        return self.rows[rows]

    def _read(self, windows: Windows | ManyWindows, index: NDArray[np.int64]) -> list[Tensor]:
        part = windows.at(index)
        ends, first = (torch.from_numpy(array) for array in (part.ends, part.first))
        x = _age(ends, first) if self._age else torch.from_numpy(part.batch(np.arange(len(index))))
        return [side.to(self.device) for side in (x, *_known(part))]

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """Full batches of one permutation, its incomplete rest dropped; all windows if they fill no batch.

        Of more than :data:`MAX_PERMUTED` windows every batch is drawn with replacement: the permutation itself would fill the
        memory that the rows are kept out of.
        """
        size = min(batch_size, len(self))
        if len(self) > MAX_PERMUTED:
            for _ in range(len(self) // size):
                yield self.batch(torch.randint(len(self), (size,), generator=generator).to(self.device))
            return
        order = torch.randperm(len(self), generator=generator).to(self.device)
        for index in order.split(size)[: len(self) // size]:
            yield self.batch(index)

    def permutation(self, generator: torch.Generator) -> Tensor:
        """Numbers of all windows in random order; of more than :data:`MAX_PERMUTED` a sample of so many, with replacement."""
        if len(self) > MAX_PERMUTED:
            return torch.randint(len(self), (MAX_PERMUTED,), generator=generator)
        return torch.randperm(len(self), generator=generator)

    def stream(self, batch_size: int, seed: int) -> Iterator[Batch]:
        """Endless batches, a permutation an epoch."""
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield from self.epoch(batch_size, generator)


def _known(windows: Windows) -> tuple[Tensor, Tensor, Tensor]:
    """What is known of windows: RUL, labels, and whether they are of suspended engines."""
    none = np.zeros(len(windows), dtype=np.bool_)
    sides = windows.rul, windows.labels, none if windows.suspended is None else windows.suspended
    return tuple(map(torch.from_numpy, sides))  # type: ignore[return-value]


def _age(ends: Tensor, first: Tensor) -> Tensor:
    return (ends - first + 1).float()[:, None]
