"""The wizard gives the answers of `grace.decide`, word for word, over a grid and by hand."""

from __future__ import annotations

import dataclasses
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from grace.alignment.decide import RULES, Evidence, Prescription, decide
from grace.alignment.recipes import RECIPES
from grace.alignment.study import Study
from tests.browser.conftest import Open, data_of, drawn


def grid() -> list[Evidence]:
    """Every band, both sides of each threshold and the thresholds themselves; intervals that cross edges and that do not."""
    found = []
    for rho, half, ratio, share, conditions, recipe in product(
        (-0.6, -0.051, -0.05, -0.01, 0.0, 0.05, 0.049, 0.1, 0.18, 0.181, 0.2, 0.21, 0.633),
        (0.0, 0.004, 0.03, 0.3),
        (1.0, 100.0, 100.1, 12345.6),
        (0.0, 0.1, 0.3),
        (1, 2),
        ("joint", "init", "published"),
    ):
        inits = {0.0: 0, 0.004: 1, 0.03: 8, 0.3: 5}[half]
        reliable = not RECIPES[recipe].single
        found.append(Evidence(rho, rho - half, rho + half, ratio, share, conditions, 2, reliable, inits, recipe))
    return [*found, Evidence(0.3, 0.2, 0.4, 500, 0.2, 6, tasks=1), Evidence(0.3, 0.2, 0.4, 500, 0.2, 6, tasks=3)]


def as_json(found: Prescription) -> dict[str, Any]:
    answers = [dataclasses.asdict(answer) for answer in found.answers]
    return dataclasses.asdict(found) | {"answers": answers, "crossed": list(found.crossed)}


@pytest.mark.parametrize("rule", RULES)
def test_the_same_answer_as_decide_over_a_grid(visit: Open, explorer: Path, rule: str) -> None:
    tab = visit(explorer)
    evidence = grid()
    assert len(evidence) > 3_000
    script = """([evidence, rule]) => {
      const { decision } = graceData;
      return JSON.stringify(JSON.parse(evidence).map(e => graceDecide(e, rule, decision)));
    }"""
    answers = json.loads(tab.evaluate(script, [json.dumps([dataclasses.asdict(e) for e in evidence]), rule]))
    seen = set()
    for e, answer in zip(evidence, answers, strict=True):
        expected = as_json(decide(e, RULES[rule]))
        assert answer == expected, e
        seen.add((answer["method"], answer["decided"], answer["strength"]))
    assert len(seen) >= (3 if rule == "study" else 12)


def shown(tab: Page) -> tuple[str, list[tuple[str, str]]]:
    items = tab.locator("#path li").all()
    path = [(item.locator(".measured").inner_text(), item.locator(".verdict").inner_text()) for item in items]
    return tab.locator("#prescription").inner_text(), path


