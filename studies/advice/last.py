"""The last look: ``grace advise`` on fleets that the rule was not fitted on, and what training then showed on units held out.

    python -m studies.advice last --data DIR --fleets DIR

Simulators 11 and 12, whose physics nobody had seen when the rule was committed. Each draw holds units out, cuts the rest as the
study does, takes advice within a minute of one core, and trains the second task that was named and RUL alone anew.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from grace.advice.advice import ADD, ALONE, UNDECIDED, per_cent
from grace.advice.fleet_race import FleetRace
from grace.advice.of_fleet import advise_race
from grace.advice.rule import TOGETHER, Rule
from grace.advice.ways import Way, weighed
from grace.bench.tables import markdown
from grace.core.pools import as_finished, on_one_thread
from grace.core.stats import student
from grace.data.fleet import Fleet
from grace.data.tasks import BOUND
from grace.errors import GraceError
from grace.formats import Body, Format, checksum
from grace.training.run import train
from studies.advice.cases import HEALTH, RANDOM, World
from studies.advice.records import ROOT
from studies.advice.worlds import Place, cut, whole
from studies.judging import on_units

FILE = ROOT / "results" / "advice-last.json"
FORMAT = Format("last look at advice", 1)
NEW = (11, 12)
"""Simulators that the rule has not seen."""
FAILURES, DRAWS, BUDGET = (6, 16), 12, 60.0
WORDS = {ADD: "add it", UNDECIDED: "likely, not sure", ALONE: "RUL alone"}
AFRESH = 1000
"""Lap of the trainings that judge: no race has its seed."""


def worlds() -> list[World]:
    """Where the last look is taken."""
    return [World(f"sim{number}", failures) for number in NEW for failures in FAILURES]


def run(place: Place, executor: Executor | None) -> list[dict[str, Any]]:
    """All rows, those that are not in the file yet made anew; each is kept as it comes.

    Raises:
        GraceError: The file is damaged, or of another rule, or a training diverged.
    """
    rule = checksum(Rule.read().to_json())[:12]
    body: Body = FORMAT.read(FILE) if FILE.exists() else {"rule": rule, "rows": []}
    rows: list[dict[str, Any]] = body["rows"]
    there = {(row["world"], row["draw"]) for row in rows}
    waiting = [(world, draw) for world in worlds() for draw in range(DRAWS) if (world.name, draw) not in there]
    if waiting and body.get("rule") != rule:
        raise GraceError(
            f"{FILE} should be the last look with the rule that ships. Found that of another rule. Remove it to begin anew."
        )
    calls = [(looked_at, world, draw, place) for world, draw in waiting]
    for number, found in as_finished(on_one_thread, calls, executor):
        world, draw = waiting[number]
        rows.append({"world": world.name, "draw": draw} | (found or {"verdict": "too few failures"}))
        FORMAT.write(FILE, {"rule": rule, "rows": rows})
    return rows


def looked_at(world: World, draw: int, place: Place, budget: float = BUDGET) -> dict[str, Any] | None:
    """What was said in one draw of a world, and what training then showed; None where too few failures are left."""
    found, labels = whole(world.fleet, place), labels_of(world, place)
    if (sides := cut(world, draw, place)) is None:
        return None
    training, judged = sides
    training = replace(training, labels={name: training.labels[name] for name in labels})
    conventions = weighed(replace(found.conventions, tasks=tuple(found.tasks[name] for name in labels)))
    size = "quantiles" if conventions.table is not None else "statistics"
    race = FleetRace(training, conventions, size, Rule.read())
    advice = advise_race(race, budget)
    best, reference = race.best_task(), race.reference()
    assert best is not None
    assert reference is not None
    said = next(row.expected for row in advice.raced if row.name == best.name)
    assert said is not None
    errors = {way: _judged(way, race, training, judged, draw) for way in (best, reference)}
    return {"verdict": advice.verdict, "task": best.name, "alone": reference.name, "expected": said.mean, "sd": said.sd,
            "seconds": round(advice.seconds, 1), "change": math.log(errors[best] / errors[reference])}  # fmt: skip


def _judged(way: Way, race: FleetRace, training: Fleet, judged: Fleet, draw: int) -> float:
    spec = way.spec(training.name, race.conventions, AFRESH + draw)
    mine = replace(training, labels={name: training.labels[name] for name in way.tasks})
    run = train(spec, mine)
    if run.record.reason:
        raise GraceError(run.record.reason)
    return on_units(run, spec, judged, draw, spec.schedule.min_history)


def labels_of(world: World, place: Place) -> list[str]:
    """The labels that a user of the fleet would have: those that were measured, inspections, and one that says nothing."""
    measured = [name for name in whole(world.fleet, place).tasks if name in ("wear", "fault", "condition")]
    return [*measured[:1], HEALTH, RANDOM]


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """A row a verdict, and what came of doing as advised, in Markdown; changes in per cent, with Student's 95 % interval over
    draws."""
    found = []
    for verdict in (ADD, UNDECIDED, ALONE):
        mine = [row for row in rows if row["verdict"] == verdict]
        if mine:
            said = per_cent(float(np.mean([row["expected"] for row in mine])))
            names = Counter(row["task"].removesuffix(", narrow") for row in mine)
            ways = ", ".join(f"{name}: {count}" for name, count in names.most_common())
            found.append((WORDS[verdict], str(len(mine)), ways, f"{said:+.1f}", _came([row["change"] for row in mine])))
    advised = [row["change"] if likely(row) else 0.0 for row in rows if "change" in row]
    found.append(("all, as advised", str(len(advised)), "", "", _came(advised)))
    table = markdown(("advice", "draws", "second tasks named", "expected, %", "came, %"), found)
    return table + _counted(rows) + _over_worlds(rows)


def _over_worlds(rows: Sequence[Mapping[str, Any]]) -> str:
    """What came of all draws, as advised, with an interval over the means of worlds; empty of one world."""
    of: dict[str, list[float]] = {}
    for row in rows:
        if "change" in row:
            of.setdefault(row["world"], []).append(row["change"] if likely(row) else 0.0)
    if len(of) < 2:
        return ""
    came = _came([float(np.mean(changes)) for changes in of.values()])
    return (
        f"The intervals are over draws of these {len(of)} worlds. Over the means of the worlds, as advised: {came} %.\n"
    )


def _counted(rows: Sequence[Mapping[str, Any]]) -> str:
    """In how many draws several tasks were named, RUL alone was advised, and what was advised raised the error."""
    known = [row for row in rows if "change" in row]
    several = sum(TOGETHER in row["task"].replace(f"{TOGETHER}{BOUND}", "") for row in known)
    alone = sum(not likely(row) for row in known)
    rose = sum(likely(row) and row["change"] > 0 for row in known)
    return (
        f"\nOf {len(known)} draws {several} have several tasks named, in {alone} RUL alone was advised, and in {rose} the error "
        "rose by what was advised.\n"
    )


def likely(row: Mapping[str, Any]) -> bool:
    """Whether the second task is what is advised, for sure or likely; otherwise it is RUL alone."""
    return bool(row["verdict"] == ADD or (row["verdict"] == UNDECIDED and row["expected"] < 0))


def _came(changes: Sequence[float]) -> str:
    if not changes:
        return ""
    came = student(list(changes))
    mean, low, high = (per_cent(end) for end in (came.mean, came.low, came.high))
    return f"{mean:+.1f}" + (f" [{low:+.1f}, {high:+.1f}]" if came.n > 1 else "")
