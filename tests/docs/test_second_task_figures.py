"""docs/second-tasks.md holds what results/second_tasks.json says, and its sentences follow from it by another way."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tests.docs.figures import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from pages import replace_between
from second_task_figures import LEAST, Cell, Change, Figures
from second_task_tables import over_families, page

PAGE = ROOT / "docs" / "second-tasks.md"


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / "results" / "second_tasks.json").read_text())
    return found


def test_the_page_is_that_of_the_measurements(tmp_path: Path) -> None:
    again = tmp_path / "page.md"
    again.write_text(PAGE.read_text())
    replace_between(again, {"second-tasks": page(Figures(rows()))})
    assert again.read_text() == PAGE.read_text()
    assert (ROOT / "docs" / "figures" / "second-tasks.svg").exists()


def test_changes_are_those_that_scipy_finds() -> None:
    """Paired by draw, against the best of RUL alone by the mean over draws; a way that was not trained at compact against one
    that was not."""
    frame = pl.DataFrame(rows())
    figures = Figures(rows())
    for change in figures.changes():
        cell = frame.filter(pl.col("family") == change.cell.family, pl.col("known") == change.cell.known)
        mine = cell.filter(pl.col("way") == change.way)
        assert change.size == mine.group_by("size").agg(pl.col("rmse").mean()).sort("rmse")["size"][0]
        known = cell if "compact" in mine["size"] else cell.filter(pl.col("size") != "compact")
        alone = known.filter(pl.col("way").str.starts_with("RUL alone"))
        draws = alone.group_by("size", "way").agg("draw")["draw"].to_list()
        shared = set.intersection(*map(set, draws))
        means = alone.filter(pl.col("draw").is_in(list(shared))).group_by("size", "way").agg(pl.col("rmse").mean())
        size, way = means.sort("rmse").select("size", "way").row(0)
        ours = cell.filter(pl.col("size") == change.size, pl.col("way") == change.way)
        theirs = alone.filter(pl.col("size") == size, pl.col("way") == way)
        both = ours.join(theirs, "draw")
        ratio = np.log(both["rmse"].to_numpy() / both["rmse_right"].to_numpy())
        assert change.log.n == len(ratio)
        if len(ratio) < 2:
            continue
        test = stats.ttest_1samp(ratio, 0)
        low, high = test.confidence_interval()
        mean, least, most = change.percent
        assert mean == pytest.approx(100 * (stats.gmean(both["rmse"] / both["rmse_right"]) - 1))
        assert (least, most) == pytest.approx((100 * (np.exp(low) - 1), 100 * (np.exp(high) - 1)))
        assert change.log.p == pytest.approx(float(test.pvalue))


def made(**ways: list[float]) -> list[dict[str, Any]]:
    """Rows of one cell: RMSE of each draw by ``SIZE way``."""
    cell = {"family": "FD001", "known": 8, "cap": 125}
    named = [(name.split("__"), values) for name, values in ways.items()]
    return [
        cell | {"size": size, "way": way.replace("_", " "), "draw": draw, "rmse": value}
        for (size, way), values in named
        for draw, value in enumerate(values)
    ]


def test_rul_alone_is_the_best_of_its_trainings() -> None:
    found = Figures(
        made(
            statistics__RUL_alone=[20.0, 30.0, 10.0],
            compact__RUL_alone=[18.0, 24.0],
            statistics__bound=[18.0, 24.0, 10.0],
        )
    )
    cell = Cell("FD001", 8)
    assert found.reference(cell) == ("compact", "RUL alone")
    change = found.change(cell, "statistics", "bound")
    assert change is not None
    assert (change.log.n, change.log.mean) == (2, 0)  # of the draws that both have
    assert change.text == "+0"  # too few for an interval
    to = found.change(cell, "statistics", "bound", ("statistics", "RUL alone"))
    assert to is not None
    assert to.percent[0] == pytest.approx(100 * ((0.9 * 0.8 * 1) ** (1 / 3) - 1))


def test_a_change_over_families_counts_each_family_once() -> None:
    """Cells of one family are no observations of their own; interval by scipy."""
    rows, cells = [], [("FD001", 4, 0.8), ("FD001", 8, 0.9), ("FD002", 8, 0.7), ("FD003", 4, 1.2)]
    for family, known, ratio in cells:
        for draw, base in enumerate((10.0, 20.0)):
            shared = {"family": family, "known": known, "cap": 125, "size": "statistics", "draw": draw}
            rows += [shared | {"way": "RUL alone", "rmse": base}, shared | {"way": "bound", "rmse": base * ratio}]
    logs = np.log([(0.8 * 0.9) ** 0.5, 0.7, 1.2])
    low, high = stats.ttest_1samp(logs, 0).confidence_interval()
    mean, low, high = (100 * (np.exp(value) - 1) for value in (logs.mean(), low, high))
    assert over_families(Figures(rows).changes()) == f"{mean:+.0f} [{low:+.0f}, {high:+.0f}] % over 3 families"


def test_what_the_page_says_in_short() -> None:
    figures = Figures(rows())
    changes = [c for c in figures.changes() if " test" not in c.cell.family and c.log.n >= LEAST]

    def of(way: str, family: str = "") -> dict[Cell, Change]:
        name = {"label": figures.label, "both": lambda f: f"{figures.label(f)} + bound"}.get(way, lambda _: way)
        return {c.cell: c for c in changes if c.way == name(c.cell.family) and family in c.cell.family}

    def count(way: str, verdict: str, family: str = "") -> int:
        return sum(c.log.verdict == verdict for c in of(way, family).values())

    for helped in ("battery_hust", "FD001", "FD002", "FD003", "FD004"):
        assert count("label", "lower", helped) >= 1
    for subset in ("FD001", "FD003"):
        few, many = (of("label")[Cell(subset, known)].percent[0] for known in (4, 32))
        assert few < -15 < -5 < many
    for family in ("filter_phme20", "bearing_femto", "hdd_backblaze", "battery_tju"):
        assert count("label", "lower", family) == 0
    assert max(abs(c.percent[0]) for c in of("label", "filter_esrel22").values()) < 2
    assert count("bound", "higher") > count("bound", "lower")
    assert any(c.percent[0] > 100 for c in of("bound", "hdd_backblaze").values())
    assert count("future_sensors", "lower") == 0
    assert count("random", "higher") > count("random", "lower")
    for way in ("label", "bound", "both", "random"):
        low, high = over_families(list(of(way).values())).split("[")[1].split("]")[0].split(", ")
        assert float(low) <= 0 <= float(high)
    assert float(over_families(list(of("future_sensors").values())).split("[")[1].split(",")[0]) > 0


def test_what_the_page_says_of_compact() -> None:
    figures = Figures(rows())

    def ahead(family: str) -> Change:
        cell = Cell(family, 8)
        found = figures.change(cell, "compact", "RUL alone", figures.reference(cell, "compact"))
        assert found is not None
        return found

    for family, verdict in (
        ("hdd_backblaze", "lower"), ("FD002", "lower"), ("battery_tju", "unclear"), ("filter_esrel22", "unclear"),
        ("FD001", "unclear"), ("FD003", "unclear"), ("FD004", "unclear"), ("battery_hust", "higher"), ("filter_phme20", "higher"),
    ):  # fmt: skip
        assert ahead(family).log.verdict == verdict, family
    assert min(ahead(family).percent[0] for family in ("battery_hust", "filter_phme20")) > 15

    def tuned(family: str, way: str) -> Change:
        found = figures.tuned(Cell(family, 8), way)
        assert found is not None
        return found

    for family in ("FD002", "FD004"):
        assert tuned(family, "health").log.verdict == "lower"
        assert round(tuned(family, "health").percent[0]) <= -10
    assert tuned("FD003", "health + bound").log.verdict == "lower"
    assert tuned("FD003", "health").log.verdict == tuned("FD001", "health").log.verdict == "unclear"
    assert tuned("FD001", "health + bound").log.verdict == "unclear"


def test_what_the_page_says_of_the_goals() -> None:
    figures = Figures(rows())

    def rmse(family: str, size: str, way: str) -> float:
        return float(np.mean(list(figures.of(Cell(family, 5), size, way).values())))

    assert rmse("FD001 test", "statistics", "health + bound") <= 14.5
    assert min(rmse("FD003 test", "statistics", way) for way in ("health", "bound", "health + bound")) > 15
    assert 14.5 < rmse("FD003 test", "compact", "health") <= 15
    gains = {}
    for subset in ("FD001", "FD003"):
        for size in ("statistics", "compact"):
            alone, helped = (rmse(f"{subset} test", size, way) for way in ("RUL alone", "health"))
            gains[subset, size] = 1 - helped / alone
        assert rmse(f"{subset} test", "compact", "RUL alone") < rmse(f"{subset} test", "statistics", "RUL alone")
    assert gains["FD001", "compact"] < gains["FD001", "statistics"]
    assert gains["FD003", "compact"] >= gains["FD003", "statistics"]
    for family, reached in (("battery_hust", True), ("battery_tju", False)):
        cell, both = Cell(family, 6), "soh + bound"
        alone, control = (figures.change(cell, "quantiles", both, to) for to in (None, ("quantiles", "random + bound")))
        assert alone is not None
        assert control is not None
        assert (alone.percent[0] <= -20 and alone.log.high < 0) == reached
        assert (control.percent[0] <= -10 and control.log.high < 0) == reached
