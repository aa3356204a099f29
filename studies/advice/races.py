"""What a race of the study says: its laps are the seeds of one draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.advice.race import Lap, change, estimate
from grace.advice.rule import Kind
from grace.core.stats import Estimate
from grace.validity.advice_study import WINDOWS
from studies.advice.cases import Case, Way, World, references
from studies.advice.effects import LEAST, Rows, by_draw
from studies.advice.kinds import kind


@dataclass(frozen=True)
class Race:
    """All ways of a world in one draw, RUL alone first; changes are logarithms against the first way of all.

    Attributes:
        world: The world.
        draw: Whose units were raced.
        ways: Of them.
        changes: What the race shows of each, over the laps that all have, ``[W]``.
        units: Failed units, or groups of them, that it was judged on.
        effects: Mean change of each on units held out, over all draws, ``[W]``.
        covariance: Of these means, ``[W, W]``.
        given: What RUL says of the label of each in this draw; NaN where there is none, or nobody looked, ``[W]``.
    """

    world: World
    draw: int
    ways: tuple[Way, ...]
    changes: NDArray[np.float64]
    units: int
    effects: NDArray[np.float64]
    covariance: NDArray[np.float64]
    given: NDArray[np.float64]

    @property
    def kinds(self) -> list[Kind]:
        """Of all ways."""
        return [kind(way, float(given)) for way, given in zip(self.ways, self.given, strict=True)]


def all_races(worlds: Mapping[str, Mapping[str, Any]], cases: Sequence[Case]) -> dict[tuple[World, int], Race]:
    """By world and draw, of worlds that have two draws or more."""
    of: dict[World, dict[Way, None]] = {}
    for case in cases:
        if case.way.size != WINDOWS and case.world.name in worlds:
            of.setdefault(case.world, {})[case.way] = None
    return {
        (world, race.draw): race
        for world, ways in of.items()
        for race in _races_of(worlds[world.name], world, (*references(world), *ways))
    }


def _races_of(content: Mapping[str, Any], world: World, ways: tuple[Way, ...]) -> list[Race]:
    rows: Rows = content["rows"]
    losses = [by_draw(rows.get(way.name, {})) for way in ways]
    draws = sorted(draw for draw in set[int].intersection(*map(set, losses)) if draw < LEAST)
    if len(draws) < 2:
        return []
    shown = np.array([[loss[draw] - losses[0][draw] for loss in losses] for draw in draws])
    effects, covariance = shown.mean(0), np.cov(shown.T) / len(draws)
    found = []
    for draw in draws:
        laps = [laps_of(rows, way, draw) for way in ways]
        if all_have := sorted(set[int].intersection(*map(set, laps))):
            changes = np.array([change(some, laps[0], all_have) for some in laps])
            given = np.array([_given(content["looks"].get(way.name, {}).get(str(draw))) for way in ways])
            found.append(Race(world, draw, ways, changes, len(laps[0][all_have[0]]), effects, covariance, given))
    return found


def once(rows: Rows, race: Race) -> Race:
    """A race as it stands after its first lap."""
    laps = [laps_of(rows, way, race.draw) for way in race.ways]
    return replace(race, changes=np.array([change(some, laps[0], [0]) for some in laps]))


def _given(look: Mapping[str, Any] | None) -> float:
    """What RUL says of the label; NaN where nobody looked, or where it cannot be seen."""
    found = (look or {}).get("given_rul")
    return math.nan if found is None else float(found)


def laps_of(rows: Rows, way: Way, draw: int) -> dict[int, Lap]:
    """The trainings of a way in one draw."""
    found: dict[int, Lap] = {}
    for key, row in rows.get(way.name, {}).items():
        at, seed = map(int, key.split("."))
        if at == draw and row is not None and "squared" in row:
            found[seed] = row["squared"]
    return dict(sorted(found.items()))


def reference(rows: Rows, world: World, draw: int, seeds: Sequence[int]) -> Way | None:
    """The way of RUL alone with the least squared error out of fold, as a user would choose it; None where one is missing."""
    errors = {}
    for way in references(world):
        laps = laps_of(rows, way, draw)
        if not set(seeds) <= set(laps):
            return None
        errors[way] = float(np.mean([np.mean(list(laps[seed].values())) for seed in seeds]))
    return min(errors, key=errors.__getitem__)


def raced(rows: Rows, world: World, way: Way, draw: int, seeds: Sequence[int]) -> Estimate | None:
    """What a race of these seeds says of a way against RUL alone tuned as well; None where a training is missing."""
    best = reference(rows, world, draw, seeds)
    ours = laps_of(rows, way, draw)
    if best is None or not set(seeds) <= set(ours):
        return None
    return estimate(ours, laps_of(rows, best, draw), seeds)


def halved(rows: Rows, world: World, ways: Sequence[Way], draw: int) -> dict[Way, Estimate | None]:
    """One seed of all ways, and two more of the better half (Jamieson and Talwalkar 2016): what the race says of each in the
    end."""
    first = {way: raced(rows, world, way, draw, (0,)) for way in ways}
    known = sorted((way for way in ways if first[way] is not None), key=lambda way: first[way].mean)  # type: ignore[union-attr]
    better = known[: math.ceil(len(known) / 2)]
    return first | {way: raced(rows, world, way, draw, (0, 1, 2)) for way in better}
