r"""The source's gradient cosine at initialisation, and the same network trained, where the cosine means something.

:func:`run` is the source's demonstration as it is: an untrained 8 -> 16 ReLU backbone, heads 1 and 3, input
:math:`x \sim N(0, 1)` that RUL does not depend on. Over initialisations the cosine is centred on 0 for aligned labels
and for random ones alike: a single initialisation can show either sign.

:func:`train` shows the effect. RUL depends on ``x`` (:func:`_toy`); both tasks are trained with weights 1 : 1, RUL in
units of the cap; the labels are aligned, random or competing. It reports the cosine along the training and the test
RMSE against RUL alone. This is also the demonstration that stands beside :mod:`grace.demos.two_regimes`.

A cosine above 0 goes with help here; one near 0 does not tell help from harm: labels that are another function of the
readings that RUL needs also lowered the RMSE, at a cosine near 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from grace.core.fit import Weighed, fit
from grace.core.gradient_utils import cosines
from grace.core.replicas import gramians_of_replicas, step_of_replicas
from grace.errors import GraceError

CAP = 125.0
INPUTS, WIDTH, CLASSES, BATCH = 8, 16, 3, 64
"""Sizes of the source's demonstration."""

SHARED = 2
"""The backbone's weight and bias come first among the parameters."""

LABELS = ("aligned", "random", "competing")


@dataclass(frozen=True)
class _Cosine:
    """Cosine at initialisation, averaged over batches: mean, SD and share above 0 over initialisations."""

    mean: float
    sd: float
    positive: float


@dataclass(frozen=True)
class AtInitialisation:
    """Cosine of RUL with health labels from RUL's thresholds (aligned) and with random labels (anti)."""

    aligned: _Cosine
    anti: _Cosine


@dataclass(frozen=True, eq=False)
class _Trained:
    """What joint training with one kind of labels gave."""

    labels: str  # one of `LABELS`
    rho_mean: NDArray[np.float64]  # mean over initialisations of the cosine, averaged over each bin of steps, `[bins]`
    rho_sd: NDArray[np.float64]  # its standard deviation over initialisations, `[bins]`
    # test RMSE minus that of RUL alone, cycles, paired by initialisation, `[R]`; below 0: labels help
    difference: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Training:
    """All kinds of labels, beside RUL alone."""

    bin_ends: NDArray[np.int64]  # last step (counted from 1) of each bin, `[bins]`
    alone: NDArray[np.float64]  # test RMSE of RUL alone, cycles, `[R]`
    trained: tuple[_Trained, ...]  # one entry for each of `LABELS`


CLAIMED = {"aligned": 0.32, "anti": -0.04}
"""What the source prints for one unnamed initialisation (GRACE text, section 21.3)."""


def run(initialisations: int = 200, seed: int = 0, batches: int = 50) -> AtInitialisation:
    """Measure the cosine at initialisation, as in the source.

    The source leaves open where RUL comes from; here it is drawn from U(0, 125), independent of ``x``.

    Raises:
        GraceError: Fewer than 2 initialisations (no spread) or no batch.
    """
    if initialisations < 2 or batches < 1:
        raise GraceError(
            f"`initialisations` should be at least 2 and `batches` at least 1. Found {initialisations} and {batches}."
        )
    generator = torch.Generator().manual_seed(seed)
    parameters = _initialise(initialisations, generator)
    aligned, anti = [], []
    for _ in range(batches):
        x = torch.randn(initialisations, BATCH, INPUTS, generator=generator)
        rul = CAP * torch.rand(initialisations, BATCH, generator=generator)
        random = torch.randint(0, CLASSES, rul.shape, generator=generator)
        aligned.append(_measure(parameters, x, rul, _health(rul)))
        anti.append(_measure(parameters, x, rul, random))
    return AtInitialisation(_over_initialisations(aligned), _over_initialisations(anti))


