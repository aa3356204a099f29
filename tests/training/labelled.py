"""Small trainings with tasks of every kind, on simulated engines whose labels have gaps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import grace
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.tasks import HEALTH, Task
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from studies.cuts import suspended

SOH = Task("soh", "soh", "regression")
STAGE = Task("stage", "stage", "class", ("cold", "hot", "warm"))
WEAR = Task("wear", "wear", "ordinal", ("1", "2", "3", "4"))
FUTURE = Task("future_sensors")
FOUR = (HEALTH, SOH, WEAR, FUTURE)
PLAN = replace(SCHEDULES["statistics"], epochs=2, steps=6, batch_size=32)


def labels(fleet: Fleet) -> dict[str, np.ndarray]:
    """A state of health with every fifth row, stages and wear with other gaps; each follows from RUL and a sensor."""
    row = np.arange(len(fleet.values))
    share = np.clip(fleet.rul_at(row) / 150, 0, 1)
    wear = np.digitize(share, [0.8, 0.5, 0.2]).astype(float)
    return {
        "soh": np.where(row % 5 == 0, 80 + 20 * share, np.nan),
        "stage": np.where(row % 3 == 0, np.minimum(wear, 2), np.nan),
        "wear": np.where(row % 4 < 2, wear, np.nan),
    }


def with_labels(fleet: Fleet) -> Fleet:
    """The fleet with them."""
    return replace(fleet, labels=labels(fleet))


def few_failures(engines: int = 16, failed: int = 6) -> Fleet:
    """Some that failed, and others that were suspended, all of them labelled."""
    return suspended(with_labels(grace.simulate(grace.Simulation(engines=engines, test_engines=5))[0]), failed, 1)


def spec_of(method: str | None = None, tasks: tuple[Task, ...] = FOUR, **choices: Any) -> RunSpec:
    """A run of a second or less."""
    given: dict[str, Any] = {"schedule": PLAN, "conventions": Conventions(window=20), "size": "statistics", "seed": 2}
    return run_spec("simulated", method, tasks=tasks, **given | choices)
