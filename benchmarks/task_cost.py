"""What further tasks cost: python benchmarks/task_cost.py --data DIR

FD001 with five failures and 95 suspended engines (studies/cuts.py), whose health state is known in every row. RUL alone, RUL and
health, and RUL with three further tasks (health, the features ahead, and the operating altitude's sensor as a regression), each
by fixed weights and by GABA, which measures the Gramian in every tenth step; ten folds. Ways are trained in turn; the processor's
time of a way over that of RUL alone in the same turn, the median of the turns. The table goes into docs/performance.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from pages import ROOT, replace_between

from grace.data.cmapss.fleets import read_train
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.tasks import HEALTH, Task
from grace.training.run import train
from grace.training.run_spec import run_spec
from studies.cuts import suspended

TURNS = 5
FOUR = (HEALTH, Task("future_sensors"), Task("load", "sensor_11", "regression"))
WAYS = {
    "RUL alone": ("rul-only", (HEALTH,)),
    "RUL and health": ("fixed-0.1", (HEALTH,)),
    "RUL and health, GABA": ("gaba", (HEALTH,)),
    "four tasks": ("fixed-0.1", FOUR),
    "four tasks, GABA": ("gaba", FOUR),
}


def fleet_of(data: Path) -> Fleet:
    """Five failed and 95 suspended engines, their labels known in every row."""
    fleet = read_train(data, "FD001")
    health = rul_to_health_3class(fleet.rul(), *Conventions().health_cuts).astype(float)
    load = fleet.taken(np.arange(len(fleet.values)), ("sensor_11",))[:, 0]
    return suspended(replace(fleet, labels={"health": health, "load": load}), 5, 0)


def turn(fleet: Fleet) -> dict[str, float]:
    """Processor seconds of each way."""
    found = {}
    for name, (method, tasks) in WAYS.items():
        told = replace(fleet, labels={} if method == "rul-only" else fleet.labels)
        spec = run_spec("FD001", method, tasks=tasks, folds=10, rul_scale="cap")
        began = time.process_time()
        train(spec, told)
        found[name] = time.process_time() - began
    return found


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the C-MAPSS files")
    fleet = fleet_of(parser.parse_args().data)
    torch.set_num_threads(1)
    turns = [turn(fleet) for _ in range(TURNS)]
    lines = ["| ten folds, FD001 with five failures | processor seconds | of RUL alone |", "|---|---|---|"]
    for name in WAYS:
        ratio = np.median([one[name] / one["RUL alone"] for one in turns])
        lines.append(f"| {name} | {np.median([one[name] for one in turns]):.1f} | {ratio:.2f} |")
    table = "\n".join(lines) + "\n"
    print(table)
    replace_between(ROOT / "docs" / "performance.md", {"task-cost": table})


if __name__ == "__main__":
    main()
