"""What can be known of a case before it is trained: raw measurements of one initialisation, all predictors read off them.

Nothing here sees a test engine. Costs are counted in training steps (one forward and one backward pass of a batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from grace.alignment.probe import LEARNING_RATE, WEIGHT_DECAY, live_model, probe
from grace.alignment.recipes import RECIPES
from grace.core.gradient_utils import gramian, task_gradients, weighted_backward
from grace.data.fleet import Fleet
from grace.data.windows import Windows
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.models.rul_problem import RULProblem
from grace.training.protocol import split_for
from grace.training.run import train
from grace.training.schedule import Schedule
from grace.validity.cases import CLASSES, Case, engines_of
from grace.validity.outcomes import SCHEDULE, spec_of

SEEDS = (101, 102, 103)
"""Initialisations, splits and orders of batches that no outcome is measured with."""

STEPS, JOINT_WEIGHTS = 200, (1.0, 0.0, 0.1)
READ, LOOK_EVERY, FITTED_ON, HEAD_STEPS = 10, 5, 1024, 300
LOOK_LENGTH = 0.1
"""Length of a look ahead in optimiser steps: Adam's own step is so long along a single gradient that it overshoots."""
BATCH = 128
RIDGE = 1e-2
NEAR_FAILURE = 30.0

RACERS = ("rul-only", "baseline", "gaba")
RACE = replace(SCHEDULE, epochs=3, steps=50, average=0.9)
"""A short race is a whole training in small: its learning rate falls to 0 within it."""

Raw = dict[str, Any]


def measure(case: Case, seed: int, data: Path | None) -> Raw:
    """All raw measurements of a case with one seed, as JSON values.

    Raises:
        GraceError: The data cannot be used.
    """
    fleet, _ = engines_of(case, data)
    windows = split_for(spec_of(case, "baseline", seed), fleet, None).train
    problem = _ThreeLosses(windows, case.conventions.cap, case.size, "cap", "mse", BATCH)
    near = float(np.mean(windows.true_rul < NEAR_FAILURE))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {
            "near_failure_share": near,
            "published": published(windows, case, seed, "init"),
            "warmup": published(windows, case, seed, "warmup"),
            "heads": fitted_heads(problem, seed, trained_heads),
            "closed": fitted_heads(problem, seed, closed_form_heads),
            "joint": along_joint_steps(problem, seed),
            "race": {name: race(case, name, seed, fleet) for name in RACERS},
        }


