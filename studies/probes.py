"""What can be known of a case before it is trained: raw measurements of one initialisation, all predictors read off them.

Nothing here sees a test engine. Costs are counted in training steps (one forward and one backward pass of a batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from grace.alignment.diagnose import diagnose
from grace.alignment.probe import adamw, initialised_model, probe, weighted
from grace.alignment.problem import FleetProblem
from grace.alignment.recipes import RECIPES
from grace.core.fit import Weighed, fit
from grace.core.gradient_utils import gramian, task_gradients
from grace.data.conventions import PUBLISHED
from grace.data.fleet import Fleet
from grace.data.resident import Batch, ResidentWindows
from grace.data.windows import Windows
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.models.rul_problem import RULProblem
from grace.training.protocol import Split
from grace.training.run import train
from grace.validity.study import Case
from studies.cases import CLASSES, conventions_of, engines_of
from studies.trainings import RECIPES as TRAININGS
from studies.trainings import spec_of

SEEDS = (101, 102)
"""Initialisations, splits and orders of batches that no outcome is measured with."""

STEPS, JOINT_WEIGHTS = 200, (1.0, 0.0, 0.1)
READ, LOOK_EVERY, FITTED_ON, HEAD_STEPS = 10, 5, 1024, 300
LOOK_LENGTH = 0.1
"""Length of a look ahead in optimiser steps: Adam's own step is so long along a single gradient that it overshoots."""
BATCH, HELD = 128, 256
RIDGE = 1e-2
NEAR_FAILURE = 30.0

RACERS = ("rul-only", "baseline", "gaba")
RACE_EPOCHS, RACE_STEPS = 3, 50
"""A short race is a whole training in small: its learning rate falls to 0 within it."""

Raw = dict[str, Any]


def measure(case: Case, seed: int, data: Path | None) -> Raw:
    """All raw measurements of a case with one seed, as JSON values.

    Raises:
        GraceError: The data cannot be used.
    """
    fleet, _ = engines_of(case, data)
    split = Split.of(spec_of(case, "baseline", seed), fleet, None)
    windows = split.train
    assert isinstance(windows, Windows)
    problem = _ThreeLosses(windows, conventions_of(case).cap, case.size, "cap", "mse", BATCH)
    near = float(np.mean(windows.true_rul < NEAR_FAILURE))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {
            "near_failure_share": near,
            "published": published(windows, case, seed, "init"),
            "warmup": published(windows, case, seed, "warmup"),
            "heads": fitted_heads(problem, seed, trained_heads),
            "closed": fitted_heads(problem, seed, closed_form_heads),
            "joint": along_joint_steps(problem, seed, some_windows(split.validation, seed)),
            "race": {name: race(case, name, seed, fleet) for name in RACERS},
        }


def some_windows(windows: Windows, seed: int) -> Batch:
    """At most :data:`HELD` windows, drawn at random."""
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    return ResidentWindows(windows).batch(order[:HELD])


def diagnosed(case: Case, seed: int, data: Path | None) -> Raw:
    """rho of one initialisation as ``grace diagnose`` measures it on the case's network and windows, settings among the features.

    Raises:
        GraceError: The data cannot be used.
    """
    fleet, _ = engines_of(case, data)
    conventions = replace(PUBLISHED, window=case.window, health_cuts=conventions_of(case).health_cuts)
    found = diagnose(FleetProblem(fleet, conventions, size=case.size, min_history=0), inits=1, seed=seed)
    steps = (found.cost.forwards + 2 * found.cost.backwards) / 3
    return {"rho": found.rho.mean, "steps": steps}


def states(batch: Batch) -> Tensor:
    """Health states of a batch whose only task they are, int64 ``[B]``."""
    return batch.labels[:, 0].long()


class _ThreeLosses(RULProblem):
    """RUL loss, RUL loss of the samples near failure alone, and health cross entropy."""

    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, ...]:
        predicted, logits = model(batch.x)
        return self.losses_of(predicted, logits, batch.rul, states(batch))

    def losses_of(self, predicted: Tensor, logits: Tensor, rul: Tensor, label: Tensor) -> tuple[Tensor, ...]:
        """The three losses of given predictions."""
        squared = ((predicted - rul) / self.cap).square()
        near = (rul < NEAR_FAILURE).float()
        health = nn.functional.cross_entropy(logits, label)
        return squared.mean(), (near * squared).sum() / near.sum().clamp_min(1), health


