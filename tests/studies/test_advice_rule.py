"""The rule that the study fits, on cases drawn from its own model; what is left out; and what policies choose, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from grace.advice.rule import Kind, Parts, Rule, Slope
from grace.core.stats import Estimate
from grace.validity.advice_study import UNRESOLVED
from grace.validity.advice_words import AFRESH, OWN
from studies.advice import shrunk as by_case
from studies.advice.cases import ALL, BOUND, GROUPS, IGNORE, WIDE, Case, Way, World, references
from studies.advice.choices import (
    ADVICE,
    ELSEWHERE,
    FIRST,
    LEAST_EXPECTED,
    LIKELY,
    NOISE,
    PLAIN,
    TUNED,
    UNSEEN,
    choices,
)
from studies.advice.effects import LEAST
from studies.advice.judged import Seen, seen
from studies.advice.kinds import kind
from studies.advice.publish import study_of
from studies.advice.races import Race, all_races
from studies.advice.rule import covered, expected, fitted, least, left_out, posterior, width
from studies.advice.shrunk import Prior, Shrunk
from studies.advice.verdicts import Verdict

FLEETS = ("FD001", "battery_tju", "filter_esrel22", "hdd_backblaze", *(f"sim{number}" for number in range(1, 9)))


LABELS = {"class": -0.02, "regression": -0.06}
MODEL = Rule(LABELS, {"bound": 0.1}, Slope(-0.3, 0.3), Parts(0.06**2, 0.15**2), Parts(0.05, 0.2), 8.0, 1.0, (4, 32), 3,
             (0.01, 0.5), {})  # fmt: skip
SAYS = {"wear": 0.8, "health": 0.5, "pending": 0.1, "random": -0.2}
"""What RUL says of labels, on average."""


def normal(rng: np.random.Generator, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """The same on every CPU, as a singular value decomposition is not."""
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(mean)))
    return mean + root @ rng.standard_normal(len(mean))


def drawn(seed: int = 0, freedom: float = MODEL.freedom) -> tuple[list[Seen], dict[tuple[World, int], Race]]:
    """Worlds of the rule's own model, ten ways each, three draws of each; the outcome is known with an SD of 1 %."""
    rng, found, races = np.random.default_rng(seed), [], {}
    for fleet in FLEETS:
        for failures in (4, 8, 16, 32):
            world = World(fleet, failures)
            second = [Way("narrow", said, label, 0.1) for label in SAYS for said in (IGNORE, BOUND)]
            ways = (Way("narrow", IGNORE), Way("narrow", BOUND), *second)
            given = np.array([SAYS.get(way.label, math.nan) + 0.1 * rng.standard_normal() for way in ways])
            kinds = [kind(way, float(says)) for way, says in zip(ways, given, strict=True)]
            scale = (freedom / 2 - 1) / rng.gamma(freedom / 2)
            truth = normal(rng, MODEL.means(kinds), scale * MODEL.spread.covariance(kinds))
            error = np.diag([0.0, *[0.01**2] * 9])
            effects = normal(rng, truth, error)
            for draw in range(3):
                changes = normal(rng, truth, scale * MODEL.noise.covariance(kinds) / failures)
                races[world, draw] = Race(world, draw, ways, changes, failures, effects, error, given)
                best = min(range(2), key=effects.__getitem__)
                for number, way in enumerate(second, 2):
                    effect = effects[number] - effects[best]
                    verdict = Verdict(Estimate(effect, effect - 0.02, effect + 0.02, 16), UNRESOLVED)
                    seen = {3: Estimate(changes[number] - min(changes[:2]), -1, 1, failures)}
                    found.append(Seen(Case(world, way), draw, verdict, {"race-3": 0.0}, 0.01, failures, seen))
    return found, races


