"""What each predictor costs, and a training at ``compact``: median seconds, and median forward and backward passes, over cases
and the draws that races see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grace.validity.advice_study import RULE, WINDOWS
from studies.advice.cases import Case, references
from studies.advice.effects import Rows
from studies.advice.judged import HALVING
from studies.advice.looks import EVERY, LOOKED, STEPS
from studies.advice.outcomes import FOLDS
from studies.advice.predictors import LOOKS, Look
from studies.advice.records import RACED, RACES
from studies.advice.rule import NO_GIVEN, SAME_SCALE

TRAINING = 400
"""Steps of each network of a training (plan.md)."""
IN_ONE_LAP = ("race-1", "shrunk", NO_GIVEN, SAME_SCALE, RULE)
"""Predictors that a race of one lap is enough for, as most draws have."""

Cost = tuple[float, float]
"""Seconds and passes."""


def costs(worlds: Mapping[str, Mapping[str, Any]], cases: Sequence[Case]) -> dict[str, Cost]:
    """Of looks, by what was measured for them; of races the case's own trainings and those of RUL alone."""
    looks = [look for world in worlds.values() for way in world["looks"].values() for look in way.values()]
    looks = [look for look in looks if look and "joint" in look]
    trained = list(_at_windows(worlds, cases))
    found = {WINDOWS: _median(trained)} if trained else {}
    found |= {one.name: _median(_of_look(one, look) for look in looks) for one in LOOKS if looks and one.spent}
    laps = {count: list(_laps(worlds, cases, count)) for count in range(1, RACES + 1)}
    found |= {f"race-{count}": _median(some) for count, some in laps.items() if some}
    found |= {name: found["race-1"] for name in IN_ONE_LAP if laps[1]}
    if laps[RACES]:
        found[HALVING] = _median(((1 + RACES) / 2 / RACES * s, (1 + RACES) / 2 / RACES * p) for s, p in laps[RACES])
    parts = ("given-rul", "rho-joint", "label-gap", f"race-{RACES}")
    if all(name in found for name in parts):
        found["combined"] = tuple(map(sum, zip(*(found[name] for name in parts), strict=True)))  # type: ignore[assignment]
    return found


def _of_look(one: Look, raw: Mapping[str, Any]) -> Cost:
    return one.seconds(raw), sum(_passes(raw, part) for part in one.spent)  # type: ignore[arg-type]


def _passes(raw: Mapping[str, Any], part: str) -> float:
    """Of what was measured, over its initialisations; each network begins with a look at all its gradients."""
    if part in ("init", "warmup"):
        return sum(sum(init["passes"]) for init in raw[part])
    if part not in ("joint", "label"):
        return 0.0
    tasks = len(raw["init"][0]["gramian"])
    ahead = LOOKED // EVERY * (tasks + 5)  # every gradient, one on held-out units, and three losses there and a batch's
    once = {"joint": 2 * STEPS + LOOKED * (tasks - 1) + ahead, "label": 2 * STEPS + 1}[part]
    return float(len(raw[part]) * (1 + tasks + once))


def _laps(worlds: Mapping[str, Mapping[str, Any]], cases: Iterable[Case], count: int) -> Iterator[Cost]:
    """Of each case and draw with so many laps of it and of every way of RUL alone."""
    for case in cases:
        if case.way.size == WINDOWS or case.world.name not in worlds:
            continue
        rows: Rows = worlds[case.world.name]["rows"]
        ways = (case.way, *references(case.world))
        for draw in range(RACED):
            ran = [rows.get(way.name, {}).get(f"{draw}.{lap}") for way in ways for lap in range(count)]
            seconds = [row["seconds"] for row in ran if row and "seconds" in row]
            if len(seconds) == len(ran):
                yield sum(seconds), 2.0 * FOLDS * TRAINING * len(ran)


def _at_windows(worlds: Mapping[str, Mapping[str, Any]], cases: Iterable[Case]) -> Iterator[Cost]:
    """Of each training of a network that reads windows."""
    for case in cases:
        if case.way.size == WINDOWS and case.world.name in worlds:
            for row in worlds[case.world.name]["rows"].get(case.way.name, {}).values():
                if row and "seconds" in row:
                    yield row["seconds"], 2.0 * FOLDS * TRAINING


def _median(costs: Iterable[Cost]) -> Cost:
    seconds, passes = np.median(np.array(list(costs)), axis=0)
    return float(seconds), float(passes)
