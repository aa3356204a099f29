"""Who is first on the slider, and who cannot be told from it: every position against scipy, from the records themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from grace.report.estimates import VIEWS, Point, figures
from grace.report.read import read_results
from grace.training.record import Record
from tests.report.records import SEEDS, record

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    return read_results(RESULTS).records


@pytest.fixture(scope="module")
def found(records: tuple[Record, ...]) -> list[Point]:
    return Point.every(records)


def expected(records: tuple[Record, ...], view: str, w: float) -> dict[tuple[str, str], str]:
    """J by its definition, scipy's paired t test against the least, and scipy's Benjamini-Hochberg over all data sets."""
    marks, p = {}, {}
    for dataset in sorted({r.spec["dataset"] for r in records}):
        methods = sorted({r.spec["method"] for r in records})
        of = {(r.spec["method"], r.spec["seed"]): figures(r, view) for r in records if r.spec["dataset"] == dataset}
        values = np.array([[of[method, seed] for seed in SEEDS] for method in methods])  # [methods, seeds, 2]
        scaled = values / np.ptp(values.mean(axis=1), axis=0)
        cost = (1 - w) * scaled[..., 0] + w * scaled[..., 1]
        first = int(cost.mean(axis=1).argmin())
        marks[dataset, methods[first]] = "1"
        for index, method in enumerate(methods):
            if index != first:
                p[dataset, method] = float(stats.ttest_rel(cost[index], cost[first]).pvalue)
    adjusted = stats.false_discovery_control(list(p.values()))
    for (name, own), left in zip(p.items(), adjusted, strict=True):
        marks[name] = "=" if own >= 0.05 else "~" if left > 0.05 else "<"
    return marks


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("position", [0, 7, 33, 56, 78, 91, 99, 100])
def test_the_slider_says_what_scipy_says(
    records: tuple[Record, ...], found: list[Point], view: str, position: int
) -> None:
    shown = {(p.dataset, p.method): p.standing[position] for p in found if p.view == view}
    assert shown == expected(records, view, position / 100)


def test_at_every_position_one_is_first_and_it_has_the_least_j(found: list[Point]) -> None:
    for dataset, view in {(p.dataset, p.view) for p in found}:
        here = [p for p in found if (p.dataset, p.view) == (dataset, view)]
        assert {len(p.standing) for p in here} == {101}
        for position in range(101):
            w = position / 100
            least = min(here, key=lambda p: w * p.share[1] + (1 - w) * p.share[0])
            assert [p.method for p in here if p.standing[position] == "1"] == [least.method]


def test_by_hand() -> None:
    seeds = SEEDS[:3]
    rmse = {"baseline": (10, 11, 12), "grace": (12, 13, 14.3), "dwa": (10.1, 10.9, 12.2)}
    runs = [
        record("A", name, seed, value, 300) for name, of in rmse.items() for seed, value in zip(seeds, of, strict=True)
    ]
    runs.append(record("A", "gaba", seeds[0], 20, 300))  # one seed tells nothing of the noise
    shown = {p.method: p.standing for p in Point.every(runs) if p.view == "honest"}
    assert shown["baseline"] == "1" * 101
    assert shown["grace"][:100] == "<" * 100  # 2, 2 and 2.3 above: p = 0.002, 0.005 adjusted; all scores are equal
    assert shown["dwa"][:100] == "=" * 100
    assert shown["gaba"] == "?" * 101
    assert (shown["grace"][100], shown["dwa"][100]) == ("=", "=")  # J is 0 for all: no difference to tell


def test_of_equal_methods_the_first_in_the_lists_is_first() -> None:
    runs = [record("A", name, seed, 10 + seed / 100, 300) for name in ("grace", "baseline") for seed in SEEDS]
    shown = {p.method: p.standing for p in Point.every(runs) if p.view == "honest"}
    assert shown == {"baseline": "1" * 101, "grace": "=" * 101}
