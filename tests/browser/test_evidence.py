"""The evidence for advice: the study's cases, races of the real command among them, and what is counted of cases alike."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from grace.advice.fleet_race import FleetRace
from grace.advice.rule import Rule
from grace.demos.few_failures import Setup, inspected
from grace.validity.advice_study import UNRESOLVED, AdviceStudy
from grace.validity.evidence import FEW
from tests.advice.test_fleet_race import CONVENTIONS, run_to_the_end
from tests.browser.conftest import Open, data_of, drawn
from tests.cli.test_advise import TABLE, table
from tests.command import grace
from tests.report.records import sweep


def begun(folder: Path) -> Path:
    """A race of the real command: of a second, so that hardly more than RUL alone was trained."""
    done = grace("advise", *TABLE, "--to", "sweep/advice/pumps.advice.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    for run in sweep("A", {"baseline": (12.0, 12.1)}):
        run.write(folder / "sweep" / "records")
    return folder / "sweep"


def finished(folder: Path) -> FleetRace:
    """A race whose laps have errors by hand, kept as the command keeps it."""
    file = folder / "advice" / "simulated.advice.json"
    race = FleetRace(inspected(Setup(), 1)[0], CONVENTIONS, "statistics", Rule.read(), file)
    run_to_the_end(race, {"health + bound, narrow": 12.0, "health, narrow": 24.0})
    return race


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of both."""
    folder = table(tmp_path_factory.mktemp("races"))
    runs = begun(folder)
    finished(runs)
    done = grace("report", runs / "records", "-o", folder / "page.html")
    assert "page.html: 2 runs, 0 diagnoses, 2 races next" in " ".join(done.stdout.split()), done.stderr
    return folder / "page.html"


def words_of(tab: Page) -> str:
    return tab.locator("#like-words").inner_text().replace("\u00a0", " ")


def choose(tab: Page, **values: str) -> None:
    for field, value in values.items():
        tab.locator(f"#cases-like select[name={field}]").select_option(value)
    drawn(tab)


@pytest.mark.system
def test_a_sentence_counts_the_cases_alike_over_a_grid(visit: Open, races: Path) -> None:
    tab, study, rule = visit(races), AdviceStudy.read(), Rule.read()
    for label, suspended, failures in product(("", "class", "future_sensors"), ("", "ignore", "bound"), ("", *FEW)):
        choose(tab, label=label, suspended=suspended, failures=failures)
        least, most = FEW.get(failures, (0, 10**9))
        alike = [
            one
            for one in study.outcomes
            if least <= one.failures <= most
            and all(not word or word in one.taken_for.split(", ") for word in (label, suspended))
        ]
        count = Counter(one.word for one in alike)
        said = words_of(tab)
        assert f": {len(alike)} of {len(study.outcomes)}) the second task helped in {count['helps']}, " in said
        assert f"hurt in {count['hurts']} and did nothing in {count['nothing']}; {count[UNRESOLVED]} could not" in said
        if label and suspended:
            says = [one.given_rul for one in study.outcomes if one.taken_for.startswith(label) and one.given_rul >= 0]
            mean = rule.labels[label] + rule.suspended.get(suspended, 0.0) + rule.given(sum(says) / len(says))
            assert f"a change of RMSE of {100 * math.expm1(mean):+.0f} % [" in said


def test_cases_that_could_be_measured_are_filled(visit: Open, races: Path) -> None:
    tab, study = visit(races, height=1400), AdviceStudy.read()
    marks = tab.locator("#evidence-chart .mark-symbol.role-mark").first.locator("path")
    filled = marks.evaluate_all("marks => marks.map(mark => getComputedStyle(mark).fillOpacity)")
    assert Counter(filled) == {
        "0": sum(one.word == UNRESOLVED for one in study.outcomes),
        "1": sum(one.word != UNRESOLVED for one in study.outcomes),
    }


