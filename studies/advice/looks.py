"""What can be known of a case before it is trained: raw measurements on the training units of one draw, without a held-out one.

Of a third of the failures, the first fold of a training, no loss is taken: on these the task is asked what it would do for units
that nobody trains on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from grace.advice.looks import coverage, given_rul
from grace.alignment.probe import adamw, initialised_model, probe, weighted
from grace.alignment.recipes import RECIPES
from grace.core.fit import Weighed, fit
from grace.core.gradient_utils import task_gradients
from grace.data.draws import with_labels
from grace.data.resident import Batch
from grace.data.windows import ManyWindows, Windows
from grace.formats import rounded
from grace.models.heads import MultiHead
from grace.models.rul_problem import RULProblem, resident
from grace.models.second_tasks import Head
from grace.training.protocol import Split
from grace.training.spec import RunSpec
from studies.advice.cases import ALL, BOUND, IGNORE, Way, World
from studies.advice.outcomes import known_labels, spec_of
from studies.advice.worlds import Place, cut, whole

INITS, SEED = 4, 5_000
"""Initialisations, and the first of their seeds: no outcome is measured with one of them."""
READ, STEPS, LOOKED, EVERY = 10, 150, 50, 5
"""Batches that are read of an untrained network; joint steps, the last of which are read, and how often one looks ahead."""
LENGTH = 0.1
"""Of a look ahead, in optimiser steps: Adam's own step is so long along a single gradient that it overshoots."""
HELD = 256

Raw = dict[str, Any]


def looked(world: World, way: Way, draw: int, place: Place, brief: bool = False) -> Raw | None:
    """All raw measurements of a case in one draw, ``seconds`` by what was measured; ``brief``: those that need no gradient. None
    where too few failures are left."""
    found = whole(world.fleet, place)
    if (sides := cut(world, draw, place)) is None:
        return None
    training, _ = sides
    training = replace(training, labels=known_labels(training, way))
    said = IGNORE if world.failures == ALL else BOUND
    spec = spec_of(world, replace(way, suspended=said), found, SEED + draw)
    split = Split.folds(spec, training, None)[0]
    heads = Head.every(spec.conventions)
    problem = RULProblem(split.train, spec.conventions.cap, spec.size, "cap", "mse", spec.schedule.batch_size,
                         beside=split.beside, heads=heads, suspended=said, apart=said == BOUND, every=split.every)  # fmt: skip
    weights = (1.0, way.weight, *([float(way.suspended == BOUND)] if said == BOUND else []))
    raw: Raw = {"failures": len(training.failures), "coverage": coverage(training, way.label), "seconds": {}}
    watch = partial(_timed, raw["seconds"])
    with torch.random.fork_rng(devices=[]):
        with watch("given-rul"):
            assert isinstance(split.train, Windows)
            raw["given_rul"] = given_rul(split.train, heads[0])
        if brief:
            return cast(Raw, rounded(raw))
        for recipe in ("init", "warmup"):
            with watch(recipe):
                raw[recipe] = [_gramians(problem, recipe, weights, SEED + number) for number in range(INITS)]
        with watch("joint"):
            steps = partial(along_joint_steps, problem, spec.size, split, weights)
            raw["joint"] = [steps(SEED + number) for number in range(INITS)]
        with watch("label"):
            raw["label"] = [label_alone(problem, spec, split, SEED + number) for number in range(INITS)]
    return cast(Raw, rounded(raw))  # what is undefined becomes null


