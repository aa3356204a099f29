"""What a race of the study picks, by hand, and what is seen of each case in each draw."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from grace.validity.advice_study import WINDOWS
from studies.advice.cases import ALL, Case, Way, World, references
from studies.advice.judged import picked, raced_way, seen

WORLD = World("sim8", ALL)
NARROW, WIDE = references(WORLD)
GOOD, BAD = Way("wide", "ignore", "wear", 0.1), Way("wide", "ignore", "random", 0.5)


def rows(errors: dict[Way, list[float]], squared: dict[Way, float] | None = None) -> dict[str, dict[str, Any]]:
    """RMSE by draw of each way, and in draw 0 three seeds of two units with these errors out of fold."""
    found: dict[str, dict[str, Any]] = {}
    for way, values in errors.items():
        found[way.name] = {f"{draw}.0": {"rmse": value} for draw, value in enumerate(values)}
        for seed in range(3):
            lap = {"0": (squared or {}).get(way, 1.0), "1": (squared or {}).get(way, 1.0)}
            found[way.name][f"0.{seed}"] = {"rmse": values[0], "squared": lap}
    return found


def test_a_race_picks_a_second_task_only_where_it_is_ahead() -> None:
    even = {way: [1.0, 1.0] for way in (NARROW, WIDE, GOOD, BAD)}
    made = rows(even, {NARROW: 1.0, WIDE: 0.9, GOOD: 0.5, BAD: 2.0})
    assert picked(made, WORLD, [GOOD, BAD], 0, [0, 1]) == GOOD
    assert picked(made, WORLD, [BAD], 0, [0, 1]) == WIDE
    gain = -0.5 * math.log(0.5 / 0.9)
    assert picked(made, WORLD, [GOOD], 0, [0], least=gain - 0.01) == GOOD
    assert picked(made, WORLD, [GOOD], 0, [0], least=gain + 0.01) == WIDE
    assert picked(made, WORLD, [GOOD], 1, [0]) is None


def test_what_is_seen_of_a_case() -> None:
    case, compact = Case(WORLD, GOOD), Case(WORLD, replace(GOOD, size=WINDOWS))
    errors = {NARROW: [1.0] * 4, WIDE: [2.0] * 4, GOOD: [0.5, 0.5, 0.5, 0.6], compact.way: [1.0] * 4}
    made = rows(errors, {NARROW: 1.0, WIDE: 4.0, GOOD: 0.25})
    found = seen({WORLD.name: {"rows": made, "looks": {}}}, [case, compact])
    mine = [one for one in found if one.case == case]
    assert [one.draw for one in mine] == [0]  # in the other draws nobody raced
    assert mine[0].scores["race-1"] == pytest.approx(-0.5 * math.log(0.25))
    assert sorted(mine[0].races) == [1, 2, 3]
    assert mine[0].verdict.effect.mean == pytest.approx((3 * math.log(0.5) + math.log(0.6)) / 4)
    assert mine[0].error > 0
    assert raced_way(compact.way, [GOOD, compact.way]) == GOOD
    (other,) = [one for one in found if one.case == compact]
    assert other.scores["race-1"] == mine[0].scores["race-1"]  # raced on statistics


def test_halving_is_of_draws_with_all_laps() -> None:
    """Of a draw with one lap it would tell of the worse half alone."""
    cases = [Case(WORLD, GOOD), Case(WORLD, BAD)]
    made = rows({way: [1.0] * 3 for way in (NARROW, WIDE, GOOD, BAD)}, {GOOD: 0.5, BAD: 2.0})
    for by in made.values():
        by |= {f"1.{seed}": by[f"0.{seed}"] for seed in range(3)} | {"2.0": by["0.0"]}
    found = seen({WORLD.name: {"rows": made, "looks": {}}}, cases)
    assert {(one.case.way, one.draw) for one in found if "race-1" in one.scores} == {
        (way, draw) for way in (GOOD, BAD) for draw in range(3)
    }
    assert {(one.case.way, one.draw) for one in found if "halving" in one.scores} == {
        (way, draw) for way in (GOOD, BAD) for draw in range(2)
    }
