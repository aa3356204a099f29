"""Runs with tasks beside RUL on the page: their losses and weights by name, and how well each is predicted."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

import grace
from grace.data.tasks import HEALTH
from grace.report.page import page
from grace.report.read import read_results
from grace.training.record import task_line
from grace.training.run import train
from tests.browser.conftest import Open
from tests.training.labelled import FUTURE, SOH, few_failures, spec_of


def test_tasks_have_lines_and_figures(visit: Open, tmp_path: Path) -> None:
    test = grace.simulate(grace.Simulation(engines=12, test_engines=4))[1]
    one = train(spec_of("grace", tasks=(SOH, HEALTH, FUTURE), measure_every=3), few_failures(), test).record
    usual = train(spec_of("baseline", tasks=(HEALTH,)), few_failures(), test).record
    for record in (one, usual):
        record.write(tmp_path / "records")
    (tmp_path / "report.html").write_text(page(read_results(tmp_path / "records")))
    tab = visit(tmp_path / "report.html")
    expect(tab.locator("#run-words")).to_contain_text(f"On held-out engines: soh: {task_line(one.tasks['soh'])}")
    tasks = tab.locator("#epoch-cards [aria-label^='losses of tasks']")
    expect(tasks).to_be_visible()
    tab.locator("#run select[name=method]").select_option(label="Baseline")
    expect(tab.locator("#run-words")).to_contain_text("was kept")
    expect(tab.locator("#run-words")).not_to_contain_text("Told of")
    expect(tasks).to_be_hidden()
