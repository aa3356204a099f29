"""What each policy would train in a world, and what that costs: against an oracle of other draws, and against RUL alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grace.advice.rule import Rule
from grace.validity.advice_study import WINDOWS
from grace.validity.advice_words import AFRESH, OWN
from studies.advice import rule as rules
from studies.advice import shrunk as by_case
from studies.advice.cases import IGNORE, WIDE, Way, World, references
from studies.advice.effects import LEAST, Rows, by_draw
from studies.advice.judged import Seen, groups, picked
from studies.advice.races import once, reference
from studies.advice.records import RACED, RACES

PLAIN, TUNED, FIRST, ELSEWHERE = "alone", "alone, tuned", "first label", "fixed elsewhere"
ADVICE, LIKELY, LEAST_EXPECTED, UNSEEN = "advice", "likelier than not", "least expected", "least expected, no given-rul"
LOOKED = ("rho-init", "rho-joint", "rho-held", "given-rul", "label-gap")
"""Predictors that name a second task by their largest score."""
NOISE = "noise floor"


@dataclass(frozen=True)
class Choice:
    """What one policy chose in one draw of a world, and the logarithm of its RMSE over that of others in that draw.

    Attributes:
        world: Where.
        user: Whether it is one of the user's part.
        draw: Whose units were looked at.
        policy: Its name.
        way: What it chose.
        regret: Over the way that is best on the other draws.
        loss: Over RUL alone in the way that is best on the other draws.
    """

    world: World
    user: bool
    draw: int
    policy: str
    way: str
    regret: float
    loss: float


@dataclass(frozen=True)
class Fitted:
    """What policies are fitted on: the groups that they are not judged on.

    Attributes:
        rule: That ships.
        unseen: The same where nobody knows what RUL says of the labels.
        shrunk: Of the plan.
        best: Fixed second tasks, the best first.
    """

    rule: Rule
    unseen: Rule
    shrunk: by_case.Shrunk
    best: Sequence[str]

    @classmethod
    def on(cls, others: Sequence[Seen], races: rules.Races) -> Fitted:
        """Of what was seen in these groups, and of their races."""
        return cls(
            rules.fitted(list(races.values())),  # nothing is chosen by the width of its intervals
            rules.fitted([rules.unseen(race) for race in races.values()]),
            by_case.fitted(others, by_case.width(others)),
            _best_elsewhere(others),
        )


def choices(worlds: Mapping[str, Mapping[str, Any]], observed: Sequence[Seen], races: rules.Races) -> list[Choice]:
    """Every policy in every draw that was raced, each fitted without the group that it is judged on."""
    found: list[Choice] = []
    for group in groups(observed):
        others = [one for one in observed if one.case.world.group != group]
        fitted = Fitted.on(others, {key: race for key, race in races.items() if key[0].group != group})
        mine = [one for one in observed if one.case.world.group == group and one.case.way.size != WINDOWS]
        for world in dict.fromkeys(one.case.world for one in mine):
            here = [one for one in mine if one.case.world == world]
            found += _of_world(worlds[world.name]["rows"], world, here, fitted, races)
    return found


def _of_world(rows: Rows, world: World, here: Sequence[Seen], fitted: Fitted, races: rules.Races) -> Iterator[Choice]:
    ways = list(dict.fromkeys(one.case.way for one in here))
    user = any(one.case.user for one in here)
    losses = {way: _first(rows, way) for way in (*references(world), *ways)}
    for draw in sorted({one.draw for one in here}):
        mine = [one for one in here if one.draw == draw]
        shared = sorted(set.intersection(*map(set, losses.values())) - {draw})
        if not mine or len(shared) < 2 or any(draw not in loss for loss in losses.values()):
            continue
        oracle, alone = _least(losses, shared), _least({way: losses[way] for way in references(world)}, shared)
        chosen = _chosen(rows, world, mine, draw, fitted)
        race = races.get((world, draw))
        chosen[LEAST_EXPECTED] = None if race is None else rules.least(fitted.rule, race)
        chosen[UNSEEN] = None if race is None else rules.least(fitted.unseen, rules.unseen(race))
        for policy, way in chosen.items():
            if way is not None:
                regret, loss = (losses[way][draw] - losses[one][draw] for one in (oracle, alone))
                yield Choice(world, user, draw, policy, way.name, regret, loss)
        if race is not None and draw < RACED:  # what a race is judged by must not be what it chose by alone
            named = rules.least(fitted.rule, once(rows, race))
            for policy, seeds in ((OWN, range(1)), (AFRESH, range(1, RACES))):
                error, best, plain = (_of_seeds(rows, way, draw, seeds) for way in (named, oracle, alone))
                if np.isfinite(error + best + plain):
                    yield Choice(world, user, draw, policy, named.name, error - best, error - plain)
        halves = [_least(losses, shared[start::2]) for start in (0, 1)]
        floor = float(np.mean([losses[way][draw] for way in halves]))
        yield Choice(world, user, draw, NOISE, "", floor - losses[oracle][draw], floor - losses[alone][draw])


def _first(rows: Rows, way: Way) -> dict[int, float]:
    """Log RMSE in the draws that all ways have."""
    return {draw: value for draw, value in by_draw(rows.get(way.name, {})).items() if draw < LEAST}


def _of_seeds(rows: Rows, way: Way, draw: int, seeds: Sequence[int]) -> float:
    """Mean log RMSE of some trainings of one draw; NaN where one is missing."""
    made = [rows[way.name].get(f"{draw}.{seed}") or {} for seed in seeds]
    return float(np.mean([math.log(row.get("rmse", math.nan)) for row in made]))


def _least(losses: Mapping[Way, Mapping[int, float]], draws: Sequence[int]) -> Way:
    return min(losses, key=lambda way: float(np.mean([losses[way][draw] for draw in draws])))


def _chosen(rows: Rows, world: World, mine: Sequence[Seen], draw: int, fitted: Fitted) -> dict[str, Way | None]:
    """What each policy trains; None of one that cannot choose here."""
    laps = max((max(one.races, default=0) for one in mine), default=0)
    tuned = reference(rows, world, draw, range(laps)) if laps else None
    ways = [one.case.way for one in mine]
    named = [way for name in fitted.best for way in ways if _name(way) == name]
    found: dict[str, Way | None] = {PLAIN: Way(WIDE, IGNORE), TUNED: tuned, FIRST: ways[0]}
    found[ELSEWHERE] = named[0] if named else tuned
    found |= {f"race-{count}": picked(rows, world, ways, draw, range(count)) for count in (1, RACES) if count <= laps}
    for name in LOOKED:
        scored = [one for one in mine if np.isfinite(one.scores.get(name, np.nan))]
        found[name] = max(scored, key=lambda one: one.scores[name]).case.way if scored else None
    posterior = {one.case.way: said for one in mine if (said := fitted.shrunk.expected(one)) is not None}
    likeliest = min(posterior, key=lambda way: posterior[way].mean, default=None)
    sure = {way: said for way, said in posterior.items() if said.high < 0}
    found[LIKELY] = likeliest if likeliest is not None and posterior[likeliest].mean < 0 else tuned
    found[ADVICE] = min(sure, key=lambda way: sure[way].mean) if sure else tuned
    return found


def _name(way: Way) -> str:
    """What a fixed policy goes by: the label, and what suspended units say."""
    return f"{way.label}, {way.suspended}"


def _best_elsewhere(others: Sequence[Seen]) -> list[str]:
    """Second tasks that lower the RMSE by their mean over the cases of other groups, the best first; what they do at
    ``compact`` is left out, as policies train on statistics."""
    effects: dict[str, list[float]] = {}
    for case, effect in {one.case: one.verdict.effect.mean for one in others}.items():
        if case.way.size == WINDOWS:
            continue
        effects.setdefault(_name(case.way), []).append(effect)
    means = {name: float(np.mean(values)) for name, values in effects.items()}
    return sorted((name for name, mean in means.items() if mean < 0), key=means.__getitem__)
