"""Labels of the tasks beside RUL, at the ends of windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.conventions import Conventions
from grace.data.fleet import AGE, MISSING, Fleet
from grace.data.tasks import FUTURE, HEALTH, Task

UNKNOWN = -1
"""Code of a class that is not known."""


def targets(
    fleet: Fleet, rows: Any, ends: NDArray[np.int64], health: NDArray[np.int64], conventions: Conventions
) -> NDArray[np.float32]:
    """Labels of ``N`` windows, float32 ``[N, D]``: a column a task, and one a feature of a task on the features.

    Args:
        fleet: Engines; a task without labels in it is known nowhere.
        rows: Their scaled features ``[R, F]``.
        ends: Last row of each window.
        health: Health state of each, :data:`UNKNOWN` where it has none.
        conventions: With the tasks.
    """
    parts = [_labels(task, fleet, rows, ends, health, conventions) for task in conventions.tasks]
    return np.concatenate([np.zeros((len(ends), 0), np.float32), *parts], axis=1)


def _labels(
    task: Task, fleet: Fleet, rows: Any, ends: NDArray[np.int64], health: NDArray[np.int64], conventions: Conventions
) -> NDArray[np.float32]:
    if task.name == FUTURE:
        return _features(fleet, rows, ends, ahead(conventions), told_features(conventions))
    if task.name == HEALTH.name:
        known = np.where(health == UNKNOWN, np.nan, health)
    else:
        known = fleet.labels[task.name][ends] if task.name in fleet.labels else np.full(len(ends), np.nan)
    return np.asarray(known, dtype=np.float32)[:, None]


def _features(
    fleet: Fleet, rows: Any, ends: NDArray[np.int64], ahead: int, columns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Features some rows after each window's end, ``[N, len(columns)]``; NaN beyond an engine's last row."""
    last = fleet.starts[fleet.engine_at(ends) + 1] - 1
    found = np.array(rows[np.minimum(ends + ahead, last)][:, columns], dtype=np.float32)
    found[ends + ahead > last] = np.nan
    return found


def ahead(conventions: Conventions) -> int:
    """Rows between a window's end and the features that ``future_sensors`` tells: a quarter of a window."""
    return max(conventions.window // 4, 1)


def told_features(conventions: Conventions) -> NDArray[np.int64]:
    """Places of the features that tasks on the features tell, int64 ``[n]``: not age, nor how long ago one was read."""
    names = enumerate(conventions.features)
    return np.array([i for i, name in names if name != AGE and not name.endswith(MISSING)], dtype=np.int64)


def width(task: Task, conventions: Conventions) -> int:
    """Columns of a task's labels."""
    return len(told_features(conventions)) if task.name == FUTURE else 1


def places(conventions: Conventions) -> dict[str, slice]:
    """Columns of each task in the labels, by name."""
    found, start = dict[str, slice](), 0
    for task in conventions.tasks:
        found[task.name] = slice(start, start + width(task, conventions))
        start = found[task.name].stop
    return found


def codes(labels: NDArray[np.float64]) -> NDArray[np.int64]:
    """Codes of classes as whole numbers, :data:`UNKNOWN` where they are not known."""
    return np.where(np.isnan(labels), UNKNOWN, labels).astype(np.int64)


def known_rows(task: Task, fleet: Fleet, conventions: Conventions) -> NDArray[np.bool_]:
    """Whether a task with labels of its own is known in each row of a fleet, bool ``[R]``; one that follows from RUL has none."""
    found = np.zeros(len(fleet.values), dtype=np.bool_)
    if task.name == FUTURE:
        last = np.repeat(fleet.starts[1:] - 1, fleet.lengths)
        return np.asarray(np.arange(len(found)) + ahead(conventions) <= last)
    if task.name in fleet.labels:
        labels = fleet.labels[task.name]
        for part in fleet.chunks():
            found[part] = ~np.isnan(np.asarray(labels[part]))
    return found
