"""What a run is: every convention and choice that moves a number and the bytes it read, as one record whose hash names it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from grace.controllers.methods import Method, build_outer
from grace.controllers.torchjd import PREFIX
from grace.core.weighted_mse import INNER
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.tables.columns import Columns
from grace.data.tasks import HEALTH, RUL, Task, check_settled
from grace.errors import GraceError, check_one_of
from grace.formats import MALFORMED, DamagedError, Format, built, checksum
from grace.models.cnn_bilstm_attention import Architecture
from grace.models.heads import UPPER, WHOLE
from grace.models.units import SUSPENDED, UNITS, check_unit
from grace.schema import fault_of_fields
from grace.training.fitted import MODELS, NETWORK, fitted
from grace.training.migrations import spec_1, spec_2
from grace.training.schedule import CUSTOM, SCHEDULES, Schedule

T = TypeVar("T")
PROTOCOLS = ("honest", "source")
PRECISIONS = ("float32", "bfloat16")
SEEDS = (42, 123, 456, 789, 1024)
"""The source's seeds."""

SPEC = Format("spec", 3, {1: spec_1, 2: spec_2})
DESCRIBED = ("id", "method", "schedule_name")
"""What the JSON of a spec says beside its fields, for readers; it follows from them."""
LATER = {"model": NETWORK, "folds": 0, "start": 0, "suspended": "ignore", "schedule.full_epochs": False}
"""Fields that came after records were there: left out of the id where they say what runs did before."""
MAX_FOLDS = 1000


