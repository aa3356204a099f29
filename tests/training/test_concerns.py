"""What a run says against itself: a constant network, too short a training, few validation engines, small fleets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import grace
from grace.data.cmapss.fleets import read_test, read_train
from grace.data.conventions import Conventions
from grace.training.concerns import Concern, concerns
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES

LABELS = np.tile(np.linspace(0, 120, 13), 6)


def said(
    rul: np.ndarray, rmse: tuple[float, ...] = (9.0, 8.0, 8.5), engines: int = 6, per_epoch: int = 0, **choices: Any
) -> list[Concern]:
    plan = replace(SCHEDULES["compact"], epochs=3)
    spec = run_spec("FD001", choices.pop("method_name", "baseline"), **{"schedule": plan} | choices)
    engine = np.repeat(np.arange(engines), -(-len(LABELS) // engines))[: len(LABELS)]
    history = [{"validation_rmse": value} for value in rmse]
    predictions, truth = SimpleNamespace(rul=rul), SimpleNamespace(rul=LABELS, engine=engine)
    return concerns(spec, history, predictions, truth, per_epoch=per_epoch)  # type: ignore[arg-type]


def test_a_sound_run_says_nothing() -> None:
    assert said(LABELS + 5) == []
    assert said(LABELS + 5, folds=10, engines=9) == []


def test_a_constant_network_takes_more_steps_then_another_start() -> None:
    (doubt,) = said(np.full_like(LABELS, 1.2))
    assert "standard deviation of 0.0, the labels of 37.4" in doubt.line
    assert doubt.remedy is not None
    assert (doubt.remedy.schedule.full_epochs, doubt.remedy.start) == (True, 0)
    (doubt,) = said(np.full_like(LABELS, 1.2), schedule=replace(SCHEDULES["statistics"], epochs=3))
    assert doubt.remedy is not None
    assert doubt.remedy.start == 1
    assert said(np.full_like(LABELS, 1.2), method_name="health-only") == []  # it forecasts no RUL


def test_a_network_that_is_worse_than_the_mean_of_the_labels() -> None:
    (doubt,) = said(120 - LABELS)
    assert "RMSE of 74.8 on held-out engines is no better than that of the mean of the labels, 37.4" in doubt.line


@pytest.mark.parametrize(("rmse", "falls"), [((9.0, 8.0, 7.0), True), ((9.0, 8.0, 7.99), False), ((9.0, 7.0), False)])
def test_a_last_epoch_in_which_the_error_still_falls(rmse: tuple[float, ...], falls: bool) -> None:
    found = said(LABELS, rmse)
    assert len(found) == falls
    for doubt in found:
        assert "still fell, from 8.00 to 7.00" in doubt.line
        assert doubt.remedy is not None
        assert doubt.remedy.schedule.epochs == 6


def test_a_small_fleet_that_still_learns_makes_whole_epochs_first() -> None:
    """100 steps are asked for, and its windows fill eight batches."""
    for per_epoch, full, epochs in ((8, True, 3), (100, False, 6), (0, False, 6)):
        (doubt,) = said(LABELS, (9.0, 8.0, 7.0), per_epoch=per_epoch)
        assert doubt.remedy is not None
        assert (doubt.remedy.schedule.full_epochs, doubt.remedy.schedule.epochs) == (full, epochs)


@pytest.mark.parametrize(("engines", "words"), [(1, "1 validation engine:"), (4, "4 validation engines:")])
def test_few_validation_engines(engines: int, words: str) -> None:
    (doubt,) = said(LABELS, engines=engines)
    assert words in doubt.line
    assert "--folds" in doubt.line


def test_folds_of_too_few_engines_for_an_interval() -> None:
    (doubt,) = said(LABELS, folds=10, engines=8)
    assert "Intervals take 9 engines or more. Found 8" in doubt.line


def test_another_start_is_another_network_of_the_same_split() -> None:
    fleet, _ = grace.simulate(grace.Simulation(engines=6, test_engines=4))
    plan = replace(SCHEDULES["statistics"], epochs=1, steps=2)
    first = run_spec("simulated", "rul-only", size="statistics", schedule=plan, conventions=Conventions(window=30))
    runs = [grace.train(replace(first, start=start), fleet) for start in (0, 1, 1)]
    heads = [run.model.rul_head[0].weight for run in runs if run.model is not None]
    assert not heads[0].equal(heads[1])
    assert heads[1].equal(heads[2])
    assert np.array_equal(runs[0].splits[0].validation.ends, runs[1].splits[0].validation.ends)
    assert len({run.record.id for run in runs}) == 2


def test_a_small_fleet_makes_as_many_steps_as_a_large_one() -> None:
    fleet, test = grace.simulate(grace.Simulation(engines=4, test_engines=4))
    plan = replace(SCHEDULES["statistics"], epochs=2)
    spec = run_spec("simulated", "rul-only", size="statistics", schedule=plan, conventions=Conventions(window=30))
    assert grace.train(spec, fleet, test).record.steps == 2 * plan.steps
    short = replace(spec, schedule=replace(plan, full_epochs=False))
    assert grace.train(short, fleet, test).record.steps < 2 * plan.steps


def test_eight_engines_are_no_longer_a_constant_and_what_is_doubtful_is_said(cmapss_dir: Path) -> None:
    whole = read_train(cmapss_dir, "FD001")
    fleet, test = whole.select(np.arange(8)), read_test(cmapss_dir, "FD001")
    compact = grace.train(
        run_spec("FD001", "grace", size="compact", schedule=replace(SCHEDULES["compact"], epochs=3)), fleet, test
    ).record
    assert any("nearly the same of every engine" in line for line in compact.concerns)
    spec = run_spec("FD001", "grace", size="statistics", schedule="statistics", rul_scale="cap")
    record = grace.train(spec, fleet, test).record
    assert np.std(record.predictions["rul"]) > 20
    assert any("2 validation engines" in line for line in record.concerns)
