"""The rule that the study fits, on cases drawn from its own model; what is left out; and what policies choose, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grace.core.stats import Estimate
from grace.validity.advice_study import UNRESOLVED
from studies.advice.cases import GROUPS, IGNORE, WIDE, Case, Way, World, references
from studies.advice.choices import ADVICE, ELSEWHERE, FIRST, LIKELY, NOISE, PLAIN, TUNED, choices
from studies.advice.effects import LEAST
from studies.advice.judged import Seen, seen
from studies.advice.publish import study_of
from studies.advice.rule import covered, expected, fitted, kind, left_out, width
from studies.advice.verdicts import Verdict

FLEETS = ("FD001", "battery_tju", "filter_esrel22", "hdd_backblaze", *(f"sim{number}" for number in range(1, 9)))


def drawn(seed: int = 0, per_unit: float = 0.3, per_lap: float = 0.02) -> list[Seen]:
    """Cases of the rule's model: effects of a kind about -10 or +5 %, races of 4 to 32 units and one to three laps."""
    rng, found = np.random.default_rng(seed), []
    for fleet in FLEETS:
        for failures in (4, 8, 16, 32):
            for label in ("wear", "health", "random"):
                for suspended, mean in (("ignore", -0.1), ("bound", 0.05)):
                    case = Case(World(fleet, failures), Way(WIDE, suspended, label, 0.1))
                    truth = mean + 0.08 * rng.standard_normal()
                    effect = truth + 0.01 * rng.standard_normal()
                    verdict = Verdict(Estimate(effect, effect - 0.02, effect + 0.02, 16), UNRESOLVED)
                    for draw in range(3):
                        races = {}
                        for laps in (1, 2, 3):
                            noise = math.sqrt(per_unit / failures + per_lap / laps) * rng.standard_normal()
                            races[laps] = Estimate(truth + noise, -1, 1, failures)
                        found.append(Seen(case, draw, verdict, {"race-3": -races[3].mean}, 0.01, failures, races))
    return found


def test_the_rule_finds_what_its_cases_were_drawn_from() -> None:
    rule = fitted(drawn())
    assert rule.priors["class, ignore"].mean == pytest.approx(-0.1, abs=0.03)
    assert rule.priors["regression, bound"].mean == pytest.approx(0.05, abs=0.03)
    assert rule.priors["class, ignore"].sd == pytest.approx(0.08, abs=0.02)
    assert rule.per_unit == pytest.approx(0.3, rel=0.2)
    assert rule.per_lap == pytest.approx(0.02, abs=0.015)
    assert rule.failures == (4, 32)
    assert rule.fitted["groups"] == 12


def test_intervals_of_the_model_itself_hold() -> None:
    observed = drawn(1)
    assert width(observed) == pytest.approx(1.0, abs=0.1)
    assert covered(left_out(observed)).mean() == pytest.approx(0.9, abs=0.03)


def test_a_group_does_not_speak_for_itself() -> None:
    observed = drawn(2)
    mine = "disks"
    moved = [
        replace(one, verdict=Verdict(replace(one.verdict.effect, mean=one.verdict.effect.mean + 3.0), UNRESOLVED))
        if one.case.world.group == mine
        else one
        for one in observed
    ]
    one, other = (
        [said.after for said in left_out(some) if said.seen.case.world.group == mine] for some in (observed, moved)
    )
    assert one == other


def test_what_is_expected_takes_all_laps() -> None:
    observed = drawn(3)
    rule, one = fitted(observed), observed[0]
    assert expected(rule, one) == rule.expected(kind(one.case), one.races[3].n, 3, one.races[3].mean)
    assert expected(rule, replace(one, races={})) is None


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
    found = choices(made, seen(made, cases))
    assert len(found) == len(FLEETS) * LEAST * 8 + len(FLEETS) * 2
    of: dict[str, set[str]] = {}
    for one in found:
        of.setdefault(one.policy, set()).add(one.way)
    assert of[PLAIN] == {Way(WIDE, IGNORE).name}
    assert of[TUNED] == {Way("narrow", IGNORE).name}
    wear = Way("narrow", IGNORE, "wear", 0.1).name
    assert of[FIRST] == of[ELSEWHERE] == of[ADVICE] == of[LIKELY] == of["race-1"] == of["race-3"] == {wear}
    advice = [one for one in found if one.policy == ADVICE]
    assert all(one.regret == 0 for one in advice)
    assert np.mean([one.loss for one in advice]) == pytest.approx(math.log(0.75), abs=0.01)
    assert np.mean([one.regret for one in found if one.policy == NOISE]) == 0
    assert {one.world.group for one in found} == {GROUPS[fleet] for fleet in FLEETS}


def test_what_ships_holds_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    made, cases = worlds()
    monkeypatch.setattr("studies.advice.publish.all_cases", lambda: cases)
    study, rule = study_of(made)
    assert len(study.outcomes) == len(cases)
    assert [one.word for one in study.outcomes[:2]] == ["helps", "hurts"]
    assert study.predictors == ["race-1", "race-2", "race-3", "halving", "shrunk"]
    assert rule.fitted["plan"] == study.plan == "abc"
    assert rule.wider >= 1
    assert set(study.levels) == {"group", "fleet", "world", "case"}
