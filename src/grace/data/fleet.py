"""A fleet: recordings of several engines, one row per engine and cycle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.stored import StoredRows
from grace.data.tasks import HEALTH, Task
from grace.errors import GraceError

SETTINGS = ("setting_1", "setting_2", "setting_3")
SENSORS = tuple(f"sensor_{number}" for number in range(1, 22))
AGE = "(age)"
"""Column that every fleet has without being read: the age of the engine at the row, :meth:`Fleet.age_at`."""
MISSING = " (missing)"
"""Ending of a column that says how many rows ago the column before it was read, 0: in its row; see :func:`missing`."""
CHUNK = 1 << 18
"""Rows that are worked on at once; sums over more are merged, so that the numbers do not depend on where the rows lie."""


@dataclass(frozen=True, eq=False)
class Fleet:
    """Recordings of ``E`` engines in ``R`` rows; the rows of one engine are contiguous and in order of cycles.

    Attributes:
        name: What messages and results call this fleet, for example ``FD001``.
        engines: Engine numbers or names as in the file, ``[E]``.
        starts: Row at which each engine begins, and ``R`` at the end, int64 ``[E + 1]``.
        values: Settings and sensors, float64 ``[R, C]``, in the order of ``columns``; of a table that is larger than memory
            rows that stay on the disk.
        columns: Names of the ``C`` columns.
        last_rul: True remaining useful life at each engine's last row, cycles, ``[E]``; 0 for engines that ran to failure.
        labels: Labels of each row that do not follow from its RUL or its features, by the name of their task, float64 ``[R]``
            each: numbers, or codes of classes, and NaN where the label is not known (:class:`grace.Task`).
        row_rul: RUL of each row where it does not follow from ``last_rul`` and ``time``, ``[R]``; never rises within an engine.
        failed: Whether each engine failed at its last row, or its RUL is known otherwise, bool ``[E]``; the RUL of the others,
            which were suspended, is a lower bound: their last time minus the row's. None: all are taken as failed.
        time: Time of each row in the unit of RUL, float64 ``[R]``, ascending within an engine; None: the rows are one unit apart.
        last_time: Time of each engine's last row as in the file, ``[E]``; None: the count of its rows.
        stops: Time until which each engine's last row holds, in the unit of RUL, ``[E]``, where rows hold over an interval from
            their ``time`` on; None: what was known last is the last row's time.
        groups: Group of each engine, ``[E]``: those of one group are near replicates, and stand on one side of every split. None:
            each engine is on its own.
        left_out: Engines that could not be read and have no rows here, by name, with the reason.
        row_time: Time of each row as in the file, ``[R]``; None: the count of the engine's rows, or not known.
        done: What was done to its table as it was read, a line each.
        tasks: The tasks that were asked for as it was read, with the kinds and classes of its ``labels``; none of other fleets.
        sha256: Of what it was read from, in hexadecimal: a file's bytes; of several files :func:`grace.data.identity.combined`;
            a frame's columns and values. None for a fleet made in Python and for a part of a fleet.
    """

    name: str
    engines: NDArray[Any]
    starts: NDArray[np.int64]
    values: NDArray[np.float64] | StoredRows
    columns: tuple[str, ...]
    last_rul: NDArray[Any]
    labels: Mapping[str, NDArray[np.float64] | StoredRows] = field(default_factory=dict)
    row_rul: NDArray[Any] | StoredRows | None = None
    last_time: NDArray[Any] | None = None
    sha256: str | None = None
    time: NDArray[Any] | StoredRows | None = None
    failed: NDArray[np.bool_] | None = None
    stops: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None
    left_out: Mapping[int | str, str] = field(default_factory=dict)
    row_time: NDArray[Any] | None = None
    done: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()

    @classmethod
    def of_rows(cls, name: str, engine: NDArray[Any], values: NDArray[np.float64], columns: tuple[str, ...]) -> Fleet:
        """Rows of the engines ``engine [R]``, of which nothing else is known; each engine's rows stand together."""
        starts = np.flatnonzero(np.concatenate([[True], engine[1:] != engine[:-1], [True]]))
        return cls(name, engine[starts[:-1]], starts, values, columns, np.zeros(len(starts) - 1, dtype=np.int64))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Recorded cycles of each engine, int64 ``[E]``."""
        return np.diff(self.starts)

    @property
    def failures(self) -> NDArray[np.int64]:
        """Indices of the engines that failed, int64 ``[F]``."""
        return np.arange(len(self.engines)) if self.failed is None else np.flatnonzero(self.failed)

    @property
    def held(self) -> NDArray[np.float64]:
        """Time from each engine's last row to its stop, in the unit of RUL, float64 ``[E]``; 0 without ``stops``."""
        if self.stops is None or self.time is None:
            return np.zeros(len(self.engines))
        return np.asarray(self.stops - self.time[self.starts[1:] - 1], dtype=np.float64)

    def age_at(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Age of its engine at some rows, in the unit of RUL, float64 ``[N] -> [N]``.

        Age is the own time, or of dates the time since the engine's first row; without ``time`` the count of its rows so far.
        """
        engine = self.engine_at(rows)
        if self.time is None:
            return np.asarray(rows - self.starts[engine] + 1, dtype=np.float64)
        dates = self.last_time is not None and self.last_time.dtype.kind in "mM"
        born = self.time[self.starts[engine]] if dates else 0.0
        return np.asarray(self.time[rows] - born, dtype=np.float64)

    def lives(self) -> NDArray[np.float64]:
        """Age of each engine at the end of its life, or where it was suspended, in the unit of RUL, float64 ``[E]``.

        That is its age at its last row plus the RUL there.
        """
        return np.asarray(self.age_at(self.starts[1:] - 1) + self.last_rul, dtype=np.float64)

    def entries(self) -> NDArray[np.float64]:
        """Age of each engine at its first row, in the unit of RUL, float64 ``[E]``; what ended younger was never seen."""
        return self.age_at(self.starts[:-1])

    def engine_of_row(self) -> NDArray[np.int64]:
        """Index (not number) of the engine that each row belongs to, int64 ``[R]``."""
        return np.repeat(np.arange(len(self.engines)), self.lengths)

    def engine_at(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index (not number) of the engine that each of some rows belongs to, int64 ``[N] -> [N]``."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def rul_at(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Uncapped RUL of some rows, cycles, ``[N] -> [N]``: the engine's last row has ``last_rul``."""
        if self.row_rul is not None:
            return self.row_rul[rows]
        engine = self.engine_at(rows)
        last = self.starts[engine + 1] - 1
        if self.time is not None:
            return np.asarray(self.last_rul[engine] + self.time[last] - self.time[rows])
        return np.asarray(self.last_rul[engine] + last - rows)

    def rul(self) -> NDArray[Any]:
        """Uncapped RUL of each row, cycles, ``[R]``."""
        return self.rul_at(np.arange(len(self.values)))

    def rows_above(self, rul: float) -> NDArray[np.int64]:
        """Rows of each engine whose RUL is larger than ``rul``, int64 ``[E]``: its first ones."""
        count = np.zeros(len(self.engines), dtype=np.int64)
        for rows in self.chunks():
            count += np.bincount(self.engine_at(rows[self.rul_at(rows) > rul]), minlength=len(count))
        return count

    def gaps_at(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Time since the row before, in the unit of RUL, of some rows, float64 ``[N] -> [N]``; 0 at an engine's first row."""
        first = self.starts[self.engine_at(rows)] == rows
        gaps = np.ones(len(rows)) if self.time is None else self.time[rows] - self.time[rows - (rows > 0)]
        return np.where(first, 0.0, gaps)

    def steps(self) -> NDArray[np.float64]:
        """Least, median and largest time between two rows of each engine, float64 ``[E, 3]``; NaN where it has but one."""
        found = np.full((len(self.engines), 3), np.nan)
        for engine, (start, stop) in enumerate(pairwise(self.starts)):
            if stop - start > 1:
                gaps = self.gaps_at(np.arange(start + 1, stop))
                found[engine] = gaps.min(), np.median(gaps), gaps.max()
        return found

    def chunks(self, size: int = CHUNK) -> Iterator[NDArray[np.int64]]:
        """All row numbers, ``size`` at a time."""
        for start in range(0, len(self.values), size):
            yield np.arange(start, min(start + size, len(self.values)))

    def need(self, names: tuple[str, ...]) -> None:
        """Refuse a fleet that lacks a column; :data:`AGE` none does."""
        if gone := [name for name in names if name not in (*self.columns, AGE)]:
            raise GraceError(f"{self.name} should have the column {gone[0]}. Found {', '.join((*self.columns, AGE))}.")

    def taken(self, rows: NDArray[np.int64], names: tuple[str, ...]) -> NDArray[np.float64]:
        """Some columns of some rows, :data:`AGE` at most once, float64 ``[N, len(names)]``."""
        if not names:
            return np.zeros((len(rows), 0))
        columns = [self.columns.index(name) for name in names if name != AGE]
        part = self.values[_as_slice(rows)] if isinstance(self.values, np.ndarray) else self.values[rows]
        found = np.asarray(part[:, columns], dtype=np.float64)
        return np.insert(found, names.index(AGE), self.age_at(rows), axis=1) if AGE in names else found

    def select(self, index: NDArray[np.int64]) -> Fleet:
        """The fleet of the engines at ``index`` only, in that order (rows in memory are copied)."""
        lengths = self.lengths[index]
        starts = np.concatenate([[0], np.cumsum(lengths)])

        def of_rows(values: Any) -> Any:
            if values is None:
                return None
            if isinstance(values, StoredRows):
                return values.select(self.starts[index], starts)
            return values[np.concatenate([np.arange(self.starts[i], self.starts[i + 1]) for i in index])]

        found: dict[str, Any] = {n: of_rows(getattr(self, n)) for n in ("values", "row_rul", "time", "row_time")}
        found["labels"] = {task: of_rows(values) for task, values in self.labels.items()}
        for name in ("engines", "last_rul", "last_time", "failed", "stops", "groups"):
            each = getattr(self, name)
            found[name] = None if each is None else each[index]
        return replace(self, starts=starts, sha256=None, **found)

    def together(self) -> list[NDArray[np.int64]]:
        """Indices of what is held out together: each engine that failed, or all engines of each group in which one did."""
        if self.groups is None:
            return list(self.failures[:, None])
        return [np.flatnonzero(self.groups == name) for name in dict.fromkeys(self.groups[self.failures])]

    def apart(self, index: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Indices of the engines that are not at ``index``: each, or all engines of each group."""
        rest = np.setdiff1d(np.arange(len(self.engines)), index)
        if self.groups is None:
            return list(rest[:, None])
        return [rest[self.groups[rest] == name] for name in dict.fromkeys(self.groups[rest])]

    def split(self, share: float = 0.2, seed: int = 0) -> tuple[Fleet, Fleet]:
        """Training and validation engines, drawn at random and in their order: a share of those that failed, at least one on
        each side, is held out; suspended ones are trained on. With ``groups`` it is a share of the groups in which one
        failed, and a suspended engine goes with its group.

        Raises:
            GraceError: Fewer than two engines that failed, or groups in which one did, or a share outside (0, 1).
        """
        parts = self.together()
        count = len(parts)
        if count < 2:
            what = "engines that failed" if self.groups is None else "groups in which an engine failed"
            raise GraceError(f"A split should have at least two {what}. Found {count}.")
        if not 0 < share < 1:
            raise GraceError(f"`share` should be in (0, 1). Found {share}.")
        held = min(max(round(count * share), 1), count - 1)
        out = np.sort(np.concatenate([parts[i] for i in np.random.default_rng(seed).permutation(count)[:held]]))
        return self.select(np.setdiff1d(np.arange(len(self.engines)), out)), self.select(out)

    def digest(self) -> str:
        """``sha256``, or where there is none SHA-256 of the arrays; which engines failed, and their groups, count where known."""
        found = self._digest() if self.sha256 is None else self.sha256
        for known in (self.failed, self.groups):
            if known is not None:
                found = hashlib.sha256(json.dumps([found, np.asarray(known).tolist()]).encode()).hexdigest()
        return found

    def _digest(self) -> str:
        engines = [np.asarray(v).tolist() for v in (self.engines, self.starts, self.last_rul)]
        last = None if self.last_time is None else np.asarray(self.last_time).tolist()
        digest = hashlib.sha256(json.dumps([self.columns, *engines, last], default=str).encode())
        times = () if self.time is None else (self.time,)
        health = self.labels.get(HEALTH.name)
        others = [values for task, values in sorted(self.labels.items()) if task != HEALTH.name]
        for values in (self.values, health, self.row_rul, *times, *others):
            digest.update(b"-" if values is None else b"+")
            for rows in self.chunks() if values is not None else ():
                part = np.ascontiguousarray(values[rows])
                # codes that are all known, as whole numbers: so that the ids of older runs stay as they were
                whole = values is health and np.isfinite(part).all()
                digest.update((part.astype(np.int64) if whole else part).tobytes())
        return digest.hexdigest()


def missing(name: str) -> str:
    """What the column is called that says how many rows ago this one was last read."""
    return name + MISSING


def _as_slice(rows: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Rows that follow one another as a slice, which copies nothing."""
    follow = rows.ndim == 1 and len(rows) > 0 and bool((np.diff(rows) == 1).all())
    return slice(int(rows[0]), int(rows[-1]) + 1) if follow else rows
