"""Tasks beside RUL: what each is called, where its labels come from, and of which kind they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from grace.errors import GraceError, check_one_of

REGRESSION, CLASS, ORDINAL = "regression", "class", "ordinal"
KINDS = (REGRESSION, CLASS, ORDINAL)
FUTURE = "future_sensors"
"""Task whose labels are the features some rows ahead: always known, but for the last rows of a unit."""
STATES = ("healthy", "degrading", "critical")
RUL = "rul"
BOUND = "bound"
"""The loss of suspended engines' RUL, which is bounded from below."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Task:
    """A task that shares the backbone with RUL, and serves it.

    Built in are ``health``, by RUL unless a column is named, and ``future_sensors``, the features some rows ahead. Every other
    task has a column.

    Attributes:
        name: What it is called; its head, its figures and its prediction have this name.
        column: Column of a table, of its rows or of its table of units, with the labels; empty fields are rows of which the label
            is not known. Empty: the name itself, but for a built-in task.
        kind: ``regression``; ``class``; or ``ordinal``, classes in an order, which are numbers. Empty: not known yet, and found
            when the table is opened: ``class`` of texts, truth values and up to ten different whole numbers, else ``regression``.
        classes: Names of the classes in the order of their codes; of an ordinal task the numbers in ascending order. Empty: not
            known yet.
        weight: Weight of its loss beside that of RUL, which has 1, where weights are fixed; None: the method's own.

    Raises:
        GraceError: A name that is none, an unknown kind, or a weight below 0.
    """

    name: str
    column: str = ""
    kind: str = ""
    classes: tuple[str, ...] = ()
    weight: float | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in (RUL, BOUND):
            raise GraceError(
                f"The name of a task should be letters, digits and _, other than {RUL} and {BOUND}. Found {self.name!r}. Give "
                "one, as in NAME=COLUMN."
            )
        if self.kind:
            check_one_of("kind", self.kind, KINDS)
        if self.weight is not None and not 0 <= self.weight < float("inf"):
            raise GraceError(f"The weight of task {self.name} should be at least 0. Found {self.weight}.")
        given: dict[str, Any] = {}
        if self.name == FUTURE:
            given = {"column": "", "kind": REGRESSION, "classes": ()}
        elif self.name == HEALTH_NAME and not self.column:
            given = {"kind": CLASS, "classes": STATES}
        elif not self.column:
            given = {"column": self.name}
        vars(self).update(given)

    @classmethod
    def parse(cls, text: str) -> Task:
        """A task as ``NAME``, ``NAME:KIND``, ``NAME=COLUMN`` or ``NAME=COLUMN:KIND``; a column may hold colons.

        Raises:
            GraceError: See :class:`Task`.
        """
        left, colon, kind = text.rpartition(":")
        whole, kind = (left, kind) if colon and (kind in KINDS or "=" not in text) else (text, "")
        name, _, column = whole.partition("=")
        return cls(name.strip(), column.strip(), kind.strip())

    @property
    def outputs(self) -> int:
        """Outputs of its head a label: one of a regression, one a class, one a threshold between ordered classes."""
        return 1 if self.kind == REGRESSION else len(self.classes) - (self.kind == ORDINAL)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self) | {"classes": list(self.classes)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Task:
        """A task from its JSON values."""
        given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        return cls(**given)


HEALTH_NAME = "health"
HEALTH = Task(HEALTH_NAME)
"""The health states of the source, cut from RUL."""


def check_settled(tasks: Iterable[Task]) -> None:
    """Refuse a task whose kind or classes are not known yet."""
    for task in tasks:
        if not task.kind or (task.kind != REGRESSION and len(task.classes) < 2):
            what = "a kind" if not task.kind else "two classes or more"
            raise GraceError(
                f"Task {task.name} should have {what}. Found {'none' if not task.classes else task.classes[0]}. Say which, or "
                "read the table with the task, which finds it."
            )


def check_tasks(tasks: Iterable[Task]) -> None:
    """Refuse two tasks of one name, or on one column."""
    names: dict[str, str] = {}
    for task in tasks:
        for what, value in (("name", task.name), ("column", task.column)):
            if value and names.get(f"{what} {value}"):
                raise GraceError(f"Each task should have a {what} of its own. Found {value} twice. Leave one out.")
            names[f"{what} {value}"] = task.name
