"""What ``grace.backward`` costs in a loop of your own, beside TorchJD: python benchmarks/run.py --parts loop

A transformer of 10 M parameters with three heads, forward and backward pass on one thread, as ratios to the plain sum of the
losses. The ways take turns on the same network, so that whatever else the machine does falls on all of them. Peak memory is of a
process of its own each.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from peak import mark, peak_mib
from torch import Tensor, nn

import grace

TASKS, BATCH, LENGTH, WIDTH, LAYERS = 3, 8, 64, 320, 8
WARMUP = 2


class Transformer(nn.Module):
    """Eight layers of width 320: 9.9 M parameters, three heads of a value each."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 8, 4 * WIDTH, dropout=0.0, batch_first=True)
        self.backbone = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.heads = nn.ModuleList(nn.Linear(WIDTH, 1) for _ in range(TASKS))

    def losses(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features and the losses of the tasks."""
        features = self.backbone(x).mean(1)
        return features, [(head(features) - task).square().mean() for task, head in enumerate(self.heads)]


Step = Callable[[Transformer, Tensor], None]


def plain(model: Transformer, x: Tensor) -> None:
    """One backward pass of the sum."""
    sum(model.losses(x)[1]).backward()  # type: ignore[union-attr]


def ours(every: int | None, features: bool = False, name: str = "gaba", hook: bool = False) -> Step:
    """``grace.backward`` with one outer axis that goes on; ``hook``: a hook on a parameter listens."""
    from grace.controllers.methods import build_outer

    outer = build_outer(name, TASKS)

    def step(model: Transformer, x: Tensor) -> None:
        z, losses = model.losses(x)
        handle = model.heads[0].bias.register_hook(lambda g: g) if hook else None
        shared = model.backbone.parameters()
        grace.backward(losses, shared, outer, measure_every=every, measure_on=z if features else None)
        if handle is not None:
            handle.remove()

    return step


def torchjd(aggregator: str, chunk: int | None) -> Step:
    """TorchJD's ``mtl_backward`` from the representation, one task at a time or all at once."""
    from torchjd import aggregation
    from torchjd.autojac import jac_to_grad, mtl_backward

    combine = getattr(aggregation, aggregator)()

    def step(model: Transformer, x: Tensor) -> None:
        z, losses = model.losses(x)
        shared = list(model.backbone.parameters())
        mtl_backward(losses, features=z, shared_params=shared, parallel_chunk_size=chunk)
        jac_to_grad(shared, combine)

    return step


WAYS: dict[str, Callable[[], Step]] = {
    "plain sum": lambda: plain,
    "GABA, as it comes (every tenth)": lambda: ours(None),
    "GABA, measured in every step": lambda: ours(1),
    "the same, where a hook listens": lambda: ours(1, hook=True),
    "GABA, measured in every step at the representation": lambda: ours(1, features=True),
    "UPGrad by grace.backward": lambda: ours(1, name="torchjd:UPGrad"),
    "TorchJD UPGrad, one task at a time": lambda: torchjd("UPGrad", 1),
    "TorchJD UPGrad, all at once": lambda: torchjd("UPGrad", None),
    "TorchJD MGDA, one task at a time": lambda: torchjd("MGDA", 1),
}
"""Ways by name; the first is what the others are divided by."""


def made() -> tuple[Transformer, Tensor]:
    """Network and batch."""
    torch.manual_seed(0)
    return Transformer(), torch.randn(BATCH, LENGTH, WIDTH)


def seconds(rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round; a round of the default is ten steps, divided by ten."""
    model, x = made()
    steps = {name: way() for name, way in WAYS.items()}
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(WARMUP + rounds):
        for name, step in steps.items():
            count = 10 if "tenth" in name else 1
            began = time.perf_counter()
            for _ in range(count):
                model.zero_grad()
                step(model, x)
            if number >= WARMUP:
                found[name].append((time.perf_counter() - began) / count)
    return found


def peak(name: str) -> float:
    """Peak memory of two steps of one way, MiB above the network's, in this process."""
    model, x = made()
    step, before = WAYS[name](), mark()
    for _ in range(2):
        model.zero_grad()
        step(model, x)
    return peak_mib() - before


def measured(rounds: int) -> dict[str, dict[str, float]]:
    """Ratio to the plain sum, median over rounds, and peak memory of each way."""
    times = seconds(rounds)
    first = next(iter(WAYS))
    found = {}
    for name in WAYS:
        ratios = [a / b for a, b in zip(times[name], times[first], strict=True)]
        command = [sys.executable, __file__, name]
        memory = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        found[name] = {
            "ratio": statistics.median(ratios),
            "low": min(ratios),
            "high": max(ratios),
            "seconds": statistics.median(times[name]),
            "peak_mib": memory,
        }
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """The rows of the page."""
    lines = ["| forward and backward | to the plain sum (range) | peak memory, MiB |", "|---|---|---|"]
    for name, row in found.items():
        lines.append(f"| {name} | {row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f}) | {row['peak_mib']:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(peak(sys.argv[1]))
