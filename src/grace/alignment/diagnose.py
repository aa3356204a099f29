"""Diagnose a fleet: from recordings to a report."""

from __future__ import annotations

import time
from concurrent.futures import Executor

import torch

from grace.alignment.assemble import assemble
from grace.alignment.decide import STUDY, Thresholds
from grace.alignment.diagnosis import Diagnosis
from grace.alignment.measures import REFERENCE_EPOCHS, cost_of, summarise_ratio
from grace.alignment.probe import LEARNING_RATE, WEIGHT_DECAY
from grace.alignment.recipes import Recipe, check_reading, recipe_named, with_steps
from grace.alignment.replicate import replicate
from grace.core.pools import Progress
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.prepare import prepare_training
from grace.models.rul_problem import TASKS, RULProblem


def diagnose_fleet(
    fleet: Fleet,
    conventions: Conventions | None = None,
    *,
    recipe: str = "joint",
    inits: int = 8,
    batches: int = 50,
    size: str = "compact",
    inner: str = "weighted_mse",
    batch_size: int = 128,
    steps: int | None = None,
    seed: int = 0,
    thresholds: Thresholds = STUDY,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> Diagnosis:
    """Does the health task help the RUL task on this fleet, how sure is that, and what follows?

    Args:
        fleet: Training engines, run to failure.
        conventions: How recordings become windows, targets and labels.
        recipe: A name in :data:`grace.alignment.recipes.RECIPES`.
        inits: Initialisations; the interval is over them. One with the recipe ``published``.
        batches: Batches read in each.
        size: Size of the network: ``paper``, ``compact`` or ``tiny``.
        inner: RUL loss: ``mse`` or ``weighted_mse``.
        batch_size: Windows in a batch.
        steps: Optimiser steps, in place of the recipe's own.
        seed: Seed of the first initialisation; the others follow it.
        thresholds: The rule of the decision; that of the validity study by default, which prescribes nothing.
        executor: Where the initialisations run, e.g. of :func:`grace.core.pools.processes`; None runs them here.
            The numbers do not depend on it.
        on_progress: Told (initialisations done, initialisations in all).

    Raises:
        GraceError: A parameter is out of range, or the fleet cannot be used (see :mod:`grace.data.checks`).
    """
    started = time.perf_counter()
    chosen = with_steps(recipe_named(recipe), steps)
    seeds = check_reading(chosen, inits, batches, seed)
    conventions = conventions or Conventions()
    prepared = prepare_training(fleet, conventions)
    problem = RULProblem(prepared.windows, conventions.cap, size, chosen.unit, inner, batch_size)
    traces = replicate(problem, chosen, seeds, batches, executor, on_progress)
    return assemble(
        fleet.name,
        TASKS,
        chosen,
        traces,
        batches,
        ratio=summarise_ratio(traces, batches, problem.scale, conventions.cap, TASKS, conventions.unit),
        near_failure_share=prepared.near_failure_share,
        conditions=prepared.conditions,
        thresholds=thresholds,
        cost=cost_of(traces, batch_size, len(prepared.windows), time.perf_counter() - started),
        conventions=conventions.to_json()
        | {"labels": "cut from RUL" if fleet.labels is None else "own"}
        | _measured_as(chosen, problem, prepared.windows.rows.shape, seeds),
    )


def _measured_as(recipe: Recipe, problem: RULProblem, shape: tuple[int, ...], seeds: list[int]) -> dict[str, object]:
    return {
        "size": problem.size,
        "inner_loss": problem.inner,
        "batch_size": problem.batch_size,
        "rul_head_unit": recipe.unit,
        "recipe_steps": recipe.steps,
        "recipe_weights": list(recipe.weights) if recipe.warm == "joint" else None,
        "optimiser": f"AdamW, learning rate {LEARNING_RATE:g}, weight decay {WEIGHT_DECAY:g}",
        "mode": "train (dropout and batch statistics on)",
        "interval": "95 % over initialisations, random-effects model, Student's t; batches nested; engines fixed",
        "reference_training": f"{REFERENCE_EPOCHS} epochs",
        "seeds": seeds,
        "rows_and_features": list(shape),
        "torch": torch.__version__,
    }
