"""What a training of the network on statistics costs, beside what it is compared with: python benchmarks/statistics_speed.py

Writes results/statistics_speed.json and the table in docs/performance.md; ``--page`` writes the table again. Ways take turns,
round by round; times are seconds of CPU (user and system), which a machine that is not quiet still tells, only less exactly:
its load is noted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pages import replace_between
from performance import machine_line, shown
from run import PAGE, ROOT, machine, spread
from torch import nn

from grace.core.weighted_mse import INNER
from grace.data.load import load_test, load_train
from grace.files import write_text
from grace.models.rul_problem import resident
from grace.training.model_file import save_model
from grace.training.protocol import Split
from grace.training.run import train, train_stacked
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec
from grace.training.stack import Stack

RESULTS = ROOT / "results" / "statistics_speed.json"
SIZE = {"size": "statistics", "schedule": "statistics", "rul_scale": "cap"}
TRAINED = ["--size", "statistics", "--schedule", "statistics", "--seed", "42"]
TEN = 10  # networks in one stack


def spec_of(seed: int = 42) -> RunSpec:
    """GRACE on FD001, to the last epoch: early stopping would compare runs of different length."""
    spec = run_spec("FD001", "grace", seed=seed, **SIZE)
    return replace(spec, schedule=replace(spec.schedule, early_stopping_patience=0))


def cpu(function: Callable[[], object]) -> float:
    """Seconds of CPU of a call."""
    began = time.process_time()
    function()
    return time.process_time() - began


def whole(data: Path, folder: Path) -> None:
    """A training from text to the network's file."""
    fleet, test = load_train("FD001", data), load_test("FD001", data)
    save_model(folder / "net.safetensors", train(spec_of(), fleet, test, checkpoint=folder / "state"))
    (folder / "state").unlink()


def epochs(split: Split) -> float:
    """The epochs of a training alone: steps, evaluation, averages; the statistics are there."""
    stack = Stack([spec_of()], {42: split})
    return cpu(lambda: [stack.run_epoch() for _ in range(spec_of().schedule.epochs)])


def idiomatic(split: Split) -> float:
    """The same network and steps as a tutorial would write them, on the same resident statistics."""
    plan, side = spec_of().schedule, resident(split.train, "statistics")
    x, rul, label = side.batch(torch.arange(len(side)))
    held = resident(split.validation, "statistics").batch(torch.arange(len(split.validation)))
    x, held_x = ((part - x.mean(0)) / x.std(0).clamp_min(1e-6) for part in (x, held[0]))
    layers: list[nn.Module] = []
    for before, after in ((x.shape[1], 128), (128, 128), (128, 64)):
        layers += [nn.Linear(before, after), nn.GELU(), nn.Dropout(0.1)]
    trunk, heads = nn.Sequential(*layers), nn.Linear(64, 4)
    network = nn.Sequential(trunk, heads).train()
    optimiser = torch.optim.AdamW(network.parameters(), plan.learning_rate, weight_decay=plan.weight_decay, fused=True)
    steps = plan.epochs * plan.steps
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    mean = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(plan.ema_decay)
    )

    def run() -> None:
        for _ in range(plan.epochs):
            order = torch.randperm(len(x))
            for index in order.split(plan.batch_size)[: plan.steps]:
                found = network(x[index] + 0.25 * torch.randn(len(index), x.shape[1]))
                loss = INNER["weighted_mse"](found[:, 0], rul[index] / 125, 1.0)
                loss = loss + nn.functional.cross_entropy(found[:, 1:], label[index])
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
                optimiser.step()
                decay.step()
                mean.update_parameters(network)
            with torch.no_grad():
                mean.eval()(held_x)

    return cpu(run)


def tree(split: Split) -> float:
    """Scikit-learn's tree with its defaults, fitted on the same statistics."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    side = resident(split.train, "statistics")
    x, rul, _ = side.batch(torch.arange(len(side)))
    values, target = np.asarray(x, dtype=np.float64), np.asarray(rul)
    return cpu(lambda: HistGradientBoostingRegressor(random_state=0).fit(values, target))


def command(*arguments: object) -> dict[str, float]:
    """Seconds of CPU and of the clock of a whole process and its children."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "grace.cli.main", *map(str, arguments)], check=True, capture_output=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "wall": wall}


