"""Many runs at once on a GPU, in a few minutes: python benchmarks/gpu.py

Checks on the device that a stack equals separate networks and trainings, measures windows per second of 35 runs in one stack and
of one run alone (full size, the source's batch and window, simulated engines), and from these the GPU-hours of the source's
table: 140 runs of 500 epochs. Beside it stands the floor: operations over the device's rate of matrix products, bytes over its
bandwidth, both measured here. Writes results/gpu.json. ``--device cpu --quick`` is the same in tiny, without the compiled modes,
to see that the script works.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from layers import ByLayers
from operations import operations_of

from grace.controllers.methods import SEVEN
from grace.data.conventions import PUBLISHED
from grace.data.simulated.fleet import Simulation, simulate
from grace.errors import GraceError
from grace.files import write_text
from grace.models.cnn_bilstm_attention import SIZES, CNNBiLSTMAttention
from grace.models.lstm import EAGER, Cell
from grace.training.evaluate import predict_all
from grace.training.protocol import Split
from grace.training.run import train, train_stacked
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import SEEDS, RunSpec
from grace.training.stack import Stack

ROOT = Path(__file__).parents[1]
EPOCHS, RUNS = 500, 35
# steps of 256 windows an epoch of each of the source's seeds, and windows that are predicted after it: counted on C-MAPSS with
# the source's window of 30, honest protocol
STEPS = {
    "FD001": (56, 55, 55, 55, 55),
    "FD002": (144, 142, 144, 145, 143),
    "FD003": (69, 68, 70, 68, 66),
    "FD004": (167, 167, 165, 170, 166),
}
PREDICTED = {"FD001": 420, "FD002": 1091, "FD003": 420, "FD004": 1048}
NEVER = 10**9


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    size: str
    seeds: tuple[int, ...]
    batch: int
    steps: int
    repeats: int
    engines: int
    matrix: int


FULL = Scale("paper", SEEDS, 256, 20, 5, 40, 8192)
QUICK = Scale("tiny", SEEDS[:2], 16, 2, 2, 8, 256)


@dataclass(frozen=True)
class Mode:
    """A precision, and whether the LSTM's element-wise part is compiled."""

    name: str
    precision: str
    matmul: str
    fuse: bool = False


MODES = (
    Mode("float32", "float32", "highest"),
    Mode("tf32", "float32", "high"),
    Mode("bfloat16", "bfloat16", "high"),
    Mode("tf32, compiled", "float32", "high", fuse=True),
    Mode("bfloat16, compiled", "bfloat16", "high", fuse=True),
)


def seconds(call: Callable[[], Any], device: str) -> float:
    """Wall time of a call, the device's queue empty before and after."""
    wait = torch.cuda.synchronize if device.startswith("cuda") else (lambda: None)
    wait()
    began = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - began


ON_WINDOWS = ("paper", "compact", "tiny")
"""Sizes of the network that has an LSTM, a convolution and attention of our own."""


def set_precision(matmul: str) -> None:
    """``highest`` for float32 throughout, ``high`` for TF32, in cuBLAS and in cuDNN, whose own switch is on by default."""
    torch.set_float32_matmul_precision(matmul)
    torch.backends.cudnn.allow_tf32 = matmul != "highest"


def network_difference(size: str, device: str) -> float:
    """Largest relative difference of a gradient between our function of three networks and PyTorch's layers, float64."""
    widths = replace(SIZES[size], dropout=0.0)
    single = [CNNBiLSTMAttention(widths, 17, rul_scale=125.0, rul_start=0.5).double().to(device) for _ in range(3)]
    p, running = rows_of(single)
    x = torch.randn(3, 16, 30, 17, dtype=torch.float64, device=device)
    rul, logits = single[0].together(p, running, True)(x)
    found = torch.autograd.grad((rul.square().mean(1) + logits.square().mean((1, 2))).sum(), list(p.values()))
    mine, worst = dict(zip(p, found, strict=True)), 0.0
    for number, one in enumerate(single):
        own_rul, own_logits = ByLayers(one)(x[number])
        (own_rul.square().mean() + own_logits.square().mean()).backward()
        largest = max(float(q.grad.abs().max()) for q in one.parameters() if q.grad is not None)
        gaps = [(mine[name][number] - q.grad).abs().max() for name, q in one.named_parameters() if q.grad is not None]
        worst = max(worst, float(torch.stack(gaps).max()) / largest)
    return worst