def test_the_rule_finds_what_its_races_were_drawn_from() -> None:
    rule = fitted(list(drawn()[1].values()))
    assert rule.suspended["bound"] == pytest.approx(0.1, abs=0.06)  # 48 worlds share 0.15
    assert rule.given.by == pytest.approx(-0.3, abs=0.04)
    assert rule.given.at == pytest.approx((0.8 + 0.5 + 0.1 + 0.0) / 4, abs=0.03)
    kinds = [Kind("alone", IGNORE), *(Kind(name, IGNORE, 0.5) for name in LABELS)]
    assert rule.means(kinds) == pytest.approx(MODEL.means(kinds), abs=0.03)
    assert rule.spread.way**0.5 == pytest.approx(0.06, abs=0.01)
    assert rule.spread.suspended**0.5 == pytest.approx(0.15, abs=0.03)
    assert rule.noise.way == pytest.approx(0.05, rel=0.2)
    assert rule.noise.suspended == pytest.approx(0.2, rel=0.36)  # three times sqrt(2 / 144), the error of so few draws
    assert rule.failures == (4, 32)
    assert rule.fitted == {"cases": 8 * 4 * len(FLEETS), "groups": 12}


@pytest.mark.parametrize("freedom", [3.0, 8.0])
def test_degrees_of_freedom_are_found(freedom: float) -> None:
    """By the likelihood of the model itself, as scipy has it; many worlds tell few degrees of freedom from many."""
    races = list(drawn(4, freedom)[1].values())
    found = fitted(races)

    def likely(freedom: float) -> float:
        total = 0.0
        for race in races:
            shape = found.seen(race.kinds, race.units)[1:, 1:] * (freedom - 2) / freedom
            total += stats.multivariate_t.logpdf(race.changes[1:], found.means(race.kinds)[1:], shape, df=freedom)
        return total

    best = likely(found.freedom)
    assert best >= max(likely(2 + 0.9 * (found.freedom - 2)), likely(2 + 1.1 * (found.freedom - 2)))
    assert (found.freedom < 5) == (freedom < 5)


def test_intervals_of_the_model_itself_hold() -> None:
    observed, races = drawn(1)
    assert 1.0 <= width(observed, races) < 1.2  # some more than 1: each rule is fitted on the other groups alone
    assert covered(left_out(observed, races)).mean() == pytest.approx(0.9, abs=0.04)


@pytest.mark.system
def test_a_group_does_not_speak_for_itself() -> None:
    observed, races = drawn(2)
    mine = "disks"
    moved = [
        replace(one, verdict=Verdict(replace(one.verdict.effect, mean=one.verdict.effect.mean + 3.0), UNRESOLVED))
        if one.case.world.group == mine
        else one
        for one in observed
    ]
    other = {
        key: replace(race, effects=race.effects + 3.0) if key[0].group == mine else race for key, race in races.items()
    }
    one, two = (
        [said.after for said in left_out(*some) if said.seen.case.world.group == mine]
        for some in ((observed, races), (moved, other))
    )
    assert one == two


def test_what_is_expected_is_against_the_best_of_rul_alone() -> None:
    _, races = drawn(3)
    rule, race = fitted(list(races.values())), next(iter(races.values()))
    found, way = posterior(rule, race), race.ways[3]
    best = int(np.argmin(found.mean[:2]))
    assert expected(rule, race, way) == found.change(3, best)
    assert least(rule, race) == race.ways[int(np.argmin(found.mean))]
    before = rule.labels["regression"] + rule.suspended["bound"] + rule.given(float(race.given[3]))
    assert expected(rule, race, way, raced=False).mean == pytest.approx(before)


