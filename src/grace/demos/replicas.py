"""A little 8 -> 16 ReLU network with two heads, many initialisations at once: the first dimension of all is ``R``."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

INPUTS, WIDTH, CLASSES, BATCH = 8, 16, 3, 64
"""Sizes of the source's demonstration."""

SHARED = 2
"""The backbone's weight and bias come first among the parameters."""


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


def losses(parameters: list[Tensor], x: Tensor, rul: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error and cross entropy of each replica, ``[R, 2]``."""
    predicted, logits = forward(parameters, x)
    health = cross_entropy(logits.mT, labels, reduction="none").mean(1)
    return torch.stack([(predicted - rul).square().mean(1), health], 1)
