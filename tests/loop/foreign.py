"""A network that is not ours, with two heads or more: what a user brings."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Foreign(nn.Module):
    """An LSTM, a shared layer and a linear head a task; task 0 is a regression."""

    def __init__(self, tasks: int = 2, features: int = 5) -> None:
        super().__init__()
        self.trunk = nn.LSTM(features, 8, batch_first=True)
        self.mix = nn.Linear(8, 6)
        self.heads = nn.ModuleList(nn.Linear(6, 1 if task == 0 else 3) for task in range(tasks))

    def forward(self, x: Tensor) -> list[Tensor]:
        h = self.mix(self.trunk(x)[0][:, -1]).tanh()
        return [head(h) for head in self.heads]

    def shared(self) -> list[nn.Parameter]:
        return [*self.trunk.parameters(), *self.mix.parameters()]


def batch(size: int = 12, seed: int = 0, features: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 4, features, generator=draw)
    y = 10 * x.mean((1, 2))
    return x, y, torch.bucketize(y, torch.tensor([-1.0, 1.0]))


def losses(model: nn.Module, data: tuple[Tensor, Tensor, Tensor]) -> list[Tensor]:
    x, y, label = data
    value, *logits = model(x)
    return [(value[:, 0] - y).square().mean(), *(nn.functional.cross_entropy(z, label) for z in logits)]
