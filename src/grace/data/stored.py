"""Rows that stay on the disk: mapped for each reading and let go again, so that memory holds a batch and never the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows ``[R, ...]`` of a ``.npy`` file, or of some of its engines; indexed by row numbers as an array is.

    To another process goes the path alone.

    Attributes:
        path: The file.
        begins: First row in the file of each engine that is taken, int64 ``[E]``.
        starts: First row here of the same, and ``R`` at the end, int64 ``[E + 1]``.
    """

    path: Path
    begins: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def whole(cls, path: Path) -> StoredRows:
        """All rows of a file."""
        return cls(path, np.zeros(1, dtype=np.int64), np.array([0, len(np.load(path, mmap_mode="r"))]))

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """``(R, ...)``."""
        return (len(self), *np.load(self.path, mmap_mode="r").shape[1:])

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Copies of the rows at ``rows`` (int64, any shape)."""
        piece = np.searchsorted(self.starts, rows, side="right") - 1
        # the map is opened anew each time: pages that were read count as this process's memory while it is open
        mapped = np.load(self.path, mmap_mode="r")
        return np.asarray(mapped[self.begins[piece] + rows - self.starts[piece]])

    def select(self, begins: NDArray[np.int64], starts: NDArray[np.int64]) -> StoredRows:
        """Some engines: ``begins`` are rows here, ``starts`` those of the result; nothing is read."""
        piece = np.searchsorted(self.starts, begins, side="right") - 1
        return StoredRows(self.path, self.begins[piece] + begins - self.starts[piece], starts)
