"""Which column of a table is what."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from grace.errors import GraceError


@dataclass(frozen=True)
class Columns:
    """The roles of a table's columns; kept with every network that was trained on it.

    Attributes:
        engine: Column that names the engine.
        time: Column that orders the rows of an engine.
        settings: Columns that the operating conditions are found from; none: one condition.
        target: Column with the RUL of each row; empty: RUL is the engine's last time minus the row's.
        label: Column with health labels of the user's own; empty: they follow from RUL.
        unit: Unit of RUL, for example ``hours``.
        test: What the table of test engines is called; empty where there is none. It moves what a record holds.
        content: What the files held, see :func:`grace.data.scan.content`; a file that was changed makes another run.
        classes: Names of the three health states in the label column; empty where they are 0, 1, 2 or follow from RUL.

    Raises:
        GraceError: A column has two roles.
    """

    engine: str
    time: str
    settings: tuple[str, ...] = ()
    target: str = ""
    label: str = ""
    unit: str = "cycles"
    test: str = ""
    content: str = ""
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        taken: dict[str, str] = {}
        roles = [("engine", self.engine), ("time", self.time), ("target", self.target), ("label", self.label)]
        for role, name in (*roles, *(("conditions", name) for name in self.settings)):
            if name and name in taken:
                raise GraceError(
                    f"`--{role}` should be a column of its own. Found {name}, which is `--{taken[name]}` already."
                )
            taken[name] = role

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are no values: engine, time, target and label where they are given."""
        return tuple(name for name in (self.engine, self.time, self.target, self.label) if name)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self) | {"settings": list(self.settings), "classes": list(self.classes)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Columns:
        """Columns from their JSON values."""
        lists = {name: tuple(values[name]) for name in ("settings", "classes")}
        return cls(**(values | lists))
