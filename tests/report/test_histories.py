"""Files of predictions: the same values from JSON and CSV, a bounded number of them, and what cannot be used by name."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from grace.report.histories import INSPECTIONS, UNITS, history_of
from grace.report.read import read_results
from tests.report.records import sweep


def row(unit: object, time: object, rul: float | None, **more: Any) -> dict[str, Any]:
    ends = {} if rul is None else {"low": max(rul - 9.96, 0.0), "high": rul + 10}
    given = {"pump": unit, "day": time, "rul": rul, "low": None, "high": None, "rul_unit": "days"} | ends
    return given | {"fails_within_10": 0.1234, "fails_within_30.5": 0.5, "health": 0, "note": ""} | more


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("ending", [".json", ".csv"])
def test_columns_of_each_unit_the_one_with_the_least_rul_first(tmp_path: Path, ending: str) -> None:
    rows = [
        row("a", 1, 100.04), row("a", 2, 90.06, note="a gap"), row("<b>", 7, 3.149),
        row("c", 1, None, fails_within_10=None, note="not predicted: no rows"),
    ]  # fmt: skip
    found = history_of(written(tmp_path / f"one{ending}", rows))
    assert (found["names"], found["unit"], found["horizons"], found["of"]) == (["pump", "day"], "days", [10.0, 30.5], 2)
    assert list(found["units"]) == ["<b>", "a"]
    assert found["units"]["a"] == {
        "time": [1, 2],
        "rul": [100, 90.1],
        "low": [90.1, 80.1],
        "high": [110, 100.1],
        "note": ["", "a gap"],
        "within": [[0.123, 0.5], [0.123, 0.5]],
    }


@pytest.mark.parametrize("ending", [".json", ".csv"])
def test_a_horizon_that_an_inspection_is_not_told_of_is_left_out(tmp_path: Path, ending: str) -> None:
    rows = [row("a", 1, 9.0, **{"fails_within_30.5": None}), row("a", 2, 8.0), row("b", 1, 5.0)]
    found = history_of(written(tmp_path / f"one{ending}", rows))
    assert found["horizons"] == [10.0]
    assert found["units"]["a"]["within"] == [[0.123], [0.123]]


def test_dates_stay_as_they_are_and_no_interval_is_none(tmp_path: Path) -> None:
    rows = [row("a", f"2026-01-0{day}", 9.0, low=None, high=None) for day in (1, 2)]
    unit = history_of(written(tmp_path / "one.json", rows))["units"]["a"]
    assert unit["time"] == ["2026-01-01", "2026-01-02"]
    assert "low" not in unit


def test_there_are_only_so_many(tmp_path: Path) -> None:
    rows = [row(unit, time, 500.0 - unit) for unit in range(UNITS + 5) for time in range(INSPECTIONS + 1)]
    found = history_of(written(tmp_path / "one.json", rows))
    assert found["of"] == UNITS + 5
    assert len(found["units"]) == UNITS
    assert "0" not in found["units"]  # of the largest RUL
    last = found["units"][str(UNITS)]["time"]
    assert last == list(range(0, INSPECTIONS + 1, 2))  # back from the last


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    for run in sweep("A", {"baseline": (12.0, 12.1)}):
        run.write(tmp_path / "records")
    folder = tmp_path / "predictions"
    folder.mkdir()
    written(folder / "good.json", [row("a", 1, 9.0)])
    written(folder / "probable.json", [row("a", 1, 9.0, fails_within_10=1.5)])
    written(folder / "text.csv", [row("a", 1, 9.0) | {"rul": "nine"}])
    written(folder / "foreign.csv", [{"a": 1, "b": 2}])
    (folder / "torn.json").write_text('[{"pump": ')
    (folder / "empty.json").write_text("[]")
    (folder / "one.parquet").write_bytes(b"PAR1")
    (folder / "notes.txt").write_text("mine")
    for runs in (tmp_path, tmp_path / "records"):
        found = read_results(runs)
        assert [one["file"] for one in found.histories] == ["good.json"]
        reasons = dict(found.left_out)
        assert set(reasons) == {
            "probable.json", "text.csv", "foreign.csv", "torn.json", "empty.json", "one.parquet"
        }  # fmt: skip
        assert "Write it with `grace predict ... --to FILE.json`" in reasons["one.parquet"]
