"""Few failures: what is simulated, that the ways are trained on the same, and that terminal and page tell what records hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grace import Simulation, simulate
from grace.bench.ways import WAYS, way_of, ways
from grace.cli.render_demo import show_few_failures
from grace.core.stats import student
from grace.data.health_labels import rul_to_health_3class
from grace.data.tasks import HEALTH
from grace.demos.few_failures import Setup, inspected, run
from grace.report.page import page
from grace.report.read import FEW_FAILURES, read_results
from grace.training.record import Record
from tests.command import grace
from tests.report.packed import data_of
from tests.report.records import sweep

QUICK = Setup(fleets=2, fleet=Simulation(engines=12, test_engines=10), failures=4, epochs=1)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return run(QUICK)


def test_inspections_tell_the_true_state_of_suspended_engines_too() -> None:
    setup = Setup()
    fleet, test = inspected(setup, 3)
    whole, same = simulate(replace(setup.fleet, seed=3))
    assert (test.values == same.values).all()
    assert fleet.failed is not None
    assert (fleet.failed.sum(), (~fleet.failed).sum()) == (6, 50)
    assert not fleet.last_rul[fleet.failed].any()
    for engine in range(56):
        rows = np.arange(fleet.starts[engine], fleet.starts[engine + 1])
        before = whole.starts[engine] + np.arange(len(rows))
        states = fleet.labels[HEALTH.name][rows]
        due = (np.arange(len(rows)) + 1) % 10 == 0
        assert np.isnan(states[~due]).all()
        assert (states[due] == rul_to_health_3class(whole.rul()[before][due])).all()


def test_every_fleet_is_trained_in_every_way(records: list[Record]) -> None:
    assert [(record.spec["seed"], way_of(record)) for record in records] == [(s, w) for s in (1, 2) for w in WAYS]
    for seed in (1, 2):
        mine = [record for record in records if record.spec["seed"] == seed]
        assert len({record.spec["train_sha256"] for record in mine}) == 1
        assert {record.steps for record in mine} == {50}
        assert {record.spec["rul_scale"] for record in mine} == {"cap"}
        assert len({record.test["rmse"] for record in mine}) == 4


def test_the_card_is_what_the_records_hold(records: list[Record], capsys: pytest.CaptureFixture[str]) -> None:
    show_few_failures(ways(records), QUICK)
    shown = capsys.readouterr().out
    kept = [(way_of(r), float(f"{r.test['rmse']:.6g}")) for r in records]  # as files keep it
    by_way = {name: np.array([rmse for way, rmse in kept if way == name]) for name in WAYS}
    for name, values in by_way.items():
        line = next(line for line in shown.splitlines() if f" {name} " in line)  # in 80 columns
        assert f"{values.mean():.2f}" in line
        if name != "RUL alone":
            assert student(values - by_way["RUL alone"]).text(2, "+") in line
            assert student(100 * (values / by_way["RUL alone"] - 1)).text(1, "+") in line


def test_the_page_has_the_same_names_and_figures(records: list[Record], tmp_path: Path) -> None:
    for one in sweep("simulated", {"baseline": (12.0, 13.0)}):
        one.write(tmp_path / "records")
    assert data_of(page(read_results(tmp_path)))["ways"] == []
    for one in records:
        one.write(tmp_path / FEW_FAILURES)
    (tmp_path / FEW_FAILURES / "broken.json").write_text("{")
    found = read_results(tmp_path)
    assert [name for name, _ in found.left_out] == ["broken.json"]
    assert ways(found.few_failures) == ways(records)  # exactly, though files keep six digits
    rows = data_of(page(found))["ways"]
    assert [row["name"] for row in rows] == list(WAYS)
    for row, way in zip(rows, ways(found.few_failures), strict=True):
        assert row["rmse_words"] == f"{way.rmse.mean:.2f}"
        if way.difference is not None:
            assert row["difference_words"] == way.difference.text(2, "+")
            assert row["difference_low"] == pytest.approx(way.difference.low, rel=1e-5)


def test_a_record_of_no_way_is_named_and_left_out(tmp_path: Path) -> None:
    one, other = sweep("simulated", {"baseline": (12.0, 13.0)})
    one.write(tmp_path / "records")
    other.write(tmp_path / FEW_FAILURES)  # made by hand, without options
    found = read_results(tmp_path)
    assert not found.few_failures
    assert [name for name, _ in found.left_out] == [f"{other.id}.json"]


def test_again_gives_the_same(records: list[Record]) -> None:
    again = run(replace(QUICK, fleets=1))
    assert [record.test["rmse"] for record in again] == [record.test["rmse"] for record in records[:4]]


def test_progress_reaches_the_end() -> None:
    seen: list[tuple[int, int]] = []
    run(replace(QUICK, fleets=1), on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 4) for i in range(1, 5)]


@pytest.mark.system
def test_the_command_alone() -> None:
    shown = grace("demo", "few-failures", "--fleets", "2", "--jobs", "1", columns=120).stdout
    for name in WAYS:
        assert f" {name} " in shown
    assert "2 simulated fleets of 6 failed and 50 suspended engines" in shown
