"""The rule of `grace advise`, fitted on the races of the study: what ways of a kind change, how that spreads, a race's noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import ndtri

from grace.advice.rule import LEVEL, RUL_ALONE, SEVERAL, Expected, Kind, Parts, Posterior, Rule, shared
from studies.advice.cases import WEIGHTS, Case, Way, World
from studies.advice.judged import Seen, groups, raced_way
from studies.advice.kinds import kind
from studies.advice.races import Race
from studies.advice.records import RACES

MOST = 0.5
"""Logarithm beyond which a change counts as that: a bound that doubles the error in one world must not set what all expect."""
LEAST = Parts(0.02**2, 0.0)
"""Variances below which none is believed."""

Races = Mapping[tuple[World, int], Race]
"""By world and draw."""


@dataclass(frozen=True)
class LeftOut:
    """A case in one draw, and what a rule that never saw its group expects: before a race, and after its laps."""

    seen: Seen
    before: Expected
    after: Expected


def fitted(races: Sequence[Race], wider: float = 1.0) -> Rule:
    """The rule of these races."""
    worlds = {race.world: race for race in races}
    of: dict[str, list[float]] = {}
    for race in worlds.values():
        for way, effect in zip(race.ways[1:], np.clip(race.effects[1:], -MOST, MOST), strict=True):
            of.setdefault(kind(way).name, []).append(float(effect))
            if way.label:
                of.setdefault(Kind(SEVERAL, way.suspended).name, []).append(float(effect))
    means = {name: float(np.mean(effects)) for name, effects in of.items()}
    spread = _parts(_products(race, race.effects - means_of(race, means), MOST, 1.0) for race in worlds.values())
    noise = _parts(_products(race, race.changes - race.effects, 2 * MOST, race.units) for race in races)
    failures = [race.world.failures or race.units for race in races]
    cases = sum(bool(way.label) for race in worlds.values() for way in race.ways)
    known = {"cases": cases, "groups": len({world.group for world in worlds})}
    return Rule(means, spread, noise, wider, (min(failures), max(failures)), RACES, (min(WEIGHTS), max(WEIGHTS)), known)


def means_of(race: Race, means: Mapping[str, float]) -> NDArray[np.float64]:
    """Mean change of the kind of each way; of the first none."""
    return np.array([0.0, *(means[kind(way).name] for way in race.ways[1:])])


def _products(
    race: Race, apart: NDArray[np.float64], most: float, units: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of all pairs of ways of a race: whether they are one and whether they say the same of suspended units, ``[P, 2]``; and the
    product of how far they are apart from what was expected, without the error that effects are known with, ``[P]``."""
    apart = np.clip(apart, -most, most)
    rows, columns = (at + 1 for at in np.triu_indices(len(race.ways) - 1))
    product = (apart[rows] * apart[columns] - race.covariance[rows, columns]) * units
    same = shared([kind(way) for way in race.ways])
    return np.stack([rows == columns, same[rows, columns]], 1).astype(np.float64), product


def _parts(pairs: Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Parts:
    """Least squares with no negative variance (Lawson and Hanson 1974)."""
    x, y = (np.concatenate(some) for some in zip(*pairs, strict=True))
    way, suspended = nnls(x, y)[0]
    return Parts(max(float(way), LEAST.way), float(suspended))


def posterior(rule: Rule, race: Race, raced: bool = True) -> Posterior:
    """What the rule expects of all ways of a race, after it or before."""
    seen = {number: float(value) for number, value in enumerate(race.changes) if number} if raced else {}
    return rule.posterior([kind(way) for way in race.ways], seen, race.units)


def expected(rule: Rule, race: Race, way: Way, raced: bool = True) -> Expected:
    """Change by a way against the best of RUL alone."""
    found = posterior(rule, race, raced)
    alone = [number for number, one in enumerate(race.ways) if kind(one).label == RUL_ALONE]
    return found.change(race.ways.index(way), found.least(alone))


def least(rule: Rule, race: Race) -> Way:
    """The way of the least expected error."""
    return race.ways[posterior(rule, race).least(range(len(race.ways)))]


def left_out(observed: Sequence[Seen], races: Races) -> list[LeftOut]:
    """Every case in every draw that was raced, under the rule of the other groups, whose width is set by leaving out each of
    *these* in turn."""
    found = []
    for group in groups(observed):
        others = {key: race for key, race in races.items() if key[0].group != group}
        rule = fitted(list(others.values()), width([one for one in observed if one.case.world.group != group], others))
        found += [_one(rule, one, races) for one in observed if one.case.world.group == group]
    return [one for one in found if one is not None]


def _one(rule: Rule, one: Seen, races: Races) -> LeftOut | None:
    race = races.get((one.case.world, one.draw))
    if race is None:
        return None
    way = of_case(one.case, race)
    return LeftOut(one, expected(rule, race, way, raced=False), expected(rule, race, way))


def of_case(case: Case, race: Race) -> Way:
    """The way that is raced for a case."""
    return raced_way(case.way, race.ways)


def width(observed: Sequence[Seen], races: Races) -> float:
    """By what SDs are multiplied so that 90 % intervals of the effect hold in 90 % of the cases of groups that were left out."""
    ratios: list[float] = []
    for group in groups(observed):
        rule = fitted([race for (world, _), race in races.items() if world.group != group])
        mine = [one for one in observed if one.case.world.group == group]
        ratios += [_wrong(found) for one in mine if (found := _one(rule, one, races)) is not None]
    return max(1.0, float(np.quantile(ratios, LEVEL)) / float(ndtri((1 + LEVEL) / 2))) if ratios else 1.0


def _wrong(one: LeftOut) -> float:
    """How far the effect is from what was expected, in SDs, with the error that it is known with."""
    effect, said = one.seen.verdict.effect.mean, one.after
    return float(abs(effect - said.mean) / (said.sd**2 + one.seen.error**2) ** 0.5)


def covered(found: Sequence[LeftOut]) -> NDArray[np.bool_]:
    """Whether the 90 % interval of each case holds its effect."""
    return np.array([_wrong(one) for one in found]) <= float(ndtri((1 + LEVEL) / 2))
