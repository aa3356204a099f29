"""Statistics against hand arithmetic and scipy, and the words around them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from grace.bench.published import SOURCE
from grace.bench.summary import engine_error, summarise
from grace.bench.tables import report
from grace.controllers.methods import METHODS
from grace.controllers.titles import TITLES
from grace.errors import GraceError
from grace.models.baselines import BASELINES
from grace.training.record import Record

SEEDS = (42, 123, 456, 789, 1024)


def record(dataset: str, method: str, seed: int, rmse: float, **more: object) -> Record:
    spec = {"dataset": dataset, "method": method, "seed": seed, "protocol": "honest"}
    source = {"rmse": rmse - 1, "score": 9.0, "epoch": 1}
    values = {
        "id": f"{dataset}{method}{seed}",
        "spec": spec,
        "status": "done",
        "test": {"rmse": rmse},
        "source": source,
    }
    return Record(**(values | more))  # type: ignore[arg-type]


def records(base: tuple[float, ...], other: tuple[float, ...]) -> list[Record]:
    rows = [record("FD001", "baseline", s, v) for s, v in zip(SEEDS, base, strict=True)]
    return rows + [record("FD001", "grace", s, v) for s, v in zip(SEEDS, other, strict=True)]


def test_means_deviations_and_paired_differences_by_hand() -> None:
    base, grace = summarise(records((10, 11, 12, 13, 14), (9, 10.5, 11, 12.5, 12)))
    assert base.value.mean == 12
    assert base.sd == pytest.approx(np.sqrt(2.5))
    assert base.difference is None
    assert grace.difference is not None
    assert grace.difference.mean == pytest.approx(-1)  # -1, -0.5, -1, -0.5, -2
    low, high = stats.t.interval(0.95, 4, -1, stats.sem([-1, -0.5, -1, -0.5, -2]))
    assert (grace.difference.low, grace.difference.high) == pytest.approx((low, high))
    assert grace.verdict == "lower"
    assert (base.rank, grace.rank) == (2, 1)
    assert (grace.rank_low, grace.rank_high) == (1, 1)


def test_the_interval_is_students() -> None:
    values = (10.0, 11.5, 12.0, 13.0, 16.0)
    (row,) = summarise([record("FD001", "baseline", s, v) for s, v in zip(SEEDS, values, strict=True)])
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (row.value.low, row.value.high) == pytest.approx((low, high))


def test_differences_are_adjusted_for_all_of_the_table() -> None:
    rows = [record(d, "baseline", s, v) for d in ("A", "B") for s, v in zip(SEEDS, (10, 11, 12, 13, 14), strict=True)]
    near = zip(SEEDS, (10.02, 11.01, 12.03, 13.02, 13.99), strict=True)
    rows += [record("A", "grace", s, v) for s, v in near]
    rows += [record("B", m, s, 12.0 - s % 7) for m in ("grace", "gaba", "amnl") for s in SEEDS]
    found = {(row.dataset, row.method): row for row in summarise(rows)}
    p = [row.difference.p for row in found.values() if row.difference]
    adjusted = [row.adjusted for row in found.values() if row.difference]
    np.testing.assert_allclose(adjusted, stats.false_discovery_control(p))
    assert np.isnan(found["A", "baseline"].adjusted)
    assert found["A", "baseline"].verdict == found["A", "baseline"].adjusted_verdict == ""


def test_a_verdict_that_does_not_survive_says_so() -> None:
    values = {"baseline": (10.0, 11, 12, 13, 14), "grace": (9.9, 10.8, 11.98, 12.9, 13.8), "dwa": (12.0, 9, 14, 10, 15)}
    rows = [record("A", m, s, v) for m, vs in values.items() for s, v in zip(SEEDS, vs, strict=True)]
    rows += [record("A", m, s, v) for m in ("gaba", "amnl") for s, v in zip(SEEDS, (12.0, 9, 14, 10, 15), strict=True)]
    (grace,) = (row for row in summarise(rows) if row.method == "grace")
    assert grace.difference is not None
    assert grace.difference.p < 0.05 < grace.adjusted
    assert (grace.verdict, grace.adjusted_verdict) == ("lower", "unclear")
    text = report(rows, ["rmse"], "honest", "markdown")
    assert "| lower (unclear) |" in text
    assert "4 paired differences looked at: 1 leave out 0" in text


def test_the_error_over_test_engines_is_of_the_mean_squares() -> None:
    def run(seed: int, rul: list[float]) -> Record:
        predictions = {"engine": [1, 2, 3], "true": [10, 50, 200], "rul": rul, "health": [0, 0, 0]}
        made = record("A", "baseline", seed, 1.0, predictions=predictions)
        made.spec["conventions"] = {"cap": 125}
        return made

    runs = [run(1, [12, 40, 125]), run(2, [10, 44, 115])]
    squared = np.array([(4 + 0) / 2, (100 + 36) / 2, (0 + 100) / 2])  # the third engine's label is capped
    assert engine_error(runs) == pytest.approx(squared.std(ddof=1) / (2 * 3**0.5 * squared.mean() ** 0.5))
    assert engine_error(runs, capped=False) > engine_error(runs)
    assert summarise(runs)[0].engines == engine_error(runs)
    assert np.isnan(engine_error([*runs, record("A", "baseline", 3, 1.0)]))


def test_rank_of_methods_that_cannot_be_told_apart_is_uncertain() -> None:
    base, grace = summarise(records((10, 11, 12, 13, 14), (14, 12, 11.5, 11, 10)))
    assert (base.rank_low, base.rank_high) == (1, 2)
    assert (grace.rank_low, grace.rank_high) == (1, 2)


def test_differences_pair_by_seed_even_where_some_are_missing() -> None:
    rows = records((10, 11, 12, 13, 14), (9, 10, 11, 12, 13))[:-2]
    grace = summarise(rows)[1]
    assert grace.value.n == 3
    assert grace.difference is not None
    assert grace.difference.mean == pytest.approx(-1)


def test_failed_runs_and_foreign_protocols_are_left_out() -> None:
    rows = records((10,) * 5, (9,) * 5)
    rows.append(record("FD001", "dwa", 42, 1.0, status="failed", test={}))
    assert [row.method for row in summarise(rows)] == ["baseline", "grace"]


def test_refusals() -> None:
    rows = records((10,) * 5, (9,) * 5)
    with pytest.raises(GraceError, match="with different settings"):
        summarise([*rows, record("FD001", "grace", 42, 8.0)])
    with pytest.raises(GraceError, match="`metric` should be one of"):
        summarise(rows, "accuracy")
    with pytest.raises(GraceError, match="should hold score"):
        summarise(rows, "score")


def test_source_figures_are_marked_as_optimistic() -> None:
    rows = records((10,) * 5, (9,) * 5)
    assert summarise(rows, protocol="source")[0].value.mean == 9
    assert "ON THE TEST SET" in report(rows, ["rmse"], "source", "markdown")
    assert "ON THE TEST SET" not in report(rows, ["rmse"], "honest", "markdown")


def test_formats() -> None:
    rows = records((10, 11, 12, 13, 14), (9, 10, 11, 12, 13))
    text = report(rows, ["rmse"], "honest", "markdown")
    assert "| FD001 | GRACE | 5 | 11.00 [" in text
    assert "| 9.14 (SD 1.39) |" in text
    assert "12.03 / 216" in text
    latex = report(rows, ["rmse"], "honest", "latex")
    assert latex.count(r"\\") == 3
    assert "95 \\%" in latex
    lines = report(rows, ["rmse"], "honest", "csv").splitlines()
    assert lines[0].startswith("data set,method,seeds")
    assert len(lines) == 3
    with pytest.raises(GraceError, match="`format` should be one of"):
        report(rows, ["rmse"], "honest", "html")


def test_every_method_has_a_title() -> None:
    assert set(TITLES) == {*METHODS, *BASELINES}
    assert set(SOURCE) < set(METHODS)
