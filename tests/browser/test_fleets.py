"""Panels of a fleet with suspended units and a second task, from what the commands themselves wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from grace.bench.store import Store
from grace.core.stats import student
from grace.training.record import Record
from tests.browser.conftest import Open, drawn
from tests.cli.test_advise import table
from tests.command import grace
from tests.report.records import sweep

COLUMNS = ("--table", "pumps.csv", "--engine", "id", "--time", "t", "--event", "failed", "--task", "soh")
SHORT = ("--folds", 2, "--epochs", 1, "--suspended", "hazard")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two seeds, and the history of every unit by a network of its own."""
    folder = table(tmp_path_factory.mktemp("fleet"))
    (folder / "sweep" / "predictions").mkdir(parents=True)
    grid = ("--methods", "baseline", "--seeds", "1,2", "--to", "sweep", "--jobs", 1)
    commands = (
        ("bench", "run", *COLUMNS, *SHORT, *grid),
        ("train", *COLUMNS, *SHORT, "--to", "network.safetensors"),
        ("predict", "network.safetensors", "pumps.csv", "--every", 25, "--within", "10,30,60", "--to",
         "sweep/predictions/pumps.json"),
        ("report", "sweep/records", "-o", "page.html"),
    )  # fmt: skip
    for command in commands:
        done = grace(*command, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def records_of(fleet: Path) -> list[Record]:
    return Store(fleet / "sweep").all_records()


def rows_of(fleet: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((fleet / "sweep" / "predictions" / "pumps.json").read_text())
    return found


def cells(tab: Page, table: str) -> list[str]:
    return [text.replace("\u00a0", " ") for text in tab.locator(f"#{table} tbody tr td").all_inner_texts()]


def test_survival_and_tasks_are_means_over_seeds(visit: Open, fleet: Path) -> None:
    tab, records = visit(fleet / "page.html"), records_of(fleet)
    assert len(records) == 2
    assert cells(tab, "survival-table") == [
        student([record.survival[name] for record in records]).text(3) for name in ("ibs", "harrell", "uno")
    ]
    assert cells(tab, "tasks-table") == [student([record.tasks["soh"]["r2"] for record in records]).text(3)]
    assert tab.locator("#tasks-table th").all_inner_texts() == ["method", "soh, R2", "Baseline"]


def test_calibration_has_a_mark_a_fifth(visit: Open, fleet: Path) -> None:
    tab, records = visit(fleet / "page.html", height=1400), records_of(fleet)
    horizons = tab.locator("#fleet select[name=horizon] option").all_inner_texts()
    assert horizons == sorted({name.split("_")[1] for name in records[0].survival if name.endswith("_gap")}, key=float)
    for horizon in horizons:
        tab.locator("#fleet select[name=horizon]").select_option(horizon)
        drawn(tab)
        names = [f"within_{horizon}_{fifth}_observed" for fifth in range(1, 6)]
        count = sum(record.survival.get(name) is not None for record in records for name in names)
        assert tab.locator("#calibration-chart .mark-symbol.role-mark path").count() == count > 2


def test_a_unit_inspection_by_inspection(visit: Open, fleet: Path) -> None:
    tab, rows = visit(fleet / "page.html", height=1400), rows_of(fleet)
    last = {row["id"]: row for row in rows}
    first = tab.locator("#unit-choice select[name=unit]").input_value()
    assert last[int(first)]["rul"] == min(row["rul"] for row in last.values())  # nearest to its end
    tab.locator("#unit-choice select[name=unit]").select_option("3")
    drawn(tab)
    mine = [row for row in rows if row["id"] == 3]
    marks = tab.locator("#history-chart .mark-symbol.role-mark path")
    assert marks.count() == len(mine) > 2
    words = tab.locator("#unit-words")
    expect(words).to_contain_text(f"id 3 at t {mine[-1]['t']}: RUL {mine[-1]['rul']:.1f} cycles".replace(".0 ", " "))
    marks.first.click()
    drawn(tab)
    expect(words).to_contain_text(f"id 3 at t {mine[0]['t']}:")
    failing = ", ".join(f"{100 * mine[0][f'fails_within_{time}']:.0f} % within {time}" for time in (10, 30, 60))
    expect(words).to_contain_text(f"probability of failure {failing}")
    expect(words).to_contain_text(f"Note: {mine[0]['note']}")
    tab.locator("#unit-choice input[name=place]").press("ArrowRight")
    drawn(tab)
    expect(words).to_contain_text(f"id 3 at t {mine[1]['t']}:")


def test_without_such_records_the_panels_are_not_there(visit: Open, tmp_path: Path) -> None:
    for run in sweep("A", {"baseline": (12.0, 12.1)}):
        run.write(tmp_path / "records")
    assert grace("report", tmp_path, "-o", tmp_path / "page.html").returncode == 0
    tab = visit(tmp_path / "page.html")
    for panel in ("fleets", "units"):
        expect(tab.locator(f"#{panel}")).to_be_hidden()
        expect(tab.locator(f"nav a[href='#{panel}']")).to_be_hidden()


@pytest.mark.system
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 380), ("dark", 380)])
def test_axe_finds_nothing_and_nothing_is_clipped(visit: Open, fleet: Path, scheme: str, width: int) -> None:
    tags = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    for panel in ("fleets", "units"):
        tab = visit(fleet / "page.html", width, address=f"#{panel}", color_scheme=scheme)
        found = Axe().run(tab, context=f"#{panel}", options=tags).response
        assert [(v["id"], v["nodes"][0]["target"], v["nodes"][0]["failureSummary"]) for v in found["violations"]] == []
        wide = f"[...document.querySelectorAll('#{panel} .scroll')].filter(node => node.scrollWidth > node.clientWidth).length"
        assert tab.evaluate(wide) == 0
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