def train(initialisations: int = 30, steps: int = 400, seed: int = 0, bins: int = 8, samples: int = 256) -> Training:
    """Train RUL alone and with each kind of labels, from the same initialisations on the same data and batches.

    Each of the ``R`` initialisations has data of its own; the test has 1,000 samples. Steps are Adam's at 5e-3, and the cosine is
    averaged over ``bins`` stretches of them.

    Raises:
        GraceError: Fewer than 2 initialisations (no spread), or ``steps`` is no positive multiple of ``bins``.
    """
    if initialisations < 2:
        raise GraceError(f"`initialisations` should be at least 2. Found {initialisations}.")
    if bins < 1 or steps < 1 or steps % bins:
        raise GraceError(f"`steps` should be a positive multiple of `bins`. Found {steps} and {bins}.")
    generator = torch.Generator().manual_seed(seed)
    start = _initialise(initialisations, generator)
    start[3] += 0.5  # the RUL head starts in the middle of its range
    x, clean = _toy(initialisations, samples, generator)
    test = _toy(initialisations, 1000, generator)
    rul = clean + 10 * torch.randn(clean.shape, generator=generator)
    random = torch.randint(0, CLASSES, clean.shape, generator=generator)
    batches = torch.randint(0, samples, (steps, initialisations, BATCH), generator=generator)
    alone, _ = _fit(start, x, rul, None, batches)
    error = _test_rmse(alone, *test)
    trained = []
    for name, labels in zip(LABELS, (_health(clean), random, _competing(x)), strict=True):
        parameters, rho = _fit(start, x, rul, labels, batches)
        binned = rho.view(bins, steps // bins, initialisations).mean(1)
        difference = _test_rmse(parameters, *test) - error
        trained.append(_Trained(name, _array(binned.mean(1)), _array(binned.std(1)), _array(difference)))
    return Training(np.arange(1, bins + 1) * (steps // bins), _array(error), tuple(trained))


def _initialise(replicas: int, generator: torch.Generator) -> list[Tensor]:
    """Backbone weight and bias, RUL head, health head, as ``torch.nn.Linear`` draws them."""
    shapes = [(INPUTS, WIDTH), (WIDTH, 1), (WIDTH, CLASSES)]
    return [
        (2 * torch.rand(replicas, rows, outputs, generator=generator) - 1) / math.sqrt(inputs)
        for inputs, outputs in shapes
        for rows in (inputs, 1)
    ]


def _forward(parameters: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Predicted RUL ``[R, N]`` and logits ``[R, N, 3]`` of input ``[R, N, 8]``."""
    weight, bias, rul_weight, rul_bias, health_weight, health_bias = parameters
    hidden = torch.relu(x @ weight + bias)
    return (hidden @ rul_weight + rul_bias)[..., 0], hidden @ health_weight + health_bias


def _losses(parameters: list[Tensor], x: Tensor, rul: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error and cross entropy of each replica, ``[R, 2]``."""
    predicted, logits = _forward(parameters, x)
    health = cross_entropy(logits.mT, labels, reduction="none").mean(1)
    return torch.stack([(predicted - rul).square().mean(1), health], 1)


def _measure(parameters: list[Tensor], x: Tensor, rul: Tensor, labels: Tensor) -> Tensor:
    """Cosine on the backbone of the gradients of RUL loss and cross entropy, one batch a replica, ``[R]``."""
    leaves = [p.detach().requires_grad_() for p in parameters]
    found = _losses(leaves, x, rul, labels)
    return cosines(gramians_of_replicas(found, leaves[:SHARED]))[:, 0, 1]


def _toy(replicas: int, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Input ``[R, N, 8]`` and the RUL in cycles ``[R, N]`` that two of its values hide, about U(0, 125).

    Wear is how far two readings are from 0 on either side, so that a backbone has to bend to see it.
    """
    x = torch.randn(replicas, samples, INPUTS, generator=generator)
    return x, CAP * torch.special.ndtr((x[..., 0].abs() + x[..., 1].abs() - 1.6) / 0.85)


def _health(rul: Tensor) -> Tensor:
    """Classes 0 at 70 cycles and above, 2 under 30, 1 between."""
    return (rul < 70).long() + (rul < 30).long()


def _competing(x: Tensor) -> Tensor:
    """Classes from the sign products of four readings that RUL does not depend on, ``[R, N, 8] -> [R, N]``."""
    return (x[..., 4] * x[..., 5] > 0).long() + (x[..., 6] * x[..., 7] > 0).long()


def _fit(
    start: list[Tensor], x: Tensor, rul: Tensor, labels: Tensor | None, batches: Tensor
) -> tuple[list[Tensor], Tensor]:
    parameters = [p.clone().requires_grad_() for p in start]
    optimiser = torch.optim.Adam(parameters, lr=5e-3)
    replica = torch.arange(len(x)).unsqueeze(1)
    seen = torch.zeros(rul.shape, dtype=torch.long) if labels is None else labels
    weights = torch.tensor([1.0, 0.0 if labels is None else 1.0]).expand(len(x), 2)

    def losses_of(batch: Tensor) -> Tensor:
        return _losses(parameters, x[replica, batch], rul[replica, batch] / CAP, seen[replica, batch])

    def backward(found: Tensor, _: int) -> Weighed:
        shared, own = parameters[:SHARED], parameters[SHARED:]
        return Weighed(found.detach(), *step_of_replicas(found, lambda gram: (weights, None), shared, own, due=True))

    steps = fit(batches, losses_of, backward, optimiser)
    grams = torch.stack([step.gramian for step in steps if step.gramian is not None])
    return parameters, cosines(grams)[..., 0, 1]


@torch.no_grad()
def _test_rmse(parameters: list[Tensor], x: Tensor, rul: Tensor) -> Tensor:
    return (_forward(parameters, x)[0] * CAP - rul).square().mean(1).sqrt()


def _over_initialisations(batches: list[Tensor]) -> _Cosine:
    rho = torch.stack(batches).mean(0)
    return _Cosine(float(rho.mean()), float(rho.std()), float((rho > 0).float().mean()))


def _array(values: Tensor) -> NDArray[np.float64]:
    return values.detach().double().numpy()
