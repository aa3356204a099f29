"""What a reader should know before believing the figures of a training, and what mends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from grace.data.windows import Truth
from grace.models.units import HAZARD
from grace.training.conformal import LEVEL, engines_needed
from grace.training.evaluate import Predictions
from grace.training.fitted import NETWORK
from grace.training.spec import RunSpec
from grace.training.task_figures import no_better

FEW_ENGINES = 5
COLLAPSED = 0.1
"""Standard deviation of the predictions as a share of that of the labels, below which all engines get one prediction."""
FALLING = 0.01
"""Share by which the validation RMSE still falls in the last epoch where a training has ended too early."""


class Concern(NamedTuple):
    """A doubt in one line, and the run that may end it; None where there is none."""

    line: str
    remedy: RunSpec | None = None


def concerns(
    spec: RunSpec,
    history: Sequence[dict[str, Any]],
    found: Predictions,
    truth: Truth,
    of_fleet: Sequence[str] = (),
    per_epoch: int = 0,
) -> list[Concern]:
    """The doubts about a run that has come to its end.

    Args:
        spec: The run.
        history: Its epochs, of an ensemble their means.
        found: Predictions of the engines that were held out, in the epoch that was kept.
        truth: What these are compared with.
        of_fleet: What is said of its tasks and its engines: which were suspended, or may have been, and which could not be read.
        per_epoch: Steps that an epoch made; 0: as many as the schedule says.
    """
    made = [*_of_predictions(spec, found, truth), *_of_epochs(spec, history, per_epoch)]
    made = [*made, *_of_engines(spec, len(np.unique(truth.engine))), *_of_columns(spec)]
    return [*made, *map(Concern, of_fleet)]


def of_tasks(figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What is said of tasks that are predicted no better than by the labels alone, from their figures by name."""
    lines = []
    for name, found in figures.items():
        units = f"{found['units']:.0f} unit{'s' * (found['units'] != 1)}"
        if not found["windows"]:
            lines.append(f"{name} is known of no held-out unit that failed: nothing shows how well it is predicted.")
        elif no_better(found):
            what, figure = (
                ("mean", f"R2 {found['r2']:.2f}")
                if "r2" in found
                else ("base rates", f"loss {found['loss']:.2f} of theirs")
            )
            lines.append(f"{name} is predicted no better than by its {what}: {figure} on {units}.")
    return lines


def _of_predictions(spec: RunSpec, found: Predictions, truth: Truth) -> Iterator[Concern]:
    rul, labels = found.rul.astype(float), truth.rul.astype(float)
    error, spread = float(np.sqrt(np.mean((rul - labels) ** 2))), float(labels.std())
    if not spec.trains("rul") or spread == 0:
        return
    if rul.std() < COLLAPSED * spread:
        line = (
            f"The {spec.model} says nearly the same of every engine: its predictions have a standard deviation of "
            f"{rul.std():.1f}, the labels of {spread:.1f}."
        )
    elif error >= spread and spec.suspended != HAZARD:
        line = f"The RMSE of {error:.1f} on held-out engines is no better than that of the mean of the labels, {spread:.1f}."
    else:
        return
    plan = spec.schedule
    if spec.model != NETWORK:  # fitted again it would be the same
        yield Concern(line)
    elif plan.steps and not plan.full_epochs:  # a small fleet fills few batches: as many steps as for a large one
        yield Concern(line, replace(spec, schedule=replace(plan, full_epochs=True)))
    else:
        yield Concern(line, replace(spec, start=spec.start + 1))


def _of_epochs(spec: RunSpec, history: Sequence[dict[str, Any]], per_epoch: int) -> Iterator[Concern]:
    rmse, plan = [epoch["validation_rmse"] for epoch in history], spec.schedule
    if spec.suspended == HAZARD:  # figures of engines that failed do not judge what was learned from all
        return
    if spec.trains("rul") and len(rmse) == plan.epochs > 1 and rmse[-1] == min(rmse) < (1 - FALLING) * rmse[-2]:
        line = f"The last epoch is the best: the RMSE on held-out engines still fell, from {rmse[-2]:.2f} to {rmse[-1]:.2f}."
        few = 0 < per_epoch < plan.steps and not plan.full_epochs  # windows of a small fleet that fill few batches
        more = {"full_epochs": True} if few else {"epochs": 2 * plan.epochs}
        yield Concern(line, replace(spec, schedule=replace(plan, **more)))


def _of_engines(spec: RunSpec, engines: int) -> Iterator[Concern]:
    if spec.folds:
        if engines < (needed := engines_needed(LEVEL)):
            yield Concern(f"Intervals take {needed} engines or more. Found {engines}: there are none.")
    elif engines < FEW_ENGINES:
        found = f"{engines} validation engine{'s' * (engines != 1)}"
        yield Concern(
            f"Chosen on {found}: another split would give other figures. --folds 10 holds out every engine once."
        )


def _of_columns(spec: RunSpec) -> Iterator[Concern]:
    table = spec.conventions.table
    for leak in () if table is None else table.leaks:
        yield Concern(
            f"A feature gives the end away: {leak}. The figures hold only where it is known of a running engine."
        )
