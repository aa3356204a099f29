"""Trains the foreign network as a process of two, or alone, and saves its weights."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import torch
from torch.nn.parallel import DistributedDataParallel

import grace
from tests.loop.foreign import Foreign, batch, losses


def train_foreign(rank: int, world: int, folder: Path) -> None:
    """The process group is there already where ``world`` is 2."""
    torch.manual_seed(0)
    model = Foreign()
    net = DistributedDataParallel(model) if world > 1 else model
    outer = grace.GABA(tasks=2, beta=0.5, floor=0.0, warmup=1)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05)
    for step in range(6):
        optimiser.zero_grad()
        for micro in (0, 1):  # two batches a step
            hold = net.no_sync() if world > 1 and micro == 0 else nullcontext()
            with hold:
                part = [values.chunk(world)[rank] for values in batch(16, seed=10 * step + micro)]
                grace.backward(losses(net, tuple(part)), model.shared(), outer, measure_every=3)
        optimiser.step()
    torch.save({"model": model.state_dict(), "outer": outer.state_dict()}, folder / f"{world}-{rank}.pt")
