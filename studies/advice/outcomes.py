"""One training of the study: its RMSE on units that were held out, and out of fold on its failures, as a race sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from grace.advice.race import lap_of
from grace.data.fleet import Fleet
from grace.errors import GraceError
from grace.models.rul_problem import usual_history
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec
from grace.validity.advice_study import WINDOWS
from studies.advice.cases import C_MAPSS, Way, World, network_of
from studies.advice.worlds import Place, cut, whole
from studies.fleets import Read
from studies.judging import on_units

FOLDS = 3
"""Networks of a training, each without a fold of the failures."""


def measured(world: World, way: Way, draw: int, seed: int, place: Place) -> dict[str, Any] | None:
    """Figures of one training, RMSE in shares of the cap; None where a draw has held out so many that F is more than half of the
    failures that are left. ``seed`` counts the trainings of one draw, whose units are the same."""
    found = whole(world.fleet, place)
    if (sides := cut(world, draw, place)) is None:
        return None
    training, judged = sides
    spec = spec_of(world, way, found, 1000 * seed + draw + 1)
    run = train(spec, replace(training, labels=known_labels(training, way)))
    if run.record.reason:
        raise GraceError(run.record.reason)
    cap = found.conventions.cap
    return {
        "rmse": _short(on_units(run, spec, judged, draw, spec.schedule.min_history) / cap),
        "seconds": round(run.record.seconds, 2),
        "squared": {unit: _short(value / cap**2) for unit, value in lap_of(run, spec, training).items()},
    }


def spec_of(world: World, way: Way, found: Read, seed: int) -> RunSpec:
    """The run of a way."""
    tasks = [found.tasks[way.label]] if way.label else None
    c_mapss = world.group == C_MAPSS
    spec = run_spec(world.fleet, f"fixed-{way.weight:g}" if way.label else "rul-only",
                    conventions=found.conventions, tasks=tasks, suspended=way.suspended, size=network_of(world, way),
                    folds=FOLDS, rul_scale="cap", seed=seed, max_validation_rul=150 if c_mapss else 0)  # fmt: skip
    rows = usual_history("statistics" if c_mapss else "quantiles")  # windows alike for all sizes
    plan = replace(spec.schedule, min_history=rows)
    if way.size == WINDOWS:  # as many steps as the others: its own schedule makes far fewer with so few windows
        plan = replace(plan, epochs=4, steps=100, full_epochs=True)
    return replace(spec, schedule=plan)


def known_labels(fleet: Fleet, way: Way) -> dict[str, Any]:
    """The one label that the way trains; health alone where it is none, for it is not read."""
    return {way.label: fleet.labels[way.label]} if way.label in fleet.labels else {}


def _short(value: float) -> float:
    return float(f"{value:.5g}")
