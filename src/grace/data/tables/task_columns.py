"""Columns with the labels of tasks: of which kind they are, and the labels of each row as numbers and codes of classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.tables.table import Table, is_number
from grace.data.tasks import CLASS, HEALTH, ORDINAL, REGRESSION, STATES, Task
from grace.errors import GraceError

MAX_WHOLE = 10
"""Different whole numbers up to which a column holds classes where nobody says so."""
MAX_CLASSES = 100
"""Classes that a task may have."""


def settled(table: Table, tasks: Sequence[Task], sentinels: tuple[float, ...] = ()) -> tuple[Task, ...]:
    """The tasks with kind and classes, of those that have a column and do not say them from its values in a table.

    Raises:
        GraceError: The table lacks a column, or its values are none of the kind; nothing is known in it, or too many classes are.
    """
    return tuple(_settled(table, task, sentinels) if task.column else task for task in tasks)


def _settled(table: Table, task: Task, sentinels: tuple[float, ...]) -> Task:
    _check(table, task)
    if task.kind == REGRESSION or task.classes:
        return task
    if not task.kind and task.name != HEALTH.name and _has_fractions(table, task, sentinels):
        return replace(task, kind=REGRESSION)
    values = table.collect(table.whole.select(table.label(task)).drop_nulls().unique()).to_series()
    names = _names(values.to_list(), sentinels)
    if odd := [name for name in names if name in ("inf", "-inf")]:
        raise GraceError(
            f"{table.path}: {task.column} should hold finite numbers. Found {odd[0]}. Correct or empty it."
        )
    if not names:
        raise unknown_everywhere(task, str(table.path))
    numbers = _numbers(names)
    if not task.kind and task.name != HEALTH.name and numbers and len(names) > MAX_WHOLE:
        return replace(task, kind=REGRESSION)
    if task.name == HEALTH.name:
        return replace(task, kind=CLASS, classes=_states(table, task, names, numbers))
    if task.kind == ORDINAL and not numbers:
        raise GraceError(
            f"{table.path}: {task.column} should hold numbers, whose order is that of the classes. Found {names[0]!r}. Write "
            f"them as numbers, or take them without an order, as --task {task.name}={task.column}:class."
        )
    if len(names) > MAX_CLASSES:
        raise GraceError(
            f"{table.path}: {task.column} should hold at most {MAX_CLASSES} classes. Found {len(names):,}. Merge some, or leave "
            f"task {task.name} out."
        )
    return replace(task, kind=task.kind or CLASS, classes=names)


def _check(table: Table, task: Task) -> None:
    """Refuse a column that is not there, or holds neither numbers nor texts, and health that is no class."""
    if task.name == HEALTH.name and task.kind not in ("", CLASS):
        raise GraceError(
            f"Task {task.name} should be a class, of three states. Found {task.kind}. Give it another name, as in "
            f"--task wear={task.column}:{task.kind}."
        )
    if task.column not in table.schema:
        found = ", ".join(table.schema)[:200]
        raise GraceError(
            f"{table.path} should have the column {task.column} of task {task.name}. Found {found}. Name one with --task "
            f"{task.name}=COLUMN."
        )
    kind = table.schema[task.column]
    if not (is_number(kind) or isinstance(kind, pl.String | pl.Categorical | pl.Enum | pl.Null)):
        raise GraceError(
            f"{table.path}: {task.column} should hold numbers or texts, the labels of task {task.name}. Found {kind}. Convert it."
        )


def _has_fractions(table: Table, task: Task, sentinels: tuple[float, ...]) -> bool:
    """Whether a column of numbers holds one that is not whole; told before its values are counted."""
    if not table.schema[task.column].is_float():
        return False
    column = pl.col(task.column)
    known = column.is_finite() & ~column.is_in(list(sentinels))
    return bool(table.collect(table.whole.select(((column != column.floor()) & known).any())).item())


def _names(values: Iterable[Any], sentinels: tuple[float, ...]) -> tuple[str, ...]:
    """Classes by name, in the order of their numbers, or of their letters where one is no number."""
    names = {_name(value) for value in values if not _is_sentinel(value, sentinels)}
    by_letter = sorted(names)
    return tuple(sorted(by_letter, key=float)) if _numbers(by_letter) else tuple(by_letter)


def _name(value: float | str) -> str:
    """A class by name: a text as it stands, but for a number, which is written one way."""
    return f"{number:.15g}" if np.isfinite(number := _number(value)) else str(value)


def _number(text: float | str) -> float:
    """The number that a text is; NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _numbers(names: Iterable[str]) -> bool:
    """Whether all classes are numbers."""
    return all(np.isfinite(_number(name)) for name in names)


