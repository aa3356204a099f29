"""Every convention that moves a number, as named fields of one frozen record."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from grace.data.fleet import SETTINGS
from grace.data.tables.columns import Columns
from grace.errors import GraceError

USED_SENSORS = (2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21)
FEATURES = tuple(f"sensor_{number}" for number in USED_SENSORS)
MAX_CONDITIONS = 8
"""Operating conditions that are looked for, at most."""


@dataclass(frozen=True)
class Conventions:
    """How recordings become windows, targets and labels; printed with every result.

    The defaults are those of a training and of a diagnosis alike: the source's (:data:`PUBLISHED`) but for a longer window and no
    settings among the features (they serve to find the conditions), chosen on validation engines: docs/training.md.

    Attributes:
        cap: Largest RUL that a target may have, cycles: ``min(RUL, cap)``.
        window: Length of a window, cycles.
        stride: Step between the windows of one engine, cycles.
        features: Columns that the network sees.
        conditions: Number of operating conditions, or 0 to find it from the settings.
        health_cuts: RUL at and above which an engine is healthy, and below which it is critical, cycles.
        near_failure: RUL below which a sample counts as near failure, cycles.
        last_cycle_rul: RUL of the last cycle of an engine that ran to failure, cycles (0: the test files' own convention).
        padding: Where an engine shorter than the window is filled up, by repeating its first cycle.
        scaling: What the features are scaled by; fitted on the training engines only.
        table: Roles of the columns of a table of the user's own; None: C-MAPSS's. With it, "cycles" above are units of its RUL,
            but for ``window`` and ``stride``, which count rows.

    Raises:
        GraceError: A field is out of its range.
    """

    cap: int = 125
    window: int = 60
    stride: int = 1
    features: tuple[str, ...] = FEATURES
    conditions: int = 0
    health_cuts: tuple[int, int] = (70, 30)
    near_failure: int = 30
    last_cycle_rul: int = 0
    padding: str = "front"
    scaling: str = "z-score per condition"
    table: Columns | None = None

    def __post_init__(self) -> None:
        for name in ("cap", "window", "stride", "near_failure"):
            if (value := getattr(self, name)) < 1:
                raise GraceError(f"`{name}` should be at least 1 cycle. Found {value}.")
        if self.conditions < 0:
            raise GraceError(f"`conditions` should be 0 (find them) or a positive number. Found {self.conditions}.")
        healthy, critical = self.health_cuts
        if not healthy > critical > 0:
            raise GraceError(f"`health_cuts` should be HEALTHY > CRITICAL > 0 cycles. Found {healthy}, {critical}.")
        if not self.features:
            raise GraceError("`features` should name at least one column. Found none.")

    @property
    def settings(self) -> tuple[str, ...]:
        """Columns that the operating conditions are found from."""
        return SETTINGS if self.table is None else self.table.settings

    @property
    def unit(self) -> str:
        """Unit of RUL."""
        return "cycles" if self.table is None else self.table.unit

    def to_json(self) -> dict[str, object]:
        """The fields as JSON values; without ``table`` where there is none, so that ids of older runs stay as they were."""
        values = asdict(self)
        del values["table"]
        return values if self.table is None else values | {"table": self.table.to_json()}


PUBLISHED = Conventions(window=30, features=(*SETTINGS, *FEATURES))
"""The source's conventions: windows of 30 cycles, the settings among the features."""
