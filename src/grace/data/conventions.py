"""Every convention that moves a number, as named fields of one frozen record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import SETTINGS, Fleet
from grace.data.tables.columns import Columns
from grace.data.tasks import HEALTH, Task, check_tasks
from grace.errors import GraceError

USED_SENSORS = (2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21)
FEATURES = tuple(f"sensor_{number}" for number in USED_SENSORS)
MAX_CONDITIONS = 8
"""Operating conditions that are looked for, at most."""
LARGEST_RUL, LARGEST_WINDOW = 1e12, 10_000
"""Beyond these a setting is a mistake, and a batch of windows some gigabytes."""
SCALES = ("cap", "health_cuts", "window")
"""Fields of :class:`Conventions` that a table's units set, see :meth:`Conventions.scaled_to`."""
LIFE_QUANTILE, ROWS_SHARE, LEAST_WINDOW = 0.8, 0.3, 5


@dataclass(frozen=True)
class Conventions:
    """How recordings become windows, targets and labels; printed with every result.

    The defaults are those of a training and of a diagnosis alike: the source's (:data:`PUBLISHED`) but for a longer window and no
    settings among the features (they serve to find the conditions), chosen on validation engines: docs/training.md.

    Attributes:
        cap: Largest RUL that a target may have, cycles: ``min(RUL, cap)``.
        window: Length of a window, cycles, at most :data:`LARGEST_WINDOW`.
        stride: Step between the windows of one engine, cycles.
        features: Columns that the network sees; :data:`~grace.data.fleet.AGE` is made of the times.
        conditions: Number of operating conditions, or 0 to find it from the settings.
        health_cuts: RUL at and above which an engine is healthy, and below which it is critical, cycles.
        near_failure: RUL below which a sample counts as near failure, cycles.
        last_cycle_rul: RUL of the last cycle of an engine that ran to failure, cycles (0: the test files' own convention).
        padding: Where an engine shorter than the window is filled up, by repeating its first cycle.
        scaling: What the features are scaled by; fitted on the training engines only.
        table: Roles of the columns of a table of the user's own; None: C-MAPSS's. With it, "cycles" above are units of its RUL,
            but for ``window`` and ``stride``, which count rows.
        from_data: Those of :data:`SCALES` that follow from the lives of the training units; the others were set.
        tasks: Tasks beside RUL, in the order of their weights.

    Raises:
        GraceError: A field is out of its range.
    """

    cap: int | float = 125
    window: int = 60
    stride: int = 1
    features: tuple[str, ...] = FEATURES
    conditions: int = 0
    health_cuts: tuple[int | float, int | float] = (70, 30)
    near_failure: int | float = 30
    last_cycle_rul: int = 0
    padding: str = "front"
    scaling: str = "z-score per condition"
    table: Columns | None = None
    from_data: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = (HEALTH,)

    def __post_init__(self) -> None:
        for name in ("cap", "near_failure"):
            if not 0 < (value := getattr(self, name)) < np.inf:
                raise GraceError(f"`{name}` should be above 0 {self.unit}. Found {value}.")
            if value > LARGEST_RUL:
                raise GraceError(f"`{name}` should be at most {LARGEST_RUL:g} {self.unit}. Found {value:g}.")
        for name in ("window", "stride"):
            if (value := getattr(self, name)) < 1:
                raise GraceError(f"`{name}` should be at least 1 cycle. Found {value}.")
        if self.window > LARGEST_WINDOW:
            raise GraceError(
                f"`window` should be at most {LARGEST_WINDOW} cycles. Found {self.window}. Take a shorter one."
            )
        if self.conditions < 0:
            raise GraceError(f"`conditions` should be 0 (find them) or a positive number. Found {self.conditions}.")
        healthy, critical = self.health_cuts
        if not LARGEST_RUL >= healthy > critical > 0:
            raise GraceError(
                f"`health_cuts` should be HEALTHY > CRITICAL > 0 {self.unit}. Found {healthy}, {critical}."
            )
        if not self.features:
            raise GraceError("`features` should name at least one column. Found none.")
        check_tasks(self.tasks)

    @property
    def settings(self) -> tuple[str, ...]:
        """Columns that the operating conditions are found from."""
        return SETTINGS if self.table is None else self.table.settings

    @property
    def unit(self) -> str:
        """Unit of RUL."""
        return "cycles" if self.table is None else self.table.unit

    @property
    def cycle(self) -> float:
        """What counts as a cycle in NASA's score, whose constants suit a cap of 125: of a table the 125th part of its cap."""
        return 1.0 if self.table is None else self.cap / type(self).cap

    def scaled_to(
        self,
        fleet: Fleet,
        *,
        cap: float | None = None,
        health_cuts: tuple[float, float] | None = None,
        window: int | None = None,
    ) -> Conventions:
        """These conventions with the scales of a table's units that failed, but for those that are given.

        A life is what was recorded of one: the RUL of the unit's first row. The cap is the 80 % quantile of the lives; health
        cuts are 0.56 and 0.24 of the cap, as 70 and 30 cycles are of 125, and a unit near failure is a critical one; all are
        rounded to two digits. The window is 30 % of the median number of rows of a life, at least 5 rows and at most the window
        of these conventions. Without a life (units of one row) cap and window stay as they are.

        Args:
            fleet: Training engines.
            cap: In place of the cap of the data, unit of RUL; the health cuts follow it.
            health_cuts: In place of the cuts, unit of RUL.
            window: In place of the window, rows.
        """
        lives = lives_of(fleet)
        given = {"cap": cap, "health_cuts": health_cuts, "window": window}
        if cap is None:
            cap = _two_digits(float(np.quantile(lives, LIFE_QUANTILE))) if len(lives) else self.cap
        if window is None:
            rows = round(ROWS_SHARE * float(np.median(fleet.lengths[fleet.failures]))) if len(lives) else self.window
            window = min(max(rows, LEAST_WINDOW), self.window)
        usual = type(self)
        if health_cuts is None:
            healthy, critical = (_two_digits(cap * cut / usual.cap) for cut in usual.health_cuts)
            health_cuts = healthy, critical
        found = tuple(name for name in SCALES if given[name] is None)
        return replace(
            self, cap=cap, health_cuts=health_cuts, near_failure=health_cuts[1], window=window, from_data=found
        )

    def to_json(self) -> dict[str, object]:
        """The fields as JSON values; without ``table`` and ``from_data`` where there is none, and without tasks other than the
        health states by RUL, so that ids of older runs stay as they were."""
        values = asdict(self) | {"table": self.table and self.table.to_json()}
        values["tasks"] = [] if self.tasks == (HEALTH,) else [task.to_json() for task in self.tasks]
        return {name: value for name, value in values.items() if value or name not in ("table", "from_data", "tasks")}


def lives_of(fleet: Fleet) -> NDArray[np.float64]:
    """Recorded lives of the units that failed: RUL at their first rows, unit of RUL, ``[F]``, without those of 0."""
    first = np.asarray(fleet.rul_at(fleet.starts[:-1][fleet.failures]), dtype=np.float64)
    return first[first > 0]


def _two_digits(value: float) -> int | float:
    """A number rounded to two significant digits, as an int where it is whole."""
    found = float(f"{value:.2g}")
    return int(found) if found.is_integer() else found


PUBLISHED = Conventions(window=30, features=(*SETTINGS, *FEATURES))
"""The source's conventions: windows of 30 cycles, the settings among the features."""
