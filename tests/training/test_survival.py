"""Survival out of fold: who is held out, at which rows, with whose curves; and what maintenance is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grace
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.errors import GraceError, GraceWarning
from grace.survival.figures import grid, integrated_brier
from grace.survival.policies import best_age, cost_rate
from grace.survival.product_limit import ProductLimit
from grace.survival.replacement import Costs, plan
from grace.training.conformal import Interval
from grace.training.model_file import load_model, save_model
from grace.training.outcome import Run
from grace.training.protocol import fold_parts, landmark_rows
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from grace.training.survival import error_curves
from grace.training.survival_baselines import baseline_curves, baseline_scores
from studies.cuts import suspended

PLAN = replace(SCHEDULES["statistics"], epochs=2, steps=20)


def spec_of(**choices: Any) -> RunSpec:
    given: dict[str, Any] = {"schedule": PLAN, "conventions": Conventions(window=30), "folds": 4, "size": "statistics"}
    return run_spec("simulated", "rul-only", **given | choices)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Twelve engines that failed and twelve that were suspended."""
    return suspended(grace.simulate(grace.Simulation(engines=24, test_engines=5))[0], 12, 1)


@pytest.fixture(scope="module")
def runs(fleet: Fleet) -> dict[str, Run]:
    return {how: train(spec_of(suspended=how), fleet) for how in ("hazard", "ignore")}


