"""The slider of the cost of a cycle late: what it groups and lists, against Python, which tests/report holds against scipy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from grace.report.cost import LEAST, PRICES, TIED, WORSE, costs
from grace.report.read import read_results
from tests.browser.conftest import RESULTS, SETS, Open, card, data_of, drawn

GROUPS = {LEAST: "tied best", TIED: "tied best", WORSE: "worse"}


def shown(tab: Page, dataset: str) -> dict[str, tuple[str, list[float], list[float]]]:
    """Group, cost and difference of each method by title, as a reader takes them from the list."""
    script = (
        "bodies => bodies.map(body => [...body.rows].map(row => [...row.cells].map(cell => cell.innerText.trim())))"
    )
    found = {}
    for (group,), *rows in card(tab, "cost", dataset).locator("tbody").evaluate_all(script):
        assert group.endswith(f"({len(rows)})")
        for title, *cells in rows:
            numbers = [[float(value) for value in re.findall(r"[+-]?\d+(?:\.\d+)?", cell)] for cell in cells]
            found[title] = (group.split(" (")[0], numbers[0], numbers[1])
    return found


def expected(data: Any, view: str, place: int) -> dict[str, dict[str, tuple[str, list[float], list[float]]]]:
    found: dict[str, dict[str, tuple[str, list[float], list[float]]]] = {dataset: {} for dataset in SETS}
    records = read_results(RESULTS / "compact").records
    for (dataset, method), cost in costs(records, view == "honest").items():
        mean, half = cost.difference(place), cost.half[place]
        difference = [] if cost.standing[place] == LEAST else [mean, mean - half, mean + half]
        of = cost.early + PRICES[place] * cost.late
        found[dataset][data["methods"][method]["title"]] = (GROUPS[cost.standing[place]], [of], difference)
    return found


def agrees(tab: Page, data: Any, view: str, place: int) -> None:
    for dataset, rows in expected(data, view, place).items():
        seen = shown(tab, dataset)
        assert seen.keys() == rows.keys()
        digit = (
            0.011 if PRICES[place] < data["many"] else 1.1
        )  # of the last one that is shown, of a difference of two such
        for title, (group, cost, difference) in rows.items():
            assert seen[title][0] == group
            assert seen[title][1] == pytest.approx(cost, abs=digit, rel=1e-5)
            assert seen[title][2] == pytest.approx(difference, abs=digit, rel=1e-5)


@pytest.mark.system
def test_the_slider_shows_what_python_computed(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, comparison="differences")
    data, slider = data_of(tab), tab.locator("#price")
    steps: list[tuple[float, Callable[[], None]]] = [
        (10, lambda: None),
        (1, lambda: tab.get_by_role("button", name="the same").click()),
        (100, lambda: tab.get_by_role("button", name="100 times").click()),
        (0.1, lambda: slider.press("Home")),
        (1000, lambda: slider.press("End")),
        (910, lambda: slider.press("ArrowLeft")),
    ]
    for price, act in steps:
        act()
        drawn(tab)
        place = int(slider.input_value())
        assert PRICES[place] == price
        agrees(tab, data, "honest", place)
        standing = [cost["standing"] for of in data["costs"]["honest"].values() for cost in of.values()]
        worse = sum(spread(marks)[place] == WORSE for marks in standing)
        expect(tab.locator("#tie-words")).to_have_text(
            f"32 differences to the least looked at, all data sets: {worse} measurably worse after "
            "Benjamini-Hochberg at 5\u00a0%."
        )
    expect(tab.locator("#price-words")).to_have_text("A cycle late costs 910 times a cycle early.")
    slider.press("Home")
    drawn(tab)
    expect(tab.locator("#price-words")).to_have_text("A cycle early costs 10 times a cycle late.")
    expect(slider).to_have_attribute("aria-valuetext", "A cycle early costs 10 times a cycle late.")


def spread(marks: str) -> str:
    """The page's way to write 101 characters."""
    return "".join(run[0] * int(run[1:]) for run in marks.split(","))


@pytest.mark.system
def test_the_script_says_the_same_as_python_on_a_grid(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, comparison="differences")
    data = data_of(tab)
    script = """async place => {
      const slider = document.getElementById("price");
      slider.value = place;
      slider.dispatchEvent(new Event("input"));
      while (document.body.getAttribute("aria-busy") === "true") await new Promise(done => setTimeout(done));
    }"""
    for place in range(2, 101, 7):
        tab.evaluate(script, place)
        agrees(tab, data, "honest", place)


@pytest.mark.system
def test_uncapped_labels_and_the_sources_epoch(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, comparison="differences")
    data = data_of(tab)
    tab.locator("#views input[name=labels][value=uncapped]").check()
    drawn(tab)
    agrees(tab, data, "honest-uncapped", 50)
    tab.locator("#views input[name=protocol][value=source]").check()
    drawn(tab)
    expect(card(tab, "cost", "FD001")).to_contain_text(
        "The records keep no predictions of the epoch that the test set chose."
    )
    assert shown(tab, "FD001") == {}


def test_a_click_on_a_mark_of_a_cost_chooses_its_method(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, height=1400, comparison="differences")
    second = [*shown(tab, "FD002")][1]
    card(tab, "cost", "FD002").locator(".mark-symbol path").nth(1).click()
    drawn(tab)
    expect(card(tab, "cost", "FD003").locator("tr.chosen bdi")).to_have_text(second)
    expect(card(tab, "pareto", "FD003").get_by_role("radio", name=second, exact=True)).to_be_checked()
