"""Measure the Gramian of the task gradients: initialisations times batches, on any module with any number of tasks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grace.alignment.measures import Trace
from grace.alignment.problem import Problem
from grace.alignment.recipes import Recipe
from grace.core.adamw import AdamW
from grace.core.fit import Weighed, fit
from grace.core.gradient_utils import check_losses, gramian, norms, task_gradients, trainable
from grace.core.step import take_step
from grace.errors import GraceError

LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-4  # the source's AdamW
OPTIMISER = f"AdamW, learning rate {LEARNING_RATE:g}, weight decay {WEIGHT_DECAY:g}"
MAX_REDRAWS = 40
CURVE_EVERY = 5  # joint steps between two measurements before the reading begins


MakeOptimiser = Callable[[nn.Module], torch.optim.Optimizer]
"""Model -> its optimiser."""


def adamw(model: nn.Module) -> torch.optim.Optimizer:
    """The source's optimiser: AdamW with learning rate 1e-3 and weight decay 1e-4."""
    return AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)


def probe(problem: Problem, recipe: Recipe, batches: int, seed: int, optimiser: MakeOptimiser = adamw) -> Trace:
    """Initialise one network with ``seed``, treat it as the recipe says and measure on ``batches`` batches.

    The seed is that of the initialisation, the dropout and the order of batches; the global random state is left as it was. A
    ``joint`` trace also holds every fifth step before the reading, which is its last ``batches`` steps.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, redrawn = initialised_model(problem, seed)
        stream = problem.batches(seed)
        if recipe.warm == "joint":
            trace = _along_joint_steps(problem, model, stream, recipe, batches, optimiser)
        else:
            warmed = _warm(problem, model, stream, recipe, optimiser)
            trace = _read(problem, warmed, islice(stream, batches), recipe.steps)
    looks = redrawn + 1
    backwards = trace.backwards + looks * trace.losses.shape[1]
    return replace(trace, forwards=trace.forwards + looks, backwards=backwards, redrawn=redrawn)


def initialised_model(problem: Problem, seed: int) -> tuple[nn.Module, int]:
    """The first network in which no task is dead: behind a final ReLU some start with a loss, but no gradient, and have no rho.

    A task that asks for nothing in this batch (a bound that holds, or no label) has neither loss nor gradient, and is no reason.
    """
    batch = next(problem.batches(seed))
    for redrawn in range(MAX_REDRAWS):
        model = problem.model().train()
        losses = problem.losses(model, batch)
        size = norms(gramian(task_gradients(losses, problem.shared(model))))
        if bool(((size > 0) | (_detached(losses).to(size) == 0)).all()):
            return model, redrawn
    raise GraceError(
        f"Every task should have a gradient on the shared parameters. Found none for some task in {MAX_REDRAWS} "
        "initialisations. Check that each loss depends on the shared parameters and that no final ReLU is dead."
    )


def _trace(measured: Sequence[tuple[int, Tensor, Tensor]], forwards: int, backwards: int) -> Trace:
    """From (step, Gramian, losses) of every measurement, and the passes paid."""
    steps, grams, losses = zip(*measured, strict=True)
    gramians = np.array([gram.double().numpy(force=True) for gram in grams])
    return Trace(np.array(steps), gramians, np.array([loss.tolist() for loss in losses]), forwards, backwards)


def _along_joint_steps(
    problem: Problem, model: nn.Module, stream: Iterator[Any], recipe: Recipe, batches: int, make: MakeOptimiser
) -> Trace:
    measured, forwards, backwards = [], 0, 0
    shared = trainable(problem.shared(model))
    weights = torch.tensor(recipe.weights)
    steps = max(recipe.steps, batches)

    def backward(losses: Sequence[Tensor], step: int) -> Weighed:
        due = step >= steps - batches or step % CURVE_EVERY == 0
        if due:
            check_losses(losses)
        return weighted(losses, weights, shared, due)

    for number, step in enumerate(fit(islice(stream, steps), partial(problem.losses, model), backward, make(model))):
        if step.gramian is not None:
            measured.append((number, step.gramian, step.losses))
        forwards, backwards = forwards + 1, backwards + (1 if step.gramian is None else len(step.losses))
    return _trace(measured, forwards, backwards)


def _warm(
    problem: Problem, model: nn.Module, stream: Iterator[Any], recipe: Recipe, make: MakeOptimiser
) -> tuple[list[nn.Module], int, int]:
    """Single-task steps; the model of each task (the same one but for ``each``), forwards and backwards paid."""
    if recipe.warm == "none":
        return [model], 0, 0
    tasks = len(problem.losses(model, next(problem.batches(0))))
    models = [copy.deepcopy(model) for _ in range(tasks)] if recipe.warm == "each" else [model] * tasks
    distinct = list(dict.fromkeys(models))
    optimisers = [make(m) for m in distinct]
    alone = torch.eye(tasks)

    def turn(task: int, owner: nn.Module) -> Iterator[Weighed]:
        def backward(losses: Sequence[Tensor], _: int) -> Weighed:
            losses[task].backward()
            return Weighed(_detached(losses), alone[task], None)

        return fit(stream, partial(problem.losses, owner), backward, optimisers[distinct.index(owner)])

    turns = [turn(task, owner) for task, owner in enumerate(models)]
    for _ in range(recipe.steps):
        for steps in turns:
            next(steps)
    paid = recipe.steps * tasks
    return models, paid + 1, paid


def _read(problem: Problem, warmed: tuple[list[nn.Module], int, int], batches: Iterator[Any], steps: int) -> Trace:
    (models, forwards, backwards), measured = warmed, []
    distinct = list(dict.fromkeys(models))
    for batch in batches:
        if len(distinct) == 1:
            losses = problem.losses(distinct[0], batch)
            gradients = task_gradients(losses, problem.shared(distinct[0]))
        else:
            losses = [problem.losses(model, batch)[task] for task, model in enumerate(models)]
            rows = [task_gradients([loss], problem.shared(m)) for loss, m in zip(losses, models, strict=True)]
            gradients = torch.cat(rows)
        forwards, backwards = forwards + len(distinct), backwards + len(losses)
        measured.append((steps, gramian(gradients), _detached(losses)))
    return _trace(measured, forwards, backwards)


def weighted(
    losses: Sequence[Tensor], weights: Tensor, shared: Sequence[Tensor], due: bool, check: bool = True
) -> Weighed:
    """The backward pass of :func:`grace.core.fit.fit` with fixed weights ``[K]``; the Gramian is measured where it is due."""
    fixed, gram = take_step(losses, lambda _: (weights, None), shared, due=[due] * len(losses), check=check)
    return Weighed(_detached(losses), fixed, gram)


def _detached(losses: Sequence[Tensor]) -> Tensor:
    """Losses as one tensor ``[K]`` without their graph."""
    return torch.stack([loss.detach() for loss in losses])