def measured(data: Path, rounds: int) -> dict[str, Any]:
    """Every way, in turn."""
    fleet, test = load_train("FD001", data), load_test("FD001", data)
    split, other = Split.of(spec_of(), fleet, test), load_train("FD003", data)
    ten = [spec_of(seed) for seed in range(TEN)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways: dict[str, Callable[[], float]] = {
            "training, text to file": lambda: cpu(lambda: whole(data, folder)),
            "epochs of a training": lambda: epochs(split),
            "idiomatic loop": lambda: idiomatic(split),
            "scikit-learn's tree": lambda: tree(split),
            "diagnosis of FD003": lambda: cpu(lambda: diagnosis(other)),
        }
        for way in ways.values():  # imports and first calls
            way()
        found = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                found[name].append(way())
        found["ten in one stack"] = [cpu(lambda: train_stacked(ten, fleet, test))]
        calls = {
            "grace train FD001": ["train", "FD001", "--data", data, "--to", folder / "net.safetensors", *TRAINED],
            "grace train --help": ["train", "--help"],
            "grace diagnose FD003": ["diagnose", "FD003", "--data", data, "--size", "statistics"],
            "grace demo": ["demo", "--to", folder / "demo"],
        }
        again = {"grace demo": 1, "grace train --help": 5}
        processes = {name: [command(*call) for _ in range(again.get(name, 2))] for name, call in calls.items()}
    return {
        "seconds": {name: spread(values) for name, values in found.items()},
        "ratios": {
            f"epochs of a training / {peer}": spread(
                [a / b for a, b in zip(found["epochs of a training"], found[peer], strict=True)]
            )
            for peer in ("idiomatic loop", "scikit-learn's tree")
        },
        "processes": {
            name: {kind: spread([one[kind] for one in ones]) for kind in ("cpu", "wall")}
            for name, ones in processes.items()
        },
    }


def diagnosis(fleet: Any) -> None:
    """As ``grace diagnose`` makes it in one process."""
    from grace.alignment.diagnose import diagnose
    from grace.alignment.problem import FleetProblem

    diagnose(FleetProblem(fleet, size="statistics"))


GOALS = {"training, text to file": 1.5, "diagnosis of FD003": 3, "ten in one stack": 15, "grace demo": 15}
"""Seconds; issue 17."""


def table(found: dict[str, Any]) -> str:
    """The part of the page."""
    lines = [
        machine_line(found).replace("run.py --data DIR", "statistics_speed.py"),
        f"One thread; the machine's load was {found['load'][0]:.1f} at the beginning and {found['load'][1]:.1f} at the end "
        "(1 means that nothing else ran).\n\n",
        "| network on statistics | goal | CPU seconds | seconds of the clock |\n|---|---|---|---|\n",
    ]
    for name, values in found["seconds"].items():
        lines.append(f"| {name} | {GOALS.get(name, '')} | {shown(values)} | |\n")
    for name, values in found["ratios"].items():
        lines.append(f"| {name} | | {shown(values, ' x')} | |\n")
    for name, kinds in found["processes"].items():
        lines.append(
            f"| `{name}`, whole processes | {GOALS.get(name, '')} | {shown(kinds['cpu'])} | {shown(kinds['wall'])} |\n"
        )
    return "".join(lines)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("GRACE_DATA", ROOT.parent / "shared" / "cmapss"))
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--page", action="store_true", help="write the table again")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.page:
        load = [os.getloadavg()[0]]
        found = measured(options.data.absolute(), options.rounds)
        found |= {"date": date.today().isoformat(), "machine": machine(), "load": [*load, os.getloadavg()[0]]}
        write_text(RESULTS, json.dumps(found, indent=1) + "\n")
    replace_between(PAGE, {"statistics": table(json.loads(RESULTS.read_text()))})


if __name__ == "__main__":
    main()
