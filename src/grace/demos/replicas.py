"""A little 8 -> 16 ReLU network with two heads, many initialisations at once: the first dimension of all is ``R``."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from grace.core.gradient_utils import cosines, gramian

INPUTS, WIDTH, CLASSES, BATCH = 8, 16, 3, 64
"""Sizes of the source's demonstration."""


def initialise(replicas: int, generator: torch.Generator) -> list[Tensor]:
    """Backbone weight and bias, RUL head, health head, as ``torch.nn.Linear`` draws them."""
    shapes = [(INPUTS, WIDTH), (WIDTH, 1), (WIDTH, CLASSES)]
    return [
        (2 * torch.rand(replicas, rows, outputs, generator=generator) - 1) / math.sqrt(inputs)
        for inputs, outputs in shapes
        for rows in (inputs, 1)
    ]


def forward(parameters: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Predicted RUL ``[R, N]`` and logits ``[R, N, 3]`` of input ``[R, N, 8]``."""
    weight, bias, rul_weight, rul_bias, health_weight, health_bias = parameters
    hidden = torch.relu(x @ weight + bias)
    return (hidden @ rul_weight + rul_bias)[..., 0], hidden @ health_weight + health_bias


def gradients(
    parameters: list[Tensor], x: Tensor, rul: Tensor, labels: Tensor
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Gradients of mean squared error on (backbone, RUL head) and of cross entropy on (backbone, health head).

    Replicas do not mix, so one pass over the sum of their losses gives each its own gradient.
    """
    predicted, logits = forward(parameters, x)
    rul_loss = (predicted - rul).square().mean(1).sum()
    health_loss = cross_entropy(logits.mT, labels, reduction="none").mean(1).sum()
    return (
        torch.autograd.grad(rul_loss, parameters[:4], retain_graph=True),
        torch.autograd.grad(health_loss, [*parameters[:2], *parameters[4:]]),
    )


def backbone_cosine(rul: tuple[Tensor, ...], health: tuple[Tensor, ...]) -> Tensor:
    """Cosine of the two tasks' gradients on the backbone, heads excluded, ``[R]``."""
    rows = [torch.cat([gradient.flatten(1) for gradient in task[:2]], 1) for task in (rul, health)]
    return cosines(gramian(torch.stack(rows, 1)))[:, 0, 1]
