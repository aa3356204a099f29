"""Whether tasks can be learned from their labels, and what should be known of these before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import MISSING, Fleet
from grace.data.tasks import Task
from grace.errors import GraceError

SAME = 0.999
"""Absolute correlation from which on a feature says what a label says."""
FACT, LEAST_UNITS = 0.1, 10
"""A label that changes in at most this share of at least so many units is a fact of a unit in the others."""
MAX_ROWS = 1 << 18
"""Rows that features are compared with labels on, at most, evenly spread."""
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
            labels = np.asarray(fleet.labels[task.name][np.arange(len(fleet.values))])
            _check(fleet, task, labels)
            found += [_known(fleet, task, labels), *_of_units(fleet, task, labels), *_of_values(fleet, task, labels)]
            found += _of_features(fleet, task, labels, features)
    return tuple(found)


def _check(fleet: Fleet, task: Task, labels: Labels) -> None:
    known, column = labels[~np.isnan(labels)], task.column or task.name
    if not len(known):
        raise GraceError(
            f"{fleet.name}: the label of task {task.name} should be known in some rows. Found none in column {column}. Name "
            "another column, or leave the task out."
        )
    if known.min() == known.max():
        value = task.classes[int(known[0])] if task.classes else f"{known[0]:g}"
        raise GraceError(
            f"{fleet.name}: the label of task {task.name} should vary. Found {value} wherever it is known. Name another column, "
            "or leave the task out."
        )


def _known(fleet: Fleet, task: Task, labels: Labels) -> str:
    """What a task is, and of how many rows and units its label is known."""
    there = ~np.isnan(labels)
    units = np.unique(fleet.engine_of_row()[there])
    failed = int(np.isin(units, fleet.failures).sum())
    what = task.kind
    if task.classes:
        shares = np.bincount(labels[there].astype(np.int64), minlength=len(task.classes)) / there.sum()
        named = [f"{name} {share:.0%}" for name, share in zip(task.classes, shares, strict=True)]
        what += f" of {', '.join(named[:NAMED])}{', ...' if len(named) > NAMED else ''}"
    share = "all" if there.all() else f"{there.mean():.0%}"
    beside = f" and {len(units) - failed:,} suspended" if failed < len(units) else ""
    column = f"column {task.column or task.name}"
    return f"task {task.name}, {column}: {what}; known in {share} of rows, of {failed:,} units that failed{beside}"


def _of_units(fleet: Fleet, task: Task, labels: Labels) -> Iterator[str]:
    """Lines on whose labels are known."""
    of_failed = np.isin(np.unique(fleet.engine_of_row()[~np.isnan(labels)]), fleet.failures)
    if len(fleet.failures) == len(fleet.engines):
        return
    if of_failed.all():
        yield f"task {task.name} is known of units that failed alone: suspended ones teach it nothing"
    if not of_failed.any():
        yield f"task {task.name} is known of suspended units alone: no window has both its label and a known RUL"


def _of_values(fleet: Fleet, task: Task, labels: Labels) -> Iterator[str]:
    """Lines on classes of a single unit, and on what seems to be a fact of a unit and changes within a few."""
    there, owner = ~np.isnan(labels), fleet.engine_of_row()
    single = [name for code, name in enumerate(task.classes) if len(np.unique(owner[labels == code])) == 1]
    if single:
        yield f"task {task.name}: {', '.join(single[:NAMED])} in one unit alone: where it is held out, nothing teaches it"
    changing = _changing(labels[there], owner[there])
    units = [str(fleet.engines[unit]) for unit, changes in changing.items() if changes]
    if len(changing) >= LEAST_UNITS and 0 < len(units) <= FACT * len(changing):
        yield (
            f"task {task.name} is one value in each of most units, and changes within {len(units)}: "
            f"{', '.join(units[:NAMED])}; is it a fact of a unit?"
        )


def _changing(labels: Labels, owner: NDArray[np.int64]) -> dict[int, bool]:
    """Whether the label changes, by unit with two known rows or more."""
    starts = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
    low, high = np.minimum.reduceat(labels, starts), np.maximum.reduceat(labels, starts)
    counts = np.diff(np.append(starts, len(owner)))
    return {int(owner[s]): bool(a != b) for s, a, b, n in zip(starts, low, high, counts, strict=True) if n > 1}


def _of_features(fleet: Fleet, task: Task, labels: Labels, features: Sequence[str]) -> Iterator[str]:
    """A line for each feature that is the label under another name."""
    names = tuple(name for name in features if name in fleet.columns and not name.endswith(MISSING))
    rows = np.flatnonzero(~np.isnan(labels))
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MAX_ROWS)).astype(np.int64)]
    if len(rows) < 3 or not names:
        return
    values, label = fleet.taken(rows, names), labels[rows] - labels[rows].mean()
    values = values - values.mean(axis=0)
    size = np.sqrt(np.square(values).sum(axis=0) * np.square(label).sum())
    alike = np.divide(np.abs(label @ values), size, out=np.zeros(len(names)), where=size > 0)
    for name, value in zip(names, alike, strict=True):
        if value > SAME:
            yield f"task {task.name} says what the feature {name} says (correlation {value:.4f}): the network reads its label"
