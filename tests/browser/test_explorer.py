"""The page as its readers have it: clicked, typed at, narrow, dark, printed, read aloud."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from grace.report.page import page
from grace.report.read import Results
from tests.browser.conftest import PANELS, Open, card, chart, check, data_of, drawn, show
from tests.report.records import sweep

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\"'&\u202eright to left " + "long" * 60


def test_methods_can_be_chosen_by_keyboard(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    chosen = card(tab, "pareto", "FD002").locator("input:checked")
    assert chosen.get_attribute("value") == "grace"
    chosen.focus()
    tab.keyboard.press("ArrowUp")
    drawn(tab)
    assert chosen.get_attribute("value") == "gaba"
    assert tab.evaluate("document.activeElement.value") == "gaba"
    expect(chart(tab, "FD003").locator(".detail")).to_contain_text("GABA minus Baseline")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.name") == "method-2"


def test_every_control_is_reached_by_tab(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    reached = set()
    for _ in range(90):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("(e => e.id || e.name || e.value || e.textContent)(document.activeElement)"))
    wanted = {
        "theme",
        "dataset",
        "whose",
        "protocol",
        "labels",
        "seeds",
        "method-0",
        "method-3",
        "price",
        "50",
        "filled",
    }
    assert wanted | {"rule", "rho", "recipe", "engine"} <= reached


def test_the_card_says_which_rul_alone_each_method_is_compared_with(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    notes = card(tab, "diagnosis", "FD001").locator(".note")
    assert notes.all_inner_texts() == [
        "Against RUL alone under plain MSE: Baseline, DWA, GradNorm, Uncertainty, GABA.",
        "Against RUL alone under weighted MSE: AMNL, GRACE.",
    ]


@pytest.mark.system
def test_a_run_and_its_engines(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    data = data_of(tab)
    form = tab.locator("#run")
    for name, value in (("dataset", "FD003"), ("method", "gaba"), ("seed", "789"), ("engine", "17")):
        form.locator(f"select[name={name}]").select_option(value)
        drawn(tab)
    (run,) = (r for r in data["runs"] if (r["dataset"], r["method"], r["seed"]) == ("FD003", "gaba", 789))
    engines = data["engines"][run["engines"]]
    at = engines["engine"].index(17)
    true, rul = min(engines["true"][at], 125), run["rul"][at]
    words = tab.locator("#engine-words")
    expect(words).to_contain_text(f"Engine 17: {rul:.1f} cycles predicted, 90 % interval")
    expect(words).to_contain_text(
        f"true RUL {true} (capped): {abs(rul - true):.1f} cycles {'late' if rul > true else 'early'}"
    )
    expect(tab.locator("#run-words")).to_contain_text(f"Test RMSE {run['figures']['honest'][0]:.2f} cycles")
    late = sum(r > min(t, 125) for r, t in zip(run["rul"], engines["true"], strict=True))
    marks = tab.locator("#engine-cards .mark-symbol path")
    fills = marks.evaluate_all("marks => marks.map(mark => mark.style.fill || mark.getAttribute('fill'))")
    assert fills.count("var(--late)") == 2 * late
    assert fills.count("var(--early)") == 2 * (100 - late)
    assert tab.locator("#epoch-cards article:visible").count() == 6
    form.locator("select[name=method]").select_option("rul-only")
    drawn(tab)
    assert tab.locator("#epoch-cards article:visible").count() == 4  # no Gramian, so no ratio and no rho
    check(tab, "labels", "uncapped")
    expect(words).not_to_contain_text("capped")


@pytest.mark.parametrize("width", [320, 380, 768, 1280, 1920])
def test_nothing_is_wider_than_the_window(visit: Open, explorer: Path, width: int) -> None:
    tab = visit(explorer, width)
    tab.locator("#views input[name=whose][value=both]").evaluate("input => input.click()")
    drawn(tab)
    for panel in PANELS if width < 640 else PANELS[2:3]:
        show(tab, panel)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        for svg in tab.locator(".chart svg:visible").all():
            box = svg.bounding_box()
            assert box is not None
            assert box["width"] > 150
            assert box["x"] + box["width"] <= width
        clipped = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText.slice(0, 40))"
        assert tab.locator(".scroll:visible, .card:visible, p:visible").evaluate_all(clipped) == []
        beyond = """texts => texts.filter(text => {
          const [mine, whole] = [text, text.closest("svg")].map(one => one.getBoundingClientRect());
          return mine.left < whole.left - 1 || mine.right > whole.right + 1;
        }).map(text => text.textContent)"""
        assert tab.locator(".chart svg:visible text").evaluate_all(beyond) == []


SEEN = [("light", 380), ("dark", 380), ("dark", 768), ("light", 1280), ("dark", 1280), ("light", 1920)]


@pytest.mark.system
@pytest.mark.parametrize(("scheme", "width"), SEEN)
def test_axe_finds_nothing_against_wcag_aa(visit: Open, explorer: Path, scheme: str, width: int) -> None:
    tab = visit(explorer, width, color_scheme=scheme)
    tab.locator("#views input[name=whose][value=both]").evaluate("input => input.click()")
    drawn(tab)
    tags = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    for panel in PANELS if width < 640 else PANELS[:1]:
        show(tab, panel)
        found = Axe().run(tab, options=tags).response
        assert [(v["id"], v["nodes"][0]["target"], v["nodes"][0]["failureSummary"]) for v in found["violations"]] == []
        assert len(found["passes"]) > (20 if width > 640 else 10)


def test_dark_and_light(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    axis = "getComputedStyle(document.querySelector('#pareto-charts .role-axis-title text')).fill"
    button = tab.get_by_role("button", name="Dark")
    expect(button).to_have_attribute("aria-pressed", "true")
    dark = tab.evaluate(ground), tab.evaluate(axis)
    button.click()
    light = tab.evaluate(ground), tab.evaluate(axis)
    assert dark == ("rgb(18, 22, 27)", "rgb(237, 241, 244)")
    assert light == ("rgb(245, 247, 248)", "rgb(23, 32, 42)")


def test_on_paper_it_is_light_and_has_no_controls(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, color_scheme="dark")
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(23, 32, 42)"
    assert not tab.locator("#views").is_visible()
    assert tab.locator("#pareto-charts svg").count() == 4
    assert tab.pdf().startswith(b"%PDF")


def test_the_default_network_has_intervals_of_its_own_width_and_another_edge(visit: Open, of_statistics: Path) -> None:
    tab = visit(of_statistics)
    data = data_of(tab)
    tab.locator("#run select[name=dataset]").select_option("FD001")
    drawn(tab)
    form = {name: tab.locator(f"#run select[name={name}]").input_value() for name in ("dataset", "method", "seed")}
    (run,) = (r for r in data["runs"] if {name: str(r[name]) for name in form} == form)
    assert len(set(run["widths"])) > 10
    expect(tab.locator("#run-words")).to_contain_text(f"is ± {run['half']} cycles on average")
    expect(tab.locator("#engine-words")).to_contain_text("90 % interval")
    expect(tab.locator("#bands")).to_contain_text("labels follow RUL (rho +0.00 to +1.00)")
    expect(tab.locator("#showed")).to_contain_text("for statistics on windows of 60 the edge is 0.")


@pytest.mark.system
def test_two_loads_look_the_same_and_a_choice_shows(visit: Open, explorer: Path) -> None:
    first, second = (visit(explorer).locator("#pareto-charts .chart").first for _ in range(2))
    before = first.screenshot()
    assert before == second.screenshot()
    assert len(before) > 8_000  # a blank card is far smaller
    card(second.page, "pareto", "FD001").get_by_role("radio", name="AMNL").check()
    drawn(second.page)
    assert before != second.screenshot()


@pytest.mark.system
@pytest.mark.parametrize("width", [380, 1280])
def test_hostile_names_are_shown_as_text(visit: Open, tmp_path: Path, width: int) -> None:
    runs = sweep(HOSTILE, {"baseline": (12.0, 12.1), HOSTILE: (11.0, 11.2), "rul-only": (12.0, 12.1)})
    path = tmp_path / "hostile.html"
    path.write_text(page(Results(tuple(runs), (), ((f"{HOSTILE}.json", "<b>damaged</b>"),))))
    tab = visit(path, width)
    show(tab, "tradeoff")
    expect(tab.locator("#pareto-cards h3")).to_have_text(HOSTILE)
    expect(tab.locator("#left-out li")).to_have_text(f"{HOSTILE}.json: <b>damaged</b>")
    tab.locator("#pareto-cards input").nth(2).check()
    drawn(tab)
    again = visit(path, width, address=tab.evaluate("location.hash"))
    expect(again.locator("#pareto-cards input").nth(2)).to_be_checked()
    assert again.evaluate("document.documentElement.scrollWidth") <= width
    show(tab, "training")
    tab.locator("#run select[name=method]").select_option(HOSTILE)
    drawn(tab)
    assert tab.locator("img").count() == 0
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
