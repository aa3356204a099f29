"""Intervals and paired differences against scipy and hand arithmetic; data sets are never mixed."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from grace.bench.summary import summarise
from grace.errors import GraceError
from grace.report.estimates import VIEWS, Point, difference_words, interval_words, min_max, points, published, student
from tests.report.records import SEEDS, record, sweep

BASE, OTHER = (10.0, 11.0, 12.0, 13.0, 14.0), (9.0, 10.5, 11.0, 12.5, 12.0)


def found(dataset: str, method: str, rows: list[Point], view: str = "honest") -> Point:
    (point,) = (p for p in rows if (p.dataset, p.method, p.view) == (dataset, method, view))
    return point


def test_students_interval_is_scipys() -> None:
    low, high = stats.t.interval(0.95, 4, loc=12, scale=stats.sem(BASE))
    estimate = student(BASE)
    assert (estimate.mean, estimate.runs) == (12, 5)
    assert (estimate.low, estimate.high) == pytest.approx((low, high))
    assert estimate.measurable
    assert math.isnan(student([3.0]).low)
    assert not student([3.0]).measurable


def test_differences_are_paired_by_seed() -> None:
    rows = points(sweep("A", {"baseline": BASE, "grace": OTHER}))
    assert found("A", "baseline", rows).to_baseline is None
    to_baseline = found("A", "grace", rows).to_baseline
    assert to_baseline is not None
    rmse, score = to_baseline
    assert rmse.mean == pytest.approx(-1)  # -1, -0.5, -1, -0.5, -2
    low, high = stats.t.interval(0.95, 4, loc=-1, scale=stats.sem([-1, -0.5, -1, -0.5, -2]))
    assert (rmse.low, rmse.high) == pytest.approx((low, high))
    assert score.mean == pytest.approx(-10)


def test_a_seed_that_one_of_them_lacks_is_left_out_of_the_pairs() -> None:
    rows = points(sweep("A", {"baseline": BASE, "grace": OTHER[:3]}))
    to_baseline = found("A", "grace", rows).to_baseline
    assert to_baseline is not None
    assert to_baseline[0].runs == 3
    assert to_baseline[0].mean == pytest.approx(-2.5 / 3)


def test_a_data_set_knows_nothing_of_another() -> None:
    first, second = (
        sweep("A", {"baseline": BASE, "grace": OTHER}),
        sweep("B", {"baseline": OTHER, "grace": BASE}, 900.0),
    )
    assert points([*first, *second]) == [
        point for view in VIEWS for part in (first, second) for point in points(part) if point.view == view
    ]


def test_means_are_those_of_the_table() -> None:
    runs = sweep("A", {"baseline": BASE, "grace": OTHER, "dwa": BASE[:2]})
    for view, (protocol, *metrics) in VIEWS.items():
        for name, metric in zip(("rmse", "score"), metrics, strict=True):
            for row in summarise(runs, metric, protocol):
                point = found("A", row.method, points(runs), view)
                assert getattr(point, name).mean == pytest.approx(row.value.mean)


def test_runs_of_the_sources_protocol_are_in_its_view_alone() -> None:
    runs = [record("A", "grace", seed, 9.0) for seed in SEEDS]
    for run in runs:
        run.spec["protocol"] = "source"
    assert {point.view for point in points(runs)} == {"source"}


def test_shares_and_frontier_by_hand() -> None:
    runs = [record("A", m, 1, r, s) for m, r, s in (("baseline", 12, 300), ("grace", 13, 200), ("dwa", 14, 400))]
    rows = points(runs)
    assert found("A", "baseline", rows).share == (0, 0.5)
    assert found("A", "grace", rows).share == (0.5, 0)
    assert found("A", "dwa", rows).share == (1, 1)
    assert [p.method for p in rows if p.view == "honest" and p.frontier] == ["baseline", "grace"]
    assert min_max([3.0, 3.0]) == [0, 0]


def test_the_first_method_that_shares_nothing_is_what_sharing_is_compared_with() -> None:
    rows = points(sweep("A", {"rul-only": BASE, "rul-only-weighted": OTHER, "grace": OTHER}))
    alone = found("A", "grace", rows).to_alone
    assert alone is not None
    assert alone.mean == pytest.approx(-1)
    assert found("A", "rul-only", rows).to_alone is None


def test_words() -> None:
    assert difference_words(student([-0.9, -0.3, 1.0, -2.2]), "rmse").startswith("0.60 cycles lower RMSE, within noise")
    assert "beyond noise" in difference_words(student([30.0, 31.0, 29.0]), "score")
    assert difference_words(student([30.0]), "score") == "NASA score 30 higher; one seed tells nothing of the noise"
    assert interval_words(student([1.0, 1.0]), 2) == "1.00 [1.00, 1.00]"
    assert interval_words(student([1.0]), 2) == "1.00"


def test_published_points_have_both_figures() -> None:
    rows = published(["FD001", "FD003", "mine"])
    assert [(dataset, method) for dataset, method, *_ in rows if dataset == "FD003"] == [
        ("FD003", "baseline"),
        ("FD003", "grace"),
    ]
    assert len(rows) == 9
    assert ("FD001", "grace", 9.14, 121.4, True) in rows


def test_mixed_settings_are_refused() -> None:
    with pytest.raises(GraceError, match="with different settings"):
        points([record("A", "grace", 1, 9.0), record("A", "grace", 1, 8.0)])
