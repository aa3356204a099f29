"""What the race of a fleet comes to, in words: the answer, what is not known, and the options that train it."""

from __future__ import annotations

from dataclasses import replace

from grace.advice.advice import ADD, ALONE, Advice
from grace.advice.fleet_race import FleetRace
from grace.advice.rule import INDIFFERENT, Rule
from grace.advice.ways import WEIGHT, Way
from grace.data.conventions import Conventions
from grace.data.tasks import BOUND, HEALTH
from grace.models.units import HAZARD


def answer_of(race: FleetRace, cut: bool) -> Advice:
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
