"""A fleet: recordings of several engines, one row per engine and cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SETTINGS = ("setting_1", "setting_2", "setting_3")
SENSORS = tuple(f"sensor_{number}" for number in range(1, 22))


@dataclass(frozen=True, eq=False)
class Fleet:
    """Recordings of ``E`` engines in ``R`` rows; the rows of one engine are contiguous and in order of cycles.

    Attributes:
        name: What messages and results call this fleet, for example ``FD001``.
        engines: Engine numbers as in the file, int64 ``[E]``.
        starts: Row at which each engine begins, and ``R`` at the end, int64 ``[E + 1]``.
        values: Settings and sensors, float64 ``[R, C]``, in the order of ``columns``.
        columns: Names of the ``C`` columns.
        last_rul: True remaining useful life at each engine's last row, cycles, int64 ``[E]``; 0 for engines that ran to failure.
        labels: The user's own health label of each row, int64 ``[R]``, or None to derive labels from RUL.
    """

    name: str
    engines: NDArray[np.int64]
    starts: NDArray[np.int64]
    values: NDArray[np.float64]
    columns: tuple[str, ...]
    last_rul: NDArray[np.int64]
    labels: NDArray[np.int64] | None = None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Recorded cycles of each engine, int64 ``[E]``."""
        return np.diff(self.starts)

    def engine_of_row(self) -> NDArray[np.int64]:
        """Index (not number) of the engine that each row belongs to, int64 ``[R]``."""
        return np.repeat(np.arange(len(self.engines)), self.lengths)

    def rul(self) -> NDArray[np.int64]:
        """Uncapped RUL of each row, cycles, int64 ``[R]``: the engine's last row has ``last_rul``."""
        last_row = np.repeat(self.starts[1:] - 1, self.lengths)
        return np.repeat(self.last_rul, self.lengths) + last_row - np.arange(len(self.values))

    def select(self, index: NDArray[np.int64]) -> Fleet:
        """The fleet of the engines at ``index`` only, in that order (rows are copied)."""
        pieces = [np.arange(self.starts[i], self.starts[i + 1]) for i in index]
        rows = np.concatenate(pieces)
        lengths = self.lengths[index]
        return Fleet(
            name=self.name,
            engines=self.engines[index],
            starts=np.concatenate([[0], np.cumsum(lengths)]),
            values=self.values[rows],
            columns=self.columns,
            last_rul=self.last_rul[index],
            labels=None if self.labels is None else self.labels[rows],
        )
