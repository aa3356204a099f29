"""Diagnose a fleet: from recordings to a prescription."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np
import torch

from grace.alignment.decide import SOURCE, STUDY, Thresholds, decide
from grace.alignment.diagnosis import (
    REFERENCE_EPOCHS,
    Diagnosis,
    cost_of,
    curve_of,
    evidence_of,
    rho_of,
    summarise_ratio,
)
from grace.alignment.interval import over_initialisations
from grace.alignment.probe import LEARNING_RATE, WEIGHT_DECAY
from grace.alignment.recipes import Recipe, recipe_named
from grace.alignment.replicate import Progress, replicate
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.prepare import prepare_training
from grace.errors import GraceError
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
    """Does the health task help the RUL task on this fleet, how sure is that, and which method follows?

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
        thresholds: The rule of the decision; that of the validity study by default.
        executor: Where the initialisations run, e.g. of :func:`grace.alignment.replicate.processes`; None runs them here.
            The numbers do not depend on it.
        on_progress: Told (initialisations done, initialisations in all).

    Raises:
        GraceError: A parameter is out of range, or the fleet cannot be used (see :mod:`grace.data.checks`).
    """
    started = time.perf_counter()
    chosen = _with_steps(recipe_named(recipe), steps)
    seeds = _seeds(chosen, inits, batches, seed)
    conventions = conventions or Conventions()
    prepared = prepare_training(fleet, conventions)
    problem = RULProblem(prepared.windows, conventions.cap, size, chosen.unit, inner, batch_size)
    traces = replicate(problem, chosen, seeds, batches, executor, on_progress)
    reading = np.array([rho_of(trace)[-batches:] for trace in traces])
    rho = over_initialisations(reading)
    if rho.inits == 0:
        raise GraceError(
            "rho should be defined in some initialisation. Found a zero gradient in all of them (a dead final ReLU). "
            "Use more initialisations, or the recipe `joint`."
        )
    ratio = summarise_ratio(traces, batches, problem.scale, conventions.cap, TASKS, conventions.unit)
    curve, settled = curve_of(traces)
    evidence = evidence_of(rho, ratio, prepared.near_failure_share, prepared.conditions, chosen)
    measured_as = _measured_as(chosen, problem, prepared.windows.rows.shape, seeds)
    return Diagnosis(
        dataset=fleet.name,
        recipe=chosen,
        rho=rho,
        redrawn=sum(trace.redrawn for trace in traces),
        undefined=float(np.isnan(reading).mean()),
        ratio=ratio,
        near_failure_share=prepared.near_failure_share,
        conditions=prepared.conditions,
        curve=curve,
        settled=settled,
        prescription=decide(evidence, thresholds),
        source_prescription=decide(evidence, SOURCE),
        cost=cost_of(traces, batch_size, len(prepared.windows), time.perf_counter() - started),
        conventions=conventions.to_json() | measured_as,
    )


def _with_steps(recipe: Recipe, steps: int | None) -> Recipe:
    if steps is None:
        return recipe
    if steps < 1:
        raise GraceError(f"`steps` should be at least 1. Found {steps}.")
    if recipe.warm == "none":
        raise GraceError(f"`steps` should be left out for the recipe {recipe.name}. Found {steps}; it takes no step.")
    return replace(recipe, steps=steps)


def _seeds(recipe: Recipe, inits: int, batches: int, seed: int) -> list[int]:
    if inits < 1 or batches < 1 or seed < 0:
        raise GraceError(
            f"`inits` and `batches` should be at least 1 and `seed` at least 0. Found {inits}, {batches}, {seed}."
        )
    if recipe.warm == "joint" and batches > recipe.steps:
        raise GraceError(
            f"`batches` should be at most the recipe's {recipe.steps} joint steps. Found {batches}. Raise --steps."
        )
    return [seed] if recipe.single else list(range(seed, seed + inits))


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
