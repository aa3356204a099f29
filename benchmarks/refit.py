"""What the engines held out for validation cost: python benchmarks/refit.py --data DIR

Baseline and the tree of benchmarks/tree.py trained anew on all training engines of FD001, with what the honest run of the same
seed has chosen on its validation engines (the epoch; the tree's window), and read on the test once. It explains a difference;
no default was chosen by it. Results go to results/refit.json, the table into docs/results.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pages import measured_once, replace_between
from tree import WINDOWS, fitted
from tree import predicted as tree_predicts

from grace.bench.store import Store
from grace.bench.sweep import grid
from grace.core.metrics import rmse
from grace.core.pools import on_one_thread
from grace.data.cmapss.fleets import read_test, read_train
from grace.training.protocol import Split
from grace.training.spec import SEEDS
from grace.training.stack import Stack

ROOT = Path(__file__).parents[1]
METHOD, SUBSETS = "baseline", ("FD001",)


def measured(dataset: str, seed: int, data: Path) -> dict[str, Any]:
    """Test figures of the refitted network and tree, beside those of the honest run and its tree."""
    (honest,) = grid([dataset], [METHOD], [seed], size="compact")
    record = Store(ROOT / "results" / "compact").record(honest.id)
    trees = json.loads((ROOT / "results" / "tree.json").read_text())
    tree = next(row for row in trees if row["dataset"] == dataset and row["seed"] == seed)
    if record is None:
        raise SystemExit(
            f"{honest.id} should have a record. Run `grace bench run --size compact --to results/compact` first."
        )
    fleet, test = read_train(data, dataset), read_test(data, dataset)
    spec = replace(honest, protocol="source")  # all engines are trained on; the epoch is not chosen on the test
    every = {seed: Split.of(spec, fleet, test)}
    stack = Stack([spec], every)
    for _ in range(record.best_epoch + 1):
        stack.run_epoch()
    last = stack.replicas[0].history[-1]
    window = min(WINDOWS, key=lambda width: tree["validation"][f"window {width}"])
    split = Split.of(replace(spec, conventions=replace(spec.conventions, window=window)), fleet, test)
    return {
        "dataset": dataset,
        "seed": seed,
        "network": {"honest": record.test["rmse"], "refitted": last["test_rmse"]},
        "network_score": {"honest": record.test["score"], "refitted": last["test_score"]},
        "tree": {
            "honest": tree["test"]["rmse"],
            "refitted": rmse(tree_predicts(fitted(split), split.validation), split.validation.rul),
        },
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Means over seeds."""
    lines = ["| data set | network, 80 % of the engines | all engines | tree, 80 % | all |", "|---|---|---|---|---|"]
    for dataset in SUBSETS:
        mine = [row for row in rows if row["dataset"] == dataset]
        if mine:
            cells = [
                np.mean([row[who][how] for row in mine])
                for who in ("network", "tree")
                for how in ("honest", "refitted")
            ]
            lines.append(f"| {dataset} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what has no result yet, then write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("cmapss"))
    data = parser.parse_args().data
    wanted = [(dataset, seed) for dataset in SUBSETS for seed in SEEDS]
    rows = measured_once(
        ROOT / "results" / "refit.json",
        ("dataset", "seed"),
        wanted,
        lambda dataset, seed: on_one_thread(measured, dataset, seed, data),
    )
    replace_between(ROOT / "docs" / "results.md", {"refit": table(rows)})
    print(table(rows))


if __name__ == "__main__":
    main()
