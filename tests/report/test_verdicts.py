"""Table and page pass the same verdict, and the same after the adjustment, on every difference of the committed records."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from grace.bench.summary import Row, summarise
from grace.report.data import page_data
from grace.report.estimates import VIEWS
from grace.report.page import page
from grace.report.read import Results, read_results
from tests.report.packed import data_of

RESULTS = Path(__file__).parents[2] / "results"
ALONE = {"mse": "rul-only", "weighted_mse": "rul-only-weighted"}


@pytest.fixture(scope="module")
def real() -> Results:
    return read_results(RESULTS)


@pytest.fixture(scope="module")
def data(real: Results) -> Any:
    """What the page's script reads, out of the page itself."""
    return data_of(page(real))


def read_words(words: str) -> tuple[str, str, int | None]:
    """Verdict, adjusted verdict and how many were looked at, as a reader takes them from the words."""
    if "within noise" in words:
        return "unclear", "unclear", None
    (way,) = re.findall(r"lower|higher", words)
    assert "beyond noise" in words
    (remains, count) = re.findall(
        r"which (remains|does not remain) after Benjamini-Hochberg at 5 % \((\d+) looked", words
    )[0]
    return way, way if remains == "remains" else "unclear", int(count)


def said(row: Row) -> tuple[str, str, int | None]:
    return row.verdict, row.adjusted_verdict, row.looked_at if row.verdict != "unclear" else None


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("figure", [0, 1])
def test_every_verdict_against_baseline(real: Results, data: Any, view: str, figure: int) -> None:
    protocol, *metrics = VIEWS[view]
    shown = {}
    for dataset, of in data["differences"][view].items():
        for first, others in of.items():
            for second, pairs in others.items():
                *_, forward, backward = pairs[figure]
                if "baseline" in (first, second):
                    method, letter = (first, forward) if second == "baseline" else (second, backward)
                    shown[dataset, method] = {"l": "lower", "h": "higher", "u": "unclear"}[letter]
    rows = summarise(real.records, metrics[figure], protocol)
    assert shown == {(r.dataset, r.method): r.adjusted_verdict for r in rows if r.difference is not None}
    assert len(shown) == 44


def test_every_verdict_against_rul_alone(real: Results, data: Any) -> None:
    inner = {record.spec["method"]: record.spec["inner"] for record in real.records}
    expected = {}
    for loss, reference in ALONE.items():
        for row in summarise(real.records, "rmse", reference=reference):
            if inner[row.method] == loss and row.method not in ALONE.values():
                expected[row.dataset, row.method] = (
                    f"under {'plain' if loss == 'mse' else 'weighted'} MSE",
                    *said(row),
                )
    shown = {}
    for p in data["points"]:
        if "to_alone" in p:
            reference, words = p["to_alone"].split(": ")
            shown[p["dataset"], p["method"]] = (reference, *read_words(words))
            assert p["view"] == "honest"
    assert shown == expected
    assert len(shown) == 40


def test_the_findings_count_what_the_table_counts(real: Results, data: Any) -> None:
    for line, metric in zip(data["summary"], ("rmse", "score"), strict=False):
        rows = [row for row in summarise(real.records, metric) if row.difference is not None]
        beyond = [row for row in rows if row.verdict != "unclear"]
        remaining = [row for row in rows if row.adjusted_verdict != "unclear"]
        assert f"Of {len(rows)} paired differences {len(beyond)} leave their noise" in line
        assert f"; {len(remaining)} remain after Benjamini-Hochberg at 5 % ({rows[0].looked_at} looked at)" in line
        assert line.count("does not remain") == len(beyond) - len(remaining)
        for row in beyond:
            assert f"{data['methods'][row.method]['title']} on {row.dataset} (" in line


def test_the_errors_over_engines_are_the_tables(real: Results, data: Any) -> None:
    for view in ("honest", "honest-uncapped"):
        rows = {(r.dataset, r.method): r.engines for r in summarise(real.records, VIEWS[view][1])}
        shown = {(p["dataset"], p["method"]): p["engines"] for p in data["points"] if p["view"] == view}
        assert shown == {key: f"{error:.2f}" for key, error in rows.items()}
    assert {p["engines"] for p in page_data(real)["points"] if p["view"] == "source"} == {""}