class _ThreeLosses(RULProblem):
    """RUL loss, RUL loss of the samples near failure alone, and health cross entropy."""

    def losses(self, model: Any, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
        x, rul, label = batch
        predicted, logits = model(x)
        return self.losses_of(predicted, logits, rul, label)

    def losses_of(self, predicted: Tensor, logits: Tensor, rul: Tensor, label: Tensor) -> tuple[Tensor, ...]:
        """The three losses of given predictions."""
        squared = ((predicted - rul) / self.cap).square()
        near = (rul < NEAR_FAILURE).float()
        health = nn.functional.cross_entropy(logits, label)
        return squared.mean(), (near * squared).sum() / near.sum().clamp_min(1), health


def published(windows: Windows, case: Case, seed: int, recipe: str) -> Raw:
    """The source's two recipes, with its units and loss: Gramians ``[M, 2, 2]`` of one initialisation."""
    problem = RULProblem(windows, case.conventions.cap, case.size, "cycles", "weighted_mse", BATCH)
    trace = probe(problem, RECIPES[recipe], READ, seed)
    steps = (trace.forwards + 2 * trace.backwards) / 3
    return {"gramian": _rounded(trace.gramian), "losses": _rounded(trace.losses), "steps": steps}


def along_joint_steps(problem: _ThreeLosses, seed: int) -> Raw:
    """Gramians ``[STEPS, 3, 3]`` and losses of joint steps, and in every fifth step the look-ahead affinity.

    Affinity (Fifty et al. 2021, equation 1): ``1 - L_rul(after a step on the health loss) / L_rul(before)``, on the same
    batch; the step on the shared parameters is a tenth as long as the optimiser's last one.
    """
    model, _ = live_model(problem, seed)
    model.train()
    shared = problem.shared(model)
    own = [p for p in model.parameters() if all(p is not s for s in shared)]
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    weights = torch.tensor(JOINT_WEIGHTS)
    grams, values, affinity, length = [], [], [], 0.0
    for step, batch in enumerate(islice(problem.batches(seed), STEPS)):
        look = step % LOOK_EVERY == LOOK_EVERY - 1
        if look:
            affinity.append([step, *look_ahead(problem, model, shared, batch, length)])
        optimiser.zero_grad()
        losses = problem.losses(model, batch)
        gram, _ = weighted_backward(losses, lambda _: weights, shared, own, check=False)
        before = [p.detach().clone() for p in shared] if (step + 1) % LOOK_EVERY == LOOK_EVERY - 1 else None
        optimiser.step()
        if before is not None:
            moved = float(sum((p.detach() - b).square().sum() for p, b in zip(shared, before, strict=True)))
            length = LOOK_LENGTH * moved**0.5
        grams.append(gram.numpy())
        values.append([loss.item() for loss in losses])
    return {"gramian": _rounded(grams), "losses": _rounded(values), "affinity": _rounded(affinity)}


def look_ahead(
    problem: _ThreeLosses, model: nn.Module, shared: Sequence[Tensor], batch: Any, length: float
) -> tuple[float, float]:
    """Affinity of the health step and of the RUL step itself to the RUL loss; the parameters are put back."""
    losses = problem.losses(model, batch)
    rows = task_gradients([losses[0], losses[2]], shared)
    found = []
    for row in (rows[1], rows[0]):
        step = length * row / row.norm().clamp_min(1e-12)
        found.append(1 - _shifted(problem, model, shared, batch, step) / max(losses[0].item(), 1e-12))
    return found[0], found[1]


@torch.no_grad()
def _shifted(problem: _ThreeLosses, model: nn.Module, shared: Sequence[Tensor], batch: Any, step: Tensor) -> float:
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
    model, _ = live_model(problem, seed)
    assert isinstance(model, CNNBiLSTMAttention)
    stream = problem.batches(seed)
    batches = list(islice(stream, -(-FITTED_ON // BATCH)))
    with torch.no_grad():
        features = torch.cat([model.represent(x) for x, _, _ in batches])
    rul, label = torch.cat([b[1] for b in batches]) / problem.cap, torch.cat([b[2] for b in batches])
    heads = fit(features, rul, label)
    shared = problem.shared(model)
    grams = []
    for x, cycles, labels in islice(stream, READ):
        predicted, logits = heads(model.represent(x))
        losses = problem.losses_of(problem.cap * predicted, logits, cycles, labels)
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
    for _ in range(HEAD_STEPS):
        out = layer(z)
        loss = (out[:, 0] - rul).square().mean() + nn.functional.cross_entropy(out[:, 1:], label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def heads(features: Tensor) -> tuple[Tensor, Tensor]:
        out = layer((features - mean) / scale)
        return out[:, 0], out[:, 1:]

    return heads


def race(case: Case, method: str, seed: int, fleet: Fleet, schedule: Schedule = RACE) -> Raw:
    """Validation RMSE (cycles) after a training in small: the best epoch's and the last one's."""
    record = train(spec_of(case, method, seed, schedule), fleet).record
    curve = [entry["validation_rmse"] for entry in record.history]
    return {"curve": [round(value, 4) for value in curve], "status": record.status}


def _rounded(values: Any) -> list[Any]:
    """Four significant digits: what a measurement is good for, at a third of the bytes."""
    array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    text = np.array([float(f"{value:.4g}") for value in array.reshape(-1)])
    rounded: list[Any] = text.reshape(array.shape).tolist()
    return rounded
