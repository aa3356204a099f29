"""The rule of `grace advise`, fitted on the races of the study: what means add up from, how changes spread, a race's noise.

Every draw that was raced counts alike, though the draws of one world share its changes. Variances are fitted to what is clipped
(:data:`MOST`), the degrees of freedom to all as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar, nnls
from scipy.special import gammaln, ndtri

from grace.advice.rule import IGNORE, LEVEL, RUL_ALONE, Expected, Parts, Posterior, Rule, Slope, shared
from studies.advice.cases import WEIGHTS, Case, Way, World
from studies.advice.judged import Seen, groups, raced_way
from studies.advice.races import Race
from studies.advice.records import RACES

MOST = 0.5
"""Logarithm beyond which a change counts as that: a bound that doubles the error in one world must not set what all expect."""
LEAST = Parts(0.02**2, 0.0)
"""Variances below which none is believed."""
NO_GIVEN, SAME_SCALE = "rule, no given-rul", "rule, one scale"
"""The rule without one of its parts, among the predictors."""
NORMAL, ONE_SCALE = 102.0, 1e9
"""Degrees of freedom at which a distribution is as good as normal, and at which no race says anything of the scale."""

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
    labels, suspended, given = _means(races)
    failures = [race.world.failures or race.units for race in races]
    worlds = {race.world: race for race in races}
    cases = sum(bool(way.label) for race in worlds.values() for way in race.ways)
    known = {"cases": cases, "groups": len({world.group for world in worlds})}
    first = Rule(labels, suspended, given, LEAST, LEAST, NORMAL, wider, (min(failures), max(failures)), RACES,
                 (min(WEIGHTS), max(WEIGHTS)), known)  # fmt: skip
    apart = [race.effects - first.means(race.kinds) for race in races]
    spread = _parts(_products(race, some, MOST, 1.0) for race, some in zip(races, apart, strict=True))
    noise = _parts(_products(race, race.changes - race.effects, 2 * MOST, race.units) for race in races)
    second = replace(first, spread=spread, noise=noise)
    return replace(second, freedom=_freedom(second, races))


def _means(races: Sequence[Race]) -> tuple[dict[str, float], dict[str, float], Slope]:
    """What means add up from, by least squares over all ways of all races."""
    ways = [kind for race in races for kind in race.kinds[1:]]
    effects = np.clip(np.concatenate([race.effects[1:] for race in races]), -MOST, MOST)
    names = sorted({kind.label for kind in ways} - {RUL_ALONE})
    said = sorted({kind.suspended for kind in ways} - {IGNORE})
    known = np.maximum([kind.given for kind in ways if not math.isnan(kind.given)], 0.0)
    slope = Slope(1.0, float(known.mean()) if len(known) else 0.0)
    columns = [
        *([kind.label == name for kind in ways] for name in names),
        *([kind.suspended == word for kind in ways] for word in said),
        [slope(kind.given) for kind in ways],
    ]
    found = np.linalg.lstsq(np.array(columns, float).T, effects)[0].tolist()
    labels, others = dict(zip(names, found, strict=False)), dict(zip(said, found[len(names) :], strict=False))
    return labels, others, replace(slope, by=found[-1])


def _freedom(rule: Rule, races: Sequence[Race]) -> float:
    """Degrees of freedom of the greatest likelihood of what these races show (Shah, Wilson and Ghahramani 2014)."""
    found = []
    for race in races:
        apart, seen = (race.changes - rule.means(race.kinds))[1:], rule.seen(race.kinds, race.units)[1:, 1:]
        found.append((len(apart), float(apart @ np.linalg.solve(seen, apart))))
    ways, far = (np.array(column, float) for column in zip(*found, strict=True))

    def against(log_over: float) -> float:
        over = math.exp(log_over)
        half = (over + 2 + ways) / 2
        likely = gammaln(half) - gammaln((over + 2) / 2) - ways / 2 * math.log(over) - half * np.log1p(far / over)
        return -float(likely.sum())

    return 2 + math.exp(minimize_scalar(against, bounds=(math.log(0.1), math.log(NORMAL - 2))).x)


def _products(
    race: Race, apart: NDArray[np.float64], most: float, units: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of all pairs of ways of a race: whether they are one and whether they say the same of suspended units, ``[P, 2]``; and the
    product of how far they are apart from what was expected, without the error that effects are known with, ``[P]``."""
    apart = np.clip(apart, -most, most)
    rows, columns = (at + 1 for at in np.triu_indices(len(race.ways) - 1))
    product = (apart[rows] * apart[columns] - race.covariance[rows, columns]) * units
    same = shared(race.kinds)
    return np.stack([rows == columns, same[rows, columns]], 1).astype(np.float64), product


def _parts(pairs: Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Parts:
    """Least squares with no negative variance (Lawson and Hanson 1974)."""
    x, y = (np.concatenate(some) for some in zip(*pairs, strict=True))
    way, suspended = nnls(x, y)[0]
    return Parts(max(float(way), LEAST.way), float(suspended))


def posterior(rule: Rule, race: Race, raced: bool = True) -> Posterior:
    """What the rule expects of all ways of a race, after it or before."""
    seen = {number: float(value) for number, value in enumerate(race.changes) if number} if raced else {}
    return rule.posterior(race.kinds, seen, race.units)


def expected(rule: Rule, race: Race, way: Way, raced: bool = True) -> Expected:
    """Change by a way against the best of RUL alone."""
    found = posterior(rule, race, raced)
    alone = [number for number, one in enumerate(race.ways) if not one.label]
    return found.change(race.ways.index(way), found.least(alone))


def least(rule: Rule, race: Race) -> Way:
    """The way of the least expected error."""
    return race.ways[posterior(rule, race).least(range(len(race.ways)))]


def left_out(
    observed: Sequence[Seen], races: Races, fit: Callable[[Sequence[Race]], Rule] | None = None
) -> list[LeftOut]:
    """Every case in every draw that was raced, under the rule of the other groups, whose width is set by leaving out each of
    *these* in turn; or under what ``fit`` makes of their races."""
    found = []
    for group in groups(observed):
        others = {key: race for key, race in races.items() if key[0].group != group}
        kept, mine = [one for one in observed if one.case.world.group != group], list(others.values())
        rule = fit(mine) if fit is not None else fitted(mine, width(kept, others))
        found += [_one(rule, one, races) for one in observed if one.case.world.group == group]
    return [one for one in found if one is not None]


def unseen(race: Race) -> Race:
    """The race of somebody who does not know how far RUL predicts the labels."""
    return replace(race, given=np.full(len(race.ways), np.nan))


def without(observed: Sequence[Seen], races: Races) -> dict[str, list[LeftOut]]:
    """The rule without one of its parts, by name: without how far RUL predicts the labels, and with one scale for all fleets.
    Widths are not set: they leave the order of cases nearly as it is."""
    return {
        NO_GIVEN: left_out(observed, {key: unseen(race) for key, race in races.items()}, fitted),
        SAME_SCALE: left_out(observed, races, lambda some: replace(fitted(some), freedom=ONE_SCALE)),
    }


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