def published(windows: Windows, case: Case, seed: int, recipe: str) -> Raw:
    """The source's two recipes, with its units and loss: Gramians ``[M, 2, 2]`` of one initialisation."""
    problem = RULProblem(windows, conventions_of(case).cap, case.size, "cycles", "weighted_mse", BATCH)
    trace = probe(problem, RECIPES[recipe], READ, seed)
    steps = (trace.forwards + 2 * trace.backwards) / 3
    return {"gramian": _rounded(trace.gramian), "losses": _rounded(trace.losses), "steps": steps}


def along_joint_steps(problem: _ThreeLosses, seed: int, held: Batch) -> Raw:
    """Gramians ``[STEPS, 3, 3]`` and losses of joint steps, and in every fifth step a :func:`look_ahead`.

    Args:
        problem: What is probed.
        seed: Initialisation and batches.
        held: Windows of the validation engines, none of which is trained on.
    """
    model, _ = initialised_model(problem, seed)
    model.train()
    shared = problem.shared(model)
    weights = torch.tensor(JOINT_WEIGHTS)
    grams: list[NDArray[np.float32]] = []
    values, looks, length = [], [], 0.0
    before = [p.detach().clone() for p in shared]

    def losses(batch: Batch) -> tuple[Tensor, ...]:
        if len(grams) % LOOK_EVERY == LOOK_EVERY - 1:
            looks.append({"step": len(grams), **look_ahead(problem, model, shared, batch, held, length)})
        return problem.losses(model, batch)

    def backward(losses: tuple[Tensor, ...], step: int) -> Weighed:
        for copy, parameter in zip(before, shared, strict=True):
            copy.copy_(parameter.detach())
        return weighted(losses, weights, shared, True, check=False)

    for step in fit(islice(problem.batches(seed), STEPS), losses, backward, adamw(model)):
        moved = float(sum((p.detach() - b).square().sum() for p, b in zip(shared, before, strict=True)))
        length = LOOK_LENGTH * moved**0.5
        assert step.gramian is not None
        grams.append(step.gramian.numpy())
        values.append(step.losses.tolist())
    columns = {name: _rounded([look[name] for look in looks]) for name in looks[0]}
    return {"gramian": _rounded(grams), "losses": _rounded(values), "looks": columns}


def look_ahead(
    problem: _ThreeLosses, model: nn.Module, shared: Sequence[Tensor], batch: Batch, held: Batch, length: float
) -> dict[str, float]:
    """What a step on one task alone would do to the RUL loss; the parameters are put back.

    Affinity (Fifty et al. 2021, equation 1): ``1 - L_rul(after a step on the health loss) / L_rul(before)``. The step on the
    shared parameters is a tenth as long as the optimiser's last one.

    Returns:
        ``affinity`` on the same batch and ``held_affinity`` on the validation engines; ``held_rho`` and ``held_own``, the cosine
        of the RUL gradient on the validation engines with the batch's health and RUL gradients; ``held_rul`` and
        ``held_health``, the losses on the validation engines.
    """
    losses = problem.losses(model, batch)
    rows = task_gradients([losses[0], losses[2]], shared)
    there = problem.losses(model, held)
    target = task_gradients([there[0]], shared)[0]
    step = length * rows[1] / rows[1].norm().clamp_min(1e-12)
    after = [_shifted(problem, model, shared, here, step) for here in (batch, held)]
    return {
        "affinity": 1 - after[0] / max(losses[0].item(), 1e-12),
        "held_affinity": 1 - after[1] / max(there[0].item(), 1e-12),
        "held_rho": _cosine(target, rows[1]),
        "held_own": _cosine(target, rows[0]),
        "held_rul": there[0].item(),
        "held_health": there[2].item(),
    }


def _cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()).clamp_min(1e-20))


@torch.no_grad()
def _shifted(problem: _ThreeLosses, model: nn.Module, shared: Sequence[Tensor], batch: Batch, step: Tensor) -> float:
    parts = step.split([p.numel() for p in shared])
    for parameter, part in zip(shared, parts, strict=True):
        parameter.sub_(part.view_as(parameter))
    loss = problem.losses(model, batch)[0].item()
    for parameter, part in zip(shared, parts, strict=True):
        parameter.add_(part.view_as(parameter))
    return loss


