"""Why FD001 stays above the tree's figure: python benchmarks/engines.py --data DIR

On validation engines alone (seeds that the sweep does not use, no test file read): RUL alone by the default recipe and the tree
of benchmarks/tree.py, both trained on 40, 60 and 80 of FD001's engines, validated on the same 20; and the average of five
networks that differ in their initialisation. Results go to results/engines.json, the table into docs/results.md.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pages import measure_into_page
from tree import fitted
from tree import predicted as tree_predicts

from grace.core.metrics import rmse
from grace.core.pools import on_one_thread
from grace.data.cmapss.fleets import read_train
from grace.data.conditions import Conditioner
from grace.data.resident import ResidentWindows
from grace.data.windows import Windows, training_windows
from grace.training.evaluate import Predictions
from grace.training.protocol import Split
from grace.training.run_spec import run_spec
from grace.training.stack import Stack

SEEDS, ENGINES, NETWORKS = (1, 2, 3, 4), (40, 60, 80), 5


def split_of(seed: int, engines: int, data: Path) -> Split:
    """The split of a seed with the first ``engines`` of its training engines."""
    spec = run_spec("FD001", "rul-only", seed=seed, size="compact")
    fleet, conventions, plan = read_train(data, "FD001"), spec.conventions, spec.schedule
    every, validation = fleet.split(spec.validation_share, seed)
    training = every.select(np.sort(np.random.default_rng(seed).permutation(len(every.engines))[:engines]))
    conditioner = Conditioner.fit(training, conventions)
    cuts = np.random.default_rng(seed)
    rows = conditioner.transform(validation)
    chosen_on = Windows.after_cuts(validation, rows, conventions, spec.validation_cuts, cuts, spec.max_validation_rul)
    windows = training_windows(
        training, conditioner.transform(training), conventions, plan.min_history, plan.max_train_rul
    )
    return Split(windows, chosen_on, None, conditioner)


def trained(split: Split, seed: int) -> Any:
    """Predictions on the validation windows after a whole training."""
    spec = run_spec("FD001", "rul-only", seed=seed, size="compact")
    stack = Stack([spec], {seed: split})
    while stack.active:
        stack.run_epoch()
    return Predictions.of(stack.best_model(0), ResidentWindows(split.validation), spec).rul


def measured(seed: int, engines: int, data: Path) -> dict[str, Any]:
    """Validation RMSE of the tree, of single networks and of their average."""
    split = split_of(seed, engines, data)
    true = split.validation.rul
    networks = np.array([trained(split, seed + 1000 * k) for k in range(NETWORKS if engines == max(ENGINES) else 1)])
    return {
        "seed": seed,
        "engines": engines,
        "tree": rmse(tree_predicts(fitted(split), split.validation), true),
        "network": [rmse(row, true) for row in networks],
        "average": rmse(networks.mean(0), true),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Means over the splits; the paired differences of the splits beside them."""
    lines = ["| engines trained on | tree | one network | average of five networks |", "|---|---|---|---|"]
    for engines in ENGINES:
        mine = [row for row in rows if row["engines"] == engines]
        tree = np.mean([row["tree"] for row in mine])
        single = np.mean([np.mean(row["network"]) for row in mine])
        average = f"{np.mean([row['average'] for row in mine]):.2f}" if engines == max(ENGINES) else "-"
        lines.append(f"| {engines} | {tree:.2f} | {single:.2f} | {average} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    wanted = [(seed, engines) for seed in SEEDS for engines in ENGINES]
    measure_into_page("engines", ("seed", "engines"), wanted, partial(on_one_thread, measured), table, page="results")