def test_a_race_is_read_from_records() -> None:
    """Two draws of three ways by hand."""
    world = World("sim8", ALL)
    narrow, wide = references(world)
    wear = Way("narrow", IGNORE, "wear", 0.1)
    rows = {
        narrow.name: {"0.0": row(1.0, 4.0, 4.0), "1.0": row(2.0, 1.0, 1.0)},
        wide.name: {"0.0": row(1.1, 4.0, 1.0), "1.0": row(2.0, 2.0, 2.0)},
        wear.name: {"0.0": row(0.5, 1.0, 1.0), "0.1": row(0.5, 9.0, 9.0), "1.0": row(1.5, 4.0, 0.0)},
    }
    looks = {wear.name: {"0": {"given_rul": 0.7}, "1": {"given_rul": None}}}
    found = all_races({world.name: {"rows": rows, "looks": looks}}, [Case(world, wear)])
    assert list(found) == [(world, 0), (world, 1)]
    race = found[world, 0]
    assert race.ways == (narrow, wide, wear)
    assert race.changes == pytest.approx([0, 0.5 * math.log(5 / 8), 0.5 * math.log(2 / 8)])  # of the lap that all have
    assert race.units == 2
    change = np.array([[0, math.log(1.1), math.log(0.5)], [0, 0, math.log(0.75)]])
    assert race.effects == pytest.approx(change.mean(0))
    assert race.covariance == pytest.approx(np.cov(change.T) / 2)
    assert race.given == pytest.approx([math.nan, math.nan, 0.7], nan_ok=True)
    assert [one.label for one in race.kinds] == ["alone", "alone", "regression"]
    assert np.isnan(found[world, 1].given).all()


def row(rmse: float, *squared: float) -> dict[str, Any]:
    return {"rmse": rmse, "squared": {str(unit): value for unit, value in enumerate(squared)}}


def test_shrunk_is_the_posterior_of_one_case() -> None:
    """The predictor of the plan, against the integral."""
    rule = Shrunk({"any": Prior(-0.02, 0.08), "class, bound": Prior(0.03, 0.05)}, 0.2, 0.001, 1.5)
    race = Estimate(-0.2, -1, 1, 9)
    one = Seen(
        Case(World("sim8", 9), Way("narrow", BOUND, "health", 0.1)), 0, Verdict(race, UNRESOLVED), {}, 0.0, 9, {2: race}
    )
    noise = math.sqrt(0.2 / 9 + 0.001 / 2)
    grid = np.linspace(-0.5, 0.5, 20001)
    weight = stats.norm.pdf(grid, 0.03, 0.05) * stats.norm.pdf(-0.2, grid, noise)
    mean = float((grid * weight).sum() / weight.sum())
    found = rule.expected(one)
    assert found is not None
    assert found.mean == pytest.approx(mean, abs=1e-6)
    assert found.sd == pytest.approx(1.5 * math.sqrt(((grid - mean) ** 2 * weight).sum() / weight.sum()), rel=1e-4)
    assert rule.expected(replace(one, races={})) is None


def test_shrunk_finds_what_its_cases_were_drawn_from() -> None:
    """Cases of its own model: effects of a kind about -10 or +5 %, races of 4 to 32 units and one to three laps."""
    rng, found = np.random.default_rng(0), []
    for fleet in FLEETS:
        for failures in (4, 8, 16, 32):
            for label in ("wear", "health", "random"):
                for suspended, mean in (("ignore", -0.1), ("bound", 0.05)):
                    case = Case(World(fleet, failures), Way(WIDE, suspended, label, 0.1))
                    truth = mean + 0.08 * rng.standard_normal()
                    verdict = Verdict(Estimate(truth, truth - 0.02, truth + 0.02, 16), UNRESOLVED)
                    for draw in range(3):
                        laps = {count: math.sqrt(0.3 / failures + 0.02 / count) for count in (1, 2, 3)}
                        races = {
                            count: Estimate(truth + sd * rng.standard_normal(), -1, 1, failures)
                            for count, sd in laps.items()
                        }
                        found.append(Seen(case, draw, verdict, {}, 0.0, failures, races))
    shrunk = by_case.fitted(found)
    assert shrunk.priors["class, ignore"].mean == pytest.approx(-0.1, abs=0.03)
    assert shrunk.priors["regression, bound"].mean == pytest.approx(0.05, abs=0.03)
    assert shrunk.priors["class, ignore"].sd == pytest.approx(0.08, abs=0.02)
    assert shrunk.per_unit == pytest.approx(0.3, rel=0.2)
    assert shrunk.per_lap == pytest.approx(0.02, abs=0.015)
    assert by_case.width(found) == pytest.approx(1.0, abs=0.1)


