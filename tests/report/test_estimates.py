"""The page's points against scipy and hand arithmetic; only the adjustment for many verdicts reaches over data sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from grace.bench.published import SOURCE
from grace.bench.summary import summarise
from grace.errors import GraceError
from grace.report.data import page_data
from grace.report.estimates import VIEWS, Point
from grace.report.read import Results
from grace.training.record import Record
from tests.report.records import SEEDS, record, sweep

BASE, OTHER = (10.0, 11.0, 12.0, 13.0, 14.0), (9.0, 10.5, 11.0, 12.5, 12.0)


def found(dataset: str, method: str, rows: list[Point], view: str = "honest") -> Point:
    (point,) = (p for p in rows if (p.dataset, p.method, p.view) == (dataset, method, view))
    return point


def under(loss: str, runs: list[Record]) -> list[Record]:
    """The runs, trained under another RUL loss."""
    return [replace(run, spec=run.spec | {"inner": loss}) for run in runs]


def test_differences_are_paired_by_seed() -> None:
    rows = Point.every(sweep("A", {"baseline": BASE, "grace": OTHER}))
    assert found("A", "baseline", rows).rmse.difference is None
    grace = found("A", "grace", rows)
    rmse, score = grace.rmse.difference, grace.score.difference
    assert rmse is not None
    assert score is not None
    assert rmse.mean == pytest.approx(-1)  # -1, -0.5, -1, -0.5, -2
    low, high = stats.t.interval(0.95, 4, loc=-1, scale=stats.sem([-1, -0.5, -1, -0.5, -2]))
    assert (rmse.low, rmse.high) == pytest.approx((low, high))
    assert score.mean == pytest.approx(-10)


def test_a_seed_that_one_of_them_lacks_is_left_out_of_the_pairs() -> None:
    rmse = found("A", "grace", Point.every(sweep("A", {"baseline": BASE, "grace": OTHER[:3]}))).rmse.difference
    assert rmse is not None
    assert rmse.n == 3
    assert rmse.mean == pytest.approx(-2.5 / 3)


def alone(point: Point) -> Point:
    """A point without what the adjustment for many verdicts put there."""
    rows = {name: replace(getattr(point, name), adjusted=0.0, looked_at=0) for name in ("rmse", "score", "lowest")}
    return replace(point, **rows)


def test_a_data_set_knows_nothing_of_another_but_how_many_were_looked_at() -> None:
    first, second = (
        sweep("A", {"baseline": BASE, "grace": OTHER}),
        sweep("B", {"baseline": OTHER, "grace": BASE}, 900.0),
    )
    both = Point.every([*first, *second])
    expected = [
        point for view in VIEWS for part in (first, second) for point in Point.every(part) if point.view == view
    ]
    assert [alone(point) for point in both] == [alone(point) for point in expected]
    assert {point.rmse.looked_at for point in both} == {2}
    assert {point.rmse.looked_at for point in expected} == {1}


def test_means_are_those_of_the_table() -> None:
    runs = sweep("A", {"baseline": BASE, "grace": OTHER, "dwa": BASE[:2]})
    for view, (protocol, *metrics) in VIEWS.items():
        for name, metric in zip(("rmse", "score"), metrics, strict=True):
            for row in summarise(runs, metric, protocol):
                point = found("A", row.method, Point.every(runs), view)
                assert getattr(point, name) == row or np.isnan(row.adjusted)
                assert getattr(point, name).value == row.value


def test_runs_of_the_sources_protocol_are_in_its_view_alone() -> None:
    runs = [record("A", "grace", seed, 9.0) for seed in SEEDS]
    for run in runs:
        run.spec["protocol"] = "source"
    assert {point.view for point in Point.every(runs)} == {"source"}


def test_frontier_and_lowest_by_hand() -> None:
    runs = [record("A", m, 1, r, s) for m, r, s in (("baseline", 12, 300), ("grace", 13, 200), ("dwa", 14, 400))]
    rows = Point.every(runs)
    assert [p.method for p in rows if p.view == "honest" and p.frontier] == ["baseline", "grace"]
    assert found("A", "baseline", rows).lowest.difference is None
    lowest = found("A", "dwa", rows).lowest.difference
    assert lowest is not None
    assert lowest.mean == 2


def test_the_lowest_is_that_of_each_data_set_and_adjusted_over_all() -> None:
    rows = Point.every(
        [*sweep("A", {"baseline": BASE, "grace": OTHER}), *sweep("B", {"baseline": OTHER, "grace": BASE})]
    )
    first, second = found("A", "baseline", rows).lowest, found("B", "grace", rows).lowest
    assert first.difference == second.difference
    assert first.adjusted == second.adjusted == pytest.approx(stats.ttest_rel(BASE, OTHER).pvalue)
    assert first.looked_at == 2


def test_rul_alone_is_that_of_the_same_loss() -> None:
    plain = under("mse", sweep("A", {"rul-only": BASE, "gaba": OTHER}))
    weighted = under("weighted_mse", sweep("A", {"rul-only-weighted": (10.0, 10.0, 10.0, 10.0, 10.0), "grace": OTHER}))
    rows = Point.every([*plain, *weighted])
    means = {}
    for point in rows:
        if point.alone is not None:
            assert point.view == "honest"
            assert point.alone.difference is not None
            means[point.method] = point.alone.difference.mean
            assert point.alone.looked_at == 3  # every other method of the table, whatever its loss
    assert means == pytest.approx({"gaba": -1.0, "grace": 1.0})


def test_without_rul_alone_of_its_loss_a_method_is_not_compared() -> None:
    plain = under("mse", sweep("A", {"rul-only": BASE, "gaba": OTHER}))
    weighted = under("weighted_mse", sweep("A", {"grace": OTHER}))
    unnamed = sweep("A", {"dwa": OTHER})
    elsewhere = under("weighted_mse", sweep("B", {"rul-only-weighted": BASE}))
    rows = Point.every([*plain, *weighted, *unnamed, *elsewhere])
    assert {point.method for point in rows if point.alone is not None} == {"gaba"}
    assert {(p.method, p.loss) for p in rows if p.dataset == "A"} == {
        ("rul-only", "plain MSE"),
        ("gaba", "plain MSE"),
        ("grace", "weighted MSE"),
        ("dwa", ""),
    }


def test_runs_of_one_method_under_two_losses_are_compared_with_neither() -> None:
    first, *rest = sweep("A", {"rul-only": BASE, "gaba": OTHER})
    rows = Point.every([*under("weighted_mse", [first]), *under("mse", rest)])
    assert all(point.alone is None for point in rows)


def to_alone(runs: list[Record]) -> dict[str, str]:
    """What the page says of each method's RMSE against that of RUL alone."""
    rows = page_data(Results(tuple(under("mse", runs))))["points"]
    return {row["method"]: row["to_alone"] for row in rows if "to_alone" in row}


