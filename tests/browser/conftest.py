"""A real browser, one a worker, and pages opened from files with every other request refused and noted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, sync_playwright

from grace.report.page import page
from grace.report.read import read_results

PANELS = ["answers", "findings", "tradeoff", "cost", "diagnosis", "training", "about"]
RESULTS = Path(__file__).parents[2] / "results"
SETS = ["FD001", "FD002", "FD003", "FD004"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        absent = pytest.fail if os.environ.get("GRACE_BROWSER") == "required" else pytest.skip
        absent("no chromium on the path; Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the committed records of `compact`, whose marks lie apart so that they can be clicked."""
    path = tmp_path_factory.mktemp("explorer") / "report.html"
    path.write_text(page(read_results(RESULTS / "compact", RESULTS / "diagnosis")))
    return path


@pytest.fixture(scope="session")
def of_statistics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the committed records of the default network, and of its diagnoses."""
    path = tmp_path_factory.mktemp("statistics") / "report.html"
    path.write_text(page(read_results(RESULTS, RESULTS / "diagnosis" / "default")))
    return path


@dataclass
class Seen:
    """What pages did that they should not: requests, complaints on the console, errors, dialogs."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


class Open(Protocol):
    def __call__(
        self,
        path: Path,
        width: int = 1280,
        height: int = 900,
        comparison: str = "tradeoff",
        address: str = "",
        **options: Any,
    ) -> Page: ...


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def visit(browser: Browser, seen: Seen) -> Iterator[Open]:
    """Open a page and wait until it is drawn; at the end it has asked for nothing and complained of nothing."""
    contexts = []

    def refuse(route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            seen.requests.append(route.request.url)
            route.abort()

    def opened(
        path: Path,
        width: int = 1280,
        height: int = 900,
        comparison: str = "tradeoff",
        address: str = "",
        **options: Any,
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.route("**/*", refuse)
        tab = context.new_page()
        tab.set_default_timeout(30_000)
        tab.on("console", lambda message: seen.complaints.append(message.text))
        tab.on("pageerror", lambda error: seen.complaints.append(str(error)))
        tab.on("dialog", lambda dialog: (seen.complaints.append(dialog.message), dialog.dismiss()))
        tab.goto(f"{path.as_uri()}{address}")
        drawn(tab)
        # a window as narrow as a phone's shows it in one panel alone, folded
        tab.locator(f"#views input[name=comparison][value={comparison}]").evaluate("input => input.click()")
        drawn(tab)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert seen == Seen()


def drawn(tab: Page) -> None:
    """Wait until nothing is being drawn."""
    tab.wait_for_selector("body[aria-busy=false]")


def show(tab: Page, panel: str) -> None:
    """Go to a panel by its link."""
    tab.locator(f"#panels a[href='#{panel}']").click()
    drawn(tab)


def data_of(tab: Page) -> Any:
    """The data that the page holds."""
    return tab.evaluate("graceData")


def card(tab: Page, panel: str, dataset: str) -> Locator:
    """The card of a data set in a panel."""
    return tab.locator(f"#{panel}-cards article", has=tab.get_by_role("heading", name=dataset, exact=True))


def chart(tab: Page, dataset: str) -> Locator:
    """The card with the comparison of a data set as a picture and in words; its list is a card of the panel ``pareto``."""
    return tab.locator("#pareto-charts article", has=tab.get_by_role("heading", name=dataset, exact=True))


def check(tab: Page, name: str, value: str) -> None:
    """Choose what all panels show."""
    tab.locator(f"#views input[name={name}][value={value}]").check()
    drawn(tab)
