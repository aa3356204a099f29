"""Races of the study of advice: what is missing, and who goes on."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grace.advice import ways
from studies.advice.cases import ALL, Way, World, network_of, references
from studies.advice.outcomes import spec_of
from studies.advice.predictors import LOOKS
from studies.advice.races import halved, laps_of, raced, reference
from studies.advice.worlds import Place, whole

WORLD, FEW = World("sim8", ALL), World("sim8", 4)
NARROW, WIDE = references(WORLD)
CASE = Way("wide", "ignore", "health", 0.1)


def row(*squared: float) -> dict[str, Any]:
    return {"rmse": 0.2, "squared": {str(unit): value for unit, value in enumerate(squared)}}


def test_a_race_is_against_the_best_of_rul_alone_in_that_race() -> None:
    rows = {
        NARROW.name: {"0.0": row(1, 1), "0.1": row(9, 9), "1.0": row(1, 1)},
        WIDE.name: {"0.0": row(2, 2), "0.1": row(2, 2)},
        CASE.name: {"0.0": row(1, 1), "0.1": row(1, 1), "0.2": {"rmse": 0.1}, "0.3": None},
    }
    assert list(laps_of(rows, CASE, 0)) == [0, 1]
    assert reference(rows, WORLD, 0, [0]) == NARROW
    assert reference(rows, WORLD, 0, [0, 1]) == WIDE
    assert reference(rows, WORLD, 1, [0]) is None
    one, two = raced(rows, WORLD, CASE, 0, [0]), raced(rows, WORLD, CASE, 0, [0, 1])
    assert one is not None
    assert two is not None
    assert (one.mean, two.mean) == pytest.approx((0.0, 0.5 * math.log(0.5)))
    assert raced(rows, WORLD, CASE, 0, [0, 1, 2]) is None


def test_the_better_half_runs_on() -> None:
    other = Way("narrow", "ignore", "random", 0.5)
    rows = {way.name: {f"0.{seed}": row(1, 1) for seed in range(3)} for way in (NARROW, WIDE)}
    rows[CASE.name] = {f"0.{seed}": row(*[0.5, 1.0, 2.0][seed : seed + 1] * 2) for seed in range(3)}
    rows[other.name] = {f"0.{seed}": row(*[0.8, 0.1, 0.1][seed : seed + 1] * 2) for seed in range(3)}
    found = halved(rows, WORLD, [CASE, other], 0)
    assert found[CASE].mean == pytest.approx(0.0)  # seeds of 0.5, 1 and 2
    assert found[other].mean == pytest.approx(0.5 * math.log(0.8))  # its better seeds were never run


def test_looks_read_what_their_names_say() -> None:
    gram = [[4.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]
    one = {"cosine": [[1, 0.2, 0.1], [0.2, 1, -0.3], [0.1, -0.3, 1]], "gramian": gram}
    joint = one | {"rho": 0.5, "linear": 0.6, "ahead": 0.7, "own": 0.1}
    raw: dict[str, Any] = {"failures": 8, "coverage": 0.9, "given_rul": 0.4, "init": [one], "warmup": [one]}
    raw["joint"], raw["label"] = [joint, joint | {"rho": 0.1}], [{"seen": 0.5, "held": 0.8}]
    raw["seconds"] = {"given-rul": 1, "init": 2, "warmup": 3, "joint": 4, "label": 5}
    found = {look.name: look.read(raw) for look in LOOKS}
    expected = {"failures": -math.log(8), "coverage": 0.9, "given-rul": 0.4, "ratio": math.log(2), "source": 0.2}
    expected |= {"rho-init": 0.2, "rho-warmup": 0.2, "rho-joint": 0.2, "rho-held": 0.3, "rho-bound": -0.3}
    expected |= {"look-ahead": 0.7, "linearised": 0.6, "label-gap": -0.3}
    assert found == pytest.approx(expected)
    assert {look.name: look.seconds(raw) for look in LOOKS}["label-gap"] == 5
    unknown = raw | {"given_rul": None, "label": [{"seen": 0.5, "held": None}]}  # as a file has what is undefined
    assert all(math.isnan(look.read(unknown)) for look in LOOKS if look.name in ("given-rul", "label-gap"))
    brief = {name: raw[name] for name in ("failures", "coverage", "given_rul")} | {"seconds": {"given-rul": 1}}
    assert [look.name for look in LOOKS if look.within(brief)] == ["failures", "coverage", "given-rul"]
    assert all(look.within(raw) for look in LOOKS)
    two = {**raw, "joint": [joint | {"cosine": [[1, 0.2], [0.2, 1]]}]}
    assert math.isnan(next(look for look in LOOKS if look.name == "rho-bound").read(two))  # no suspended unit, no bound


@pytest.mark.parametrize("suspended", ["ignore", "bound"])
@pytest.mark.parametrize("label", ["", "wear", "health", "future_sensors"])
@pytest.mark.parametrize("trunk", ["narrow", "wide"])
def test_a_lap_of_grace_advise_is_a_training_of_the_study(trunk: str, label: str, suspended: str) -> None:
    """So that the rule is asked of what it was fitted on: to the last field, RUL alone among others that race."""
    nowhere = Place(Path("nowhere"), Path("nowhere"))
    world, way = World("sim8", 8), Way(trunk, suspended, label, 0.1 if label else 0.0)
    found = whole(world.fleet, nowhere)
    every = tuple(found.tasks[name] for name in ("wear", "health", "future_sensors"))
    mine = ways.Way(network_of(world, way), suspended, (label,) if label else ())
    assert mine.spec(world.fleet, ways.weighed(replace(found.conventions, tasks=every)), 0) == spec_of(
        world, way, found, 1
    )
