"""The fleets of the study with every second label, and what a draw makes of them: units to train on, and units to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import numpy as np

from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.fleet import SETTINGS, Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.tasks import CLASS, Task
from grace.data.tasks import HEALTH as HEALTH_TASK
from studies.advice.cases import (
    ALL,
    FUTURE,
    HEALTH,
    NOISY,
    RANDOM,
    SIMULATED,
    UNIT,
    World,
)
from studies.advice.simulators import Physics, recorded
from studies.cuts import held_out, suspended
from studies.fleets import Read, of_options, read

LABELS = 2_026
"""Seed of what is random in labels, which are part of a case."""
EVERY = 10
"""Rows between two inspections of a unit, where labels come from inspections."""
CLASSES = 3
FEW = 3
"""Least failures to train on: a draw that leaves fewer is left out, for all ways alike."""


class Place(NamedTuple):
    """Where the files are: folders of C-MAPSS and of the real families."""

    data: Path
    fleets: Path


@cache
def whole(fleet: str, place: Place) -> Read:
    """A fleet whose units ran to failure, or as it was recorded, with every second label that the cases name."""
    if fleet.startswith(SIMULATED):
        found = _simulated(int(fleet.removeprefix(SIMULATED)))
    else:
        found = read(fleet, place.data, place.fleets)
    labels, tasks = _made(found.fleet, found.conventions)
    if fleet in ("FD002", "FD004"):
        labels["condition"], tasks["condition"] = _condition(found.fleet, found.conventions)
    own = {name: found.fleet.labels[name] for name in found.tasks if name != HEALTH}
    mine = {name: task for name, task in found.tasks.items() if name != HEALTH}
    return Read(replace(found.fleet, labels=own | labels, sha256=None), found.conventions, mine | tasks)


def cut(world: World, draw: int, place: Place) -> tuple[Fleet, Fleet] | None:
    """Units to train on, and units to judge by, of one draw; None where it leaves fewer than twice F failures to cut, or fewer
    than :data:`FEW` in all."""
    rest, judged = held_out(whole(world.fleet, place).fleet, draw)
    left = len(rest.failures)
    if (left if world.failures == ALL else left // 2) < max(world.failures, FEW):
        return None
    return (rest if world.failures == ALL else suspended(rest, world.failures, draw)), judged


def _simulated(number: int) -> Read:
    """A simulator's table, as the command line reads it."""
    path = Path(mkdtemp()) / f"{SIMULATED}{number}.csv"
    recorded(number).write_csv(path)
    physics = Physics.drawn(number)
    tasks = [f"{name}:regression" if name == "wear" else name for name in physics.labels]
    names = {"features": ",".join(physics.features), "task": tasks}
    return of_options({"table": path, "engine": "unit", "time": "cycle"} | names)


def _made(fleet: Fleet, conventions: Conventions) -> tuple[dict[str, np.ndarray], dict[str, Task]]:
    """The labels that every fleet can have: inspections by the true RUL, the same partly drawn anew, random ones, identity."""
    rng, owner = np.random.default_rng(LABELS), fleet.engine_of_row()
    rows = len(owner)
    rul = fleet.rul()
    health = rul_to_health_3class(rul, *conventions.health_cuts).astype(np.float64)
    if fleet.failed is not None:  # of a unit that still ran the state is known where it was healthy for long after
        health[~fleet.failed[owner] & (rul < conventions.health_cuts[0])] = np.nan
    looked = (np.arange(rows) - fleet.starts[owner]) % EVERY == EVERY - 1
    labels = {HEALTH: np.where(looked, health, np.nan)}
    for name in NOISY:
        share = int(name.removeprefix("noisy")) / 100
        anew = np.where(rng.random(rows) < share, rng.integers(0, CLASSES, rows), health)
        labels[name] = np.where(looked, anew, np.nan)
    labels[RANDOM] = rng.integers(0, CLASSES, rows).astype(np.float64)
    labels[UNIT] = rng.integers(0, CLASSES, len(fleet.engines))[owner].astype(np.float64)
    tasks = {name: _classes(name) for name in (*NOISY, RANDOM, UNIT)}
    return labels, {HEALTH: HEALTH_TASK, FUTURE: Task(FUTURE)} | tasks


def _classes(name: str, names: Sequence[str] = ("0", "1", "2")) -> Task:
    return Task(name, name, CLASS, tuple(names))


def _condition(fleet: Fleet, conventions: Conventions) -> tuple[np.ndarray, Task]:
    """The operating condition of each row."""
    settings = fleet.taken(np.arange(len(fleet.values)), SETTINGS)
    found = Conditioner.fit(fleet, conventions).assign(settings).astype(np.float64)
    return found, _classes("condition", [str(number) for number in range(int(found.max()) + 1)])