@contextmanager
def _timed(into: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    into[name] = round(time.perf_counter() - began, 2)


def _gramians(problem: RULProblem, recipe: str, weights: Sequence[float], seed: int) -> Raw:
    """What is read of :data:`READ` batches of one initialisation, RUL in units of the cap."""
    trace = probe(problem, replace(RECIPES[recipe], weights=tuple(weights)), READ, seed)
    return means(trace.gramian) | {"passes": [trace.forwards, trace.backwards]}


def along_joint_steps(problem: RULProblem, size: str, split: Split, weights: Sequence[float], seed: int) -> Raw:
    """What is read of the last joint steps, and what a step on the label alone would do to held-out units, means over looks."""
    torch.manual_seed(seed)
    model, _ = initialised_model(problem, seed)
    shared, held = problem.shared(model), _held(split.validation, size)
    before = [p.detach().clone() for p in shared]
    fixed, grams, looks, length, number = torch.tensor(weights), [], [], 0.0, 0

    def losses(batch: Batch) -> tuple[Tensor, ...]:
        if number >= STEPS - LOOKED and number % EVERY == EVERY - 1:
            looks.append(look_ahead(problem, model, shared, batch, held, length))
        return problem.losses(model, batch)

    def backward(found: Sequence[Tensor], step: int) -> Weighed:
        for copy, parameter in zip(before, shared, strict=True):
            copy.copy_(parameter.detach())
        return weighted(found, fixed, shared, step >= STEPS - LOOKED, check=False)

    for number, step in enumerate(fit(islice(problem.batches(seed), STEPS), losses, backward, adamw(model)), 1):  # noqa: B007
        moved = float(sum((p.detach() - b).square().sum() for p, b in zip(shared, before, strict=True)))
        length = LENGTH * moved**0.5
        if step.gramian is not None:
            grams.append(step.gramian.numpy())
    return means(np.array(grams)) | {name: float(np.mean([look[name] for look in looks])) for name in looks[0]}


def look_ahead(
    problem: RULProblem, model: nn.Module, shared: Sequence[Tensor], batch: Batch, held: Batch, length: float
) -> dict[str, float]:
    """What a short step on the label would do to the RUL loss of held-out failed units; the parameters are put back.

    Returns:
        ``ahead``: by which share such a step lowers it (Fifty et al. 2021, equation 1); ``own``: the same of a step on RUL;
        ``rho``: cosine of the label's gradient and that of RUL there; ``linear``: their product over the loss there, to first
        order what ``ahead`` measures.
    """
    rul, label, *_ = task_gradients(problem.losses(model, batch), shared)
    model.eval()  # noise and dropout would drown what so short a step changes
    loss = _rul_loss(problem, model, held)
    (there,) = task_gradients([loss], shared)
    unit = label / label.norm().clamp_min(1e-12)
    size = there.norm().clamp_min(1e-12)
    found = {"rho": float(there @ unit / size), "linear": float(there @ label / loss.detach().clamp_min(1e-12))}
    for name, side in (("ahead", unit), ("own", rul / rul.norm().clamp_min(1e-12))):
        found[name] = 1 - _after(problem, model, shared, held, length * side) / max(float(loss.detach()), 1e-12)
    model.train()
    return found


def _rul_loss(problem: RULProblem, model: nn.Module, held: Batch) -> Tensor:
    """Mean squared error in units of the cap squared."""
    predicted: Tensor = model(held.x)[0]
    return ((predicted - held.rul) / problem.cap).square().mean()


@torch.no_grad()
def _after(problem: RULProblem, model: nn.Module, shared: Sequence[Tensor], held: Batch, step: Tensor) -> float:
    before = [parameter.clone() for parameter in shared]
    for parameter, part in zip(shared, step.split([p.numel() for p in shared]), strict=True):
        parameter.sub_(part.view_as(parameter))
    loss = float(_rul_loss(problem, model, held))
    for parameter, old in zip(shared, before, strict=True):
        parameter.copy_(old)  # adding the step again would not give the same bits
    return loss


def label_alone(problem: RULProblem, spec: RunSpec, split: Split, seed: int) -> Raw:
    """Loss of the label on held-out failed units, in units of that of its base rates, after as many steps on it alone."""
    torch.manual_seed(seed)
    model, _ = initialised_model(problem, seed)
    assert isinstance(model, MultiHead)
    alone = torch.tensor([float(name == problem.tasks[1]) for name in problem.tasks])
    shared = problem.shared(model)
    seen = 0.0
    for step in fit(islice(problem.batches(seed), STEPS), partial(problem.losses, model),
                    lambda found, _: weighted(found, alone, shared, False, check=False), adamw(model)):  # fmt: skip
        seen = float(step.losses[1])
    head = problem.heads[0]
    known = with_labels(split.validation, (head.name,), spec.conventions)
    if not len(known):
        return {"seen": seen, "held": float("nan")}
    held = _held(known, spec.size)
    model.eval()
    with torch.no_grad():
        emitted = model.emitted(held.x)[1]
        scale = model.one().scale(head)
        loss = head.loss(emitted[None], held.labels[None, :, head.columns], scale)
    return {"seen": seen, "held": float(loss)}


def _held(windows: Windows | ManyWindows, size: str) -> Batch:
    """At most :data:`HELD` windows of units that no loss is taken of, evenly spread, as the network reads them."""
    made = resident(windows, size)
    return made.batch(made.spread(HELD))


def means(gramians: NDArray[Any]) -> Raw:
    """Mean Gramian ``[K, K]`` of some batches, and the mean of its cosines, those with a gradient of 0 left out."""
    size = np.sqrt(np.diagonal(gramians, axis1=1, axis2=2))
    product = size[:, :, None] * size[:, None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(product > 0, gramians / product, np.nan)
    there = np.isfinite(cosine)
    count = there.sum(0)
    mean = np.where(count > 0, np.where(there, cosine, 0).sum(0) / np.maximum(count, 1), 0.0)
    return {"gramian": gramians.mean(0).tolist(), "cosine": mean.tolist()}