def test_a_diagnosis_lights_the_path_and_training_stands_beside_it(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    data = data_of(tab)
    tab.locator("#filled").select_option(label="FD004, joint")
    drawn(tab)
    (found,) = (d for d in data["diagnoses"] if (d["dataset"], d["recipe"]) == ("FD004", "joint"))
    fields = {f.name: found[f.name] for f in dataclasses.fields(Evidence) if f.name in found}
    title, path = shown(tab)
    assert title == "labels follow RUL. No method follows from rho: train both ways"
    assert path == []  # the tree is the source's
    expect(tab.locator("#like")).to_have_text(Study.read().like("study")[1])
    (grace,) = (p for p in data["points"] if (p["dataset"], p["method"], p["view"]) == ("FD004", "grace", "honest"))
    rmse = f"{grace['rmse_interval']}, SE over engines {grace['engines']}"
    words = f"FD004, GRACE: test RMSE {rmse}; against RUL alone {grace['to_alone']}"
    expect(tab.locator("#showed")).to_contain_text(words)
    expect(tab.locator("#showed")).to_contain_text(Study.read().words)
    tab.get_by_label("the source's bands").check()
    drawn(tab)
    title, path = shown(tab)
    assert title == "GRACE"
    answers = decide(Evidence(**fields), RULES["source"]).answers
    assert path == [(a.measured, "yes" if a.passed else "no") for a in answers]
    expect(tab.locator("#like")).to_be_empty()
    expect(tab.locator("#next-step")).to_have_text("A recommendation that is strong.")


def test_a_click_on_a_mark_of_rho_fills_the_form(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, height=1200)
    chart = tab.locator("#diagnosis-cards article").nth(2).locator(".chart").first
    chart.scroll_into_view_if_needed()
    chart.locator(".mark-symbol path").nth(3).click()
    drawn(tab)
    assert tab.locator("#filled option:checked").inner_text() == "FD003, warmup-each"
    assert tab.locator("#wizard select[name=recipe]").input_value() == "warmup-each"


def test_own_values(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    tab.get_by_label("the source's bands").check()
    values = {"rho": "0.03", "low": "-0.2", "high": "0.12", "near_failure_share": "4", "ratio": "20", "inits": "6"}
    for name, value in values.items():
        tab.locator(f"#wizard input[name={name}]").fill(value)
    drawn(tab)
    expected = decide(Evidence(0.03, -0.2, 0.12, 20, 0.04, 1, inits=6, recipe="joint"), RULES["source"])
    title, path = shown(tab)
    assert title == "Undecided; at the mean: Single task: RUL alone"
    assert path == [(a.measured, "yes" if a.passed else "no") for a in expected.answers]
    expect(tab.locator("#next-step")).to_have_text(expected.next_step)
    assert tab.locator("#filled option:checked").inner_text() == "your own"
    tab.locator("#wizard input[name=high]").fill("0.01")
    drawn(tab)
    expect(tab.get_by_role("alert")).to_contain_text("lower end ≤ rho ≤ upper end")
    for place in ("#path", "#prescription", "#next-step", "#showed"):  # nothing follows from it
        expect(tab.locator(place)).to_be_empty()
    tab.locator("#wizard input[name=high]").fill("0.12")
    tab.locator("#wizard input[name=tasks]").fill("1")
    drawn(tab)
    expect(tab.get_by_role("alert")).to_be_hidden()
    expect(tab.locator("#prescription")).to_have_text("Single task: RUL alone")
    assert tab.locator("#path .not-reached").count() == 4


def test_rho_takes_its_bounds_along(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    form = {name: tab.locator(f"#wizard input[name={name}]") for name in ("rho", "low", "high")}

    def typed(**values: str) -> list[str]:
        for name, value in values.items():
            form[name].fill(value)
        drawn(tab)
        return [box.input_value() for box in form.values()]

    typed(rho="0.1")
    assert typed(low="-0.1", high="0.15") == ["0.1", "-0.1", "0.15"]
    assert typed(rho="0.3") == ["0.3", "0.1", "0.35"]
    expect(tab.get_by_role("alert")).to_be_hidden()
    assert typed(rho="") == ["", "0.1", "0.35"]
    expect(tab.get_by_role("alert")).to_be_visible()
    expect(tab.locator("#prescription")).to_be_empty()
    assert typed(rho="-0.95") == ["-0.95", "-1", "-0.9"]  # a cosine has an end
    assert typed(rho="0.3") == ["0.3", "0.1", "0.35"]


@pytest.mark.parametrize(
    ("values", "side"), [(("0.1", "0", "0.15"), 0), (("0.3", "0.2", "0.4"), 1), (("0.3", "0.1", "0.4"), 2)]
)
def test_cases_like_yours_lie_on_the_same_side_of_the_edge(
    visit: Open, explorer: Path, values: tuple[str, str, str], side: int
) -> None:
    tab = visit(explorer)
    for name, value in zip(("rho", "low", "high"), values, strict=True):
        tab.locator(f"#wizard input[name={name}]").fill(value)
    drawn(tab)
    expect(tab.locator("#like")).to_have_text(Study.read().like("study")[side])


def test_the_tree_is_shown_for_the_rule_of_the_source_alone(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    asked = [tab.locator(f"#wizard input[name={name}]") for name in ("ratio", "near_failure_share", "conditions")]
    for rule, visible in (("the source's bands", True), ("validity study", False)):
        tab.get_by_label(rule).check()
        drawn(tab)
        for place in (*asked, tab.locator("#path")):
            expect(place).to_be_visible(visible=visible)
