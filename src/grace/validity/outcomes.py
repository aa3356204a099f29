"""What training showed: every method on every case, honest protocol, several seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from grace.training.run import train
from grace.training.schedule import SCHEDULES, Schedule
from grace.training.spec import RunSpec, run_spec
from grace.validity.cases import Case, engines_of

ALONE = "rul-only"
JOINT = ("baseline", "amnl", "gaba", "grace")
METHODS = (ALONE, *JOINT)
SEEDS = (1, 2, 3, 4, 5)

SCHEDULE = replace(SCHEDULES["compact"], epochs=8, steps=50)
"""The compact recipe in a third of the steps: a study trains over a thousand times."""

Figures = dict[str, float]


def spec_of(case: Case, method: str, seed: int, schedule: Schedule = SCHEDULE) -> RunSpec:
    """The training of a case. RUL is in units of the cap, so that 0.5 / 0.5 really shares the backbone: with the RUL loss
    in cycles^2 no auxiliary task has a say, and there is no effect to predict."""
    return run_spec(
        case.name,
        method,
        seed=seed,
        schedule=schedule,
        size=case.size,
        unit="cap",
        conventions=case.conventions,
        monitor_every=0,
    )


def outcome(case: Case, method: str, seed: int, data: Path | None) -> Figures:
    """Train once; test RMSE (cycles) and score against capped labels, and validation RMSE.

    Raises:
        GraceError: The data cannot be used.
    """
    fleet, test = engines_of(case, data)
    record = train(spec_of(case, method, seed), fleet, test).record
    if record.status != "done":
        return {}
    return {
        "rmse": record.test["rmse"],
        "score": record.test["score"],
        "validation": record.validation["rmse"],
        "seconds": record.seconds,
    }
