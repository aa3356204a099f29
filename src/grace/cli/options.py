"""Options that several commands have: each stands once, with its words and its default; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from grace.cli import work
from grace.cli.task_options import TaskOptions, weighted
from grace.errors import GraceError

RESULTS = Path("results")
"""Where sweeps go, and what is read of them, unless another folder is named."""

Data = Annotated[Path | None, typer.Option(help="Folder of the files.", envvar="GRACE_DATA")]
Engines = Annotated[
    str | None, typer.Argument(help="FD001..FD004, NAME of a train_NAME.txt, a folder, or `simulated`; or --table.")
]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
_JOBS = typer.Option(help="Processes, one thread each; 0 is one a core. The numbers do not depend on it.")
Jobs = Annotated[int, _JOBS]
OptionalJobs = Annotated[int | None, _JOBS]
Protocol = Annotated[str, typer.Option(help="honest, or source: best epoch on the test set.")]
Profile = Annotated[
    bool, typer.Option("--profile", help="Show at the end where the time of this process went, on standard error.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show also the conventions and all that the answer rests on.")
]
_SUSPENDED = typer.Option(
    help="Windows of suspended engines: ignore (default), bound (no RUL below what they ran), hazard (a likelihood "
    "over time; default of `train` where there are any; not of `diagnose`)."
)
Suspended = Annotated[str | None, _SUSPENDED]
_SIZE = typer.Option(
    help="Network: default statistics, of a table quantiles, either also -narrow; or compact, paper, tiny."
)
Size = Annotated[str | None, _SIZE]


_OF_UNITS = ("engine", "event", "group")
"""Options of a table that go with a table of units beside C-MAPSS files, too."""


@dataclass(frozen=True)
class _TableOptions(TaskOptions):
    """A table of the user's own and the roles of its columns."""

    table: Annotated[
        Path | None,
        typer.Option(help="Your own table: .csv, .tsv (also .gz), .parquet, a folder of them, or N-CMAPSS .h5."),
    ] = None
    engine: Annotated[str | None, typer.Option(help="Its column that names the engine.")] = None
    time: Annotated[str | None, typer.Option(help="Its column that orders an engine's rows: number or date.")] = None
    start: Annotated[
        str | None,
        typer.Option(
            help="Its column with the time from which a row holds, until --time; default: a row is of one time."
        ),
    ] = None
    features: Annotated[str | None, typer.Option(help="Columns with commas, and age; default all that vary.")] = None
    target: Annotated[str | None, typer.Option(help="Column with each row's RUL; default last time minus time.")] = None
    event: Annotated[
        str | None,
        typer.Option(help="Column that is 1 where an engine failed at its last row, 0 where it was suspended."),
    ] = None
    group: Annotated[
        str | None,
        typer.Option(help="Column with the group of an engine; a group is trained on or held out as a whole."),
    ] = None
    life_id: Annotated[
        str | None, typer.Option(help="Column that tells several lives of one engine apart; each is a unit.")
    ] = None
    duration: Annotated[
        str | None,
        typer.Option(help="Column of --unit-table with the age at which each engine failed or was suspended."),
    ] = None
    time_unit: Annotated[str, typer.Option(help="Unit that RUL is counted in, e.g. hours.")] = "cycles"
    test_table: Annotated[Path | None, typer.Option(help="Table of test engines, with the same columns.")] = None
    sentinels: Annotated[
        str | None, typer.Option(help="Numbers that stand for a missing reading, with commas between; or none.")
    ] = None
    cache: Annotated[
        Path | None, typer.Option(help="Folder for the rows of a table larger than memory, kept there.")
    ] = None