def rows_of(single: Sequence[CNNBiLSTMAttention]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and running statistics of some networks, ``[R, ...]`` by name."""
    named = [dict(one.named_parameters()) for one in single]
    floats = [{name: b for name, b in one.named_buffers() if b.is_floating_point()} for one in single]
    p = {name: torch.stack([one[name].detach() for one in named]).requires_grad_() for name in named[0]}
    return p, {name: torch.stack([one[name] for one in floats]) for name in floats[0]}


def training_difference(device: str) -> float:
    """Largest relative difference of an epoch's mean losses between a stack of all methods and separate runs, float32."""
    fleets = simulate(Simulation(engines=8, test_engines=4))
    plan = replace(SCHEDULES["tiny"], epochs=1)
    specs = [run_spec("simulated", name, size="compact", schedule=plan, seed=1, rul_scale="cap") for name in SEVEN]
    worst = 0.0
    for spec, run in zip(specs, train_stacked(specs, *fleets, device=device), strict=True):
        alone = train(spec, *fleets, device=device).record.history[0]["losses"]
        worst = max(worst, *(abs(a / b - 1) for a, b in zip(run.record.history[0]["losses"], alone, strict=True)))
    return worst


def specs_of(scale: Scale, mode: Mode, every: int) -> list[RunSpec]:
    """The seven methods and five seeds of the source's table, at the source's sizes; Gramians in every ``every``-th step."""
    plan = replace(SCHEDULES["paper"], steps=scale.steps, batch_size=scale.batch)
    shared = {"size": scale.size, "schedule": plan, "conventions": PUBLISHED, "precision": mode.precision}
    shared |= {"measure_every": every}
    return [run_spec("simulated", name, seed=seed, **shared) for seed in scale.seeds for name in SEVEN]


def stacked_throughput(scale: Scale, mode: Mode, device: str) -> dict[str, Any]:
    """Windows per second of all runs in one stack: plain steps, steps that measure, and prediction after an epoch."""
    set_precision(mode.matmul)
    found: dict[str, Any] = {}
    for name, every in (("plain", NEVER), ("measuring", 1)):
        specs, fleet = specs_of(scale, mode, every), simulate(Simulation(engines=scale.engines, test_engines=2))[0]
        splits = {spec.seed: Split.of(spec, fleet, None) for spec in specs}
        cell = Cell.compiled() if mode.fuse else EAGER
        stack = Stack(specs, splits, device, cell)
        windows = len(specs) * scale.batch * scale.steps

        def epoch(stack: Stack = stack) -> None:
            stack.train_epoch(list(range(len(stack.specs))))
            stack.epoch += 1

        epoch()  # warm-up; it holds step 0, which is always measured
        found[name] = summary([windows / seconds(epoch, device) for _ in range(scale.repeats)])
    p, running = stack.parameters.views(stack.state.average), stack.statistics.views(stack.state.average_statistics)
    network, sides = stack.shape.together(p, running, False), [stack._validation[spec.seed] for spec in specs]
    predicted = sum(map(len, sides))
    spent = [seconds(lambda: predict_all(network, sides, specs), device) for _ in range(scale.repeats + 1)]
    return found | {"runs": len(specs), "predicted_per_s": predicted / min(spent)}


def single_throughput(scale: Scale, mode: Mode, device: str) -> dict[str, Any]:
    """Windows per second of one run of GRACE alone."""
    set_precision(mode.matmul)
    spec = specs_of(scale, mode, 10)[SEVEN.index("grace")]
    split = Split.of(spec, simulate(Simulation(engines=scale.engines, test_engines=2))[0], None)
    stack = Stack([spec], {spec.seed: split}, device)
    stack.train_epoch([0])
    spent = [seconds(lambda: stack.train_epoch([0]), device) for _ in range(scale.repeats)]
    return summary([scale.batch * scale.steps / each for each in spent])


def summary(rates: list[float]) -> dict[str, Any]:
    """Median and range."""
    return {"windows_per_s": statistics.median(rates), "low": min(rates), "high": max(rates), "n": len(rates)}


def work(size: str) -> tuple[float, float]:
    """Operations and bytes of one window in training, at least: products forwards and backwards, what is saved between them."""
    one, batch = CNNBiLSTMAttention(size, 17).train(), 8
    seen: dict[int, int] = {}

    def saved(tensor: torch.Tensor) -> torch.Tensor:
        seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    def trained() -> None:
        rul, logits = one(torch.randn(batch, 30, 17))
        torch.autograd.grad(rul.sum() + logits.sum(), list(one.parameters()))

    with torch.autograd.graph.saved_tensors_hooks(saved, lambda t: t):
        operations = operations_of(trained)
    weights = sum(p.numel() for p in one.parameters()) * 4
    return operations / batch, 2 * max(sum(seen.values()) - weights, 0) / batch


def rates_of(scale: Scale, device: str) -> dict[str, float]:
    """What the device can do: operations per second of a large product in each precision, bytes per second of a copy."""
    found = {}
    for name, kind, matmul in (
        ("float32", torch.float32, "highest"),
        ("tf32", torch.float32, "high"),
        ("bfloat16", torch.bfloat16, "high"),
    ):
        set_precision(matmul)
        a = torch.randn(scale.matrix, scale.matrix, device=device).to(kind)
        found[name] = 2 * scale.matrix**3 / min(seconds(lambda a=a: a @ a, device) for _ in range(5))
    long = torch.empty(scale.matrix * 32768, device=device)
    found["bytes"] = 8 * long.numel() / min(seconds(lambda: long.clone(), device) for _ in range(5))
    return found


def measuring_share(steps: Sequence[int], every: int = 10) -> float:
    """Share of a stack's steps in which some seed measures: each counts its own steps, so that they are not in phase."""
    measured = total = 0
    for epoch in range(EPOCHS):
        for step in range(max(steps)):
            measured += any(step < mine and (epoch * mine + step) % every == 0 for mine in steps)
        total += max(steps)
    return measured / total


def table_hours(row: dict[str, Any], batch: int) -> float:
    """Hours of 140 runs of 500 epochs at a measured throughput, four stacks one after the other, none stopped early."""
    spent = EPOCHS * RUNS * sum(PREDICTED.values()) / row["predicted_per_s"]
    for steps in STEPS.values():
        share, windows = measuring_share(steps), EPOCHS * RUNS * batch * max(steps)
        plain, measuring = (row[name]["windows_per_s"] for name in ("plain", "measuring"))
        spent += windows * ((1 - share) / plain + share / measuring)
    return spent / 3600


def floor_hours(size: str, mode: Mode, rates: dict[str, float], batch: int) -> dict[str, float]:
    """Least hours of the table: operations over rate, and bytes over bandwidth."""
    operations, moved = work(size)
    windows = EPOCHS * RUNS * batch * sum(map(max, STEPS.values()))
    rate = rates["bfloat16" if mode.precision == "bfloat16" else "float32" if mode.matmul == "highest" else "tf32"]
    parameters = sum(p.numel() for p in CNNBiLSTMAttention(size, 17).parameters())
    steps = EPOCHS * RUNS * sum(map(max, STEPS.values()))
    half = 0.5 if mode.precision == "bfloat16" else 1.0
    traffic = half * moved * windows + 9 * 4 * parameters * steps  # AdamW and the average read five rows and write four
    return {"operations": operations * windows / rate / 3600, "bytes": traffic / rates["bytes"] / 3600}


def main() -> None:
    """Check, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny: does the script work?")
    parser.add_argument("--to", type=Path, help="default results/gpu.json; a quick run writes nothing without it")
    options = parser.parse_args()
    device, scale = options.device, QUICK if options.quick else FULL
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise GraceError("A GPU should be there. Found none. Try --device cpu --quick.")
    to = options.to or (None if options.quick else ROOT / "results" / "gpu.json")
    began = time.perf_counter()
    set_precision("highest")
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    found: dict[str, Any] = {
        "device": name,
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "network": scale.size,
        "batch": scale.batch,
        "differences": {f"gradients, {size}": network_difference(size, device) for size in ON_WINDOWS}
        | {"losses after an epoch": training_difference(device)},
        "rates": rates_of(scale, device),
        "modes": {},
    }
    print(json.dumps(found, indent=1), flush=True)
    if (
        max(found["differences"][f"gradients, {size}"] for size in ON_WINDOWS) > 1e-8
        or found["differences"]["losses after an epoch"] > 1e-2
    ):
        raise SystemExit("a stack differs from separate runs on this device: no throughput is worth measuring")
    for mode in MODES[: 3 if options.quick else None]:
        row = stacked_throughput(scale, mode, device)
        row |= {
            "hours_of_the_table": table_hours(row, scale.batch),
            "floor_hours": floor_hours(scale.size, mode, found["rates"], scale.batch),
        }
        if not mode.fuse:
            row["alone"] = single_throughput(scale, mode, device)
        if device.startswith("cuda"):
            row["peak_gib"] = torch.cuda.max_memory_allocated(device) / 2**30
            torch.cuda.reset_peak_memory_stats(device)
        found["modes"][mode.name] = row
        print(mode.name, json.dumps(row), flush=True)
        found["minutes"] = (time.perf_counter() - began) / 60
        if to is not None:  # after each mode: a lease may end before the last
            write_text(to, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
