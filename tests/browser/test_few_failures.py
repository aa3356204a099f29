"""Fleets with few failures on the page: the ways by name, the same figures as in the records, hidden where there are none."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from grace.bench.ways import WAYS, ways
from grace.report.page import page
from grace.report.read import FEW_FAILURES, read_results
from tests.bench.test_ways import of
from tests.browser.conftest import Open, show
from tests.report.records import sweep

RMSE = {"RUL alone": (20.0, 22.0), "+ inspections": (18.0, 19.0), "+ bound": (21.0, 23.5), "+ both": (17.5, 21.0)}


def test_ways_are_drawn_and_told(visit: Open, tmp_path: Path) -> None:
    for one in sweep("simulated", {"baseline": (12.0, 13.0)}):
        one.write(tmp_path / "records")
    (tmp_path / "report.html").write_text(page(read_results(tmp_path)))
    tab = visit(tmp_path / "report.html")
    expect(tab.locator("#few-failures")).to_be_hidden()
    expect(tab.locator("nav a[href='#few-failures']")).to_be_hidden()
    records = [of(name, seed, value) for name, values in RMSE.items() for seed, value in enumerate(values, 1)]
    for one in records:
        one.write(tmp_path / FEW_FAILURES)
    (tmp_path / "report.html").write_text(page(read_results(tmp_path)))
    tab = visit(tmp_path / "report.html", width=360)
    show(tab, "few-failures")
    expect(tab.locator("#few-failures")).to_be_visible()
    expect(tab.locator("nav a[href='#few-failures']")).to_be_visible()
    shown = tab.locator("#few-failures tbody tr")
    assert shown.locator("th").all_text_contents() == list(WAYS)
    for row, way in zip(shown.all(), ways(records), strict=True):
        words = [f"{way.rmse.mean:.2f}"]
        if way.difference is not None:
            words.append(way.difference.text(2, "+").replace(", ", ",\u00a0"))
        assert row.locator("td").all_text_contents()[: len(words)] == words
    chart = tab.locator("#few-failures [role=img] svg")
    for name in WAYS:
        expect(chart.get_by_text(name, exact=True)).to_be_visible()
    # three intervals and a line at 0; a dot each way
    assert chart.locator(".mark-symbol.role-mark path").count() == 4
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
