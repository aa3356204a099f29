"""A user's table: which file, and which column is what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from grace.data.fleet import AGE, MISSING, missing
from grace.data.tables.text import table_name
from grace.data.tasks import Task, check_tasks
from grace.errors import GraceError

TRAIN, TEST = "dev", "test"
"""The sides of an N-CMAPSS file; a table has but one."""
ASSET = "(engine of several lives)"
"""Column that a table gets where engines have several lives: the engine, whose lives are of one group."""
ROLES = ("engine", "time", "target", "event", "start", "group", "life_id", "duration")
"""Fields of :class:`Columns` that name a column which is no value."""
LATER = ("incomplete", "sentinels", "event", "leaks", "start", "group", "life_id", "duration")
"""Fields of :class:`Columns` that came after records were there."""
GONE: dict[str, Any] = {"label": "", "classes": []}
"""Fields that older versions had: the health labels of a table, which are a task's now."""
ENDS = ("target", "event", "duration")
"""Fields of :class:`Columns` whose columns say when an engine fails."""
IS = " = "
"""What stands between a text column and its value in the name of a column of 0 and 1."""


@dataclass(frozen=True)
class Columns:
    """The roles of a table's columns; kept with every network that was trained on it.

    Attributes:
        engine: Column that names the engine.
        time: Column that orders the rows of an engine.
        settings: Columns that the operating conditions are found from; none: one condition.
        target: Column with the RUL of each row; empty: RUL is the engine's last time minus the row's.
        unit: Unit of RUL, for example ``hours``.
        test: What the table of test engines is called; empty where there is none. It moves what a record holds.
        incomplete: Values whose readings may be missing, see :mod:`grace.data.tables.missing`; of all others one in every row
            is needed.
        sentinels: Numbers that stand for a missing reading in every column of values.
        event: Column that says whether an engine failed at its last row (1) or was suspended (0), in every row or in the last
            one; empty: nothing says so, and all are taken as failed.
        leaks: Features that were asked for though they give an engine's end away, with the reason.
        start: Column with the time from which a row holds, until ``time``; RUL of a row counts from it to the engine's last
            ``time``. Empty: a row is of one time.
        group: Column with the group of each engine, the same in all of its rows; engines of one group are near replicates, and
            stand on one side of every split. Empty: each is on its own, but for lives of one engine.
        life_id: Column that tells several lives of one engine apart, each of which is an engine ``ENGINE/LIFE``.
        duration: Column of the table of units with the age at which each engine failed or was suspended, in the unit of RUL;
            empty: that is the age at its last row.

    Raises:
        GraceError: A column has two roles, or ``start`` comes with ``target``.
    """

    engine: str
    time: str
    settings: tuple[str, ...] = ()
    target: str = ""
    unit: str = "cycles"
    test: str = ""
    incomplete: tuple[str, ...] = ()
    sentinels: tuple[float, ...] = ()
    event: str = ""
    leaks: tuple[str, ...] = ()
    start: str = ""
    group: str = ""
    life_id: str = ""
    duration: str = ""

    def __post_init__(self) -> None:
        taken: dict[str, str] = {}
        roles = [(role, getattr(self, role)) for role in ROLES]
        for role, name in (*roles, *(("conditions", name) for name in self.settings)):
            option = role.replace("_", "-")
            if name and name in taken:
                raise GraceError(
                    f"`--{option}` should be a column of its own. Found {name}, which is `--{taken[name]}` already."
                )
            taken[name] = option
        for role in ("start", "duration"):
            if getattr(self, role) and self.target:
                raise GraceError(
                    f"`--{role}` should be left out with --target, which says what RUL is. Found {self.target}. Leave one of "
                    "them out."
                )

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are no values: those of :data:`ROLES` that are given, and :data:`ASSET`."""
        return tuple(name for name in (*(getattr(self, role) for role in ROLES), self.life_id and ASSET) if name)

    @property
    def grouping(self) -> str:
        """The column that says of which group a row's engine is; empty where nothing does."""
        return self.group or (self.life_id and ASSET)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that hold names, which are no numbers though some look like them: engines, their lives, and groups."""
        return tuple(name for name in (self.engine, self.life_id, self.group) if name)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; without those of :data:`LATER` that say nothing, and with :data:`GONE`, so that ids of older
        runs stay as they were."""
        fields = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in fields.items() if value or name not in LATER} | GONE

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Columns:
        """Columns from their JSON values; ``content``, a hash that older versions kept here, and :data:`GONE` are ignored."""
        known = {name: value for name, value in values.items() if name not in ("content", *GONE)}
        fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in known.items()}
        return cls(**fields)


