"""docs/fleets.md holds what results/fleets.json says, and the functions that measure a family do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.docs.figures import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import fleets
from fleet_figures import coverage, without
from fleet_page import BASELINES, covered, differences, parts, remaining, sorted_by, to_best, to_kaplan_meier, verdict
from fleet_summary import picture
from pages import replace_between

from grace.report.chart import digest
from grace.training.conformal import Interval

PAGE = ROOT / "docs" / "fleets.md"


def rows() -> list[dict[str, Any]]:
    found = json.loads((ROOT / "results" / "fleets.json").read_text())
    return sorted(found, key=lambda row: fleets.ORDER.index(row["family"]))


def test_the_page_is_that_of_the_measurements(tmp_path: Path) -> None:
    again = tmp_path / "fleets.md"
    again.write_text(PAGE.read_text())
    replace_between(again, parts(rows()))
    assert again.read_text() == PAGE.read_text()
    for name in ("fleets.svg", "fleets-dark.svg"):
        assert digest(picture(rows())) in (ROOT / "docs" / "figures" / name).read_text()


def test_each_family_has_its_picture_and_the_command_that_was_run() -> None:
    assert [row["family"] for row in rows()] == list(fleets.ORDER)
    for row in rows():
        assert (ROOT / "docs" / "figures" / f"fleets-{row['family']}.svg").exists()
        options = fleets.options_of(row["family"], row["failed"], row["units"])
        assert row["train"]["command"].startswith(" ".join(fleets.typed(row["family"], "train", options)))
        assert row["train"]["command"] in PAGE.read_text()


def made(**ends: tuple[float, float, float]) -> dict[str, Any]:
    """A row whose differences are ``(mean, low, high)``; Brier scores are 0.1 more than the means, the network's 0.1."""
    models: dict[str, Any] = {"network": {"ibs": 0.1}}
    for name in BASELINES:
        mean, low, high = ends.get(name.replace("-", "_"), (-0.1, -0.2, -0.05))
        models[name] = {"ibs": 0.1 - mean, "difference": {"mean": mean, "low": low, "high": high, "n": 9, "p": 1e-6}}
    return {"family": "made", "models": models}


def test_the_first_sentence_says_where_a_baseline_is_as_good() -> None:
    row = made(forest=(0.02, 0.01, 0.03), tree=(0.001, -0.01, 0.012))
    assert verdict(row) == (
        "By integrated Brier score the network is worse than forest (+0.0200 [+0.0100, +0.0300]), no better than tree "
        "(+0.0010 [-0.0100, +0.0120]) and better than kaplan-meier, weibull and cox."
    )
    assert verdict(made()) == "By integrated Brier score the network is better than all 5 baselines."
    assert to_best(row) == pytest.approx(0.1 / 0.08)
    assert to_kaplan_meier(row) == pytest.approx(0.5)


def test_a_difference_that_the_adjustment_takes_back() -> None:
    row = made()
    for name in BASELINES[1:]:
        row["models"][name]["difference"]["p"] = 0.5
    row["models"]["kaplan-meier"]["difference"]["p"] = 0.02  # times five of the five
    assert remaining([row]) == set()
    row["models"]["kaplan-meier"]["difference"]["p"] = 0.009
    assert remaining([row]) == {("made", "kaplan-meier")}


def test_coverage_counts_units_once() -> None:
    true, unit = np.array([1.0, 2, 3, 4, 5, 6]), np.array([0, 0, 0, 1, 1, 2])
    found = coverage(np.full(6, 3.5), np.full(6, 9.0), true, unit)  # unit 0 never, units 1 and 2 always
    assert (found["rows"], found["inside"], found["units"]) == (0.5, 2, 3)
    every = coverage(np.zeros(32), np.ones(32), np.ones(32), np.arange(32))
    assert (every["low"], every["high"]) == (pytest.approx(0.025 ** (1 / 32)), 1.0)  # Clopper & Pearson, none outside
    assert covered({"coverage": every}) == "100 % [89, 100]"


def test_an_interval_without_a_fold_weighs_units_as_if_it_had_never_been() -> None:
    rng = np.random.default_rng(0)
    predicted, true = [rng.uniform(0, 9, 8) for _ in range(3)], [rng.uniform(0, 9, 8) for _ in range(3)]
    engine = [
        np.array([0, 0, 0, 1, 1, 2, 2, 2]),
        np.array([0, 0, 0, 0, 1, 1, 2, 3]),
        np.array([0, 1, 2, 3, 4, 4, 4, 4]),
    ]
    left = without(Interval.of(0.9, 9, predicted, true, engine), 1)
    apart = Interval.of(0.9, 9, predicted[::2], true[::2], engine[::2])
    np.testing.assert_allclose(left.weight, apart.weight)
    assert set(left.member) == {0, 2}
    assert left.weight.sum() == pytest.approx(8 / 9)  # of eight units


def wearing(units: int = 26) -> pl.DataFrame:
    """Units that wear at rates of their own, every third suspended half way."""
    rng, found = np.random.default_rng(0), []
    for unit in range(units):
        life, fails = int(rng.integers(20, 60)), unit % 3 > 0
        age = np.arange(1, (life if fails else life // 2) + 1)
        wear = age / life + rng.normal(0, 0.05, len(age))
        rows = {"unit": np.full(len(age), unit), "day": age, "wear": wear, "failed": np.int64(fails & (age == life))}
        found.append(pl.DataFrame(rows))
    return pl.concat(found)


@pytest.mark.system
def test_a_family_is_measured_by_the_real_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pumps").mkdir()
    wearing().write_csv(tmp_path / "pumps" / "pumps.csv")
    options = {"table": "pumps.csv", "time": "day", "time_unit": "days", "event": "failed", "features": "wear"}
    monkeypatch.setitem(fleets.FAMILIES, "pumps", options)
    told: list[str] = []

    def printed(command: list[str], folder: Path) -> fleets.Printed:
        done = really(command, folder)
        told.append(done.text)
        return done

    really = fleets.printed
    monkeypatch.setattr(fleets, "printed", printed)
    monkeypatch.setattr("grace.core.stats.DRAWS", 100)  # of intervals that are not looked at here
    row = json.loads(json.dumps(fleets.measured("pumps", tmp_path, tmp_path, tmp_path)))
    assert (row["units"], row["failed"], row["unit"], row["suspended"]) == (26, 17, "days", "hazard")
    assert row["coverage"]["units"] == 17
    assert row["train"]["command"] == (
        "grace train --table pumps.csv --engine unit --time day --event failed --time-unit days --features wear,age "
        "--method rul-only --to pumps.safetensors"
    )
    assert any(
        line.startswith("17 units failed, at a median age of") and "and 9 were suspended" in line
        for line in row["said"]
    )
    assert set(row["policies"]["rates"]) == {"plans", "best fixed age", "run to failure"}
    assert (tmp_path / "fleets-pumps.svg").read_text().startswith("<svg")
    assert set(differences(row)) == set(BASELINES)
    assert verdict(row) in parts([row])["pumps-first"]
    assert sum(map(len, sorted_by(row).values())) == len(BASELINES)
    # the score that the command printed itself, of the curves in its file
    assert f"integrated Brier score {row['models']['network']['ibs']:.3f}" in told[1]