def test_words_carry_the_adjusted_verdict() -> None:
    base, far = (12.0, 12.1, 12.2, 12.1, 12.0), (10.0, 10.1, 10.3, 10.1, 10.1)
    near = (12.01, 12.12, 12.2, 12.13, 12.02)  # p = 0.03: beyond its own noise
    many = {f"m{i}": base[i % 5 :] + base[: i % 5] for i in range(9)}
    words = to_alone(sweep("A", {"rul-only": base, "grace": far, "dwa": near, **many}))
    grace = "under plain MSE: 1.96 cycles lower RMSE, beyond noise (95 % interval -2.03 to -1.89, 5 seeds)"  # SD 0.055
    assert words["grace"] == f"{grace}, which remains after Benjamini-Hochberg at 5 % (11 looked at)"
    assert words["dwa"].startswith("under plain MSE: 0.02 cycles higher RMSE, beyond noise")
    assert words["dwa"].endswith(", which does not remain after Benjamini-Hochberg at 5 % (11 looked at)")
    assert words["m1"].endswith("5 seeds)")


def test_words_of_one_seed() -> None:
    words = to_alone(sweep("A", {"rul-only": (10.0,), "grace": (13.0,)}))["grace"]
    assert words == "under plain MSE: 3.00 cycles higher RMSE; one seed tells nothing of the noise"


def test_an_rmse_names_the_error_over_engines() -> None:
    runs = sweep("A", {"baseline": BASE})
    rows = Point.every(runs)
    squared = np.array([5.5, -5.0, -9.75]) ** 2  # predicted less true RUL of every run; 130 cycles count as 125
    error = squared.std(ddof=1) / (2 * 3**0.5 * squared.mean() ** 0.5)
    point = found("A", "baseline", rows)
    assert point.rmse.engines == pytest.approx(error)
    shown = page_data(Results(tuple(runs)))["points"][0]
    assert (shown["rmse_interval"], shown["engines"]) == ("12.00 [10.04, 13.96]", f"{error:.2f}")
    assert shown["score_interval"] == "420 [400, 440]"
    assert np.isnan(found("A", "baseline", rows, "source").rmse.engines)


def test_published_rows_say_what_the_source_does_not_give() -> None:
    runs = [run for name in ("FD001", "FD003", "mine") for run in sweep(name, {"grace": BASE})]
    rows = {(row["dataset"], row["method"]): row for row in page_data(Results(tuple(runs)))["published"]}
    assert len(rows) == 2 * len(SOURCE)
    shown = ("rmse", "rmse_interval", "score", "score_interval", "frontier")

    def said(dataset: str, method: str) -> tuple[Any, ...]:
        return tuple(rows[dataset, method].get(name) for name in shown)

    assert said("FD001", "grace") == (9.14, "9.14, SD 1.39", 121.4, "121.4", True)
    assert said("FD003", "baseline") == (11.53, "11.53, no SD given", 211.8, "211.8", True)
    assert said("FD003", "amnl") == (9.51, "9.51, SD 1.74", None, "not given", None)
    assert said("FD003", "dwa") == (None, "not given", None, "not given", None)


def test_mixed_settings_are_refused() -> None:
    with pytest.raises(GraceError, match="with different settings"):
        Point.every([record("A", "grace", 1, 9.0), record("A", "grace", 1, 8.0)])
