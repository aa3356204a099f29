"""Advice on a fleet: a look, a race within a budget of seconds, an answer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path

from grace.advice.advice import ADD, ALONE, Advice, Label
from grace.advice.fleet_race import Entry, FleetRace
from grace.advice.looks import coverage, given_rul
from grace.advice.race import Lap, lap_or_reason
from grace.advice.rule import IGNORE, INDIFFERENT, Rule
from grace.advice.ways import FOLDS, WEIGHT, Way, weighed
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
from grace.models.units import HAZARD
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
    return _answer(race, cut)


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


def _answer(race: FleetRace, cut: bool) -> Advice:
    """The answer in words."""
    reference, best, verdict = race.reference(), race.best_task(), race.verdict()
    assert reference is not None
    rows = {row.name: row for row in race.standing()}
    expected = None if best is None else rows[best.name].expected
    likely = best is not None and expected is not None and expected.mean < 0
    chosen = best if likely and verdict != ALONE and best is not None else reference
    text = "" if expected is None else expected.text() + (", across 0," if expected.low < 0 < expected.high else "")
    if verdict == ADD:
        assert best is not None
        answer = f"Add {_spoken(best)}: RMSE {text} on units not trained on, against {reference.name}."
    elif verdict == ALONE:
        answer = (
            f"Train {reference.name}: no second task is likely to lower its RMSE by {100 * INDIFFERENT:.0f} % or more; the best, "
            f"{best.name if best else 'none'}, is expected to change it by {text} on units not trained on."
        )
    elif likely and best is not None:
        answer = (
            f"Likely, not sure: add {_spoken(best)}: RMSE {text} on units not trained on, against {reference.name}."
        )
    else:
        answer = (
            f"Likely, not sure: train {reference.name}: the best second task, {best.name if best else 'none'}, is expected to "
            f"change its RMSE by {text} on units not trained on."
        )
    return Advice(
        name=race.fleet.name,
        verdict=verdict,
        best=chosen.name,
        reference=reference.name,
        raced=tuple(rows.values()),
        labels=race.labels,
        answer=answer,
        unknown=_unknown(race, best, verdict, cut),
        command=options_of(chosen, race.conventions, race.some_suspended),
        seconds=race.spent,
        unit=race.conventions.unit,
    )


def _spoken(way: Way) -> str:
    parts = [*way.tasks, *(["the bound of suspended units"] if way.suspended == BOUND else [])]
    return " and ".join(parts) if len(parts) < 3 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _unknown(race: FleetRace, best: Way | None, verdict: str, cut: bool) -> str:
    """What is not known, in one line."""
    rule, failures = race.rule, len(race.fleet.failures)
    laps = max((len(laps) for laps in race.laps.values()), default=0)
    parts = [
        f"Raced on {failures} failed units, out of fold, {laps} lap{'s' * (laps != 1)}; intervals are 90 %, by the rule of "
        f"{rule.fitted['cases']} cases in {rule.fitted['groups']} groups of data{_so_far(rule)}."
    ]
    weights = [task.weight or 0.0 for task in race.conventions.tasks]
    together = len(best.tasks) if best is not None else 0
    reference = race.reference()
    unseen = ["RUL alone in a likelihood"] if reference is not None and reference.suspended == HAZARD else []
    if race.unlike:
        unseen.append(f"{', '.join(race.unlike)} on failed units alone (the study: on suspended ones, too)")
    if outside := rule.outside(failures, weights, together, race.size) + unseen:
        parts.append(f"Outside the study, so less sure: {', '.join(outside)}.")
    if verdict not in (ADD, ALONE) and best is not None and race.laps.get(best):
        parts += _needed(race, best)
    parts += [_refused(race, way) for way in race.refused]
    if cut:
        left = [
            way.name
            for way in (*race.references, *race.candidates)
            if not race.laps.get(way) and way not in race.refused
        ]
        parts.append(
            f"The budget ended before {', '.join(left)} ran." if left else "The budget ended before all laps were run."
        )
    elif race.skipped:
        parts.append(
            f"The budget had no time for {', '.join(way.name for way in race.references if way in race.skipped)}."
        )
    return " ".join(parts)


def _refused(race: FleetRace, way: Way) -> str:
    """That a way could not be trained, or not again, and why."""
    laps = len(race.laps.get(way, {}))
    what = f"{way.name} stands on {laps} lap{'s' * (laps != 1)}, as it could not be trained again" if laps else ""
    return f"{what or 'Left out, as it could not be trained'}: {race.refused[way]}"


def _needed(race: FleetRace, best: Way) -> list[str]:
    """How many failures would decide the best second task; nothing where it is decided, and others are not."""
    standing = race.now
    needed, units = standing.needed(best), "failures" if race.fleet.groups is None else "groups with failures"
    if needed is None:
        return [f"More {units} alone would not decide it: the effect is near 0."]
    return [f"About {needed} {units} would decide it, if they showed the same."] if needed > standing.units else []


def _so_far(rule: Rule) -> str:
    """That the study is not complete, if it is not."""
    draws, planned = rule.fitted.get("draws", 0), rule.fitted.get("planned", 0)
    return f", of which {draws} of {planned} draws are measured so far" if draws < planned else ""


def options_of(way: Way, conventions: Conventions, some_suspended: bool) -> tuple[str, ...]:
    """The options of ``grace train`` that train a way.

    Columns of other tasks are named, too, with a weight of 0: without that they would be features, and labels would be read.
    """
    tasks = [task for task in conventions.tasks if task.name in way.tasks]
    others = [replace(task, weight=0.0) for task in conventions.tasks if task.name not in way.tasks and task.column]
    found = ["--method", f"fixed-{WEIGHT:g}" if tasks else "rul-only"]
    for task in (*tasks, *others):
        named = task.column != task.name or task.name == HEALTH.name  # without a column that is health by RUL
        column = f"={task.column}" if task.column and named else ""
        found += ["--task", f"{task.name}{column}" + (f":{task.kind}" if task.column else "")]
        if task.weight != WEIGHT and tasks:  # RUL alone trains no task, whatever its weight
            found += ["--weight", f"{task.name}={task.weight:g}"]
    if some_suspended:
        found += ["--suspended", way.suspended]
    if way.suspended != HAZARD:
        found += ["--rul-scale", "cap"]
    return (*found, "--size", way.size)
