"""Figures of the pages: tables are what their scripts write, verdicts agree, and no figure stands without a source."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from grace.bench.summary import METRICS, summarise
from grace.bench.tables import cells
from grace.controllers.titles import TITLES
from grace.report.chart import digest
from studies import publish
from tests.docs.figures import IN_CAPS, ROOT, SETS, every_record, gap, study

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONVENTIONS = {"commands.md", "conventions.md", "decision.md", "reference.md"}
"""Pages that state conventions and options, not results."""

OF_MANY = {"README.md", "log.md", "training.md"}
"""Pages whose sections have sources of their own."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> object:
    """A benchmark that writes blocks of a page."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    name = f"{request.param}"
    sys.modules.pop(name, None)
    found = importlib.import_module(name)
    yield found
    sys.modules.pop(name, None)


def block(page: str, name: str) -> str:
    return (ROOT / "docs" / page).read_text().split(f"<!-- {name} -->\n")[1].split(f"<!-- end {name} -->")[0]


@pytest.mark.system
@pytest.mark.parametrize("script", ["results"], indirect=True)
def test_the_tables_of_the_runs_are_those_of_the_records(script: object) -> None:
    for name, made in script.blocks(ROOT).items():  # type: ignore[attr-defined]
        assert block("results.md", name) == made, f"{name}: run python benchmarks/results.py"


@pytest.mark.system
@pytest.mark.parametrize("script", ["results"], indirect=True)
def test_the_forest_plot_shows_the_differences_of_the_records(script: object) -> None:
    figures = importlib.import_module("result_figures")
    parts = script.compared(ROOT)  # type: ignore[attr-defined]
    shown = {row["mean"] for of in parts.values() for name, found in of.items() for row in figures.rows(name, found)}
    for size, method, reference in (
        ("statistics", "grace", "baseline"), ("compact", "grace", "baseline"), ("compact", "grace", "rul-only-weighted"),
        (IN_CAPS, "fixed-0.01", "rul-only"), (IN_CAPS, "fixed-0.5", "rul-only"),
    ):  # fmt: skip
        assert {round(gap(size, d, method, reference).mean, 4) for d in SETS} <= shown
    every = [one for of in parts.values() for found in of.values() for one in found.values()]
    low, high = figures.DOMAIN
    assert low < min(one.low for one in every) < max(one.high for one in every) < high  # nothing is cut off
    for name in ("forest.svg", "forest-dark.svg"):
        assert digest(figures.forest(parts)) in (ROOT / "docs" / "figures" / name).read_text()


@pytest.mark.system
def test_the_tables_of_the_study_are_those_of_its_records() -> None:
    for name, made in publish.blocks(study()).items():
        assert block("validity.md", name) == made, f"{name}: run python -m studies publish"


@pytest.mark.parametrize("script", ["diagnoses"], indirect=True)
def test_the_tables_of_the_diagnoses_are_those_of_the_results(script: object) -> None:
    for name, made in script.tables().items():  # type: ignore[attr-defined]
        assert block("diagnosis.md", name) == made, f"{name}: run python benchmarks/diagnoses.py --tables"


@pytest.mark.parametrize(("size", "differences"), [("statistics", 44), ("compact", 32)])
def test_every_verdict_of_the_page_of_results_is_that_of_the_summary(size: str, differences: int) -> None:
    """Bold in a table of differences, and the verdict's own column, say what `summarise` says, line by line."""
    table = block("results.md", f"table_{size}")
    parts = [part for part in re.split(r"^\*\*", table, flags=re.M) if "honest protocol" in part]
    assert len(parts) == len(METRICS)
    seen = 0
    for metric, part in zip(METRICS, parts, strict=True):
        lines = [
            [c.strip() for c in line.strip("|\n").split("|")]
            for line in part.splitlines()
            if re.match(r"\| FD\d", line)
        ]
        for line, row in zip(lines, summarise(every_record(size), metric), strict=True):
            assert line[:2] == [row.dataset, TITLES[row.method]]
            assert line == [*cells(row, metric)]
            low, high = (
                (float(v) for v in re.findall(r"[+-]\d+\.?\d*", line[6].split("[")[1]))
                if "[" in line[6]
                else (0.0, 0.0)
            )
            told = line[7].split(" ")[0]
            if row.verdict in ("lower", "higher") and low * high > 0:  # a printed 0 says nothing of the side
                assert told == ("lower" if high < 0 else "higher")
            assert told in (row.verdict, "-" if not row.verdict else row.verdict)
            seen += bool(row.verdict)
    assert seen == differences * len(METRICS)


FIGURE = re.compile(r"(?<![\w./-])[+-]?\d+\.\d+(?![\w.]*\d*[A-Za-z/])|(?<![\w.])\d+ %")
COMMAND = re.compile(r"`(python |pytest|grace |benchmarks/|examples/)[^`]*`|```sh")


def unsourced(page: Path) -> list[str]:
    """Sections that state figures and name no command, on a page whose opening names none for the whole of it."""
    text = re.sub(r"<!-- (\w+) -->\n.*?<!-- end \1 -->", "", page.read_text(), flags=re.S)
    sections = re.split(r"^(?=#)", re.sub(r"^```(?!sh).*?^```$", "", text, flags=re.M | re.S).lstrip(), flags=re.M)
    opening = next(section for section in sections if section)
    if page.name not in OF_MANY and COMMAND.search(opening):
        return []
    return [s.splitlines()[0] for s in sections if FIGURE.search(s) and not COMMAND.search(s)]


@pytest.mark.parametrize("page", [p for p in PAGES if p.name not in CONVENTIONS], ids=lambda p: p.name)
def test_no_section_states_figures_without_their_source(page: Path) -> None:
    assert unsourced(page) == []


def test_a_figure_without_a_source_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\nIt lost 3.2 cycles.\n\n## Two\n\nIt lost 3.2 cycles (`grace validity`).\n")
    assert unsourced(page) == ["# One"]
