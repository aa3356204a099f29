"""The trainings of the study on disk: one JSON file a world, written whole by one process, resumed where it was left."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grace.core.pools import as_finished, on_one_thread
from grace.errors import GraceError
from grace.formats import Body, Format, built
from grace.validity.advice_study import WINDOWS
from studies.advice.cases import Case, Way, World, references
from studies.advice.effects import LEAST, MOST, Rows, draws_of, tuned
from studies.advice.looks import looked
from studies.advice.outcomes import measured
from studies.advice.worlds import Place

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "results" / "advice"
PLAN = "studies/advice/plan.md"
FORMAT = Format("advice study", 1)
"""A world's file: ``world``, its ``plan`` (the commit that registered it), ``rows`` by way and by draw and seed, and ``looks``
by way and draw; null where a draw leaves too few failures, and the reason of one that was refused."""
RACED, RACES = 2, 3
"""Draws in which all ways are trained with several seeds, as a race does, and how many."""


@dataclass(frozen=True)
class Job:
    """One training, or one look before it."""

    world: World
    way: Way
    draw: int
    seed: int = 0
    look: bool = False  # what is known before a training, in place of one

    @property
    def key(self) -> str:
        """Of its row."""
        return str(self.draw) if self.look else f"{self.draw}.{self.seed}"


def jobs(
    cases: Sequence[Case],
    draws: Sequence[int],
    wanted: Callable[[Case], int] = lambda case: LEAST,
    alone: Callable[[World], Sequence[Way]] = references,
) -> Iterator[Job]:
    """The trainings of these draws, draw by draw; of a case as many as ``wanted`` says, with the ways ``alone`` of its world.
    Then further seeds of the first draws, up to :data:`RACES` in all, but of windows, on which nobody races."""
    for draw in draws:
        yield from _once(cases, draw, 0, wanted, alone)
    for draw in (draw for draw in draws if draw < RACED):
        for seed in range(1, RACES):
            yield from (job for job in _once(cases, draw, seed, wanted, alone) if job.way.size != WINDOWS)


def _once(
    cases: Sequence[Case],
    draw: int,
    seed: int,
    wanted: Callable[[Case], int],
    alone: Callable[[World], Sequence[Way]],
) -> Iterator[Job]:
    of: dict[World, dict[Way, None]] = {}
    for case in cases:
        if draw < wanted(case):
            of.setdefault(case.world, dict.fromkeys(alone(case.world)))[case.way] = None
    for world, ways in of.items():
        yield from (Job(world, way, draw, seed) for way in ways)


def first_stage(cases: Sequence[Case]) -> list[Job]:
    """The trainings of the first draws of every case."""
    return [*jobs(cases, range(RACED)), *jobs(cases, range(RACED, LEAST))]


def second_stage(cases: Sequence[Case], every: Mapping[str, Rows]) -> list[Job]:
    """As many more as the first draws ask for, from the rows by world."""
    asked = {case: draws_of(every.get(case.world.name, {}), case) for case in cases}
    alone = {case.world: tuned(every.get(case.world.name, {}), case.world) for case in cases}
    return list(jobs(cases, range(LEAST, MOST), asked.__getitem__, alone.__getitem__))


def look_jobs(cases: Sequence[Case]) -> Iterator[Job]:
    """The looks at every case: whole ones in the draws that see whole races, in the others what needs no gradient."""
    for draw in range(LEAST):
        yield from (Job(case.world, case.way, draw, look=True) for case in cases)


def run(
    waiting: Sequence[Job],
    place: Place,
    folder: Path,
    executor: Executor | None,
    plan: str,
    on_job: Callable[[int, int], None] | None = None,
    minutes: float = 1e9,
) -> int:
    """Make every training that has no row yet, and keep each as it comes; how many were made within so many minutes.

    Raises:
        GraceError: Data or folder cannot be used, a file is damaged, or was registered by another plan.
    """
    store, began = Store(folder, plan), time.monotonic()
    left = [job for job in waiting if not store.has(job)]
    done = 0
    for number, row in as_finished(made, [(job, place) for job in left], executor):
        store.add(left[number], row)
        done += 1
        if on_job is not None:
            on_job(len(waiting) - len(left) + done, len(waiting))
        if time.monotonic() - began > 60 * minutes:
            break
    return done


def made(job: Job, place: Place) -> dict[str, Any] | None:
    """Make one training or look, on one thread; of one that is refused, as a label that no training unit of the draw has, the
    reason."""
    try:
        if job.look:
            return on_one_thread(looked, job.world, job.way, job.draw, place, job.draw >= RACED)
        return on_one_thread(measured, job.world, job.way, job.draw, job.seed, place)
    except GraceError as error:
        return {"refused": str(error)}


class Store:
    """The files of a folder."""

    def __init__(self, folder: Path, plan: str) -> None:
        self._folder, self._plan = folder, plan
        self._contents = {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}
        for name, content in self._contents.items():
            if content["plan"] != plan:
                raise GraceError(
                    f"{folder / name}.json should be of the plan {plan}. Found {content['plan']}. Take another folder."
                )

    def has(self, job: Job) -> bool:
        """Whether the training is there."""
        return job.key in self._of(job)

    def add(self, job: Job, row: dict[str, Any] | None) -> None:
        """Add a training and write the world's file."""
        self._of(job)[job.key] = row
        FORMAT.write(self._folder / f"{job.world.name}.json", self._contents[job.world.name])

    def _of(self, job: Job) -> dict[str, Any]:
        empty = {"world": vars(job.world), "plan": self._plan, "rows": {}, "looks": {}}
        content = self._contents.setdefault(job.world.name, empty)
        found: dict[str, Any] = content["looks" if job.look else "rows"].setdefault(job.way.name, {})
        return found


def contents(folder: Path = FOLDER) -> dict[str, Body]:
    """Contents of the files by world.

    Raises:
        GraceError: A file is damaged.
    """
    return {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}


def load(folder: Path = FOLDER) -> dict[str, Rows]:
    """Rows by world, way, and draw and seed.

    Raises:
        GraceError: A file is damaged.
    """
    return {path.stem: _read(path)["rows"] for path in sorted(folder.glob("*.json"))}


def registered() -> str:
    """The commit in which the plan stands as it is.

    Raises:
        GraceError: The plan is not committed, or was changed since.
    """

    def said(*command: str) -> str:
        return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    commit = said("log", "-1", "--format=%h", "--", PLAN)
    if not commit or said("status", "--porcelain", "--", PLAN):
        raise GraceError(
            f"{PLAN} should be committed before an outcome is measured. Found changes in it. Commit it first."
        )
    return commit


@dataclass(frozen=True)
class _File:
    """The fields of a file."""

    world: Body
    plan: str
    rows: Body
    looks: Body


def _read(path: Path) -> Body:
    return dict(vars(built(_File, FORMAT.read(path), str(path))))
