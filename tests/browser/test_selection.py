"""One selection in all panels and in the address, the back button, and nothing under what sticks to the top."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PANELS, SETS, Open, card, chart, check, data_of, drawn, show


def place(tab: Page) -> str:
    found: str = tab.evaluate("location.hash")
    return found


def run_form(tab: Page) -> list[str]:
    return [tab.locator(f"#run select[name={name}]").input_value() for name in ("dataset", "method", "seed", "engine")]


def test_an_address_selects_in_all_panels(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, comparison="differences", address="#FD003/gaba/rul-only/789/17/cost")
    assert run_form(tab) == ["FD003", "gaba", "789", "17"]
    expect(tab.locator("#engine-words")).to_contain_text("Engine 17:")
    for dataset in SETS:
        expect(card(tab, "pareto", dataset).get_by_role("radio", name="GABA")).to_be_checked()
        expect(card(tab, "cost", dataset).locator("tr.chosen bdi")).to_have_text("GABA")
        expect(chart(tab, dataset).locator(".detail")).to_contain_text("GABA minus RUL alone: RMSE")
    assert tab.locator("#filled option:checked").inner_text() == "FD003, joint"
    expect(tab.locator("article.selected h3").first).to_have_text("FD003")
    expect(tab.get_by_role("combobox", name="Reference")).to_have_value("rul-only")
    box = tab.locator("#cost-title").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 450


@pytest.mark.system
def test_each_choice_is_kept_and_the_back_button_takes_it_back(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, height=1400, comparison="differences")
    check(tab, "labels", "uncapped")
    check(tab, "labels", "capped")
    assert place(tab) == ""  # what all panels show is no part of the selection
    first = run_form(tab)
    card(tab, "pareto", "FD002").get_by_role("radio", name="AMNL").check()
    drawn(tab)
    engine = run_form(tab)[3]
    assert place(tab) == f"#FD002/amnl/-/42/{engine}/tradeoff"
    assert run_form(tab)[:3] == ["FD002", "amnl", "42"]
    tab.get_by_role("combobox", name="Reference").select_option("rul-only")
    drawn(tab)
    tab.locator("#run select[name=seed]").select_option("1024")
    drawn(tab)
    assert place(tab).startswith("#FD002/amnl/rul-only/1024/")
    assert place(tab).endswith("/training")
    tab.locator("#engine-cards .mark-symbol path").nth(3).click()
    drawn(tab)
    chosen = run_form(tab)[3]
    assert place(tab) == f"#FD002/amnl/rul-only/1024/{chosen}/training"
    tab.locator("#filled").select_option(label="FD004, init")
    drawn(tab)
    assert run_form(tab)[:2] == ["FD004", "amnl"]
    tab.go_back()
    drawn(tab)
    assert run_form(tab) == ["FD002", "amnl", "1024", chosen]
    assert tab.locator("#filled option:checked").inner_text() == "FD002, init"
    for _ in range(3):
        tab.go_back()
        drawn(tab)
    assert run_form(tab) == ["FD002", "amnl", "42", engine]
    expect(tab.get_by_role("combobox", name="Reference")).to_have_value("")
    tab.go_back()
    drawn(tab)
    assert run_form(tab) == first
    tab.go_forward()
    drawn(tab)
    assert place(tab) == f"#FD002/amnl/-/42/{engine}/tradeoff"
    expect(card(tab, "pareto", "FD003").get_by_role("radio", name="AMNL")).to_be_checked()


@pytest.mark.parametrize(
    "address",
    ["#", "#nothing", "#FD009/x/y/z", "#%E0%A4%A", "#FD001/toString/__proto__/-1/1e9/theme", "#///////", "#cost"],
)
def test_an_address_that_says_nothing_changes_nothing(visit: Open, explorer: Path, address: str) -> None:
    tab = visit(explorer, comparison="differences", address=address)
    assert run_form(tab)[:3] == ["FD001", "grace", "42"]
    expect(card(tab, "pareto", "FD001").get_by_role("radio", name="GRACE")).to_be_checked()


@pytest.mark.system
def test_a_method_without_a_run_here_is_said_to_have_none(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, comparison="differences", address="#FD001/health-only/-/42")
    expect(tab.locator("#run-words")).not_to_contain_text("No run")  # of a method that the page does not know
    tab = visit(explorer, comparison="differences", address="#FD003/grace/-/43")
    assert run_form(tab)[2] == "42"


@pytest.mark.parametrize(("width", "height"), [(380, 760), (768, 900), (1280, 800), (1920, 1000)])
def test_no_heading_lies_under_what_sticks(visit: Open, explorer: Path, width: int, height: int) -> None:
    tab = visit(explorer, width, height, comparison="differences", reduced_motion="reduce")
    for panel in PANELS:
        show(tab, panel)
        assert place(tab).endswith(f"/{panel}")
        assert hidden(tab, f"#{panel}-title") == []
        if width < 640:
            assert tab.locator("main > section:visible").evaluate_all("found => found.map(one => one.id)") == [panel]
            expect(tab.locator(f"#panels a[href='#{panel}']")).to_have_attribute("aria-current", "true")
            assert tab.evaluate("document.documentElement.scrollHeight") < 4_000


@pytest.mark.parametrize("panel", ["cost", "training"])
def test_nor_does_that_of_an_address_that_is_opened(visit: Open, explorer: Path, panel: str) -> None:
    """It did: the page scrolled before it knew how much its toolbar covers."""
    tab = visit(explorer, 1280, 800, comparison="differences", address=f"#FD003/grace/-/42/-/{panel}")
    assert tab.evaluate("scrollY") > 0
    assert hidden(tab, f"#{panel}-title") == []


def hidden(tab: Page, selector: str) -> list[str]:
    """What of these lies outside the window or under something else, at its top."""
    script = """found => found.filter(one => {
      const box = one.getBoundingClientRect();
      const at = document.elementFromPoint(box.x + Math.min(8, box.width / 2), box.y + Math.min(8, box.height / 2));
      return !at || !(one.contains(at) || at.contains(one));
    }).map(one => one.outerHTML.slice(0, 80))"""
    names: list[str] = tab.locator(selector).evaluate_all(script)
    return names


@pytest.mark.parametrize("width", [380, 1280])
def test_shift_and_tab_show_what_they_reach(visit: Open, explorer: Path, width: int) -> None:
    tab = visit(explorer, width, 800, comparison="differences", reduced_motion="reduce")
    show(tab, "training" if width < 640 else "about")
    backwards = []
    for _ in range(40):
        tab.keyboard.press("Shift+Tab")
        backwards += hidden(tab, ":focus")
    assert backwards == []


@pytest.mark.system
def test_on_a_phone_one_data_set_is_shown(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, 380, 760, comparison="differences")
    for panel in ("tradeoff", "cost", "diagnosis"):
        show(tab, panel)
        for dataset in ("FD002", "FD004"):
            tab.get_by_role("button", name=dataset, exact=True).click()
            drawn(tab)
            shown = tab.locator(f"#{panel} article:visible h3").all_inner_texts()
            assert set(shown) == {dataset}
    tab.set_viewport_size({"width": 1280, "height": 900})
    drawn(tab)
    expect(tab.locator("#pareto-charts article:visible")).to_have_count(4)
    expect(tab.locator("#settings fieldset").first).to_be_visible()
    assert len(data_of(tab)["datasets"]) == 4
