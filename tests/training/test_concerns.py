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
from grace.training.concerns import concerns
from grace.training.schedule import SCHEDULES
from grace.training.spec import run_spec

LABELS = np.tile(np.linspace(0, 120, 13), 6)


def said(rul: np.ndarray, *, best: int = 3, epochs: int = 8, engines: int = 6, method: str = "baseline") -> list[str]:
    replica: Any = SimpleNamespace(spec=run_spec("FD001", method), history=[{}] * epochs, best_epoch=best)
    engine = np.repeat(np.arange(engines), -(-len(LABELS) // engines))[: len(LABELS)]
    return concerns(replica, SimpleNamespace(rul=rul), SimpleNamespace(rul=LABELS, engine=engine))  # type: ignore[arg-type]


def test_a_sound_run_says_nothing() -> None:
    assert said(LABELS + 5) == []


def test_a_constant_network() -> None:
    (line,) = said(np.full_like(LABELS, 1.2))
    assert "standard deviation of 0.0, the labels of 37.4" in line
    assert said(np.full_like(LABELS, 1.2), method="health-only") == []  # it forecasts no RUL


def test_a_network_that_is_worse_than_the_mean_of_the_labels() -> None:
    (line,) = said(120 - LABELS)
    assert "validation RMSE of 74.8 is no better than that of the mean of the labels, 37.4" in line


def test_a_best_epoch_that_is_the_last() -> None:
    assert said(LABELS, best=7) == ["The best epoch is the last: more may be better (--epochs 16)."]


@pytest.mark.parametrize(("engines", "words"), [(1, "1 validation engine:"), (4, "4 validation engines:")])
def test_few_validation_engines(engines: int, words: str) -> None:
    (line,) = said(LABELS, engines=engines)
    assert words in line


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