@dataclass(frozen=True)
class EngineOptions(_TableOptions):
    """Which engines, and how their recordings become windows, targets and labels."""

    data: Data = None
    unit_table: Annotated[
        Path | None,
        typer.Option(
            help="Table of one row an engine: --engine, --event, perhaps --group, --duration, columns of --task."
        ),
    ] = None
    window: Annotated[
        int | None,
        typer.Option(
            help="Length of a window, rows; default 60, the source's is 30; of a table at most 0.3 of a life."
        ),
    ] = None
    cap: Annotated[
        float | None,
        typer.Option(
            help="Largest RUL: a target above it is set to it; default 125 cycles, of a table the 80 % quantile of lives."
        ),
    ] = None
    health: Annotated[
        str | None,
        typer.Option(help="Health cuts HEALTHY,CRITICAL of RUL; default 70,30, of a table 0.56 and 0.24 of the cap."),
    ] = None
    conditions: Annotated[
        str, typer.Option(help="auto, none, a number, or setting columns of a table with commas.")
    ] = "auto"

    def opened(self) -> work.TableSource | None:
        """The table, opened; None without one, refused with options of a table alone."""
        if self.table is not None:
            return work.opened(self, tuple(dict.fromkeys(_listed(self.features or ""))))
        of_units = _OF_UNITS if self.unit_table is not None else ()
        for name in (field.name for field in fields(_TableOptions) if field.name not in of_units):
            if getattr(self, name) is not None and name not in ("time_unit", "task"):
                option = name.replace("_", "-")
                raise GraceError(f"`--{option}` should come with --table. Found it alone. Name the table.")
        return None

    def opened_unless(self, dataset: str | None, command: str) -> work.TableSource | None:
        """As :meth:`opened`, for a command that takes either a data set or a table, not both."""
        if (dataset is None) == (self.table is None):
            found = "both" if dataset is not None else "neither"
            raise GraceError(
                f"`grace {command}` should have either DATASET or --table. Found {found}. See `grace {command} --help`."
            )
        return self.opened()

    def source(self, opened: work.TableSource | None) -> work.Source:
        """What is read: the table, or the folder of the files, with the table of units where one is named."""
        if opened is not None or self.unit_table is None:
            return opened or self.data
        names: dict[str, Any] = {name: value for name in _OF_UNITS if (value := getattr(self, name))}
        return work.WithUnits(self.data, self.unit_table.absolute(), tasks=self.tasks(), **names)

    def given(self, *without: str) -> list[str]:
        """The options that were given, as they would be typed, for a command that takes them too; ``without`` these fields."""
        found, of_tasks = [], {field.name for field in fields(TaskOptions)}
        for field in sorted(fields(self), key=lambda field: field.name in of_tasks):  # the table before its labels
            value = getattr(self, field.name)
            if field.name not in without and value != field.default:
                for one in value if isinstance(value, list) else [value]:
                    found += [f"--{field.name.replace('_', '-')}", str(one)]
        return found

    def change(
        self, base: work.Conventions, opened: work.TableSource | None, fleet: work.Fleet | None = None
    ) -> work.Conventions:
        """Conventions with what these options say; a table names its features and conditions itself, and ``fleet``, its training
        engines, set the scales that are not named."""
        scales = {"cap": _whole(self.cap), "health_cuts": self._cuts(), "window": self.window}
        found: dict[str, Any] = {name: value for name, value in scales.items() if value is not None}
        if opened is not None:
            assert fleet is not None
            given: dict[str, Any] = {
                "features": opened.features,
                "conditions": opened.conditions,
                "table": opened.columns,
            }
            return replace(base, tasks=opened.tasks or base.tasks, **given).scaled_to(fleet, **found)
        if self.conditions != "auto" and not self.conditions.isdigit():
            raise GraceError(
                f"`--conditions` should be auto or a number. Found {self.conditions!r}. Names of columns go with --table."
            )
        tasks = self.in_units(self.tasks()) if fleet is None or not fleet.tasks else fleet.tasks
        count = 0 if self.conditions == "auto" else int(self.conditions)
        return replace(base, conditions=count, tasks=tasks or base.tasks, **found)

    def _cuts(self) -> tuple[int | float | None, ...] | None:
        """Health cuts as numbers; None where none are named."""
        if self.health is None:
            return None
        try:
            healthy, critical = (_whole(float(cut)) for cut in self.health.split(","))
        except ValueError:
            raise GraceError(
                f"`--health` should be HEALTHY,CRITICAL in the unit of RUL, as in 70,30. Found {self.health!r}."
            ) from None
        return healthy, critical


