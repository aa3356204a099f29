"""The race of a fleet: who runs next, what follows, and a file that it goes on from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grace.advice import race as laps_of_races
from grace.advice.advice import ADD, ALONE, FORMAT, UNDECIDED, Label
from grace.advice.answer import _needed, _unknown, options_of
from grace.advice.fleet_race import Entry, FleetRace
from grace.advice.of_fleet import advise_fleet, advise_race
from grace.advice.race import Lap, lap_or_reason, run_lap
from grace.advice.rule import Parts, Rule, Slope
from grace.advice.ways import Way, weighed
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.tasks import HEALTH, Task
from grace.demos.few_failures import Setup, inspected
from grace.errors import GraceError
from grace.formats import Format
from grace.training.run_spec import run_spec

RULE = Rule({}, {}, Slope(0.0, 0.0), Parts(0.04, 0.0), Parts(0.02, 0.0), 1e9, 1.0, (4, 32), 3, (0.01, 0.5),
            {"cases": 9, "groups": 3})  # fmt: skip
TWO_LAPS = replace(RULE, laps=2)
CONVENTIONS = weighed(Conventions(window=20, tasks=(HEALTH, Task("future_sensors"))))


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return inspected(Setup(), 1)[0]


def race_of(
    fleet: Fleet, errors: Mapping[str, float], laps: int = 1, conventions: Conventions = CONVENTIONS
) -> FleetRace:
    """A race whose ways have these RMSE, by name."""
    race = FleetRace(fleet, conventions, "statistics", RULE)
    for way in race.references:
        race.laps[way] = laps_of(fleet, errors.get(way.name, 20.0), laps)
    for way in race.candidates:
        if way.name in errors:
            race.laps[way] = laps_of(fleet, errors[way.name], laps)
    return race


def laps_of(fleet: Fleet, rmse: float, laps: int) -> dict[int, Lap]:
    return {lap: {str(unit): rmse**2 for unit in fleet.failures} for lap in range(laps)}


def run_to_the_end(race: FleetRace, errors: Mapping[str, float]) -> list[list[Entry]]:
    """All rounds, in which ways have these RMSE."""
    found = []
    while rounds := race.rounds():
        found.append(rounds[0])
        for way, lap in rounds[0]:
            race.add((way, lap), laps_of(race.fleet, errors.get(way.name, 20.0), 1)[0])
    return found


def test_the_better_half_runs_on_first(fleet: Fleet) -> None:
    race = FleetRace(fleet, CONVENTIONS, "statistics", RULE)
    errors = {"RUL alone + bound, narrow": 15.0, "health + bound, narrow": 10.0, "health, narrow": 12.0}
    rounds = run_to_the_end(race, errors)
    names = [[f"{way.name} {lap}" for way, lap in entries] for entries in rounds]
    assert [len(entries) for entries in rounds[:2]] == [5, 6]
    assert {way.tasks for way, _ in rounds[0]} == {()}
    assert all(way.size == "statistics-narrow" for way, _ in rounds[1])  # the trunk that RUL alone was best with
    assert "health + bound, narrow 1" in names[2]
    assert "RUL alone + bound, narrow 1" in names[2]
    assert "RUL alone, narrow 1" in names[2]  # which changes are against
    assert len(names[2]) in (2 + 3, 3 + 3)
    ran = [name for entries in names for name in entries]
    assert len(ran) == len(set(ran))
    assert all(len(race.laps[way]) == RULE.laps for way in race.candidates)


def test_verdicts(fleet: Fleet) -> None:
    even = dict.fromkeys((way.name for way in FleetRace(fleet, CONVENTIONS, "statistics", RULE).candidates), 20.0)
    names = [way.name for way in race_of(fleet, {}).candidates]
    every = {**dict.fromkeys(names, 40.0), **even}
    assert race_of(fleet, {}).verdict() == UNDECIDED  # nothing was raced
    wide = {name.replace(", narrow", ""): 40.0 for name in every}
    race = race_of(fleet, wide | dict.fromkeys(every, 40.0))
    assert race.verdict() == ALONE
    race = race_of(fleet, dict.fromkeys(names, 40.0) | {"health + bound, narrow": 10.0})
    assert race.verdict() == ADD
    assert (best := race.best_task()) is not None
    assert best.name == "health + bound, narrow"
    assert race.standing()[5].name == "health + bound, narrow"
    assert race.verdict() == ADD


def test_the_change_is_against_the_best_of_rul_alone(fleet: Fleet) -> None:
    race = race_of(fleet, {"RUL alone + bound, narrow": 15.0, "health, narrow": 12.0})
    assert race.reference() == Way("statistics-narrow", "bound")
    seen = race.seen(Way("statistics-narrow", "ignore", ("health",)))
    assert seen is not None
    assert seen.mean == pytest.approx(math.log(12 / 15))
    assert seen.n == len(fleet.failures)


def test_what_rul_says_of_labels_is_expected_of_ways(fleet: Fleet) -> None:
    """Several tasks are expected to do what those of which something is known do on average."""
    race = race_of(fleet, {})
    race.rule = replace(RULE, labels={"class": -0.1, "future_sensors": 0.06}, given=Slope(-0.3, 0.5))
    plain = {way.tasks: race.now.expected(way).mean for way in race.now.tasks if way.suspended == "ignore"}
    health = Label("health", 1.0, 0.5, 0.9, "")
    race.labels = (health, Label("future_sensors", 1.0, 0.5, math.nan, ""))
    known = {way.tasks: race.now.expected(way).mean for way in race.now.tasks if way.suspended == "ignore"}
    assert known[("future_sensors",)] == pytest.approx(plain[("future_sensors",)])
    for tasks in (("health",), ("health", "future_sensors")):
        assert known[tasks] == pytest.approx(plain[tasks] - 0.3 * 0.4)
    race.labels = (health, Label("future_sensors", 1.0, 0.5, -4.0, ""))  # no share is less than none
    both = next(way for way in race.now.tasks if way.suspended == "ignore" and len(way.tasks) == 2)
    assert race.now.expected(both).mean == pytest.approx(plain[both.tasks] + 0.3 * 0.05)
    assert plain[both.tasks] == pytest.approx((-0.1 + 0.06) / 2)


def test_a_short_budget_skips_the_dear_ways_of_rul_alone(fleet: Fleet) -> None:
    race = FleetRace(fleet, CONVENTIONS, "statistics", RULE)
    narrow = [entry for entry in race.rounds()[0] if race.cost(entry) == 1]
    assert len(narrow) == 3
    for entry in narrow:
        race.add(entry, laps_of(fleet, 20.0, 1)[0])
    wide = race.rounds()[0]
    assert not race.too_dear(wide, 6 + 6)
    assert race.too_dear(wide, 6 + 6 - 1)
    assert all(way.tasks for way, _ in race.rounds()[0])


def test_a_way_of_rul_alone_that_runs_on_is_never_skipped(fleet: Fleet) -> None:
    """It was asked for again and again until the budget ended, as only first laps know of what is skipped."""
    race = race_of(fleet, dict.fromkeys((way.name for way in race_of(fleet, {}).candidates), 20.0))
    again = [(race.references[0], 1)]
    assert not race.too_dear(again, 0.5)
    assert not race.too_dear([(race.references[0], 0)], 0.5)
    assert not race.skipped


def test_a_way_that_cannot_be_trained_is_left_out_and_said(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conventions = weighed(Conventions(window=20, tasks=(HEALTH, Task("future_sensors"))))
    bad, ran = ("future_sensors",), list[Way]()

    def lap(fleet: Fleet, _: Conventions, way: Way, number: int) -> Lap:
        ran.append(way)
        if way.tasks == bad:
            raise GraceError(f"{way.name} diverged.")
        return laps_of(fleet, 20.0, 1)[0]

    monkeypatch.setattr(laps_of_races, "run_lap", lap)
    race = FleetRace(fleet, conventions, "statistics", TWO_LAPS, tmp_path / "race.json")
    advice = advise_race(race, 600)
    assert {way.tasks for way in race.refused} == {bad}
    assert len([way for way in ran if way.tasks == bad]) == 2  # once with the bound, once without
    assert "Left out, as it could not be trained: future_sensors, narrow diverged." in advice.unknown
    assert not any(row.name.startswith("future_sensors") for row in advice.raced)
    again = FleetRace(fleet, conventions, "statistics", TWO_LAPS, tmp_path / "race.json")
    ran.clear()
    assert advise_race(again, 600).raced == advice.raced
    assert not ran
    bad = ()
    with pytest.raises(GraceError, match="RUL alone, narrow diverged"):
        advise_race(FleetRace(fleet, conventions, "statistics", TWO_LAPS), 600)


def test_a_further_lap_that_cannot_be_trained_ends_nothing(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def lap(fleet: Fleet, _: Conventions, way: Way, number: int) -> Lap:
        if number and way in (race.references[0], race.candidates[0]):
            raise GraceError(f"{way.name} diverged.")
        return laps_of(fleet, 20.0 - len(way.tasks), 1)[0]

    race = FleetRace(fleet, weighed(Conventions(window=20)), "statistics", TWO_LAPS)
    monkeypatch.setattr(laps_of_races, "run_lap", lap)
    advice = advise_race(race, 600)
    assert (
        "RUL alone, narrow stands on 1 lap, as it could not be trained again: RUL alone, narrow diverged."
        in advice.unknown
    )
    assert "Left out" not in advice.unknown


def test_no_second_task_that_can_be_trained_is_an_error(fleet: Fleet) -> None:
    race = race_of(fleet, {}, conventions=weighed(Conventions(window=20)))
    first, second = race.candidates
    race.refuse(first, "first")
    with pytest.raises(GraceError, match="second"):
        race.refuse(second, "second")


def test_how_many_failures_would_decide(fleet: Fleet) -> None:
    """Whole groups are counted where they are held out; what did not run says nothing."""
    errors = {"health + bound, narrow": 19.0} | {way.name: 21.0 for way in race_of(fleet, {}).references[1:]}
    race = race_of(fleet, errors)
    best = race.best_task()
    assert best is not None
    needed = race.now.needed(best)
    assert needed is not None
    assert needed > len(fleet.failures)
    assert _needed(race, best) == [f"About {needed} failures would decide it, if they showed the same."]
    grouped = replace(fleet, groups=np.array([f"g{unit % 2}" for unit in range(len(fleet.engines))]))
    by_group = race_of(grouped, errors)
    for laps in by_group.laps.values():
        for number, lap in laps.items():
            laps[number] = dict(list(lap.items())[:2])
    assert by_group.now.units == 2
    (words,) = _needed(by_group, best)
    assert words.endswith("groups with failures would decide it, if they showed the same.")
    decided = race_of(fleet, {"health + bound, narrow": 1.0})
    assert (first := decided.best_task()) is not None
    assert _needed(decided, first) == []


def test_a_reference_that_the_study_has_none_of_is_said(fleet: Fleet) -> None:
    for name, said in (("RUL alone + hazard, narrow", True), ("RUL alone, narrow", False)):
        race = race_of(fleet, {name: 5.0, "health, narrow": 6.0})
        best = race.best_task()
        assert best is not None
        words = _unknown(race, best, race.verdict(), False)
        assert ("Outside the study, so less sure: RUL alone in a likelihood." in words) == said


def test_without_suspended_units_nothing_bounds() -> None:
    whole, _ = inspected(Setup(), 1)
    failed = whole.select(whole.failures)
    race = FleetRace(failed, CONVENTIONS, "statistics", RULE)
    assert {way.suspended for way in (*race.references, *race.candidates)} == {"ignore"}
    assert len(race.references) == 2
    assert FleetRace(failed, CONVENTIONS, "compact", RULE).references == [Way("compact")]


@pytest.mark.system
def test_an_interrupted_race_goes_on_where_it_was(fleet: Fleet, tmp_path: Path) -> None:
    file, conventions = tmp_path / "race.json", weighed(Conventions(window=20))
    count = 0

    def stop(race: FleetRace) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advise_fleet(fleet, conventions, size="tiny", rule=TWO_LAPS, file=file, on_lap=stop, budget=600)
    ran: list[Way] = []
    found = advise_fleet(fleet, conventions, size="tiny", rule=TWO_LAPS, file=file, on_lap=lambda race: ran.append(Way("")),
                         budget=600)  # fmt: skip
    whole = advise_fleet(fleet, conventions, size="tiny", rule=TWO_LAPS, file=tmp_path / "other.json", budget=600)
    assert found.raced == whole.raced
    assert found.answer == whole.answer
    assert len(ran) == sum(row.laps for row in whole.raced) - 2
    again = advise_fleet(
        fleet, conventions, size="tiny", rule=TWO_LAPS, file=file, on_lap=lambda race: pytest.fail("trained")
    )
    assert again.answer == found.answer
    assert [label.name for label in again.labels] == ["health"]
    assert again.labels[0].suspended == pytest.approx(found.labels[0].suspended)
    with pytest.raises(GraceError, match="should be the race of these data, tasks and options"):
        advise_fleet(fleet, weighed(Conventions(window=19)), size="tiny", rule=TWO_LAPS, file=file)
    file.write_text(file.read_text().replace("spent", "spend"))
    with pytest.raises(GraceError, match="should be whole, as GRACE wrote it"):
        advise_fleet(fleet, conventions, size="tiny", rule=TWO_LAPS, file=file)


@pytest.mark.system
def test_a_race_of_before_is_run_again(fleet: Fleet, tmp_path: Path) -> None:
    """Its RUL alone was trained with health beside it. With any budget: RUL alone comes first."""
    file, conventions = tmp_path / "race.json", weighed(Conventions(window=20))
    given: dict[str, Any] = {"size": "tiny", "rule": TWO_LAPS, "file": file}
    whole = advise_fleet(fleet, conventions, budget=600, **given)
    body = FORMAT.read(file)
    wrong = {
        key: laps if key.split(" ")[2] else body["laps"]["tiny ignore health"] for key, laps in body["laps"].items()
    }
    for budget, pace in ((1e-4, 25.0), (600, 0.1)):
        Format("advice", 1).write(file, body | {"laps": wrong, "spent": 1e6, "pace": pace})
        found = advise_fleet(fleet, conventions, budget=budget, **given)
        assert found.reference.startswith("RUL alone")
    assert found.raced == whole.raced


@pytest.mark.system
def test_a_race_that_its_budget_ended_is_not_gone_on_with_by_the_same_budget(fleet: Fleet, tmp_path: Path) -> None:
    """It ran one batch more each time, as nobody remembered how long one takes."""
    file, given = tmp_path / "race.json", {"size": "tiny", "rule": TWO_LAPS}
    conventions = weighed(Conventions(window=20))
    first = advise_fleet(fleet, conventions, file=file, budget=1e-3, **given)
    again = advise_fleet(
        fleet, conventions, file=file, on_lap=lambda race: pytest.fail("trained"), budget=1e-3, **given
    )
    assert again.raced == first.raced
    race = FleetRace(fleet, conventions, "tiny", TWO_LAPS, file)
    race.resume()
    short, ran = race.spent + 0.9 * race.pace, list[str]()  # not long enough for a lap
    for budget in (short, 600):
        assert not ran
        advise_fleet(fleet, conventions, file=file, on_lap=lambda race: ran.append(""), budget=budget, **given)
    assert ran


@pytest.mark.system
def test_a_lap_is_a_function_of_its_number(fleet: Fleet) -> None:
    way = Way("statistics-narrow", "bound", ("health",))
    assert run_lap(fleet, CONVENTIONS, way, 0) == run_lap(fleet, CONVENTIONS, way, 0)
    assert run_lap(fleet, CONVENTIONS, way, 0) != run_lap(fleet, CONVENTIONS, way, 1)


def test_options_train_the_way() -> None:
    wear = Conventions(tasks=(Task("wear", "w", "regression"), HEALTH))
    conventions = weighed(wear, (wear.tasks[0], Task("health", weight=0.5)))
    found = options_of(Way("quantiles", "bound", ("wear", "health")), conventions, True)
    assert " ".join(found) == (
        "--method fixed-0.1 --task wear=w:regression --task health --weight health=0.5 --suspended bound --rul-scale cap "
        "--size quantiles"
    )
    assert " ".join(options_of(Way("tiny", "hazard"), conventions, True)) == (
        "--method rul-only --task wear=w:regression --suspended hazard --size tiny"
    )


def test_a_label_that_is_not_named_is_no_feature() -> None:
    """Its column is named with a weight of 0, and the training is that of the race, which has no such task."""
    tasks = (Task("stage", "stage", "class", ("a", "b")), Task("wear", "w", "regression"))
    conventions, way = weighed(Conventions(tasks=tasks)), Way("quantiles", "ignore", ("wear",))
    assert "--task wear=w:regression --task stage:class --weight stage=0" in " ".join(
        options_of(way, conventions, True)
    )
    given = [replace(tasks[1], weight=0.1), replace(tasks[0], weight=0.0)]
    typed = run_spec(
        "x", "fixed-0.1", tasks=given, conventions=Conventions(), size="quantiles", folds=3, seed=1, rul_scale="cap"
    )
    assert typed == way.spec("x", Conventions(tasks=(tasks[1],)), 0)
    nothing = run_spec(
        "x", "fixed-0.1", tasks=[replace(tasks[1], weight=0.0)], conventions=Conventions(), size="quantiles"
    )
    assert not nothing.trains("wear")


def test_what_the_budget_had_no_time_for_is_said(fleet: Fleet) -> None:
    race = race_of(fleet, {}, laps=0)
    wide = Way("statistics", "ignore")
    del race.laps[wide]
    assert f"The budget ended before {wide.name}, " in _unknown(race, None, UNDECIDED, True)
    race.skipped.add(wide)
    assert f"The budget had no time for {wide.name}." in _unknown(race, None, UNDECIDED, False)


def test_labels_of_failed_units_alone_are_not_those_of_the_study(fleet: Fleet) -> None:
    """Ways that are exactly even in the race are not added for what the study saw of labels on suspended units."""
    race = race_of(fleet, dict.fromkeys((way.name for way in race_of(fleet, {}).candidates), 20.0))
    race.rule = replace(Rule.read(), laps=1)
    race.labels = (Label("health", 0.15, 0.0, 0.8, ""), Label("future_sensors", 1.0, 0.85, 0.1, ""))
    assert race.unlike == ["health"]
    assert race.verdict() != ADD
    assert "health on failed units alone (the study: on suspended ones, too)" in _unknown(race, None, UNDECIDED, False)
    seen = Label("health", 1.0, 0.85, 0.8, "")
    race.labels = (seen, race.labels[1])
    assert race.unlike == []


def test_inspections_in_a_column_named_health_are_those_that_are_trained() -> None:
    conventions = weighed(Conventions(tasks=(replace(HEALTH, column="health"),)))
    found = options_of(Way("quantiles", "ignore", ("health",)), conventions, False)
    assert " ".join(found).startswith("--method fixed-0.1 --task health=health:class ")


@pytest.mark.parametrize("tasks", [(HEALTH,), (HEALTH, Task("future_sensors")), (replace(HEALTH, weight=0.5),)])
@pytest.mark.parametrize("suspended", ["ignore", "bound", "hazard"])
def test_rul_alone_trains_no_second_task(tasks: tuple[Task, ...], suspended: str) -> None:
    """It had the weights of the tasks that race, which need no label of their own."""
    conventions = weighed(Conventions(window=20, tasks=tasks))
    spec = Way("statistics-narrow", suspended).spec("x", conventions, 0)
    unit = {} if suspended == "hazard" else {"rul_scale": "cap"}
    plain = run_spec("x", "rul-only", size="statistics-narrow", folds=3, seed=1, suspended=suspended,
                     conventions=Conventions(window=20), **unit)  # type: ignore[arg-type]  # fmt: skip
    assert spec == plain
    assert dict(spec.options)["weights"] == (1.0, 0.0)
    assert spec != Way("statistics-narrow", suspended, ("health",)).spec("x", conventions, 0)


@pytest.mark.system
def test_a_lap_of_rul_alone_is_the_same_whatever_races(fleet: Fleet) -> None:
    way = Way("statistics-narrow", "bound")
    alone = run_lap(replace(fleet, labels={}), Conventions(window=20), way, 0)
    assert run_lap(fleet, CONVENTIONS, way, 0) == alone
    assert run_lap(fleet, CONVENTIONS, replace(way, tasks=("health",)), 0) != alone


def test_a_narrow_trunk_that_is_named_races_alone(fleet: Fleet) -> None:
    race = FleetRace(fleet, CONVENTIONS, "quantiles-narrow", RULE)
    assert {way.size for way in race.references} == {"quantiles-narrow"}


def test_a_lap_that_cannot_be_trained_is_a_reason(fleet: Fleet) -> None:
    """A label of one unit: the network that leaves this unit out has none to learn."""
    known = np.full(len(fleet.values), np.nan)
    known[fleet.engine_of_row() == fleet.failures[0]] = 0.5
    known[fleet.starts[fleet.failures[0]]] = 0.6
    wear = weighed(Conventions(window=20, tasks=(Task("wear", "wear", "regression"),)))
    way = Way("statistics-narrow", "ignore", ("wear",))
    found = lap_or_reason(replace(fleet, labels={"wear": known}), wear, way, 0)
    assert isinstance(found, str)
    assert "should be known of some engines beside those held out" in found


def test_a_budget_of_nothing_is_refused(fleet: Fleet) -> None:
    with pytest.raises(GraceError, match="should be over 0 seconds"):
        advise_fleet(fleet, CONVENTIONS, rule=RULE, budget=0)


class Broken(Executor):
    """Workers of which one was killed."""

    def submit(self, *call: Any, **named: Any) -> Future[Any]:  # type: ignore[override]
        found: Future[Any] = Future()
        found.set_exception(BrokenProcessPool())
        return found


def test_a_killed_worker_is_said_in_words(fleet: Fleet) -> None:
    with pytest.raises(GraceError, match="Worker processes should run to their end"):
        advise_fleet(fleet, weighed(Conventions(window=20)), size="tiny", rule=RULE, executor=Broken())
