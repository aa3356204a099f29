"""Windows as index arithmetic on resident rows: no window is ever copied until a batch asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grace.data.conditions import Rows
from grace.data.conventions import Conventions
from grace.data.fleet import CHUNK, Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.targets import UNKNOWN, codes, targets
from grace.data.tasks import HEALTH

MIN_CUT = 20
"""Rows from which on a unit is predicted by default: the shortest test engines of C-MAPSS have 19 to 38 cycles."""


class Truth(NamedTuple):
    """What ``N`` predictions are compared with: capped and uncapped RUL, health state, and index of the engine, ``[N]`` each."""

    rul: NDArray[np.float32]
    true_rul: NDArray[Any]
    label: NDArray[np.int64]
    engine: NDArray[np.int64]

    @classmethod
    def together(cls, parts: Sequence[Truth]) -> Truth:
        """Of several parts that share no engine; the engines are counted through."""
        first = np.cumsum([0, *(part.engine.max(initial=-1) + 1 for part in parts[:-1])])
        counted = [part._replace(engine=part.engine + start) for part, start in zip(parts, first, strict=True)]
        return cls(*(np.concatenate(column) for column in zip(*counted, strict=True)))


@dataclass(frozen=True, eq=False)
class Windows:
    """``N`` windows over ``R`` rows of ``F`` scaled columns.

    Attributes:
        rows: Scaled features, float32 ``[R, F]``; of a conditioner with a ``step`` the last column is time.
        ends: Row of each window's last cycle, int64 ``[N]``.
        first: First row of each window's engine, int64 ``[N]``.
        rul: Target: RUL at the last cycle, capped, float32 ``[N]``, cycles.
        true_rul: The same uncapped, ``[N]``.
        label: Health state at the last cycle, int64 ``[N]``.
        labels: Labels of the conventions' tasks at the last cycle, side by side, float32 ``[N, D]``; NaN where not known. See
            :func:`~grace.data.targets.targets`.
        engine: Index of the engine, int64 ``[N]``.
        width: Cycles in a window, ``T``.
        suspended: Whether the engine was suspended, so that ``rul`` is a lower bound, bool ``[N]``; None: none was. The health
            state of such a window is :data:`~grace.data.targets.UNKNOWN` unless it is the user's own label, or the bound is
            healthy.
        timed: Whether the last column is the time since the row before, see :class:`~grace.data.conditions.Conditioner`.
    """

    rows: Rows
    ends: NDArray[np.int64]
    first: NDArray[np.int64]
    rul: NDArray[np.float32]
    true_rul: NDArray[Any]
    label: NDArray[np.int64]
    labels: NDArray[np.float32]
    engine: NDArray[np.int64]
    width: int
    timed: bool = False
    suspended: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, index: NDArray[np.int64]) -> Windows:
        """Some of the windows."""
        names = ("ends", "first", "rul", "true_rul", "label", "labels", "engine", "suspended")
        parts = {name: value[index] for name in names if (value := getattr(self, name)) is not None}
        return replace(self, **parts)

    @property
    def truth(self) -> Truth:
        """What predictions of them are compared with."""
        return Truth(self.rul, self.true_rul, self.label, self.engine)

    def batch(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """The windows at ``index``, float32 ``[B, T, F]``; before an engine's first cycle that cycle is repeated."""
        cycles = np.arange(1 - self.width, 1)
        rows = np.maximum(self.ends[index, None] + cycles, self.first[index, None])
        return np.asarray(self.rows[rows])

    def pieces(self) -> Iterator[Windows]:
        """Themselves, in one piece."""
        yield self

    @classmethod
    def ending_at(cls, fleet: Fleet, rows: Rows, ends: NDArray[np.int64], conventions: Conventions) -> Windows:
        """The windows of a fleet and its scaled features ``[R, F]`` whose last rows are ``ends``."""
        rul, engine = fleet.rul_at(ends), fleet.engine_at(ends)
        suspended = None if fleet.failed is None or fleet.failed.all() else ~fleet.failed[engine]
        own = fleet.labels.get(HEALTH.name)
        label = rul_to_health_3class(rul, *conventions.health_cuts) if own is None else codes(own[ends])
        if suspended is not None and own is None:
            label = np.where(suspended & (rul < conventions.health_cuts[0]), UNKNOWN, label)
        return cls(
            rows=rows,
            ends=ends,
            first=fleet.starts[engine],
            rul=np.minimum(rul, conventions.cap).astype(np.float32),
            true_rul=rul,
            label=np.asarray(label, dtype=np.int64),
            labels=targets(fleet, rows, ends, label, conventions),
            engine=engine,
            width=conventions.window,
            timed=rows.shape[1] > len(conventions.features),
            suspended=suspended,
        )

    @classmethod
    def last(cls, fleet: Fleet, rows: Rows, conventions: Conventions) -> Windows:
        """The last window of every engine, padded at the front where the engine is shorter."""
        return cls.ending_at(fleet, rows, fleet.starts[1:] - 1, conventions)

    @classmethod
    def after_cuts(
        cls,
        fleet: Fleet,
        rows: Rows,
        conventions: Conventions,
        cuts: int,
        rng: np.random.Generator,
        max_rul: float = 0,
        shortest: int = MIN_CUT,
    ) -> Windows:
        """The last window of every engine after each of ``cuts`` random cuts: what a test file of these engines would hold.

        The cuts are uniform between the row ``shortest`` (:func:`first_cut`; the last, if that is earlier) and the last.
        ``max_rul`` is the largest RUL at a cut, cycles; 0 sets none. Without one, a quarter to a third of the cuts of C-MAPSS lie
        far above the cap, where every model is right: its test engines were cut nearer to failure.
        """
        least = np.minimum(fleet.lengths, first_cut(conventions, shortest))
        if max_rul:
            least = np.maximum(least, np.minimum(fleet.rows_above(max_rul) + 1, fleet.lengths))
        kept = rng.integers(least[:, None], fleet.lengths[:, None] + 1, (len(fleet.lengths), cuts))
        return cls.ending_at(fleet, rows, (fleet.starts[:-1, None] + kept - 1).reshape(-1), conventions)


