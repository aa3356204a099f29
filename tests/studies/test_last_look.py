"""The last look: what was advised in a draw and what training then showed, and the table of it by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy import stats

from grace.errors import GraceError
from studies.advice import last
from studies.advice.cases import SIMULATORS, World
from studies.advice.last import NEW, looked_at, summary, worlds
from studies.advice.worlds import Place

NOWHERE = Place(Path("nowhere"), Path("nowhere"))


def test_its_fleets_are_new() -> None:
    assert not set(NEW) & set(SIMULATORS)
    assert {world.fleet for world in worlds()} == {f"sim{number}" for number in NEW}


def test_what_came_of_the_advice() -> None:
    """Not sure and expected to hurt: RUL alone is what is advised, and its change is none."""
    rows = [
        {"world": "a-8", "verdict": "add", "task": "wear", "expected": math.log(0.9), "change": math.log(0.8)},
        {"world": "a-8", "verdict": "add", "task": "health", "expected": math.log(0.9), "change": math.log(0.8)},
        {"world": "a-8", "verdict": "undecided", "task": "wear", "expected": 0.1, "change": math.log(1.5)},
        {"world": "a-8", "verdict": "undecided", "task": "wear", "expected": -0.1, "change": math.log(1.25)},
        {"world": "a-8", "verdict": "alone", "task": "random", "expected": 0.2, "change": math.log(2)},
        {"verdict": "too few failures"},
    ]
    table, counted = summary(rows).split("\n\n")
    add, unsure, alone, every = (line.split(" | ") for line in table.splitlines()[2:])
    assert add == ["| add it", "2", "wear: 1, health: 1", "-10.0", "-20.0 [-20.0, -20.0] |"]
    assert unsure[:4] == ["| likely, not sure", "2", "wear: 2", "+0.0"]
    assert unsure[4].startswith(f"{100 * (math.sqrt(1.5 * 1.25) - 1):+.1f} [")
    assert alone == ["| RUL alone", "1", "random: 1", "+22.1", "+100.0 |"]
    assert every[:2] == ["| all, as advised", "5"]
    assert every[4].startswith(f"{100 * math.expm1((2 * math.log(0.8) + math.log(1.25)) / 5):+.1f} [")
    assert (
        counted
        == "Of 5 draws 0 have several tasks named, in 2 RUL alone was advised, and in 1 the error rose by what was advised.\n"
    )
    both = [
        {"world": "a-8", "verdict": "add", "expected": -0.1, "change": -0.1, "task": task}
        for task in ("wear + bound", "wear + health")
    ]
    assert summary(both).split("\n\n")[1].startswith("Of 2 draws 1 have several tasks named, in 0 ")


def test_worlds_are_fewer_than_draws() -> None:
    """Draws of one world tell of that world: over the means of worlds the interval is as wide as these differ."""
    changes = {"a-8": (-0.3, -0.1), "b-8": (0.1, 0.1)}
    rows = [
        {"world": world, "verdict": "add", "task": "wear", "expected": -0.1, "change": change}
        for world, some in changes.items()
        for change in some
    ]
    low, high = (100 * math.expm1(end) for end in stats.ttest_1samp([-0.2, 0.1], 0).confidence_interval())
    assert f"these 2 worlds. Over the means of the worlds, as advised: -4.9 [{low:+.1f}, {high:+.1f}] %." in summary(
        rows
    )


def test_rows_of_another_rule_are_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "last.json"
    monkeypatch.setattr(last, "FILE", file)
    monkeypatch.setattr(last, "worlds", lambda: [World("sim8", 6)])
    monkeypatch.setattr(last, "looked_at", lambda world, draw, place: {"verdict": "add", "draw": draw})
    rows = last.run(NOWHERE, None)
    assert [row["draw"] for row in rows] == list(range(last.DRAWS))
    assert last.run(NOWHERE, None) == rows
    last.FORMAT.write(file, last.FORMAT.read(file) | {"rule": "another"})
    assert last.run(NOWHERE, None) == rows  # whole, it is shown
    last.FORMAT.write(file, {"rule": "another", "rows": rows[1:]})
    with pytest.raises(GraceError, match="should be the last look with the rule that ships"):
        last.run(NOWHERE, None)


@pytest.mark.system
def test_a_look_trains_what_is_named_anew() -> None:
    row = looked_at(World("sim8", 6), 0, NOWHERE, budget=2.0)
    assert row is not None
    assert row["verdict"] in ("add", "undecided", "alone")
    assert row["alone"].startswith("RUL alone")
    assert row["task"].split(" ")[0].strip(",") in ("fault", "wear", "condition", "health", "random")
    assert math.isfinite(row["change"])
    assert row["sd"] > 0
    assert looked_at(World("sim8", 60), 0, NOWHERE) is None