@dataclass(frozen=True)
class TableSource:
    """A table and how it is read; goes to other processes as it is.

    Attributes:
        path: CSV, Parquet, a folder of either, or N-CMAPSS.
        columns: Roles of the columns.
        features: Columns that the network sees; :func:`grace.data.tables.select_columns.select_columns` finds them. One is made:
            :data:`grace.data.fleet.AGE`.
        side: ``dev`` or ``test`` of an N-CMAPSS file.
        test: Table of test engines with the same columns, or None; N-CMAPSS names itself.
        units: Table of one row an engine; None: there is none.
        of_units: Those of ``event``, ``group`` and ``duration`` that it holds in place of the rows, see
            :func:`grace.data.tables.units.placed`.
        cache: Folder for the rows of a table that is larger than memory; None, or the side ``test``, is read into memory.
        tasks: Tasks beside RUL; their columns, of the rows or of the table of units, are no features. What is not said of them
            :func:`grace.data.tables.select_columns.select_columns` finds. Empty: the health states by RUL.
        conditions: Number of operating conditions that was asked for; 0 finds it.
        found: Operating conditions found in a sample of rows; what is fitted later sees all rows of the training engines.
        rows: Rows that were counted when columns were selected.
        left_out: Columns that are not used, with the reason; of features that were asked for, why they should not be used.
        done: What was done to the table as it was read, a line each.

    Raises:
        GraceError: The column of a task has another role, or is a feature.
    """

    path: Path
    columns: Columns
    features: tuple[str, ...] = ()
    side: str = TRAIN
    test: Path | None = None
    units: Path | None = None
    of_units: tuple[str, ...] = ()
    cache: Path | None = None
    tasks: tuple[Task, ...] = ()
    conditions: int = 0
    found: int = field(default=0, compare=False)
    rows: int = field(default=0, compare=False)
    left_out: Mapping[str, str] = field(default_factory=dict, compare=False)
    done: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        check_tasks(self.tasks)
        roles = {name: role for role in ROLES if (name := getattr(self.columns, role))}
        roles |= dict.fromkeys(self.columns.settings, "conditions")
        for task in self.labelled:
            if role := roles.get(task.column):
                ends = ", and defines failure" if role in ENDS else ""
                raise GraceError(
                    f"Task {task.name} should have a column of its own. Found {task.column}, which is "
                    f"`--{role.replace('_', '-')}` already{ends}. Name another with --task {task.name}=COLUMN."
                )
            if any(made_of(feature, task.column) for feature in self.features):
                raise GraceError(
                    f"`--features` should leave out what a network cannot know. Found {task.column}, the label of task "
                    f"{task.name}. Leave it out of one of them."
                )

    @property
    def name(self) -> str:
        """What results call it."""
        return table_name(self.path)

    @property
    def labelled(self) -> tuple[Task, ...]:
        """The tasks that have a column."""
        return tuple(task for task in self.tasks if task.column)

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are no values: those with a role, and those of tasks."""
        return (*self.columns.named, *(task.column for task in self.labelled))

    @property
    def in_rows(self) -> Columns:
        """The columns, without those that the table of units holds."""
        return replace(self.columns, **dict.fromkeys(self.of_units, ""))  # type: ignore[arg-type]

    @property
    def in_units(self) -> dict[str, str]:
        """Role and column of what the table of units holds."""
        return {role: getattr(self.columns, role) for role in self.of_units}

    @property
    def values(self) -> tuple[str, ...]:
        """Columns that are read as values: settings and features."""
        read = dict.fromkeys((*self.columns.settings, *self.features))
        return tuple(name for name in read if name not in (AGE, *map(missing, self.columns.incomplete)))

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Those of the values whose readings may be missing."""
        return tuple(n for n in self.values if n in self.columns.incomplete and n not in self.columns.settings)

    @property
    def made(self) -> tuple[str, ...]:
        """Columns of its fleet: the values, and how long ago the incomplete ones were read."""
        return (*self.values, *map(missing, self.incomplete))

    @property
    def test_source(self) -> TableSource | None:
        """The table of test engines, read alike."""
        return None if self.test is None else replace(self, path=self.test, side=TEST, test=None)


def made_of(feature: str, column: str) -> bool:
    """Whether a feature is a column, or one that is made of it: of one of its values, or of its missing readings."""
    return feature == column or feature.startswith((column + IS, column + MISSING))