def test_every_engine_failed_or_suspended_is_held_out_once(fleet: Fleet) -> None:
    parts = fold_parts(spec_of(), fleet)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(24))
    assert fleet.failed is not None
    assert [int(fleet.failed[part].sum()) for part in parts] == [3] * 4
    assert [len(part) for part in parts] == [6] * 4
    grouped = replace(fleet, groups=np.arange(24) // 2)
    for part in fold_parts(spec_of(), grouped):
        assert set(grouped.groups[part]).isdisjoint(grouped.groups[np.setdiff1d(np.arange(24), part)])  # type: ignore[index]
    every = np.sort(np.concatenate(fold_parts(spec_of(), grouped)))
    np.testing.assert_array_equal(every, np.arange(24))


def test_every_row_with_something_after_it_is_as_likely_a_landmark(fleet: Fleet) -> None:
    rows = landmark_rows(fleet, spec_of(), 10**9)  # all of them
    expected = np.concatenate([np.arange(s + 19, e - 1) for s, e in zip(fleet.starts, fleet.starts[1:], strict=False)])
    np.testing.assert_array_equal(rows, expected)
    some = landmark_rows(fleet, spec_of(), 500)
    assert len(set(some)) == 500
    assert set(some) <= set(rows)
    np.testing.assert_array_equal(some, landmark_rows(fleet, spec_of(seed=7, suspended="bound"), 500))
    share = np.bincount(fleet.engine_at(some), minlength=24) / np.bincount(fleet.engine_at(rows), minlength=24)
    error = np.sqrt(share.mean() * (1 - share.mean()) / np.bincount(fleet.engine_at(rows), minlength=24))
    assert (np.abs(share - share.mean()) < 4 * error).all()


def test_a_kaplan_meier_curve_by_age_is_calibrated_at_landmarks() -> None:
    """Which it would not be if every engine had as many of them: those of short life would stand for too many."""
    life = np.random.default_rng(0).integers(30, 400, 300)
    starts = np.concatenate([[0], np.cumsum(life)])
    whole = Fleet("lives", np.arange(300), starts, np.zeros((starts[-1], 1)), ("s",), np.zeros(300, dtype=np.int64))
    rows = landmark_rows(whole, spec_of(), 5000)
    age, left = whole.age_at(rows), whole.rul_at(rows)
    curve = ProductLimit.of(whole.lives(), np.ones(300, dtype=np.bool_))
    promised = 1 - curve.survival(age + 60, age)
    error = np.std((left <= 60) - promised) / np.sqrt(300)  # engines are independent, not rows
    assert abs(np.mean(left <= 60) - promised.mean()) < 3 * error
    every = np.concatenate(
        [np.random.default_rng(1).integers(19, n - 1, 16) + s for n, s in zip(life, starts, strict=False)]
    )
    ahead = np.mean(whole.rul_at(every) <= 60) - np.mean(
        1 - curve.survival(whole.age_at(every) + 60, whole.age_at(every))
    )
    assert ahead > 3 * error


def test_landmarks_are_predicted_by_the_network_that_has_not_seen_their_engine(
    runs: dict[str, Run], fleet: Fleet
) -> None:
    found = runs["hazard"].survival
    assert found is not None
    assert len(found.curves) == len(found.landmarks) == len(landmark_rows(fleet, spec_of()))
    parts = fold_parts(spec_of(), fleet)
    for number, part in enumerate(parts):
        assert (found.fold[part] == number).all()
    for number, split in enumerate(runs["hazard"].splits):
        assert split.followed is not None
        assert set(split.followed.unit) <= set(fleet.engines[parts[number]])
    assert fleet.failed is not None
    np.testing.assert_array_equal(found.landmarks.event, fleet.failed[found.landmarks.unit])
    np.testing.assert_array_equal(found.landmarks.age + found.landmarks.time, fleet.lives()[found.landmarks.unit])
    assert found.curves.goes_on
    assert not runs["ignore"].survival.curves.goes_on  # type: ignore[union-attr]


def test_the_record_has_their_figures(runs: dict[str, Run]) -> None:
    for run in runs.values():
        assert run.survival is not None
        times = grid(run.survival.landmarks, 125.0)
        score = integrated_brier(run.survival.curves, run.survival.landmarks, times).mean()
        assert run.record.survival["ibs"] == pytest.approx(score)
        assert {"harrell", "uno", "within_70_gap", "within_30_gap", "share"} <= run.record.survival.keys()
    single = train(spec_of(folds=0), grace.simulate(grace.Simulation(engines=8, test_engines=5))[0])
    assert single.record.survival == {}
    assert single.survival is None


def test_baselines_stand_at_the_same_landmarks(runs: dict[str, Run], fleet: Fleet) -> None:
    run = runs["hazard"]
    found = baseline_curves(run, spec_of(suspended="hazard"), fleet)
    assert found.keys() == {"kaplan-meier", "weibull"}
    assert run.survival is not None
    held = run.survival.fold == 0
    others = ~held
    curve = ProductLimit.of(fleet.lives()[others], fleet.failed[others], entry=fleet.entries()[others])  # type: ignore[index]
    mine = held[run.survival.landmarks.unit]
    age = run.survival.landmarks.age[mine]
    young = age < 60  # beyond it few are left, and the baseline takes them to be younger
    expected = curve.survival(age[young, None] + run.survival.curves.edges, age[young, None])
    np.testing.assert_allclose(found["kaplan-meier"].values[mine][young], expected)
    for score, difference in baseline_scores(run, found).values():
        assert difference.mean == pytest.approx(run.record.survival["ibs"] - score)


def test_curves_of_errors_are_the_distribution_of_interval_ends() -> None:
    rng, edges = np.random.default_rng(0), np.linspace(0, 125, 33)
    predicted = [rng.uniform(0, 125, 50) for _ in range(4)]
    true = [np.clip(one + rng.normal(0, 10, 50), 0, 125) for one in predicted]
    made = Interval.of(0.9, 125, predicted, true, [np.repeat(np.arange(10), 5)] * 4)
    asked = rng.uniform(0, 125, (4, 30))
    for rul, without in ((asked, -1), (asked[:1], 2)):
        kept = made.member != without
        member, weight = made.member[kept], made.weight[kept] / made.weight[kept].sum()
        for row, one in zip(made.survival(rul, edges, without), np.broadcast_to(rul, (4, 30)).T, strict=True):
            around = made.score[kept] * made.size_at(one, np.arange(4))[member]
            ends = [one[member] - around, one[member] + around]
            expected = [1 - 0.5 * sum(weight @ (end <= edge) for end in ends) for edge in edges[1:]]
            np.testing.assert_allclose(row, [1.0, *expected], atol=1e-12)


def errors_near_the_cap(noise: str, seed: int = 0, cap: float = 50.0) -> tuple[Interval, np.ndarray, np.ndarray]:
    """An interval of 120 engines, and predictions and true RULs of 300 more, of which half reach the cap."""
    rng = np.random.default_rng(seed)

    def drawn(engines: int) -> tuple[np.ndarray, np.ndarray]:
        true = rng.uniform(0, 2 * cap, (engines, 8)).ravel()
        size = 0.15 * true if noise == "proportional" else {"large": 0.1 * cap, "small": 0.02 * cap}[noise]
        return np.clip(true + size * rng.normal(size=len(true)), 0, cap), true

    predicted, true = zip(*(drawn(30) for _ in range(4)), strict=True)
    capped = [np.minimum(one, cap) for one in true]
    return Interval.of(0.9, cap, predicted, capped, [np.repeat(np.arange(30), 8)] * 4), *drawn(300)


@pytest.mark.parametrize("noise", ["proportional", "large", "small"])
def test_the_cap_or_more_is_survival(noise: str) -> None:
    """As many are predicted to fail below the cap as do, though the RUL of those that live on stands at it."""
    interval, predicted, true = errors_near_the_cap(noise)
    curves = error_curves(np.tile(predicted, (4, 1)), interval)
    for horizon in (25.0, 45.0, 48.0, 49.0, 49.9, 50.0):
        failing = 1 - curves.survival(np.array([horizon])).mean()
        assert failing == pytest.approx(np.mean(true <= horizon), abs=4 * np.sqrt(0.25 / len(true)))
    reached = curves.survival(np.array([50.0]))[:, 0]
    assert np.mean(true[predicted >= 50] > 50) == pytest.approx(reached[predicted >= 50].mean(), abs=0.1)
    dates = plan(curves, Costs(10, 1), 0.06).time
    assert np.isinf(dates[predicted >= 50]).all()
    assert np.isfinite(dates[predicted < 30]).all()


def test_the_last_interval_has_the_hazard_of_the_one_before() -> None:
    """By hand: one member whose errors are 1 at all RULs, predictions on which one end of the interval falls."""
    interval = Interval(0.9, 32.0, np.ones((1, 9)), np.zeros(1, np.int64), np.ones(1), np.ones(1))
    told = error_curves(np.array([[32.0, 31.5, 29.0]], dtype=np.float32), interval).values[:, -4:]
    np.testing.assert_allclose(told, [[1, 1, 0.5, 0.25], [1, 1, 0.5, 0.25], [0.5, 0, 0, 0]])


@given(st.integers(0, 10_000))
def test_curves_of_errors_fall_from_one_and_stay_a_probability(seed: int) -> None:
    interval, predicted, _ = errors_near_the_cap("large", seed, cap=10.0 ** (seed % 5 - 2))
    values = error_curves(np.tile(predicted, (4, 1)), interval).values
    assert (values[:, 0] == 1).all()
    assert (np.diff(values, axis=1) <= 0).all()
    assert (values >= 0).all()


def test_survival_goes_through_the_file(runs: dict[str, Run], tmp_path: Path) -> None:
    for name, run in runs.items():
        save_model(tmp_path / f"{name}.safetensors", run)
        found, was = load_model(tmp_path / f"{name}.safetensors").survival, run.survival
        assert found is not None
        assert was is not None
        assert (found.pool.share, found.pool.goes_on) == (was.pool.share, was.pool.goes_on)
        np.testing.assert_allclose(found.curves.values, was.curves.values, atol=1e-7)
        for attribute in ("entry", "end", "failed"):
            np.testing.assert_array_equal(getattr(found.lives, attribute), getattr(was.lives, attribute))


@pytest.fixture(scope="module")
def networks(runs: dict[str, Run], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("networks")
    for name, run in runs.items():
        save_model(folder / f"{name}.safetensors", run)
    return {name: load_model(folder / f"{name}.safetensors") for name in runs}


def test_probabilities_rise_with_the_horizon_and_are_those_of_the_pool(networks: dict[str, Any], fleet: Fleet) -> None:
    found = grace.predict(networks["hazard"], fleet, within=(10, 60, 125, 400)).ahead.within
    values = np.stack(list(found.values()))
    assert (np.diff(values, axis=0) >= 0).all()
    assert ((values >= 0) & (values <= 1)).all()
    assert list(found) == [10, 60, 125, 400]


def test_what_cannot_be_told_is_refused(networks: dict[str, Any], fleet: Fleet) -> None:
    with pytest.warns(GraceWarning, match="12 units of its training were suspended"):
        grace.predict(networks["ignore"], fleet, within=(30,))
    for asked, words in (
        ({"within": (126,)}, "at most the cap of the network, 125 cycles. Found 126"),
        ({"within": (0,)}, "above 0 cycles. Found 0"),
        ({"within": (float("nan"),)}, "Found nan"),
    ):
        with pytest.raises(GraceError, match=words):
            grace.predict(networks["ignore"], fleet, **asked)
    alone = replace(networks["hazard"], survival=None)
    with pytest.raises(GraceError, match="trained in folds"):
        grace.predict(alone, fleet, costs=Costs(10, 1))


def test_dates_and_what_they_save(networks: dict[str, Any], fleet: Fleet) -> None:
    network, costs = networks["hazard"], Costs(10, 1)
    found = grace.predict(network, fleet, every=15, costs=costs)
    dates = found.ahead.replacement
    assert dates is not None
    seen = network.survival
    assert (dates.to_age >= -1e-9).all()
    assert (dates.to_failure >= -1e-9).all()
    assert dates.age == best_age(seen.lives, costs)[0]
    assert dates.rates["run to failure"] == cost_rate(seen.lives, costs)
    frame = found.to_polars()
    assert {"replace_in", "expected_cost", "saved_to_fixed_age", "saved_to_failure"} <= set(frame.columns)
    assert frame.filter(pl.col("replace_in") < 0).is_empty()


def test_dates_follow_from_the_curves_of_the_landmarks(networks: dict[str, Any]) -> None:
    """Cheaper failures are waited for longer."""
    seen = networks["hazard"].survival
    rate = best_age(seen.lives, Costs(10, 1))[1]
    dear, cheap = (plan(seen.curves, Costs(cost, 1), rate).time for cost in (20, 5))
    assert (dear <= cheap).all()
    assert (dear < cheap).any()