def test_yours_stand_among_them_with_their_intervals(visit: Open, races: Path, tmp_path: Path) -> None:
    race = finished(tmp_path / "again")
    tab = visit(races, height=1400)
    choose(tab, race="1")
    expect(tab.locator("#race-title")).to_contain_text("The race on simulated")
    standing = {row.name: row for row in race.standing()}
    shown = tab.locator("#race-table tbody tr").all()
    assert len(shown) == len(standing)
    for row, one in zip(shown, standing.values(), strict=True):
        cells = [text.replace("\u00a0", " ") for text in row.locator("td").all_inner_texts()]
        assert cells[0].startswith(one.name)
        assert cells[1] == f"{one.error:.1f}"
        assert cells[3] == ("" if one.expected is None else one.expected.text())
    tasks = [row for row in standing.values() if not row.name.startswith("RUL alone")]
    diamonds = tab.locator("#evidence-chart .mark-symbol.role-mark").nth(1).locator("path")
    assert diamonds.count() == len(tasks)
    # a lap each, and what follows from all of them
    assert tab.locator("#race-chart .mark-symbol.role-mark path").count() == sum(row.laps + 1 for row in tasks)


def test_a_way_brings_the_cases_like_it(visit: Open, races: Path) -> None:
    tab = visit(races)
    choose(tab, race="1")
    ways = [row["way"] for row in data_of(tab)["evidence"]["races"][1]["ways"]]
    (name,) = (way for way in ways if re.fullmatch("health(, narrow)?", way))  # the trunk that RUL alone was best with
    tab.locator(f"#race-table input[value='{name}']").focus()
    tab.keyboard.press("Space")
    drawn(tab)
    form = {name: tab.locator(f"#cases-like select[name={name}]").input_value() for name in ("label", "suspended")}
    assert form == {"label": "class", "suspended": "ignore"}
    assert "classes, as of inspections; suspended units ignored;" in words_of(tab)
    assert tab.evaluate("document.activeElement.value") == name
    (both,) = (way for way in ways if re.fullmatch(r"health \+ future_sensors(, narrow)?", way))
    tab.locator(f"#race-table input[value='{both}']").focus()
    tab.keyboard.press("Space")
    drawn(tab)
    assert tab.locator("#cases-like select[name=label]").input_value() == ""  # the study has no case of several tasks
    assert "(suspended units ignored; " in words_of(tab)


def test_a_race_that_has_only_begun_shows_what_is_expected_of_each_way(visit: Open, races: Path) -> None:
    tab = visit(races)
    (pumps_race,) = (one for one in data_of(tab)["evidence"]["races"] if one["name"] == "pumps")
    ran = [row for row in pumps_race["ways"] if row["laps"]]
    assert 0 < len(ran) < len(pumps_race["ways"])
    rows = tab.locator("#race-table tbody tr")
    assert rows.count() == len(pumps_race["ways"])
    expect(rows.filter(has_text="soh").first).to_contain_text("%")


def test_without_a_race_there_are_the_cases_alone(visit: Open, tmp_path: Path) -> None:
    for run in sweep("A", {"baseline": (12.0, 12.1)}):
        run.write(tmp_path / "records")
    assert grace("report", tmp_path, "-o", tmp_path / "page.html").returncode == 0
    tab = visit(tmp_path / "page.html")
    expect(tab.locator("#race-card")).to_be_hidden()
    expect(tab.locator("#evidence-chart svg")).to_be_visible()
    cases = len(AdviceStudy.read().outcomes)
    assert f"Of cases like yours (all: {cases} of {cases})" in words_of(tab)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 380), ("dark", 380)])
def test_axe_finds_nothing_and_nothing_is_clipped(visit: Open, races: Path, scheme: str, width: int) -> None:
    tab = visit(races, width, address="#evidence", color_scheme=scheme)
    choose(tab, race="1")
    tags = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    found = Axe().run(tab, context="#evidence", options=tags).response
    assert [(v["id"], v["nodes"][0]["target"], v["nodes"][0]["failureSummary"]) for v in found["violations"]] == []
    assert len(found["passes"]) > 5
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wide = (
        "[...document.querySelectorAll('#evidence .scroll')].filter(node => node.scrollWidth > node.clientWidth).length"
    )
    assert tab.evaluate(wide) == 0
