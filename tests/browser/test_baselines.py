"""Runs without epochs on the page: a baseline is shown by its test engines."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from grace.report.page import page
from grace.report.read import read_results
from tests.browser.conftest import Open
from tests.command import grace


def test_a_baseline_has_engines_and_no_epochs(visit: Open, tmp_path: Path) -> None:
    grid = ["--datasets", "simulated", "--methods", "rul-only,ridge", "--seeds", "1", "--size", "tiny"]
    assert grace("bench", "run", *grid, "--to", "sweep", "--jobs", "1", cwd=tmp_path).returncode == 0
    (tmp_path / "report.html").write_text(page(read_results(tmp_path / "sweep")))
    tab = visit(tmp_path / "report.html")
    tab.locator("#run select[name=method]").select_option(label="Ridge regression")
    expect(tab.locator("#run-words")).to_contain_text("Fitted in one go, without epochs. Test RMSE")
    expect(tab.locator("#epoch-cards article:visible")).to_have_count(0)
    expect(tab.locator("#engine-words")).to_contain_text("cycles predicted")
    tab.locator("#run select[name=method]").select_option(label="RUL alone")
    expect(tab.locator("#run-words")).to_contain_text("was kept")
    expect(tab.locator("#epoch-cards article:visible").first).to_be_visible()
