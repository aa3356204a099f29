"""Advice on a fleet: a look, a race within a budget of seconds, an answer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from grace.advice.advice import ADD, ALONE, Advice, Label
from grace.advice.answer import answer_of
from grace.advice.fleet_race import Entry, FleetRace
from grace.advice.looks import coverage, given_rul
from grace.advice.race import Lap, lap_or_reason
from grace.advice.rule import IGNORE, Rule
from grace.advice.ways import FOLDS, Way, weighed
from grace.alignment.diagnose import diagnose
from grace.alignment.problem import FleetProblem
from grace.core.pools import run_all
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.prepare import check_training
from grace.data.targets import known_rows
from grace.data.tasks import BOUND, HEALTH, RUL, Task, check_settled
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.models.rul_problem import usual_history, usual_size
from grace.models.second_tasks import Head
from grace.training.protocol import Split

INITS, READS = 4, 20
"""Of the look at rho."""

OnLap = Callable[[FleetRace], None]
"""Told the race after every lap."""


def advise_fleet(
    fleet: Fleet,
    conventions: Conventions,
    *,
    size: str | None = None,
    budget: float = 60.0,
    file: Path | None = None,
    rule: Rule | None = None,
    executor: Executor | None = None,
    on_lap: OnLap | None = None,
) -> Advice:
    """Advice on a fleet; see :func:`grace.advise`."""
    conventions = weighed(conventions)
    race = FleetRace(fleet, conventions, size or usual_size(conventions), rule or Rule.read(), file)
    return advise_race(race, budget, executor, on_lap)


def advise_race(
    race: FleetRace, budget: float = 60.0, executor: Executor | None = None, on_lap: OnLap | None = None
) -> Advice:
    """Run a race, or go on with it, and say what it comes to.

    Raises:
        GraceError: A budget of nothing, the fleet cannot be trained on, or the file is damaged or of another race.
    """
    if not budget > 0:
        raise GraceError(f"`budget` should be over 0 seconds. Found {budget:g}.")
    began = time.monotonic()
    check_settled(race.conventions.tasks)
    check_training(race.fleet, race.conventions, usual_history(race.size), FOLDS)
    race.resume()
    before = race.spent
    if not race.labels:
        race.labels = _looked(race, executor)

    def lapped() -> float:
        race.spent = before + time.monotonic() - began
        return race.spent

    cut = _run(race, budget, lapped, executor, on_lap)
    lapped()
    race.save()
    return answer_of(race, cut)


def race_id(fleet: Fleet, conventions: Conventions, size: str) -> str:
    """See :attr:`FleetRace.id`."""
    return FleetRace(fleet, conventions, size, Rule.read()).id


def _run(
    race: FleetRace,
    budget: float,
    lapped: Callable[[], float],
    executor: Executor | None,
    on_lap: OnLap | None,
) -> bool:
    """Run rounds until it is decided, nothing is left or the budget is used up; whether it was the budget that ended it."""
    while rounds := race.rounds():
        entries, left = rounds[0], budget - lapped()
        if all(lap for _, lap in entries) and race.verdict() in (ADD, ALONE):
            return False
        if race.reference() is not None and left <= 0:
            return True
        if math.isnan(race.pace):  # nobody knows how long they take: the fastest alone
            batch = [entry for entry in entries if race.cost(entry) == min(map(race.cost, entries))]
        elif race.too_dear(entries, left / race.pace):
            continue
        else:
            batch = _within(race, entries, left / race.pace)
        if not batch:
            return True
        started = time.monotonic()
        calls = [(race.fleet, race.conventions, *entry) for entry in batch]
        run_all(lap_or_reason, calls, executor, on_result=partial(_keep, race, batch, lapped, on_lap))
        race.pace = (time.monotonic() - started) / sum(map(race.cost, batch))
    return False


def _keep(
    race: FleetRace,
    batch: Sequence[Entry],
    lapped: Callable[[], float],
    on_lap: OnLap | None,
    number: int,
    lap: Lap | str,
) -> None:
    """Keep the lap of one entry of a batch, or why there is none, and tell of it."""
    lapped()
    if isinstance(lap, str):
        race.refuse(batch[number][0], lap)
    else:
        race.add(batch[number], lap)
    if on_lap is not None:
        on_lap(race)


def _within(race: FleetRace, entries: Sequence[Entry], most: float) -> list[Entry]:
    """As many entries as cost at most so much."""
    found, sum_of = [], 0.0
    for entry in entries:
        sum_of += race.cost(entry)
        if sum_of > most:
            break
        found.append(entry)
    return found


def _looked(race: FleetRace, executor: Executor | None) -> tuple[Label, ...]:
    """What is known of each label: where, how far it follows from RUL, and rho."""
    fleet, conventions = race.fleet, race.conventions
    said = BOUND if race.some_suspended else IGNORE
    smallest = race.references[0].size
    problem = FleetProblem(fleet, conventions, size=smallest, inner="mse", suspended=said)
    try:
        found = diagnose(problem, inits=INITS, reads=READS, executor=executor)
        rhos = {pair.second: pair.rho for pair in found.pairs if pair.first == RUL}
    except GraceError:  # rho is undefined: nothing is read of it
        rhos = {}
    return tuple(
        Label(
            task.name,
            _known(task, fleet, conventions),
            coverage(fleet, task.name),
            _given_rul(task, fleet, conventions, smallest, said),
            f"{rho.mean:+.2f} [{rho.low:+.2f}, {rho.high:+.2f}]" if (rho := rhos.get(task.name)) is not None else "",
        )
        for task in conventions.tasks
    )


def _given_rul(task: Task, fleet: Fleet, conventions: Conventions, size: str, suspended: str) -> float:
    """How far RUL predicts a label on the units of the first fold; NaN where it is known in too few of them."""
    spec = Way(size, suspended, (task.name,)).spec(fleet.name, conventions, 0)
    try:
        windows = Split.folds(spec, fleet, None)[0].train
    except GraceError:  # the race says of this way why it could not be trained
        return math.nan
    head = next(head for head in Head.every(spec.conventions) if head.name == task.name)
    return given_rul(windows, head) if isinstance(windows, Windows) else math.nan


def _known(task: Task, fleet: Fleet, conventions: Conventions) -> float:
    """Share of the rows in which a label is known; of health states by RUL, those of failed units."""
    if task.name == HEALTH.name and task.name not in fleet.labels:
        return float(fleet.lengths[fleet.failures].sum() / fleet.lengths.sum())
    return float(known_rows(task, fleet, conventions).mean())
