"""Windows as index arithmetic on resident rows: no window is ever copied until a batch asks for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.health_labels import rul_to_health_3class

SHORTEST_CUT = 20


@dataclass(frozen=True, eq=False)
class Windows:
    """``N`` windows over ``R`` rows of ``F`` scaled features.

    Attributes:
        rows: Scaled features, float32 ``[R, F]``.
        ends: Row of each window's last cycle, int64 ``[N]``.
        first: First row of each window's engine, int64 ``[N]``.
        rul: Target: RUL at the last cycle, capped, float32 ``[N]``, cycles.
        true_rul: The same uncapped, int64 ``[N]``.
        label: Health state at the last cycle, int64 ``[N]``.
        engine: Index of the engine, int64 ``[N]``.
        width: Cycles in a window, ``T``.
    """

    rows: NDArray[np.float32]
    ends: NDArray[np.int64]
    first: NDArray[np.int64]
    rul: NDArray[np.float32]
    true_rul: NDArray[np.int64]
    label: NDArray[np.int64]
    engine: NDArray[np.int64]
    width: int

    def __len__(self) -> int:
        return len(self.ends)

    def batch(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """The windows at ``index``, float32 ``[B, T, F]``; before an engine's first cycle that cycle is repeated."""
        cycles = np.arange(1 - self.width, 1)
        rows = np.maximum(self.ends[index, None] + cycles, self.first[index, None])
        return np.asarray(self.rows[rows])


def training_windows(
    fleet: Fleet, rows: NDArray[np.float32], conventions: Conventions, shortest: int = 0, horizon: int = 0
) -> Windows:
    """Every window of every engine, ``stride`` cycles apart counted back from the engine's last cycle.

    Args:
        fleet: Engines.
        rows: Their scaled features ``[R, F]``.
        conventions: Window, stride, cap and health cuts.
        shortest: Recorded cycles that a window needs; fewer than ``window`` lets in windows that are padded at the front.
            0 takes full windows only.
        horizon: Largest RUL of a window, cycles; 0 takes all.
    """
    needed = min(shortest, conventions.window) or conventions.window
    row = np.arange(len(fleet.values))
    first = np.repeat(fleet.starts[:-1], fleet.lengths)
    last = np.repeat(fleet.starts[1:] - 1, fleet.lengths)
    taken = (row - first >= needed - 1) & ((last - row) % conventions.stride == 0)
    if horizon:
        taken &= fleet.rul() <= horizon
    return _windows_at(fleet, rows, row[taken], conventions)


def windows_of_cuts(
    fleet: Fleet,
    rows: NDArray[np.float32],
    conventions: Conventions,
    cuts: int,
    rng: np.random.Generator,
    horizon: int = 0,
) -> Windows:
    """The last window of every engine after each of ``cuts`` random cuts: what a test file of these engines would hold.

    The cuts are uniform between the 20th cycle (or the last, if that is earlier) and the last: the shortest test engines of
    C-MAPSS have 19 to 38 cycles.

    Args:
        fleet: Engines that ran to failure.
        rows: Their scaled features ``[R, F]``.
        conventions: Window, cap and health cuts.
        cuts: Cuts of each engine.
        rng: Source of randomness.
        horizon: Largest RUL at a cut, cycles; 0 sets none. Without one, a quarter to a third of the cuts of C-MAPSS lie far
            above the cap, where every model is right: its test engines were cut nearer to failure.
    """
    least = np.minimum(fleet.lengths, SHORTEST_CUT)
    if horizon:
        least = np.maximum(least, fleet.lengths - horizon)
    kept = rng.integers(least[:, None], fleet.lengths[:, None] + 1, (len(fleet.lengths), cuts))
    ends = (fleet.starts[:-1, None] + kept - 1).reshape(-1)
    return _windows_at(fleet, rows, ends, conventions)


def last_windows(fleet: Fleet, rows: NDArray[np.float32], conventions: Conventions) -> Windows:
    """The last window of every engine, padded at the front where the engine is shorter."""
    return _windows_at(fleet, rows, fleet.starts[1:] - 1, conventions)


def _windows_at(fleet: Fleet, rows: NDArray[np.float32], ends: NDArray[np.int64], conventions: Conventions) -> Windows:
    rul = fleet.rul()[ends]
    engine = fleet.engine_of_row()[ends]
    label = rul_to_health_3class(rul, *conventions.health_cuts) if fleet.labels is None else fleet.labels[ends]
    return Windows(
        rows=rows,
        ends=ends,
        first=fleet.starts[engine],
        rul=np.minimum(rul, conventions.cap).astype(np.float32),
        true_rul=rul,
        label=label,
        engine=engine,
        width=conventions.window,
    )
