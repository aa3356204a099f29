"""The study of advice: its simulators, its cases, its jobs, and the change that it measures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from grace.errors import GraceError
from grace.validity.advice_study import HELPS, HURTS, NOTHING, UNRESOLVED
from studies.advice import records
from studies.advice.cases import (
    ALL,
    BOUND,
    GROUPS,
    MEASURED,
    SIMULATORS,
    WEIGHTS,
    WINDOWS,
    Case,
    Way,
    World,
    all_cases,
    references,
)
from studies.advice.effects import LEAST, MOST, changes, draws_of, tuned
from studies.advice.simulators import SHORTEST, UNITS, Physics, recorded
from studies.advice.verdicts import ALPHA, Verdict
from studies.advice.worlds import Place, cut, whole

NOWHERE = Place(Path("nowhere"), Path("nowhere"))


def test_a_simulator_is_a_function_of_its_number() -> None:
    assert recorded(3, 4).equals(recorded(3, 4))
    medians = [Physics.drawn(number).life for number in SIMULATORS]
    assert len(set(medians)) == len(medians)
    assert all(60 <= life <= 400 for life in medians)


@pytest.mark.parametrize("number", [1, 4, 8])
def test_units_of_a_simulator_wear_out(number: int) -> None:
    physics, rows = Physics.drawn(number), recorded(number)
    assert rows["unit"].n_unique() == UNITS
    assert rows.group_by("unit").len()["len"].min() >= SHORTEST  # type: ignore[operator]
    ends = rows.group_by("unit", maintain_order=True).agg(
        pl.col("wear").first().alias("a"), pl.col("wear").last().alias("b")
    )
    assert abs(float(ends["b"].mean()) - 1) < 4 * physics.measured / math.sqrt(UNITS)  # type: ignore[arg-type]
    assert float(ends["a"].mean()) < 0.2  # type: ignore[arg-type]
    assert rows["fault"].n_unique() == len(physics.exponent)
    assert rows["condition"].n_unique() == len(physics.conditions)
    assert set(physics.features) <= set(rows.columns)
    assert np.isfinite(rows.select(physics.features).to_numpy()).all()


def test_the_cases_are_what_the_plan_says() -> None:
    cases = all_cases()
    assert cases == all_cases()
    assert len(set(cases)) == len(cases) >= 150
    user, compact = [c for c in cases if c.user], [c for c in cases if c.way.size == WINDOWS]
    strict = [c for c in cases if not c.user and c.way.size != WINDOWS]
    assert (len({c.world for c in strict}), len(strict)) == (29, 116)
    assert (len({c.world for c in user}), len(user)) == (14, 42)
    assert len(compact) == 24
    assert {c.world.fleet for c in cases} == set(MEASURED) == set(GROUPS)
    assert sum(group.startswith("sim") for group in set(GROUPS.values())) >= 8
    assert {c.world.failures for c in strict} == {ALL, 4, 8, 16, 32}
    assert {c.way.weight for c in cases} == set(WEIGHTS)
    assert all(c.way.suspended != BOUND for c in cases if c.world.failures == ALL)


def test_a_draw_of_a_world_is_the_same_for_all_ways() -> None:
    world = World("sim8", 4)
    (training, judged), (again, _) = cut(world, 0, NOWHERE), cut(world, 0, NOWHERE)
    assert (np.asarray(training.values) == np.asarray(again.values)).all()
    assert len(training.failures) == 4
    assert len(judged.engines) == round(0.3 * UNITS)
    assert not set(training.engines) & set(judged.engines)
    labels = whole("sim8", NOWHERE).fleet.labels
    known = ~np.isnan(labels["health"])
    assert known.mean() == pytest.approx(0.1, abs=0.01)
    drawn_anew = np.mean(labels["health"][known] != labels["noisy70"][known])
    assert drawn_anew == pytest.approx(0.7 * 2 / 3, abs=0.05)


def test_jobs_come_draw_by_draw_with_the_references_of_their_world() -> None:
    case = Case(World("sim8", 4), Way("wide", "bound", "health", 0.1))
    found = list(records.jobs([case], range(6)))
    assert [(job.seed, job.draw) for job in found[: 6 * 5]] == sorted((0, draw) for draw in range(6) for _ in range(5))
    first = [job for job in found if job.draw == 0]
    assert len(first) == records.RACES * 5
    assert {job.way for job in first} == {*references(case.world), case.way}
    assert len([job for job in found if job.draw == records.RACED]) == 5
    assert not list(records.jobs([case], [16], lambda case: 16))


def test_a_store_resumes_and_refuses_another_plan(tmp_path: Path) -> None:
    job = records.Job(World("sim8", 4), Way(), 0, 1)
    store = records.Store(tmp_path, "abc")
    assert not store.has(job)
    store.add(job, {"rmse": 0.2, "seconds": 1.0})
    assert records.Store(tmp_path, "abc").has(job)
    assert records.load(tmp_path) == {"sim8-4": {Way().name: {"0.1": {"rmse": 0.2, "seconds": 1.0}}}}
    with pytest.raises(GraceError, match=r"of the plan other\. Found abc"):
        records.Store(tmp_path, "other")


def test_a_change_is_against_the_reference_that_is_best_on_the_other_draws() -> None:
    case = Case(World("sim8", ALL), Way("wide", "ignore", "health", 0.1))
    narrow, wide = (way.name for way in references(case.world))

    def row(*errors: float) -> dict[str, dict[str, float]]:
        return {f"{draw}.0": {"rmse": error} for draw, error in enumerate(errors)}

    rows = {narrow: row(1.0, 1.0, 0.1), wide: row(0.8, 0.8, 0.8), case.way.name: row(0.4, 0.8, 0.4)}
    # without draw 2 the wide trunk is ahead, without draw 0 or 1 the narrow one, which has 0.1 there
    assert changes(rows, case) == pytest.approx({0: math.log(0.4), 1: math.log(0.8), 2: math.log(0.5)})
    rows[case.way.name]["0.1"] = {"rmse": 1.6}  # a second seed: its draw is the mean of both
    assert changes(rows, case)[0] == pytest.approx(math.log(0.8))
    rows[wide]["1.0"] = None  # type: ignore[assignment]
    assert list(changes(rows, case)) == [0, 2]
    rows[wide]["2.0"] = {"refused": "words"}  # type: ignore[dict-item]
    assert list(changes(rows, case)) == [0]


def test_later_draws_are_against_the_way_that_was_best_in_the_first() -> None:
    case = Case(World("sim8", ALL), Way("wide", "ignore", "health", 0.1))
    narrow, wide = (way.name for way in references(case.world))
    first = {f"{draw}.0": {"rmse": 1.0} for draw in range(LEAST)}
    rows = {narrow: dict(first), wide: {key: {"rmse": 0.9} for key in first}, case.way.name: dict(first)}
    rows[wide][f"{LEAST}.0"], rows[case.way.name][f"{LEAST}.0"] = {"rmse": 2.0}, {"rmse": 1.0}
    assert [way.name for way in tuned(rows, case.world)] == [wide]
    assert tuned({}, case.world) == references(case.world)
    assert changes(rows, case)[LEAST] == pytest.approx(math.log(0.5))
    assert changes(rows, case)[0] == pytest.approx(math.log(1 / 0.9))


def test_trainings_on_windows_are_not_raced() -> None:
    case = Case(World("sim8", 4), Way(WINDOWS, "bound", "health", 0.1))
    found = [job for job in records.jobs([case], range(1)) if job.way.size == WINDOWS]
    assert [job.seed for job in found] == [0]


def test_a_refusal_is_kept_with_its_reason() -> None:
    found = records.made(records.Job(World("no fleet", 4), Way(), 0), NOWHERE)
    assert found is not None
    assert "should be one of FD001" in found["refused"]


def test_draws_follow_from_the_sd_of_the_first() -> None:
    case = Case(World("sim8", ALL), Way("wide", "ignore", "health", 0.1))
    alone = {f"{draw}.0": {"rmse": 1.0} for draw in range(40)}

    def asked(sd: float, mean: float = 0.0) -> int:
        signs = [(-1) ** draw * sd * math.sqrt((LEAST - 1) / LEAST) for draw in range(LEAST)]
        mine = {f"{draw}.0": {"rmse": math.exp(change)} for draw, change in enumerate(signs)}
        mine = {key: {"rmse": row["rmse"] * math.exp(mean)} for key, row in mine.items()}
        mine |= {f"{draw}.0": {"rmse": 50.0} for draw in range(LEAST, 40)}  # the first stage alone says how many
        return draws_of({way.name: alone for way in references(case.world)} | {case.way.name: mine}, case)

    assert asked(0.0399, 0.03) == 32 == round(8 * (0.04 / 0.02) ** 2)
    assert asked(0.01) == LEAST
    assert asked(0.0399, -0.3) == LEAST  # it helps, whatever further draws say
    assert asked(0.5) == MOST


@pytest.mark.parametrize("mean", [-0.2, -0.03, -0.004, 0.0, 0.01, 0.05])
@pytest.mark.parametrize("sd", [0.01, 0.05, 0.3])
def test_verdicts_are_those_of_two_tests(mean: float, sd: float) -> None:
    changes = mean + sd * np.random.default_rng(0).standard_normal(20)
    found = Verdict.of(changes.tolist())
    low, high = math.log(0.98), math.log(1.02)
    (least, most) = stats.ttest_1samp(changes, 0).confidence_interval(1 - ALPHA)
    above = stats.ttest_1samp(changes, low, alternative="greater").pvalue
    below = stats.ttest_1samp(changes, high, alternative="less").pvalue
    expected = UNRESOLVED
    if most < low:
        expected = HELPS
    elif least > high:
        expected = HURTS
    elif max(above, below) < ALPHA:
        expected = NOTHING
    assert found.word == expected
    assert Verdict.of([mean]).word == UNRESOLVED
