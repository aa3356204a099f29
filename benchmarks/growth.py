"""How time and memory grow: python benchmarks/growth.py SERIES X prints seconds and MiB of one size, in a process of its own.

Series: ``engines`` (simulated, to windows on tensors), ``window`` (a training step, cycles), ``replicas`` (a step of a stack) and
``tasks`` (the Gramian and the weighted gradient of K tasks on a shared backbone).
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from peak import mark, peak_mib

SERIES = {
    "engines": (100, 300, 1000, 3000, 10000),
    "window": (15, 30, 60, 120, 240),
    "replicas": (1, 2, 4, 8, 16, 32),
    "tasks": (2, 4, 8, 16),
}
TITLES = {
    "engines": "simulated engines, to tensors",
    "window": "window, cycles: one training step",
    "replicas": "replicas: one step of a stack",
    "tasks": "tasks: Gramian and weighted gradient",
}
REPEATS = 7


def engines(count: int) -> Callable[[], Any]:
    """Checks, conditions, scaling and index of the windows of a fleet in memory."""
    from sklearn.cluster import KMeans  # noqa: F401
    from sklearn.metrics import silhouette_score  # noqa: F401

    from grace.data.conventions import PUBLISHED
    from grace.data.prepare import Prepared
    from grace.data.resident import ResidentWindows
    from grace.data.simulated.fleet import Simulation, simulate

    fleet, _ = simulate(Simulation(engines=count, test_engines=1, conditions=6))
    return lambda: ResidentWindows(Prepared.of(fleet, PUBLISHED).windows)


def window(cycles: int) -> Callable[[], Any]:
    """A plain training step of the compact network without pooling, so that every cycle counts."""
    from dataclasses import replace

    from steps import Way, random_batch

    from grace.models.cnn_bilstm_attention import SIZES, CNNBiLSTMAttention

    way = Way(CNNBiLSTMAttention(replace(SIZES["compact"], pool=1)))
    batch = random_batch(64, cycles)
    return lambda: way.step(batch)


def replicas(count: int) -> Callable[[], Any]:
    """A step of a stack of GRACE with that many seeds."""
    from dataclasses import replace

    from grace.data.simulated.fleet import Simulation, simulate
    from grace.training.protocol import Split
    from grace.training.run_spec import run_spec
    from grace.training.schedule import Schedule
    from grace.training.stack import Stack

    plan = replace(Schedule.named("compact"), steps=1)
    specs = [run_spec("simulated", "baseline", seed=seed, size="compact", schedule=plan) for seed in range(count)]
    split = Split.of(specs[0], simulate(Simulation(engines=10, test_engines=1))[0], None)
    splits = dict.fromkeys(range(count), split)
    stack = Stack(specs, splits)
    return lambda: stack.train_epoch(list(range(count)))


def tasks(count: int) -> Callable[[], Any]:
    """The gradients of K regressions on one dense backbone."""
    from torch import nn

    from grace.core.graph import remember
    from grace.core.step import take_step

    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU())
    heads = nn.ModuleList(nn.Linear(512, 1) for _ in range(count))
    x, y = torch.randn(256, 64), torch.randn(256, count)
    weights = torch.full((count,), 1 / count)

    def step() -> None:
        remember()
        z = backbone(x)
        losses = [(head(z)[:, 0] - y[:, k]).square().mean() for k, head in enumerate(heads)]
        backbone.zero_grad()
        heads.zero_grad()
        shared = list(backbone.parameters())
        take_step(losses, lambda _: (weights, None), shared, due=[True] * count, check=False)

    return step


def points(series: str, values: tuple[int, ...]) -> list[dict[str, float]]:
    """Every size of a series, each in a process of its own."""
    found = []
    for value in values:
        command = [sys.executable, __file__, series, str(value)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append({"x": value, **json.loads(done.stdout.splitlines()[-1])})
    return found


def exponent(rows: list[dict[str, float]], field: str) -> float:
    """Power of x that a figure grows with over the upper half of a series; 1 is straight."""
    upper = rows[len(rows) // 2 - 1 :]
    first, last = upper[0], upper[-1]
    return math.log(max(last[field], 1e-9) / max(first[field], 1e-9)) / math.log(last["x"] / first["x"])


def chart(found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Time of every series against its size, both axes logarithmic, with a straight line through the largest size."""
    panels = []
    for series, rows in found.items():
        last = rows[-1]
        values = [
            {"x": row["x"], "seconds": row["seconds"], "straight": last["seconds"] * row["x"] / last["x"]}
            for row in rows
        ]
        x = {
            "field": "x",
            "type": "quantitative",
            "title": TITLES[series],
            "scale": {"type": "log"},
            "axis": {"tickCount": 4},
        }

        def y(name: str) -> dict[str, Any]:
            return {
                "field": name,
                "type": "quantitative",
                "title": "seconds",
                "scale": {"type": "log"},
                "axis": {"tickCount": 4},
            }

        panels.append(
            {
                "width": 230,
                "height": 180,
                "data": {"values": values},
                "layer": [
                    {
                        "mark": {"type": "line", "strokeDash": [4, 3], "color": "#999999"},
                        "encoding": {"x": x, "y": y("straight")},
                    },
                    {
                        "mark": {"type": "line", "point": True, "color": "#0072B2"},
                        "encoding": {"x": x, "y": y("seconds")},
                    },
                ],
            }
        )
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "#ffffff",
        "columns": 2,
        "concat": panels,
        "config": {"font": "sans-serif", "axis": {"titleFontWeight": "normal", "gridOpacity": 0.4}},
    }


def main() -> None:
    """Measure one size in this process: the median of several calls, and the peak memory beyond what was there before them."""
    torch.set_num_threads(1)
    call = {"engines": engines, "window": window, "replicas": replicas, "tasks": tasks}[sys.argv[1]](int(sys.argv[2]))
    before = mark()
    call()
    peak = peak_mib() - before
    spent = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
    print(json.dumps({"seconds": sorted(spent)[REPEATS // 2], "low": min(spent), "high": max(spent), "mib": peak}))


if __name__ == "__main__":
    main()