def fitted_heads(problem: _ThreeLosses, seed: int, fit: Any) -> Raw:
    """Gramians ``[READ, 3, 3]`` of the untrained backbone behind heads that were fitted to its features.

    Args:
        problem: What is probed.
        seed: Initialisation and batches.
        fit: From features ``[N, D]``, RUL in units of the cap ``[N]`` and labels ``[N]`` to heads, which give from features
            the RUL in cycles ``[B]`` and logits ``[B, 3]``.
    """
    model, _ = initialised_model(problem, seed)
    assert isinstance(model, CNNBiLSTMAttention)
    stream = problem.batches(seed)
    batches = list(islice(stream, -(-FITTED_ON // BATCH)))
    with torch.no_grad():
        features = torch.cat([model.represent(batch.x) for batch in batches])
    rul, label = torch.cat([b.rul for b in batches]) / problem.cap, torch.cat([states(b) for b in batches])
    heads = fit(features, rul, label)
    shared = problem.shared(model)
    grams = []
    for batch in islice(stream, READ):
        predicted, logits = heads(model.represent(batch.x))
        losses = problem.losses_of(problem.cap * predicted, logits, batch.rul, states(batch))
        grams.append(gramian(task_gradients(losses, shared)).numpy())
    return {"gramian": _rounded(grams)}


def closed_form_heads(features: Tensor, rul: Tensor, label: Tensor) -> Any:
    """Linear heads by ridge regression: RUL, and one-hot labels scaled to logits around their shares."""
    mean, scale = features.mean(0), features.std(0).clamp_min(1e-6)
    z = (features - mean) / scale
    targets = torch.cat([rul[:, None], nn.functional.one_hot(label, CLASSES).float()], 1)
    centre = targets.mean(0)
    gram = z.T @ z / len(z) + RIDGE * torch.eye(z.shape[1])
    weight = torch.linalg.solve(gram, z.T @ (targets - centre) / len(z))
    shares = centre[1:].clamp_min(1e-3)

    def heads(z: Tensor) -> tuple[Tensor, Tensor]:
        out = (z - mean) / scale @ weight
        # one linearised step of logistic regression from the class shares: d share / d logit = share (1 - share)
        return centre[0] + out[:, 0], shares.log() + out[:, 1:] / (shares * (1 - shares))

    return heads


def trained_heads(features: Tensor, rul: Tensor, label: Tensor) -> Any:
    """Linear heads by Adam on fixed features: a regression and a softmax classifier, to convergence."""
    mean, scale = features.mean(0), features.std(0).clamp_min(1e-6)
    z = (features - mean) / scale
    layer = nn.Linear(z.shape[1], 1 + CLASSES)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.05, weight_decay=1e-4)
    alike = torch.ones(2)

    def losses(z: Tensor) -> tuple[Tensor, Tensor]:
        out = layer(z)
        return (out[:, 0] - rul).square().mean(), nn.functional.cross_entropy(out[:, 1:], label)

    for _ in fit(repeat(z, HEAD_STEPS), losses, lambda found, _: weighted(found, alike, [], False), optimiser):
        pass

    def heads(features: Tensor) -> tuple[Tensor, Tensor]:
        out = layer((features - mean) / scale)
        return out[:, 0], out[:, 1:]

    return heads


def race(case: Case, method: str, seed: int, fleet: Fleet) -> Raw:
    """Validation RMSE (cycles) of every epoch of a training in small, by the recipe of the case."""
    schedule = replace(TRAININGS[case.recipe], epochs=RACE_EPOCHS, steps=RACE_STEPS)
    record = train(spec_of(case, method, seed, schedule), fleet).record
    curve = [entry["validation_rmse"] for entry in record.history]
    return {"curve": [round(value, 4) for value in curve], "status": record.status}


def _rounded(values: Any) -> list[Any]:
    """Four significant digits: what a measurement is good for, at a third of the bytes."""
    array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    text = np.array([float(f"{value:.4g}") for value in array.reshape(-1)])
    rounded: list[Any] = text.reshape(array.shape).tolist()
    return rounded
