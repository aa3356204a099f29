"""The trade-off: marks that are clicked and compared, four data sets side by side, published figures and what they lack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from grace.bench.summary import summarise
from grace.report.read import read_results
from tests.browser.conftest import RESULTS, SETS, Open, card, chart, check, data_of, drawn

MARKS = "#pareto-charts article:nth-child({}) .mark-symbol path"


def rows(tab: Page, dataset: str) -> list[list[str]]:
    script = "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText.trim()))"
    found = card(tab, "pareto", dataset).locator("tbody tr").evaluate_all(script)
    return [[text.replace("\u00a0", " ") for text in row] for row in found]


def place(tab: Page, dataset: str, method: str) -> tuple[float, float]:
    """Where the mark of a method stands in the window."""
    tab.locator("#pareto-charts article").nth(SETS.index(dataset)).scroll_into_view_if_needed()
    script = """([selector, method]) => {
      const drawn = [...document.querySelectorAll(selector)].map(mark => [mark, mark.__data__?.datum]);
      const marks = drawn.filter(([, datum]) => datum?.method === method && datum.whose);
      const box = marks.at(-1)[0].getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    }"""
    x, y = tab.evaluate(script, [MARKS.format(SETS.index(dataset) + 1), method])
    return x, y


def joins(tab: Page, dataset: str, one: str, other: str) -> bool:
    """Whether a line joins the marks of two methods in a data set's trade-off; marks may lie on one another."""
    ends = [set(names.split(",")) for names in ends_of_line(tab, dataset)]
    return bool(ends) and ((one in ends[0] and other in ends[1]) or (other in ends[0] and one in ends[1]))


def ends_of_line(tab: Page, dataset: str) -> list[str]:
    """The methods whose marks lie where the line begins, and where it ends."""
    script = """number => {
      const drawn = kind => [...document.querySelectorAll(`#pareto-charts article:nth-child(${number}) .mark-${kind} path`)];
      const line = drawn("line").find(path => path.__data__?.datum?.chosen !== undefined);
      if (!line) return [];
      const [length, at] = [line.getTotalLength(), line.getScreenCTM()];
      return [0, length].map(along => line.getPointAtLength(along).matrixTransform(at)).map(end => {
        const away = mark => {
          const box = mark.getBoundingClientRect();
          return Math.hypot(box.x + box.width / 2 - end.x, box.y + box.height / 2 - end.y);
        };
        const marks = drawn("symbol").filter(mark => away(mark) < 2).map(mark => mark.__data__.datum.method);
        return marks.join();
      });
    }"""
    found: list[str] = tab.evaluate(script, SETS.index(dataset) + 1)
    return found


def compares(tab: Page, dataset: str, method: str, reference: str) -> None:
    """The words under a chart are the paired differences of the records."""
    number = r"([+-]?[\d.]+)"
    interval = rf"{number} \[{number}, {number}\]"
    pattern = rf"(.*) minus (.*): RMSE {interval} cycles \([^)]*\); NASA score {interval} \([^)]*\); 5 seeds\."
    found = re.match(pattern, chart(tab, dataset).locator(".detail").inner_text())
    assert found is not None
    titles = {name: mark["title"] for name, mark in data_of(tab)["methods"].items()}
    assert found.groups()[:2] == (titles[method], titles[reference])
    records = [r for r in read_results(RESULTS / "compact").records if r.spec["dataset"] == dataset]
    for metric, numbers, digit in (("rmse", found.groups()[2:5], 0.011), ("score", found.groups()[5:], 1.1)):
        rows = {row.method: row.difference for row in summarise(records, metric, reference=reference)}
        expected = rows[method]
        assert expected is not None
        assert [float(n) for n in numbers] == pytest.approx([expected.mean, expected.low, expected.high], abs=digit)


@pytest.mark.system
def test_a_click_on_a_mark_compares_its_method_with_baseline(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, height=1400)
    points = [p for p in data_of(tab)["points"] if p["view"] == "honest" and p["method"] == "gradnorm"]
    tab.mouse.click(*place(tab, "FD004", "gradnorm"))
    drawn(tab)
    for point in points:
        detail = chart(tab, point["dataset"]).locator(".detail")
        compares(tab, point["dataset"], "gradnorm", "baseline")
        rmse = f"RMSE {point['rmse_interval']}, SE over engines {point['engines']}"
        expect(detail).to_contain_text(f"GradNorm: {rmse}; NASA score {point['score_interval']}.")
        assert "measurable" in detail.inner_text()
        assert joins(tab, point["dataset"], "gradnorm", "baseline")
    expect(card(tab, "pareto", "FD001").get_by_role("radio", name="GradNorm")).to_be_checked()
    expect(tab.get_by_role("status")).to_contain_text("FD004: GradNorm minus Baseline: RMSE")
    card(tab, "pareto", "FD001").locator("label").first.click()
    drawn(tab)
    expect(chart(tab, "FD002").locator(".detail")).to_contain_text("Baseline is the reference here: RMSE")
    assert ends_of_line(tab, "FD002") == []


