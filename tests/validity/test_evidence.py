"""What the page is given for advice: numbers as they were kept, and files that cannot be used by name."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from grace.advice.advice import FORMAT
from grace.advice.rule import Rule
from grace.formats import Format
from grace.validity.advice_study import AdviceStudy
from grace.validity.evidence import EDGE, WORST, advised

SEEN = {"change": 33.64, "low": -74.8, "high": 610.3, "units": 6}
EXPECTED = {"mean": 0.69, "low": -10.8, "high": 13.65, "helps": 0.36, "hurts": 0.43}
WAY = {"name": "stage, narrow", "laps": 1, "error": 18.96, "seen": SEEN, "expected": EXPECTED, "kind": "class, ignore"}
ALONE = {"name": "RUL alone", "laps": 2, "error": 14.5, "seen": None, "expected": None}
UNTRIED = {"name": "soh", "laps": 0, "error": None, "seen": None, "expected": EXPECTED, "kind": "regression, ignore"}
BODY = {
    "name": "pumps",
    "unit": "h",
    "spent": 12.3,
    "standing": [ALONE, WAY, UNTRIED],
    "course": [WAY | {"spent": 9.0}],
}


def test_a_race_as_it_stands_and_as_it_ran(tmp_path: Path) -> None:
    FORMAT.write(tmp_path / "a.advice.json", BODY)
    (tmp_path / "FD001-4.json").write_text("{}")  # of something else
    found = advised(tmp_path)
    (race,) = found["races"]
    assert found["left_out"] == []
    assert (race["name"], race["unit"], race["seconds"]) == ("pumps", "h", 12)
    assert [(way["laps"], way["error"], way["seen"], way["expected"]) for way in race["ways"]] == [
        ("2", "14.5", "", ""),
        ("1", "19.0", "+34 % [-75, +610]", "+1 % [-11, +14]"),
        ("", "", "", "+1 % [-11, +14]"),
    ]
    assert [one["way"] for one in race["yours"]] == ["stage, narrow", "soh"]
    lap, foreseen = race["course"]
    assert (lap["stage"], lap["low"], lap["change"], lap["high"]) == ("1 lap", -74.8, 33.6, WORST)
    assert (foreseen["stage"], foreseen["low"], foreseen["high"]) == ("expected", -10.8, 13.7)


def test_every_case_is_a_dot_with_what_was_expected_and_what_came() -> None:
    found, study = advised(), AdviceStudy.read()
    by_name = {(f"{one.world} {one.label}", one.taken_for, one.failures) for one in study.outcomes}
    assert {(one["case"], one["kind"], one["failures"]) for one in found["cases"]} == by_name
    assert all(abs(one[name]) <= EDGE for one in found["cases"] for name in ("expected", "effect", "low", "high"))
    assert found["races"] == []
    rule = Rule.read()
    assert {one.taken_for.split(", ")[0] for one in study.outcomes} <= set(rule.labels)
    says = np.mean(
        [one.given_rul for one in study.outcomes if one.taken_for.startswith("class") and one.given_rul >= 0]
    )
    mean = rule.labels["class"] + rule.suspended["bound"] + rule.given(float(says))
    low, high = re.findall(r"[-+]\d+", found["before"]["class, bound"])[1:]
    assert found["before"]["class, bound"].startswith(f"{100 * math.expm1(mean):+.0f} %")
    assert float(low) < 100 * math.expm1(mean) < float(high)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"standing": None}, "damaged: TypeError"),
        ({"standing": [WAY | {"expected": {"mean": "much"}}]}, "damaged: KeyError"),
        ({"course": [WAY | {"laps": "two"}]}, "damaged: ValueError"),
    ],
)
def test_damaged_races_are_named(change: dict[str, object], words: str, tmp_path: Path) -> None:
    FORMAT.write(tmp_path / "a.advice.json", BODY | change)
    ((name, reason),) = advised(tmp_path)["left_out"]
    assert name == "a.advice.json"
    assert words in reason


def test_a_race_of_before_says_what_to_do(tmp_path: Path) -> None:
    body = {
        "of": {},
        "laps": {"tiny ignore ": {}},
        "labels": [],
        "spent": 1.0,
        "name": "a",
        "unit": "h",
        "standing": [{"laps": 1}],
    }
    Format("advice", 1).write(tmp_path / "a.advice.json", body)
    (tmp_path / "b.advice.json").write_text(json.dumps({"format": "record"}))
    (old, reason), (foreign, other) = advised(tmp_path)["left_out"]
    assert (old, foreign) == ("a.advice.json", "b.advice.json")
    assert "Give the same command again, which goes on with it" in reason
    assert other.startswith("b.advice.json should be a")