def first_cut(conventions: Conventions, shortest: int = MIN_CUT) -> int:
    """The row from which on units are cut, counted from 1; of a table no later than a window."""
    return shortest if conventions.table is None else min(shortest, conventions.window)


def shortest_history(conventions: Conventions, min_history: int) -> int:
    """Recorded cycles that a training window needs: ``min_history``, at most a window; 0: a window."""
    return min(min_history, conventions.window) or conventions.window


def training_windows(
    fleet: Fleet,
    rows: Rows,
    conventions: Conventions,
    min_history: int = 0,
    max_rul: float = 0,
    of: NDArray[np.int64] | None = None,
) -> Windows | ManyWindows:
    """Every window of every engine, or of the engines at ``of`` alone, ``stride`` cycles apart counted back from the engine's
    last cycle; ``rows [R, F]`` are the fleet's scaled features.

    A window needs ``min_history`` recorded cycles: fewer than ``window`` lets in windows that are padded at the front, 0 takes
    full windows only. ``max_rul`` is the largest RUL of a window, cycles; 0 takes all.
    """
    needed = shortest_history(conventions, min_history)
    least = np.full(len(fleet.engines), needed - 1)
    if max_rul:  # RUL never rises: the windows that are near enough to the end of their engine are its last ones
        least = np.maximum(least, fleet.rows_above(max_rul))
    reach = fleet.lengths - 1 - least  # rows from the first window to the last
    wanted = (reach >= 0) & (True if of is None else np.isin(np.arange(len(reach)), of))
    counts = np.where(wanted, reach // conventions.stride + 1, 0)
    every = ManyWindows(fleet, rows, conventions, np.concatenate([[0], np.cumsum(counts)]))
    if not isinstance(rows, np.ndarray):
        return every
    found = every.at(np.arange(len(every)))
    return found if found.suspended is None or found.suspended.any() else replace(found, suspended=None)


@dataclass(frozen=True, eq=False)
class ManyWindows:
    """The training windows of a fleet that stays on the disk: nothing is held for a window, only for an engine.

    Attributes:
        fleet: Engines.
        rows: Their scaled features.
        conventions: Window, stride, cap and health cuts.
        starts: Number of each engine's first window, and ``N`` at the end, int64 ``[E + 1]``.
    """

    fleet: Fleet
    rows: Rows
    conventions: Conventions
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def timed(self) -> bool:
        """See :class:`Windows`."""
        return bool(self.rows.shape[1] > len(self.conventions.features))

    def at(self, index: NDArray[np.int64]) -> Windows:
        """The windows at ``index``, int64 ``[B]``."""
        engine = np.searchsorted(self.starts, index, side="right") - 1
        before = self.conventions.stride * (self.starts[engine + 1] - 1 - index)  # rows to the engine's last window
        return Windows.ending_at(self.fleet, self.rows, self.fleet.starts[engine + 1] - 1 - before, self.conventions)

    def pieces(self) -> Iterator[Windows]:
        """All windows, some at a time."""
        for start in range(0, len(self), CHUNK):
            yield self.at(np.arange(start, min(start + CHUNK, len(self))))
