"""What training showed: every method on every case, honest protocol, several seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES, Schedule
from grace.training.spec import RunSpec
from grace.validity.study import Case
from studies.cases import conventions_of, engines_of

SEEDS = (1, 2, 3, 4, 5)
SIMULATED_SEEDS = (*SEEDS, 6, 7, 8, 9, 10)
"""More for the simulated cases: their trainings are shorter, and their few engines make them noisier."""

EPOCHS, STEPS = 5, 100
RECIPES = {
    "plain": Schedule(EPOCHS, STEPS, 128, 1e-3, 1e-4, 0, "cosine", ema_decay=0.9, min_history=20),
    "tuned": replace(SCHEDULES["compact"], epochs=EPOCHS, steps=STEPS, ema_decay=0.9),
}
"""``plain``: what one would write first; it over-fits within its 500 steps. ``tuned``: the recipe of :mod:`grace.training` in as
many steps; with it RUL alone is about a cycle better, and a second task has less to add. Both are short: a study trains over a
thousand times."""

Figures = dict[str, float]


def spec_of(case: Case, method: str, seed: int, schedule: Schedule | None = None) -> RunSpec:
    """The training of a case. RUL is in units of the cap, so that 0.5 / 0.5 really shares the backbone: with the RUL loss
    in cycles^2 no auxiliary task has a say, and there is no effect to predict."""
    return run_spec(
        case.name,
        method,
        seed=seed,
        schedule=schedule or RECIPES[case.recipe],
        size=case.size,
        rul_scale="cap",
        conventions=conventions_of(case),
    )


def seeds_of(case: Case) -> tuple[int, ...]:
    """Seeds that the outcome of a case is measured with."""
    return SIMULATED_SEEDS if case.simulated else SEEDS


def outcome(case: Case, method: str, seed: int, data: Path | None) -> Figures:
    """Train once; test RMSE (cycles) and score against capped labels in the epoch chosen on the validation engines, the
    validation RMSE, and the test RMSE in the last epoch, which nothing has chosen.

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
        "last": record.history[-1]["test_rmse"],
        "validation": record.validation["rmse"],
        "seconds": record.seconds,
    }
