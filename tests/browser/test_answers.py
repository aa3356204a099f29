"""What a stranger sees first: what to train and how sure that is, then every method against it, paired."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from grace.bench.summary import summarise
from grace.report.read import read_results
from tests.browser.conftest import RESULTS, SETS, Open, card, chart, data_of, drawn


@pytest.mark.system
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (380, 760)])
def test_what_to_train_and_how_sure_stands_on_the_first_screen(
    visit: Open, of_statistics: Path, width: int, height: int
) -> None:
    tab = visit(of_statistics, width, height, comparison="differences")
    tab.evaluate("scrollTo(0, 0)")
    for answer in data_of(tab)["answers"]:
        shown = tab.locator("#answer-cards details", has=tab.get_by_role("heading", name=answer["dataset"], exact=True))
        for words in (answer["headline"], answer["brief"]):
            box = shown.get_by_text(words, exact=True).bounding_box()
            assert box is not None
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= height
    first = tab.locator("#answer-cards details").first
    if width < 640:
        expect(first.locator("pre")).to_be_hidden()
        first.locator("summary").click()
    expect(first.locator("pre")).to_be_visible()
    expect(first).to_contain_text("grace train FD001 --data cmapss --method rul-only")


@pytest.mark.system
def test_differences_to_what_is_advised_come_first(visit: Open, of_statistics: Path) -> None:
    tab = visit(of_statistics, height=1400, comparison="differences")
    records = [record for record in read_results(RESULTS, None).records if record.spec["protocol"] == "honest"]
    for answer in data_of(tab)["answers"]:
        dataset, rows = answer["dataset"], card(tab, "pareto", answer["dataset"]).locator("tbody tr")
        mine = [record for record in records if record.spec["dataset"] == dataset]
        for row in summarise(mine, "rmse", reference=answer["method"]):
            cell = rows.filter(has=tab.locator(f"input[value='{row.method}']")).locator("td").nth(1)
            if row.difference is None:
                expect(cell).to_have_text("the reference")
            else:
                shown = re.findall(r"[+-]?[0-9.]+", cell.inner_text())
                ends = (row.difference.mean, row.difference.low, row.difference.high)
                assert [float(number) for number in shown] == pytest.approx(ends, abs=0.006)


def test_any_method_can_be_the_reference(visit: Open, of_statistics: Path) -> None:
    tab = visit(of_statistics, comparison="differences")
    tab.get_by_role("combobox", name="Reference").select_option("grace")
    drawn(tab)
    expect(card(tab, "pareto", "FD002").get_by_text("the reference").first).to_be_visible()
    card(tab, "pareto", "FD002").get_by_role("radio", name="Baseline").check()
    drawn(tab)
    detail = chart(tab, "FD002").locator(".detail")
    expect(detail).to_contain_text("Baseline minus GRACE: RMSE ")
    expect(detail).to_contain_text("5 seeds.")
    expect(tab.get_by_role("status")).to_contain_text("FD002: Baseline minus GRACE")


def test_a_click_on_a_mark_chooses_its_method_and_scales_are_shared(visit: Open, of_statistics: Path) -> None:
    tab = visit(of_statistics, height=1400, comparison="differences")
    marks = chart(tab, "FD001").locator(".pair .chart").first.locator(".mark-symbol path")
    assert marks.count() == len({point["method"] for point in data_of(tab)["points"]})
    marks.nth(1).click()
    drawn(tab)
    expect(card(tab, "pareto", "FD001").get_by_role("radio", name="DWA")).to_be_checked()
    ticks = [
        tuple(chart(tab, dataset).locator(".pair .chart").first.locator(".role-axis-label text").all_text_contents())
        for dataset in SETS
    ]
    assert len(set(ticks)) == 1
