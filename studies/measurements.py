"""The study's measurements on disk: one JSON file a case, written whole by one process, resumed where it was left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from grace.core.pools import as_finished, on_one_thread
from grace.errors import GraceError
from grace.formats import Body, Format, built
from grace.validity.study import ALONE, JOINT, Case
from studies import probes
from studies.cases import all_cases
from studies.trainings import SIMULATED_SEEDS, Figures, outcome, seeds_of

FOLDER = Path(__file__).parents[1] / "results" / "validity"
PROBE, DIAGNOSIS = "probe", "diagnosis"
FORMAT = Format("study measurements", 1, {0: lambda body: {k: v for k, v in body.items() if k != "version"}})
"""A case's file: ``case`` with its fields, ``outcomes`` by method and seed, ``probes`` and ``diagnoses`` by seed. Version 0 had
no name and no checksum."""


@dataclass(frozen=True)
class Job:
    """One measurement: the outcome of a method with a seed, a probe (``what`` is ``PROBE``), or ``grace diagnose`` as it is
    (``DIAGNOSIS``)."""

    case: Case
    what: str
    seed: int

    @property
    def file(self) -> str:
        """Name of the file that holds it: training RUL alone does not depend on the labels."""
        return self.case.data if self.what in ALONE else self.case.name


@dataclass
class Measured:
    """What is known of a case.

    Attributes:
        case: The case.
        outcomes: Test figures by method and seed; RUL alone among them.
        probes: Raw measurements by seed.
        diagnoses: What ``grace diagnose`` measured, by seed.
    """

    case: Case
    outcomes: dict[str, dict[int, Figures]] = field(default_factory=dict)
    probes: dict[int, dict[str, Any]] = field(default_factory=dict)
    diagnoses: dict[int, dict[str, float]] = field(default_factory=dict)


def jobs(cases: Sequence[Case]) -> list[Job]:
    """All measurements, one seed of everything before the next seed."""
    found = []
    for turn, seed in enumerate(SIMULATED_SEEDS):
        known = set()
        for case in cases:
            if turn < len(probes.SEEDS):
                found += [Job(case, what, probes.SEEDS[turn]) for what in (PROBE, DIAGNOSIS)]
            if seed not in seeds_of(case):
                continue
            if case.data not in known:
                found += [Job(case, method, seed) for method in ALONE]
                known.add(case.data)
            found += [Job(case, method, seed) for method in JOINT]
    return found


def run(
    wanted: Sequence[Job],
    data: Path | None,
    folder: Path,
    executor: Executor | None,
    on_job: Callable[[int, int], None] | None = None,
) -> None:
    """Make every measurement that is not on disk yet.

    Raises:
        GraceError: The data or the folder cannot be used, or a file in it is damaged. What is measured is kept.
    """
    store = _Store(folder)
    waiting = [job for job in wanted if not store.has(job)]
    done = len(wanted) - len(waiting)
    found = as_finished(made, [(job, data) for job in waiting], executor)
    for count, (number, result) in enumerate(found, start=done + 1):
        store.add(waiting[number], result)
        if on_job is not None:
            on_job(count, len(wanted))


def made(job: Job, data: Path | None) -> dict[str, Any]:
    """Make one measurement, on one thread."""
    if job.what == PROBE:
        return on_one_thread(probes.measure, job.case, job.seed, data)
    if job.what == DIAGNOSIS:
        return on_one_thread(probes.diagnosed, job.case, job.seed, data)
    return on_one_thread(outcome, job.case, job.what, job.seed, data)


def load(folder: Path = FOLDER) -> list[Measured]:
    """All cases on disk that have an outcome and a probe, RUL alone joined from its data.

    Raises:
        GraceError: A file is damaged, or there is none.
    """
    contents = _contents(folder)
    cases = []
    for case in all_cases():
        mine, alone = contents.get(case.name), contents.get(case.data)
        if mine is None or alone is None or not mine["probes"]:
            continue
        outcomes = {method: _by_seed(seeds) for method, seeds in (alone["outcomes"] | mine["outcomes"]).items()}
        cases.append(Measured(case, outcomes, _by_seed(mine["probes"]), _by_seed(mine["diagnoses"])))
    if not cases:
        raise GraceError(
            f"{folder} should hold the measurements of the study. Found none. Make them with `python -m studies run`."
        )
    return cases


def migrate(folder: Path) -> int:
    """Rewrite the files that an older version wrote; how many there were.

    Raises:
        GraceError: A file is damaged, or cannot be written. Those before it are migrated.
    """
    old = [path for path in sorted(folder.glob("*.json")) if not FORMAT.is_current(path)]
    for path in old:
        FORMAT.write(path, _read(path))
    return len(old)


class _Store:
    def __init__(self, folder: Path) -> None:
        self._folder, self._contents = folder, _contents(folder)

    def _of(self, job: Job) -> Body:
        empty = {"case": asdict(job.case), "outcomes": {}, "probes": {}, "diagnoses": {}}
        return self._contents.setdefault(job.file, empty)

    def has(self, job: Job) -> bool:
        """Whether the measurement is there."""
        return str(job.seed) in _part(self._of(job), job.what)

    def add(self, job: Job, result: dict[str, Any]) -> None:
        """Add a measurement and write the case's file."""
        content = self._of(job)
        _part(content, job.what)[str(job.seed)] = result
        FORMAT.write(self._folder / f"{job.file}.json", content)


def _part(content: Body, what: str) -> Body:
    """The measurements of one kind in a file's content, by seed."""
    own = {PROBE: "probes", DIAGNOSIS: "diagnoses"}.get(what)
    found: Body = content["outcomes"].setdefault(what, {}) if own is None else content[own]
    return found


def _contents(folder: Path) -> dict[str, Body]:
    return {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}


@dataclass(frozen=True)
class _File:
    """The fields of a file."""

    case: Body
    outcomes: dict[str, Body]
    probes: Body
    diagnoses: Body


def _read(path: Path) -> Body:
    return vars(built(_File, FORMAT.read(path), str(path)))


def _by_seed(values: Body) -> dict[int, Any]:
    return {int(seed): value for seed, value in values.items()}