@pytest.mark.system
def test_a_second_mark_is_compared_with_the_first_and_a_third_begins_again(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, height=1400)
    for method in ("gradnorm", "amnl"):
        tab.mouse.click(*place(tab, "FD001", method))
        drawn(tab)
    for dataset in SETS:
        compares(tab, dataset, "amnl", "gradnorm")
        assert joins(tab, dataset, "amnl", "gradnorm")
        for name in ("AMNL", "GradNorm"):
            expect(chart(tab, dataset).locator("svg").get_by_text(name, exact=True)).to_have_count(1)
    expect(tab.get_by_role("combobox", name="Reference")).to_have_value("gradnorm")
    tab.mouse.click(*place(tab, "FD001", "dwa"))
    drawn(tab)
    expect(chart(tab, "FD001").locator(".detail")).to_contain_text("DWA minus Baseline: RMSE")
    expect(tab.get_by_role("combobox", name="Reference")).to_have_value("")


def test_the_chosen_methods_bars_alone_are_drawn(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    # of the chosen method: an interval of its RMSE and one of its score; the frames and grids are no marks
    script = """selector => [...document.querySelectorAll(selector)].map(rule => rule.__data__?.datum?.method)"""
    drawn_bars = tab.evaluate(script, "#pareto-charts article:nth-child(2) .mark-rule.role-mark line")
    assert drawn_bars == ["grace", "grace"]


def test_four_data_sets_stand_side_by_side(visit: Open, explorer: Path) -> None:
    tab = visit(explorer, 1280)
    boxes = [box for one in tab.locator("#pareto-charts article").all() if (box := one.bounding_box())]
    assert len(boxes) == 4
    assert len({box["y"] for box in boxes}) == 1
    for one in tab.locator("#pareto-charts svg:not(.swatch)").all():
        box = one.bounding_box()
        assert box is not None
        assert box["width"] > 230


def test_the_list_and_the_chart_hold_the_points_of_the_view(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    data = data_of(tab)

    def expected(dataset: str, view: str) -> list[list[str]]:
        found = [p for p in data["points"] if p["dataset"] == dataset and p["view"] == view]
        found.sort(key=lambda p: list(data["methods"]).index(p["method"]))
        notes = [
            ", ".join(["frontier"] * ("frontier" in p) + ["reference"] * (p["method"] == "baseline")) for p in found
        ]
        return [
            [
                f"{data['methods'][p['method']]['title']} {note}".strip(),
                p["rmse_interval"],
                p["engines"],
                p["score_interval"],
            ]
            for p, note in zip(found, notes, strict=True)
        ]

    assert rows(tab, "FD001") == expected("FD001", "honest")
    check(tab, "labels", "uncapped")
    assert rows(tab, "FD001") == expected("FD001", "honest-uncapped")
    check(tab, "protocol", "source")
    assert rows(tab, "FD004") == expected("FD004", "source")
    expect(tab.locator("#caution")).to_contain_text("optimistic")
    expect(tab.locator("#labels input").first).to_be_disabled()
    check(tab, "protocol", "honest")
    assert rows(tab, "FD001") == expected("FD001", "honest-uncapped")
    expect(tab.locator("#caution")).to_be_hidden()


def test_published_figures_beside_ours(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    check(tab, "whose", "published")
    assert rows(tab, "FD003") == [
        ["Baseline published, frontier, reference", "11.53, no SD given", "", "211.8"],
        ["DWA published", "not given", "", "not given"],
        ["GradNorm published", "not given", "", "not given"],
        ["Uncertainty published", "not given", "", "not given"],
        ["AMNL published", "9.51, SD 1.74", "", "not given"],
        ["GABA published", "11.96, no SD given", "", "not given"],
        ["GRACE published", "13.12, no SD given", "", "223"],
    ]
    detail = chart(tab, "FD003").locator(".detail")
    expect(detail).to_contain_text(
        "Published: GRACE RMSE 13.12, no SD given, score 223; Baseline RMSE 11.53, no SD given"
    )
    expect(tab.locator("#caution")).to_contain_text("chosen on the test set; ours here were not")
    marks = tab.locator(MARKS.format(3))
    assert marks.count() == 4  # two with both figures, two on the edge, as the source gives their RMSE alone
    tab.mouse.click(*place(tab, "FD003", "amnl"))
    drawn(tab)
    expect(detail).to_contain_text("Published: AMNL RMSE 9.51, SD 1.74, score not given")
    assert tab.locator(MARKS.format(2)).count() == 7  # on FD002 all seven have one figure at least
    assert rows(tab, "FD002")[1] == ["DWA published", "not given", "", "234.4"]
    check(tab, "whose", "both")
    assert len(rows(tab, "FD003")) == 16
    assert marks.count() == 13


def test_single_seeds_and_data_sets_can_be_switched(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    marks = tab.locator(MARKS.format(1))
    assert marks.count() == 9
    tab.get_by_label("each seed").check()
    drawn(tab)
    assert marks.count() == 9 + 9 * 5
    tab.get_by_role("checkbox", name="FD002").uncheck()
    drawn(tab)
    for cards in ("pareto-charts", "pareto-cards", "cost-cards", "diagnosis-cards"):
        assert [c.is_visible() for c in tab.locator(f"#{cards} article").all()] == [True, False, True, True]
    tab.get_by_role("checkbox", name="FD002").check()
    drawn(tab)
    width = "e => e.querySelector('svg').getBoundingClientRect().width / e.clientWidth"
    assert chart(tab, "FD002").evaluate(width) > 0.8