def _is_sentinel(value: float | str, sentinels: tuple[float, ...]) -> bool:
    return bool(sentinels) and _number(value) in sentinels


def _states(table: Table, task: Task, names: tuple[str, ...], numbers: bool) -> tuple[str, ...]:
    """Names of the three health states in a column, those of 0, 1, 2 the usual ones."""
    if numbers:
        if odd := [name for name in names if name not in _DIGITS]:
            raise _not_of(str(table.path), task, tuple(_DIGITS), odd[0])
        return STATES
    if len(names) != len(STATES):
        raise GraceError(
            f"{table.path}: {task.column} should hold three classes. Found {len(names)}: {', '.join(names)[:120]}. Merge or "
            f"split them, or give the task another name than health, as in --task state={task.column}."
        )
    return STATES if set(names) == set(STATES) else names


_DIGITS = {"0": 0, "1": 1, "2": 2}


def labels_of(
    path: Path, task: Task, label: pl.Series, engine: NDArray[Any], sentinels: tuple[float, ...]
) -> NDArray[np.float64]:
    """Labels ``[N]`` of rows as numbers, or codes of classes; NaN where not known. ``engine [N]`` is named where one is refused.

    Raises:
        GraceError: One is no number, or of no class of the task.
    """
    if label.dtype != pl.String and not task.classes:
        numbers = label.to_numpy().astype(np.float64)
        return np.where(np.isin(numbers, sentinels), np.nan, numbers)
    found = {value: _number_or_code(task, value, sentinels) for value in label.drop_nulls().unique()}
    if bad := [value for value, number in found.items() if number is None]:
        row = int((label == bad[0]).fill_null(False).arg_max() or 0)
        raise _no_label(f"{path}, engine {engine[row]}", task, bad[0])
    if not found:
        return np.full(len(label), np.nan)
    codes = label.replace_strict(found, default=None, return_dtype=pl.Float64).fill_null(np.nan)
    return np.asarray(codes.to_numpy(), dtype=np.float64)


def _number_or_code(task: Task, value: float | str, sentinels: tuple[float, ...]) -> float | None:
    """A label as a number; None where it is none of the task."""
    if _is_sentinel(value, sentinels):
        return float("nan")
    if not task.classes:
        number = _number(value)
        return None if np.isnan(number) else number
    name = _name(value)
    codes = {name: code for code, name in enumerate(task.classes)}
    codes |= _DIGITS if task.name == HEALTH.name and task.classes == STATES else {}
    return None if (code := codes.get(name)) is None else float(code)


def _no_label(where: str, task: Task, value: float | str) -> GraceError:
    if task.classes:
        return _not_of(where, task, task.classes, _name(value))
    return GraceError(
        f"{where}: {task.column} should hold numbers, the labels of task {task.name}. Found {value!r}. Correct or empty it, or "
        f"take it as classes, as --task {task.name}={task.column}:class."
    )


def _not_of(where: str, task: Task, classes: tuple[str, ...], name: str) -> GraceError:
    return GraceError(
        f"{where}: {task.column} should be one of {', '.join(classes)[:200]}. Found {name}. Correct or empty it, or leave task "
        f"{task.name} out."
    )


def unknown_everywhere(task: Task, where: str) -> GraceError:
    """The error to show where no label of a task is known."""
    return GraceError(
        f"{where}: the label of task {task.name} should be known in some rows. Found none in column {task.column or task.name}. "
        "Name another column, or leave the task out."
    )
