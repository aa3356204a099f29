"""Where the time goes: shares of a training step by kind of operation, and of the way from text to tensors by stage."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import torch
from operations import operations_of
from throughput import STACKS, Grace, spec_of

from grace.core.weighted_mse import INNER
from grace.data.fleet import Fleet
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.training.protocol import Split

KINDS = {
    "LSTM": ("mkldnn_rnn",),
    "other products": ("mm", "convolution", "scaled_dot_product"),
    "optimiser, clip, average": ("Optimizer", "adamw", "lerp", "vector_norm", "foreach"),
}
OTHER, BETWEEN = "element-wise, copies, sums", "between operations"


def kind_of(name: str) -> str:
    """Kind of an operation by its name."""
    return next((kind for kind, signs in KINDS.items() if any(sign in name for sign in signs)), OTHER)


def peak() -> float:
    """Operations a second of this core in a large product, float32."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    spent = []
    for _ in range(12):
        began = time.perf_counter()
        a @ b
        spent.append(time.perf_counter() - began)
    return 2 * 1024**3 / min(spent)


def training_operations(size: str, window: int, features: int) -> float:
    """Operations of the products in one window's way forwards and backwards; the function does without keys and values."""
    one, count = CNNBiLSTMAttention(size, features).train(), 8

    def both() -> None:
        rul, logits = one(torch.randn(count, window, features))
        loss = INNER["mse"](rul, torch.zeros_like(rul), 125.0) + logits.square().mean()
        torch.autograd.grad(loss, list(one.parameters()), allow_unused=True)

    return operations_of(both) / count


def profile_training(size: str, steps: int, fleet: Fleet) -> dict[str, Any]:
    """Of a run and of a stack: shares of a step by kind, and the share of the core's peak that its products reach."""
    spec = spec_of(size, steps)
    split = Split.of(spec, fleet, None)
    counted = training_operations(size, spec.conventions.window, split.train.rows.shape[1])
    replicas = STACKS[size][0]
    return {
        size: _profiled(Grace(spec, split, steps), steps, counted),
        f"{size}, stack of {replicas}": _profiled(Grace(spec, split, steps, replicas), steps, counted),
    }


def _profiled(way: Any, steps: int, counted: float) -> dict[str, Any]:
    way.seconds()
    plain = statistics.median(way.seconds() for _ in range(3))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        profiled = way.seconds()
    spent = dict.fromkeys([*KINDS, OTHER], 0.0)
    for event in seen.key_averages():
        spent[kind_of(event.key)] += event.self_cpu_time_total / 1e6
    spent[BETWEEN] = max(profiled - sum(spent.values()), 0.0)
    whole = sum(spent.values())
    rate = counted * way.windows / plain
    return {
        "shares": {kind: seconds / whole for kind, seconds in spent.items()},
        "step_ms": 1e3 * plain / steps,
        "gflops": rate / 1e9,
        "of_peak": rate / peak(),
    }


def profile_text(folder: Path, names: tuple[str, ...], rounds: int = 5) -> dict[str, float]:
    """Milliseconds of each stage from text to tensors, all data sets together, median of the rounds after a first one."""
    from grace.data.cmapss.fleets import read_train
    from grace.data.conditions import Conditioner
    from grace.data.conventions import PUBLISHED
    from grace.data.prepare import check_training
    from grace.data.resident import ResidentWindows
    from grace.data.windows import training_windows

    conventions, found = PUBLISHED, []
    for _ in range(rounds + 1):
        clock = [0.0] * 4
        for name in names:
            marks = [time.perf_counter()]

            def mark(marks: list[float] = marks) -> None:
                marks.append(time.perf_counter())

            fleet = read_train(folder, name)
            mark()
            check_training(fleet, conventions)
            conditioner = Conditioner.fit(fleet, conventions)
            mark()
            rows = conditioner.transform(fleet)
            mark()
            ResidentWindows(training_windows(fleet, rows, conventions))
            mark()
            clock = [a + b - c for a, b, c in zip(clock, marks[1:], marks, strict=False)]
        found.append(clock)
    stages = ("read, parse, check, hash", "conditions", "scaling", "windows")
    middle = [statistics.median(values) for values in zip(*found[1:], strict=True)]
    return {stage: 1e3 * seconds for stage, seconds in zip(stages, middle, strict=True)}
