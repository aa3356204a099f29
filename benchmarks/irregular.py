"""Statistics over time against statistics over rows, where rows are missing: python benchmarks/irregular.py --data DIR

Of every training engine a share of the rows is kept, drawn between 30 and 100 % an engine, and of its rows each with that
probability; the last one always. The rest is as in benchmarks/out_of_fold.py: five folds of engines, everything chosen inside the
other four, 16 cuts of each scored engine, once with the times of the rows and once without. RMSE against labels capped at 125
cycles; differences are paired by engine. No test file is read. Results go to results/irregular.json, the table into
docs/training.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from out_of_fold import FOLDS, engines, network_errors, sides, tree_errors
from pages import measure_into_page

from grace.core.pools import on_one_thread
from grace.core.stats import student
from grace.data.cmapss.checksums import SUBSETS
from grace.data.fleet import Fleet

MODELS = {"network": network_errors, "tree": tree_errors}
LEAST = 0.3


def thinned(fleet: Fleet, timed: bool, seed: int = 0) -> Fleet:
    """The fleet without the dropped rows; RUL is as before."""
    rng, owner = np.random.default_rng(seed), fleet.engine_of_row()
    kept = rng.random(len(owner)) < rng.uniform(LEAST, 1, len(fleet.engines))[owner]
    kept[fleet.starts[1:] - 1] = True
    rows = np.flatnonzero(kept)
    part = Fleet.of_rows(fleet.name, fleet.engines[owner[rows]], fleet.values[rows], fleet.columns)
    return replace(part, row_rul=fleet.rul()[rows], time=rows.astype(np.float64) if timed else None)


def measured(dataset: str, model: str, over: str, fold: int, data: Path) -> dict[str, Any]:
    """Squared errors of each engine of a fold."""
    fleet, held = sides(thinned(engines(dataset, data), over == "time"), fold)
    arguments = (dataset, "statistics", fold, fleet, held) if model == "network" else (dataset, fold, fleet, held)
    errors, _, _ = on_one_thread(MODELS[model], *arguments)
    squared = [round(float(value), 3) for value in np.square(errors).mean(1)]
    return {"dataset": dataset, "model": model, "over": over, "fold": fold, "squared": squared}


def table(rows: list[dict[str, Any]]) -> str:
    """RMSE out of fold over rows and over time, and the paired difference of an engine's mean squared error."""
    lines = [
        "| data set | model | engines | over rows, RMSE | over time, RMSE | rows less time, squared error [95 %] |",
        "|---|---|---|---|---|---|",
    ]
    for dataset, model in ((d, m) for d in SUBSETS for m in MODELS):
        mine = [r for r in rows if (r["dataset"], r["model"]) == (dataset, model)]
        if len(mine) < 2 * FOLDS:
            continue
        found = {o: np.concatenate([r["squared"] for r in mine if r["over"] == o]) for o in ("rows", "time")}
        errors = " | ".join(f"{np.sqrt(squared.mean()):.2f}" for squared in found.values())
        difference = student(found["rows"] - found["time"]).text(1)
        lines.append(f"| {dataset} | {model} | {len(found['time'])} | {errors} | {difference} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    wanted = [(d, m, o, f) for d in SUBSETS for f in range(FOLDS) for m in MODELS for o in ("rows", "time")]
    measure_into_page("irregular", ("dataset", "model", "over", "fold"), wanted, measured, table)
