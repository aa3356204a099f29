"""Looks and races against outcomes: areas as scikit-learn has them, regret and picks by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from studies.advice.cases import ALL, Case, Way, World, references
from studies.advice.judged import areas, picked, regret, seen
from studies.advice.verdicts import HELPS, HURTS, NOTHING

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


def test_regret_is_against_the_best_of_the_other_draws() -> None:
    made = rows({NARROW: [1.0, 1.0, 1.0], WIDE: [2.0, 2.0, 2.0], GOOD: [0.8, 3.0, 3.0], BAD: [1.5, 0.9, 0.9]})
    # on draws 1 and 2 BAD is best; on draw 0 it has 1.5
    assert regret(made, WORLD, [GOOD, BAD], NARROW, 0) == pytest.approx(math.log(1.0 / 1.5))
    assert regret(made, WORLD, [GOOD, BAD], GOOD, 0) == pytest.approx(math.log(0.8 / 1.5))
    assert regret(made, WORLD, [GOOD], GOOD, 1) == pytest.approx(math.log(3.0 / 1.0))
    assert regret(made, WORLD, [GOOD], GOOD, 7) is None


def test_a_race_picks_a_second_task_only_where_it_is_ahead() -> None:
    even = {way: [1.0, 1.0] for way in (NARROW, WIDE, GOOD, BAD)}
    made = rows(even, {NARROW: 1.0, WIDE: 0.9, GOOD: 0.5, BAD: 2.0})
    assert picked(made, WORLD, [GOOD, BAD], 0, [0, 1]) == GOOD
    assert picked(made, WORLD, [BAD], 0, [0, 1]) == WIDE
    gain = -0.5 * math.log(0.5 / 0.9)
    assert picked(made, WORLD, [GOOD], 0, [0], least=gain - 0.01) == GOOD
    assert picked(made, WORLD, [GOOD], 0, [0], least=gain + 0.01) == WIDE
    assert picked(made, WORLD, [GOOD], 1, [0]) is None


def test_areas_are_those_of_scikit_learn() -> None:
    rng, worlds, cases = np.random.default_rng(0), {}, []
    for fleet in ("FD001", "FD003", "sim8", "sim9", "battery_hust"):
        world, ways = World(fleet, ALL), [Way("wide", "ignore", label, 0.1) for label in ("health", "random", "unit")]
        errors, laps = {way: [1.0] * 20 for way in references(world)}, {}
        for way, effect in zip(ways, rng.permutation([-0.2, 0.0, 0.2]), strict=True):
            errors[way] = np.exp(effect + 0.01 * rng.standard_normal(20)).tolist()
            laps[way] = float(np.exp(2 * (effect + 0.2 * rng.standard_normal())))
        worlds[world.name] = {"rows": rows(errors, laps), "looks": {}}
        cases += [Case(world, way) for way in ways]
    observed = seen(worlds, cases)
    assert [len({one.case for one in observed}), len(observed)] == [15, 15]  # draw 1 was not raced here
    words = [one.verdict.word for one in observed]
    assert {word: words.count(word) for word in set(words)} == {HELPS: 5, HURTS: 5, NOTHING: 5}
    scores = np.array([one.scores["race-3"] for one in observed])
    found = areas(observed, "race-3")
    assert found.n == 15
    assert found.helps.value == pytest.approx(roc_auc_score([word == HELPS for word in words], scores))
    assert found.hurts.value == pytest.approx(roc_auc_score([word == HURTS for word in words], -scores))
    assert found.helps.low <= found.helps.value <= found.helps.high
    groups = np.array([one.case.world.group for one in observed])
    helps = np.array([word == HELPS for word in words])
    each = [roc_auc_score(helps[groups == group], scores[groups == group]) for group in np.unique(groups)]
    assert found.within == pytest.approx(np.mean(each))
    assert math.isnan(areas(observed, "rho-joint").helps.value)  # nobody looked
