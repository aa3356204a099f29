"""Options that name the tasks beside RUL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from grace.data.tasks import CLASS, HEALTH, Task
from grace.errors import GraceError


@dataclass(frozen=True)
class TaskOptions:
    """The tasks beside RUL."""

    task: Annotated[
        list[str] | None,
        typer.Option(
            help="Task beside RUL in place of the health states: NAME, NAME=COLUMN or NAME=COLUMN:KIND (regression, class, "
            "ordinal); health, future_sensors; repeatable."
        ),
    ] = None
    label: Annotated[
        str | None, typer.Option(help="Column of a table with own health labels: --task health=COLUMN:class.")
    ] = None

    def tasks(self) -> tuple[Task, ...]:
        """As they are named; none where nothing is."""
        if self.label is not None and self.task:
            raise GraceError(
                f"`--label` should be left out beside --task. Found both. Write --task {HEALTH.name}={self.label}:{CLASS}."
            )
        if self.label is not None:
            return (Task(HEALTH.name, self.label, CLASS),)
        return tuple(map(Task.parse, self.task or ()))

    def in_units(self, tasks: Sequence[Task]) -> tuple[Task, ...]:
        """The tasks, of which none has a column of a table that is not there.

        Raises:
            GraceError: One has.
        """
        for task in tasks:
            if task.column:
                raise GraceError(
                    f"Task {task.name} should come with --table, or with --unit-table, which hold its column {task.column}. "
                    "Found neither. Name one of them."
                )
        return tuple(tasks)


def weighted(tasks: Sequence[Task], texts: Sequence[str]) -> tuple[Task, ...]:
    """The tasks with weights ``NAME=NUMBER``.

    Raises:
        GraceError: A name is that of no task, or a weight is no number.
    """
    weights: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError:
            raise GraceError(f"`--weight` should be NAME=NUMBER, as in soh=0.1. Found {text!r}.") from None
    names = [task.name for task in tasks]
    if unknown := [name for name in weights if name not in names]:
        raise GraceError(f"`--weight` should name a task: {', '.join(names)}. Found {unknown[0]!r}.")
    return tuple(replace(task, weight=weights.get(task.name, task.weight)) for task in tasks)
