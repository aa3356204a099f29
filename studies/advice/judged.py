"""What looks and races said of each case in one draw, beside what the case came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grace.core.stats import Estimate
from grace.validity.advice_study import WINDOWS
from studies.advice.cases import Case, Way, World
from studies.advice.effects import LEAST, Rows, changes
from studies.advice.predictors import LOOKS
from studies.advice.races import halved, raced, reference
from studies.advice.records import RACED, RACES
from studies.advice.verdicts import Verdict

RACE_SEEDS = (1, 2, RACES)
HALVING = "halving"


@dataclass(frozen=True)
class Seen:
    """A case in one draw, as a user would have it.

    Attributes:
        case: The case.
        draw: Whose units were looked at.
        verdict: What the case came to, over all draws.
        scores: By the name of the predictor, larger where it says that the second task helps; NaN where it says nothing.
        error: Standard error of the effect.
        failures: Failed units that were trained on.
        races: What the race said, by its number of laps.
    """

    case: Case
    draw: int
    verdict: Verdict
    scores: Mapping[str, float]
    error: float = 0.0
    failures: int = 0
    races: Mapping[int, Estimate] = field(default_factory=dict)


def seen(worlds: Mapping[str, Mapping[str, Any]], cases: Sequence[Case]) -> list[Seen]:
    """Every case in every draw that was looked at or raced, from the contents of the files by world; in most draws a race has one
    lap."""
    of: dict[World, list[Case]] = {}
    for case in cases:
        of.setdefault(case.world, []).append(case)
    found = []
    for world, mine in of.items():
        if (content := worlds.get(world.name)) is None:
            continue
        rows, ways = content["rows"], list(dict.fromkeys(case.way for case in mine))
        found_by = {case: list(changes(rows, case).values()) for case in mine}
        verdicts = {case: Verdict.of(values) for case, values in found_by.items()}
        errors = {
            case: float(np.std(values, ddof=1)) / len(values) ** 0.5
            for case, values in found_by.items()
            if len(values) > 1
        }
        for draw in range(LEAST):
            halving = halved(rows, world, ways, draw)
            for case in mine:
                look = content["looks"].get(case.way.name, {}).get(str(draw))
                scores = (
                    {one.name: one.read(look) for one in LOOKS if one.within(look)}
                    if look and "seconds" in look
                    else {}
                )
                way = raced_way(case.way, ways)
                races = {count: raced(rows, world, way, draw, range(count)) for count in RACE_SEEDS}
                known = {count: one for count, one in races.items() if one is not None}
                scores |= {f"race-{count}": -one.mean for count, one in known.items()}
                if draw < RACED and (half := halving[way]) is not None:  # later draws have one lap
                    scores[HALVING] = -half.mean
                if scores and case in errors:
                    failures = world.failures or max((one.n for one in known.values()), default=0)
                    found.append(Seen(case, draw, verdicts[case], scores, errors[case], failures, known))
    return found


def groups(observed: Sequence[Seen]) -> list[str]:
    """Names of the groups."""
    return sorted({one.case.world.group for one in observed})


def raced_way(way: Way, ways: Sequence[Way]) -> Way:
    """What is raced for a way: itself; of a network on windows the same task on statistics."""
    same = [one for one in ways if one.size != WINDOWS and replace(one, size=way.size) == way]
    return same[0] if way.size == WINDOWS and same else way


def picked(
    rows: Rows, world: World, ways: Sequence[Way], draw: int, seeds: Sequence[int], least: float = 0.0
) -> Way | None:
    """What a race of these seeds picks: the way with the lowest error out of fold, a second task only where it is ahead of RUL
    alone by more than ``least`` (logarithm); None where a training is missing."""
    best = reference(rows, world, draw, seeds)
    if best is None:
        return None
    gains = {way: raced(rows, world, way, draw, seeds) for way in ways}
    known = {way: gain.mean for way, gain in gains.items() if gain is not None}
    ahead = min(known, key=known.__getitem__, default=best)
    return ahead if known.get(ahead, 0.0) < -least else best
