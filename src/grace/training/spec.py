"""What a run is: every convention and choice that moves a number, as one frozen record whose hash names the run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from grace.controllers.methods import build_outer, method
from grace.core.weighted_mse import INNER
from grace.data.conventions import FEATURES, Conventions
from grace.data.fleet import SETTINGS
from grace.data.tables.columns import Columns
from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import PARTS, WHOLE, architecture
from grace.models.rul_problem import TASKS, UNITS
from grace.training.schedule import Schedule, schedule_named

PROTOCOLS = ("honest", "source")
PRECISIONS = ("float32", "bfloat16")
SEEDS = (42, 123, 456, 789, 1024)
"""The source's seeds."""

CONVENTIONS = Conventions(window=60, features=tuple(name for name in FEATURES if name not in SETTINGS))
"""Conventions of a training: those of the source but for a longer window and no settings among the features (they serve to
find the conditions), chosen on validation engines: docs/training.md."""


@dataclass(frozen=True)
class RunSpec:
    """One training; two runs with the same :attr:`id` give the same numbers on the same machine.

    Attributes:
        dataset: Name of the data set.
        method: Name of the row in :data:`grace.controllers.methods.METHODS`, or ``OUTER+INNER`` for a free pair.
        outer: Outer axis, see :data:`grace.controllers.methods.OUTER`.
        inner: Inner axis, see :data:`grace.core.weighted_mse.INNER`.
        options: Parameters of the outer axis as pairs.
        seed: Seed of the split, the initialisation, the order of batches and the dropout.
        protocol: ``honest``: chosen on validation engines, the test read once. ``source``: best epoch on the test set.
        size: Size of the network.
        unit: Unit of the RUL head and its loss, see :data:`grace.models.rul_problem.UNITS`.
        schedule: Learning rate, length and stopping.
        schedule_name: What it is called.
        conventions: How recordings become windows, targets and labels.
        validation_share: Share of the training engines that nothing is trained on.
        validation_cuts: Random cycles at which each of them is cut.
        validation_horizon: Largest RUL at such a cut, cycles; 0: none.
        measure_every: Steps between two measurements of the Gramian, for the methods that need it.
        measure_on: Part of the backbone that it is measured on, see :data:`grace.models.cnn_bilstm_attention.PARTS`.
        monitor_every: Steps between two measurements for the live display where the method needs none; 0: never.
        watch_test: Record the test RMSE of every epoch on the side, for comparison with the source's protocol only.
        precision: ``float32``, or ``bfloat16`` for mixed precision.

    Raises:
        GraceError: A field is out of its range or an unknown name.
    """

    dataset: str
    method: str
    outer: str
    inner: str
    options: tuple[tuple[str, Any], ...]
    seed: int
    protocol: str = "honest"
    size: str = "compact"
    unit: str = "cycles"
    schedule: Schedule = field(default_factory=lambda: schedule_named("compact"))
    schedule_name: str = "compact"
    conventions: Conventions = CONVENTIONS
    validation_share: float = 0.2
    validation_cuts: int = 16
    validation_horizon: int = 150
    measure_every: int = 10
    monitor_every: int = 0
    watch_test: bool = True
    precision: str = "float32"
    measure_on: str = WHOLE

    def __post_init__(self) -> None:
        for name, known in (
            ("inner", tuple(INNER)),
            ("unit", tuple(UNITS)),
            ("protocol", PROTOCOLS),
            ("precision", PRECISIONS),
            ("measure_on", tuple(PARTS)),
        ):
            if getattr(self, name) not in known:
                raise GraceError(f"`{name}` should be one of {', '.join(known)}. Found {getattr(self, name)!r}.")
        for name, low in (
            ("measure_every", 1),
            ("monitor_every", 0),
            ("validation_cuts", 1),
            ("validation_horizon", 0),
        ):
            if (value := getattr(self, name)) < low:
                raise GraceError(f"`{name}` should be at least {low}. Found {value}.")
        if not 0 < self.validation_share < 1:
            raise GraceError(f"`validation_share` should be in (0, 1). Found {self.validation_share}.")
        build_outer(self.outer, **dict(self.options))
        architecture(self.size)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(canonical(self.to_json()).encode()).hexdigest()[:12]

    def trains(self, task: str) -> bool:
        """Whether a task of :data:`grace.models.rul_problem.TASKS` has a weight at all."""
        weights = dict(self.options).get("weights")
        return weights is None or weights[TASKS.index(task)] > 0

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; :meth:`from_json` reads them back.

        ``measure_on`` is left out where it is the backbone, so that ids of older runs stay as they were.
        """
        options = {name: _plain(value) for name, value in self.options}
        values = asdict(self) | {"conventions": self.conventions.to_json(), "options": options}
        if self.measure_on == WHOLE:
            del values["measure_on"]
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunSpec:
        """A spec from its JSON values.

        Raises:
            GraceError: A field is missing or unknown: the values are of another version.
        """
        known, values = {f.name for f in fields(cls)}, {"measure_on": WHOLE} | values
        if set(values) != known:
            odd = sorted(set(values) ^ known)[0]
            raise GraceError(f"A run's spec should have the fields of this version. Found a difference in {odd!r}.")
        conventions: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in values["conventions"].items()
        }
        options = tuple((name, _frozen(value)) for name, value in sorted(values["options"].items()))
        try:
            if "table" in conventions:
                conventions["table"] = Columns.from_json(conventions["table"])
            changes = {"conventions": Conventions(**conventions), "schedule": Schedule(**values["schedule"])}
        except TypeError as error:
            raise GraceError(f"A run's spec should have the fields of this version. Found: {error}.") from None
        return cls(**(values | changes | {"options": options}))


def run_spec(
    dataset: str,
    method_name: str | None = None,
    *,
    outer: str | None = None,
    inner: str | None = None,
    options: dict[str, Any] | None = None,
    measure_every: int | None = None,
    schedule: str | Schedule = "compact",
    seed: int = SEEDS[0],
    **choices: Any,
) -> RunSpec:
    """A spec from a method by name, from an outer and an inner axis, or from a method with one axis replaced.

    Args:
        dataset: Name of the data set.
        method_name: Row of the table; default ``grace`` where neither axis is given, else ``baseline``.
        outer: Replaces the row's outer axis and its options.
        inner: Replaces the row's inner axis.
        options: Parameters of the outer axis, over those of the row.
        measure_every: Steps between two Gramians; None: the outer axis' own.
        schedule: A schedule or its name.
        seed: Seed of the split, the initialisation, the order of batches and the dropout.
        choices: Further fields of :class:`RunSpec`.

    Raises:
        GraceError: An unknown name, or a field out of its range.
    """
    row = method(method_name or ("baseline" if outer or inner else "grace"))
    name = method_name if method_name and not (outer or inner) else None
    chosen_outer, chosen_inner = outer or row.outer, inner or row.inner
    merged = ({} if outer else dict(row.options)) | (options or {})
    plan = schedule_named(schedule) if isinstance(schedule, str) else schedule
    return RunSpec(
        dataset=dataset,
        method=name or ("grace" if not (outer or inner) else f"{chosen_outer}+{chosen_inner}"),
        outer=chosen_outer,
        inner=chosen_inner,
        options=tuple((key, _frozen(value)) for key, value in sorted(merged.items())),
        schedule=plan,
        schedule_name=schedule if isinstance(schedule, str) else "custom",
        seed=seed,
        measure_every=build_outer(chosen_outer, **merged).measure_every if measure_every is None else measure_every,
        **choices,
    )


def canonical(values: dict[str, Any]) -> str:
    """JSON with sorted keys and no blanks: one text for one meaning."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