@dataclass(frozen=True)
class TrainingOptions(EngineOptions):
    """What a training is, but for its method and its seed."""

    model: Annotated[
        str, typer.Option(help="network, or what needs none: tree, ridge or age, in place of methods.")
    ] = "network"
    size: Size = None
    schedule: Annotated[str | None, typer.Option(help="Schedule by name, in place of the one of --size.")] = None
    epochs: Annotated[int | None, typer.Option(help="Epochs, in place of the schedule's.")] = None
    rul_scale: Annotated[
        str | None,
        typer.Option(
            help="RUL head and loss: cycles (the source), cap-head, cap, hazard; default the method's own, else that of --size."
        ),
    ] = None
    protocol: Protocol = "honest"
    folds: Annotated[
        int | None,
        typer.Option(
            help="Networks, each without one fold of the engines; default 0: one; of `train` 10 below 40 engines that failed, "
            "or where some were suspended, of rows in memory."
        ),
    ] = None
    suspended: Suspended = None
    measure_every: Annotated[
        int | None, typer.Option(help="Steps between Gramians, where the method needs them; default 10, torchjd: 1.")
    ] = None
    measure_on: Annotated[
        str, typer.Option(help="Part of the backbone that Gramians are measured on: backbone, or upper for speed.")
    ] = "backbone"

    weight: Annotated[
        list[str] | None, typer.Option(help="Weight of a task beside RUL's of 1, e.g. soh=0.1; repeatable.")
    ] = None

    def choices(self, opened: work.TableSource | None, fleet: work.Fleet | None = None) -> dict[str, Any]:
        """Arguments of :func:`grace.training.run_spec.run_spec`; ``fleet`` as for :meth:`change`."""
        conventions = self.change(work.Conventions(), opened, fleet)
        usual = work.run_spec("", size=self.size, schedule=self.schedule, conventions=conventions)
        plan = usual.schedule if self.epochs is None else replace(usual.schedule, epochs=self.epochs)
        names = ("model", "size", "protocol", "rul_scale", "measure_every", "measure_on")
        given = {name: getattr(self, name) for name in names}
        given |= {"folds": self.folds or 0, "suspended": self.suspended or work.SUSPENDED[0]}
        given |= {"schedule": plan, "conventions": conventions, "max_validation_rul": usual.max_validation_rul}
        return given | {"tasks": weighted(conventions.tasks, self.weight or ())} if self.weight else given


@dataclass(frozen=True)
class GridOptions(TrainingOptions):
    """The runs of a sweep."""

    datasets: Annotated[str, typer.Option(help="Data sets, with commas between; a table is one of its own.")] = (
        "FD001,FD002,FD003,FD004"
    )
    methods: Annotated[
        str, typer.Option(help="Methods, OUTER+INNER, or tree, ridge, age; default the source's seven, and RUL alone.")
    ] = "baseline,dwa,gradnorm,uncertainty,amnl,gaba,grace,rul-only,rul-only-weighted"
    seeds: Annotated[str, typer.Option(help="Seeds, with commas between.")] = "42,123,456,789,1024"

    def specs(self, opened: work.TableSource | None) -> list[work.RunSpec]:
        """The runs, seed by seed; a table is read for its scales."""
        try:
            seeds = [int(text) for text in _listed(self.seeds)]
        except ValueError:
            raise GraceError(f"`--seeds` should be whole numbers with commas between. Found {self.seeds!r}.") from None
        names = _listed(self.datasets) if opened is None else [opened.name]
        alone = self.model != TrainingOptions.model and self.methods == GridOptions.methods
        methods = [self.model] if alone else _listed(self.methods)
        named = opened is not None or (self.unit_table is not None and self.task)
        fleet = work.load_train(names[0], self.source(opened)) if named else None
        return work.grid(names, methods, seeds, data=self.source(opened), **self.choices(opened, fleet))


def is_gpu(device: str) -> bool:
    """Whether a device is something else than the CPU; refused where it is not there."""
    try:
        work.zeros(1, device=device).item()
    except (RuntimeError, AssertionError):
        raise GraceError(
            f"`--device` should be cpu, or cuda where torch finds a GPU. Found {device!r}. Use --device cpu."
        ) from None
    return device != "cpu"


def _whole(number: float | None) -> int | float | None:
    """A whole number as an int, so that it is the same choice however it is written."""
    return int(number) if number is not None and number % 1 == 0 else number


def _listed(text: str) -> list[str]:
    """Names with commas between."""
    return [part.strip() for part in text.split(",") if part.strip()]