@dataclass(frozen=True)
class RunSpec:
    """One training; two runs with the same :attr:`id` give the same numbers on the same machine.

    Device, threads and versions are no part of it: they are the record's environment.

    Attributes:
        dataset: Name of the data set.
        outer: Outer axis, see :data:`grace.controllers.methods.OUTER`.
        inner: Inner axis, see :data:`grace.core.weighted_mse.INNER`.
        options: Parameters of the outer axis as pairs; its defaults are filled in.
        seed: Seed of the split, the initialisation, the order of batches and the dropout.
        size: Size of the network.
        rul_scale: Unit of the RUL head and its loss, see :data:`grace.models.units.UNITS`.
        schedule: Learning rate, length and stopping.
        model: ``network``, or the name of a baseline, see :mod:`grace.training.fitted`.
        protocol: ``honest``: chosen on validation engines, the test read once. ``source``: best epoch on the test set.
        folds: Networks of an ensemble, each trained to its last epoch on all engines but one fold of them. 0: one network.
        start: Number of the initialisation of a seed, 0 the first; another start where one comes to nothing.
        suspended: What windows of suspended engines say, see :data:`grace.models.units.SUSPENDED`.
        conventions: How recordings become windows, targets and labels.
        validation_share: Share of the training engines that nothing is trained on.
        validation_cuts: Random cycles at which each of them is cut.
        max_validation_rul: Largest RUL at such a cut, cycles; 0: none.
        measure_every: Steps between two measurements of the Gramian; for methods that need none always 10.
        measure_on: Part of the backbone for it, :data:`grace.models.heads.MultiHead.parts`; for methods that need none all.
        watch_test: Record the test RMSE of every epoch on the side, for comparison with the source's protocol only.
        precision: ``float32``, or ``bfloat16`` for mixed precision.
        train_sha256: SHA-256 of the training data, see :meth:`grace.Fleet.digest`; empty until it is known.
        test_sha256: Of the test data; empty where there are none, or until they are known.

    Raises:
        GraceError: A field is out of its range or an unknown name.
    """

    dataset: str
    outer: str
    inner: str
    options: tuple[tuple[str, Any], ...]
    seed: int
    size: str
    rul_scale: str
    schedule: Schedule
    model: str = NETWORK
    protocol: str = "honest"
    folds: int = 0
    start: int = 0
    suspended: str = "ignore"
    conventions: Conventions = Conventions()
    validation_share: float = 0.2
    validation_cuts: int = 16
    max_validation_rul: int | float = 150
    measure_every: int = 10
    measure_on: str = WHOLE
    watch_test: bool = True
    precision: str = "float32"
    train_sha256: str = ""
    test_sha256: str = ""

    def __post_init__(self) -> None:
        for name, value in fitted(self.model, self.schedule).items():
            object.__setattr__(self, name, value)
        for name, known in (
            ("model", MODELS),
            ("inner", INNER),
            ("rul_scale", UNITS),
            ("protocol", PROTOCOLS),
            ("precision", PRECISIONS),
            ("suspended", SUSPENDED),
            ("measure_on", (WHOLE, UPPER)),
        ):
            check_one_of(name, getattr(self, name), known)
        for name, low in (("measure_every", 1), ("validation_cuts", 1), ("max_validation_rul", 0), ("start", 0)):
            if (value := getattr(self, name)) < low:
                raise GraceError(f"`{name}` should be at least {low}. Found {value}.")
        if not 0 < self.validation_share < 1:
            raise GraceError(f"`validation_share` should be in (0, 1). Found {self.validation_share}.")
        if self.folds and not 2 <= self.folds <= MAX_FOLDS:
            raise GraceError(f"`folds` should be 0 (one network) or from 2 to {MAX_FOLDS}. Found {self.folds}.")
        if self.folds and self.protocol != "honest":
            raise GraceError(f"`folds` should be 0 with the protocol {self.protocol}. Found {self.folds}.")
        check_unit(self.rul_scale, self.suspended)
        check_settled(self.conventions.tasks)
        Architecture.named(self.size)
        self._resolve()

    def _resolve(self) -> None:
        """Fill in what follows from the outer axis, so that one meaning has one spec."""
        weights: tuple[float, ...] = dict(self.options).get("weights") or ()
        if len(weights) > 1 and not any(weights[1:]):  # RUL alone is the same whatever is not trained beside it
            alone = replace(self.conventions, tasks=Conventions.tasks)
            vars(self).update(conventions=alone, options=(("weights", (weights[0], 0.0)),))
        options = Method(self.outer, self.inner, dict(self.options)).resolved(len(self.tasks))
        given: tuple[float, ...] = options.get("weights") or (1.0,)
        if not given[0] and not (HEALTH.name in self.tasks and given[self.tasks.index(HEALTH.name)]):
            raise GraceError(
                f"A run should train RUL or health, which its epoch is chosen by. Found the weights {given} of "
                f"{', '.join(self.tasks)}. Give one of the two a weight."
            )
        object.__setattr__(self, "options", tuple(options.items()))
        controller = build_outer(self.outer, len(self.tasks), **options)
        if self.folds:  # nothing is chosen on an epoch, neither by the validation engines nor on the side
            vars(self).update(watch_test=False, validation_share=type(self).validation_share)
        if not controller.needs_gramian:
            vars(self).update(measure_every=type(controller).measure_every, measure_on=WHOLE)

    @property
    def method(self) -> str:
        """Name of the row in :data:`grace.controllers.methods.METHODS`, ``OUTER+INNER`` of a free pair, or the baseline's."""
        if self.model != NETWORK:
            return self.model
        return Method(self.outer, self.inner, dict(self.options), self.rul_scale).name(len(self.tasks))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks in the order of their weights: RUL, then those of the conventions."""
        return RUL, *(task.name for task in self.conventions.tasks)

    @property
    def schedule_name(self) -> str:
        """Name of the schedule, or ``custom``."""
        return next((name for name, plan in SCHEDULES.items() if plan == self.schedule), CUSTOM)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the fields as canonical JSON."""
        fields = self._fields()
        for path, default in LATER.items():
            *above, name = path.split(".")
            home = fields[above[0]] if above else fields
            if home[name] == default:
                del home[name]
        return checksum(fields)[:12]

    def trains(self, task: str) -> bool:
        """Whether a task is one of :attr:`tasks`, and has a weight at all."""
        weights = dict(self.options).get("weights")
        return task in self.tasks and (weights is None or weights[self.tasks.index(task)] > 0)

    def reading(self, fleet: Fleet, test: Fleet | None) -> RunSpec:
        """The spec of a run that reads these engines.

        Raises:
            GraceError: It is a spec of other data.
        """
        sums = fleet.digest(), "" if test is None else test.digest()
        if self.train_sha256 and (self.train_sha256, self.test_sha256) != sums:
            raise GraceError(
                f"The data of run {self.id} should have the SHA-256 of its spec. Found other data for {self.dataset}. "
                "Restore the files, or make a new spec."
            )
        return replace(self, train_sha256=sums[0], test_sha256=sums[1])

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values, with format, version and :data:`DESCRIBED`; :meth:`from_json` reads them back."""
        described = {name: getattr(self, name) for name in DESCRIBED}
        return {"format": SPEC.name, "version": SPEC.version} | described | self._fields()

    def _fields(self) -> dict[str, Any]:
        options = {name: list(value) if isinstance(value, tuple) else value for name, value in self.options}
        return asdict(self) | {"conventions": self.conventions.to_json(), "options": options}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunSpec:
        """A spec from its JSON values, of this version or an older one.

        Raises:
            GraceError: The values are damaged, of a newer version, or no longer what the id says.
        """
        what = "The spec of a run"
        version = SPEC.accept({"format": SPEC.name, "version": 1} | values, what)
        body = SPEC.migrated({k: v for k, v in values.items() if k not in ("format", "version")}, version, what)
        found = body.get("id")
        try:
            spec = cls._built({name: value for name, value in body.items() if name not in DESCRIBED}, what)
        except MALFORMED as error:
            raise DamagedError(what, f"{type(error).__name__} {error}") from None
        if found is not None and found != spec.id:
            raise DamagedError(f"{what} {found}", f"fields of run {spec.id}")
        return spec

    @classmethod
    def _built(cls, values: dict[str, Any], what: str) -> RunSpec:
        conventions: dict[str, Any] = {n: frozen(v) for n, v in values["conventions"].items()}
        if conventions.get("table") is not None:
            conventions["table"] = _checked(Columns.from_json(conventions["table"]), f"{what}, columns")
        if conventions.get("tasks"):
            tasks = (_checked(Task.from_json(task), f"{what}, tasks") for task in conventions["tasks"])
            conventions["tasks"] = tuple(tasks)
        parts = {
            "conventions": built(Conventions, conventions, f"{what}, conventions"),
            "schedule": built(Schedule, values["schedule"], f"{what}, schedule"),
            "options": tuple((name, frozen(value)) for name, value in sorted(values["options"].items())),
        }
        if ":" not in values["outer"] or values["outer"].startswith(PREFIX):
            return built(cls, values | parts, what)
        # a class that a file names is not imported, as that runs its module: what follows from it stands in the file
        spec = built(cls, values | parts | {"outer": "fixed", "options": ()}, what)
        vars(spec).update(
            {name: (values | parts)[name] for name in ("outer", "options", "measure_every", "measure_on")}
        )
        return spec


def _checked(found: T, what: str) -> T:
    if words := fault_of_fields(type(found), vars(found)):
        raise DamagedError(what, words)
    return found


def frozen(value: Any) -> Any:
    """A list as a tuple, as the fields of a spec hold it."""
    return tuple(value) if isinstance(value, list) else value