def worlds() -> tuple[dict[str, Any], list[Case]]:
    """Worlds in which wear always helps by a quarter and random labels cost as much, as races see, too."""
    rng, made, cases = np.random.default_rng(0), {}, []
    for fleet in FLEETS:
        world = World(fleet, 8)
        ways = {way: 1.0 + 0.1 * place for place, way in enumerate(references(world))}
        second = {Way("narrow", IGNORE, "wear", 0.1): 0.75, Way("narrow", IGNORE, "random", 0.1): 1.25}
        cases += [Case(world, way) for way in second]
        rows: dict[str, Any] = {}
        for way, level in (ways | second).items():
            for draw in range(LEAST):
                for seed in range(3 if draw < 2 else 1):
                    rmse = level * math.exp(0.01 * rng.standard_normal())
                    squared = {str(unit): level**2 * math.exp(0.02 * rng.standard_normal()) for unit in range(8)}
                    rows.setdefault(way.name, {})[f"{draw}.{seed}"] = {"rmse": rmse, "squared": squared, "seconds": 1.0}
        made[world.name] = {"plan": "abc", "world": vars(world), "rows": rows, "looks": {}}
    return made, cases


def test_policies_choose_as_their_names_say() -> None:
    made, cases = worlds()
    found = choices(made, seen(made, cases), all_races(made, cases))
    assert len(found) == len(FLEETS) * LEAST * 10 + len(FLEETS) * 2 * (1 + 2)
    of: dict[str, set[str]] = {}
    for one in found:
        of.setdefault(one.policy, set()).add(one.way)
    assert of[PLAIN] == {Way(WIDE, IGNORE).name}
    assert of[TUNED] == {Way("narrow", IGNORE).name}
    wear = Way("narrow", IGNORE, "wear", 0.1).name
    assert (
        of[FIRST]
        == of[ELSEWHERE]
        == of[ADVICE]
        == of[LIKELY]
        == of[LEAST_EXPECTED]
        == of[UNSEEN]
        == of["race-1"]
        == of["race-3"]
        == {wear}
    )
    advice = [one for one in found if one.policy == ADVICE]
    assert all(one.regret == 0 for one in advice)
    assert np.mean([one.loss for one in advice]) == pytest.approx(math.log(0.75), abs=0.01)
    assert np.mean([one.regret for one in found if one.policy == NOISE]) == 0
    assert {one.world.group for one in found} == {GROUPS[fleet] for fleet in FLEETS}
    for policy, seeds in ((OWN, (0,)), (AFRESH, (1, 2))):
        once = [one for one in found if one.policy == policy]
        assert {one.draw for one in once} == {0, 1}
        for one in once:
            rows = made[one.world.name]["rows"]
            mine, alone = (
                [math.log(rows[name][f"{one.draw}.{seed}"]["rmse"]) for seed in seeds]
                for name in (wear, Way("narrow", IGNORE).name)
            )
            assert (one.way, one.regret) == (wear, 0)
            assert one.loss == pytest.approx(np.mean(mine) - np.mean(alone))


PARTS = ("rule, no given-rul", "rule, one scale")


def test_what_ships_holds_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    made, cases = worlds()
    monkeypatch.setattr("studies.advice.publish.all_cases", lambda: cases)
    study, rule = study_of(made)
    assert len(study.outcomes) == len(cases)
    assert [one.word for one in study.outcomes[:2]] == ["helps", "hurts"]
    assert study.predictors == ["race-1", "race-2", "race-3", "halving", "shrunk", *PARTS, "rule"]
    assert rule.fitted["plan"] == study.plan == "abc"
    assert rule.wider >= 1
    assert (study.planned, study.left) == (len(FLEETS) * 6 * (16 + 2 * 2), 0)
    assert set(study.levels) == {"group", "fleet", "world", "case"}
