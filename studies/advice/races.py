"""What a race of the study says: its laps are the seeds of one draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from grace.advice.race import Lap, estimate
from grace.core.stats import Estimate
from studies.advice.cases import Way, World, references
from studies.advice.effects import Rows


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
