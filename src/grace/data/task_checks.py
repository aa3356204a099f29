"""Whether tasks can be learned from their labels, and what should be known of these before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import CHUNK, MISSING, Fleet
from grace.data.tasks import Task
from grace.errors import GraceError

SAME = 0.999
"""Absolute correlation from which on a feature says what a label says."""
FACT, LEAST_UNITS = 0.1, 10
"""A label that changes in at most this share of at least so many units is a fact of a unit in the others."""
NAMED = 5
"""Classes or units that are named in a line, at most."""

Labels = NDArray[np.float64]


def said_of_labels(fleet: Fleet, tasks: Sequence[Task], features: Sequence[str]) -> tuple[str, ...]:
    """A line a task on its labels, and one for each thing about them that may be a mistake; of tasks with labels in the fleet.

    Raises:
        GraceError: A label is known nowhere, or is the same wherever it is known.
    """
    found: list[str] = []
    for task in tasks:
        if task.name in fleet.labels:
            known = _Known.of(fleet, task)
            _check(known)
            found += [_account(known), *_of_units(known), *_of_values(known), *_of_features(known, features)]
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of a task's label in each of ``E`` units; its rows are looked through some at a time.

    Attributes:
        fleet: The units.
        task: The task.
        rows: Rows in which it is known, int64 ``[E]``.
        low: Its least value, ``[E]``; infinite where none is known.
        high: Its largest.
        of_class: Rows in each class, int64 ``[E, K]``; K is 0 of a regression.
    """

    fleet: Fleet
    task: Task
    rows: NDArray[np.int64]
    low: Labels
    high: Labels
    of_class: NDArray[np.int64]

    @classmethod
    def of(cls, fleet: Fleet, task: Task) -> _Known:
        units, labels = len(fleet.engines), fleet.labels[task.name]
        low, high, rows = np.full(units, np.inf), np.full(units, -np.inf), np.zeros(units, dtype=np.int64)
        of_class = np.zeros((units, len(task.classes)), dtype=np.int64)
        for part in fleet.chunks():
            values = np.asarray(labels[part])
            there = ~np.isnan(values)
            unit, values = fleet.engine_at(part[there]), values[there]
            np.add.at(rows, unit, 1)
            np.minimum.at(low, unit, values)
            np.maximum.at(high, unit, values)
            if task.classes:
                np.add.at(of_class, (unit, values.astype(np.int64)), 1)
        return cls(fleet, task, rows, low, high, of_class)

    @property
    def column(self) -> str:
        """What messages call where it stands."""
        return self.task.column or self.task.name


def _check(known: _Known) -> None:
    task, where = known.task, known.fleet.name
    if not known.rows.any():
        raise GraceError(
            f"{where}: the label of task {task.name} should be known in some rows. Found none in column {known.column}. Name "
            "another column, or leave the task out."
        )
    if (low := float(known.low.min())) == known.high.max():
        value = task.classes[int(low)] if task.classes else f"{low:g}"
        raise GraceError(
            f"{where}: the label of task {task.name} should vary. Found {value} wherever it is known. Name another column, "
            "or leave the task out."
        )


def _account(known: _Known) -> str:
    """What a task is, and of how many rows and units its label is known."""
    fleet, task, total = known.fleet, known.task, int(known.rows.sum())
    units = np.flatnonzero(known.rows)
    failed = int(np.isin(units, fleet.failures).sum())
    what = task.kind
    if task.classes:
        shares = known.of_class.sum(axis=0) / total
        named = [f"{name} {share:.0%}" for name, share in zip(task.classes, shares, strict=True)]
        what += f" of {', '.join(named[:NAMED])}{', ...' if len(named) > NAMED else ''}"
    rows = len(fleet.values)
    share = "all rows" if total == rows else f"{total / rows:.0%} of rows"
    beside = f" and {len(units) - failed:,} suspended" if failed < len(units) else ""
    return f"task {task.name}, column {known.column}: {what}; known in {share}, of {failed:,} units that failed{beside}"


def _of_units(known: _Known) -> Iterator[str]:
    """Lines on whose labels are known."""
    fleet, name = known.fleet, known.task.name
    of_failed = np.isin(np.flatnonzero(known.rows), fleet.failures)
    if len(fleet.failures) == len(fleet.engines):
        return
    if of_failed.all():
        yield f"task {name} is known of units that failed alone: suspended ones teach it nothing"
    if not of_failed.any():
        yield f"task {name} is known of suspended units alone: no window has both its label and a known RUL"


def _of_values(known: _Known) -> Iterator[str]:
    """Lines on classes of a single unit, and on what seems to be a fact of a unit and changes within a few."""
    task, units = known.task, (known.of_class > 0).sum(axis=0)
    if single := [name for name, count in zip(task.classes, units, strict=True) if count == 1]:
        yield f"task {task.name}: {', '.join(single[:NAMED])} in one unit alone: where it is held out, nothing teaches it"
    several = known.rows > 1
    changing = [str(name) for name in known.fleet.engines[several & (known.high > known.low)]]
    if several.sum() >= LEAST_UNITS and 0 < len(changing) <= FACT * several.sum():
        yield (
            f"task {task.name} is one value in each of most units, and changes within {len(changing)}: "
            f"{', '.join(changing[:NAMED])}; is it a fact of a unit?"
        )


def _of_features(known: _Known, features: Sequence[str]) -> Iterator[str]:
    """A line for each feature that is the label under another name, in up to :data:`~grace.data.fleet.CHUNK` rows."""
    fleet, task = known.fleet, known.task
    names = tuple(name for name in features if name in fleet.columns and not name.endswith(MISSING))
    total = len(fleet.values)
    rows = np.unique(np.linspace(0, total - 1, min(total, CHUNK)).astype(np.int64))
    labels = np.asarray(fleet.labels[task.name][rows])
    there = ~np.isnan(labels)
    wanted = _as_numbers(labels[there], task)
    for name, values in zip(names, fleet.taken(rows[there], names).T, strict=True):
        alike = max(_correlation(values, one) for one in wanted)
        if alike > SAME:
            yield f"task {task.name} says what the feature {name} says (correlation {alike:.4f}): the network reads its label"


def _as_numbers(labels: Labels, task: Task) -> list[Labels]:
    """A label itself; of several classes also whether it is each of them, as columns made of texts say."""
    several = range(len(task.classes) if len(task.classes) > 2 else 0)
    return [labels, *((labels == code).astype(np.float64) for code in several)]


def _correlation(values: Labels, label: Labels) -> float:
    """Absolute correlation where both are known; 0 of fewer than three rows, and of a constant."""
    both = ~np.isnan(values)
    x, y = values[both], label[both]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    return float(abs(x @ y) / np.sqrt((x @ x) * (y @ y)))
