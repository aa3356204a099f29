"""Do the intervals hold on engines that nothing was trained on? python benchmarks/intervals.py --data DIR

Twenty times a fifth of the training engines of a subset is held out; an ensemble of ten folds is trained on the others as
`grace train --folds 10` does, and its 90 % intervals are read at 16 random cuts of each held-out engine (within 150 cycles of
failure, as everywhere). Coverage and half width by predicted RUL, pooled over the splits; beside them intervals of one half width
from the same networks. No test file is read. Results go to results/intervals.json, the table into docs/training.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pages import measure_into_page

from grace.core.pools import on_one_thread
from grace.core.stats import student
from grace.data.cmapss.checksums import SUBSETS
from grace.data.cmapss.fleets import read_train
from grace.data.resident import ResidentWindows
from grace.data.windows import Windows
from grace.training.conformal import Interval
from grace.training.evaluate import Predictions
from grace.training.outcome import Run
from grace.training.run import train
from grace.training.run_spec import run_spec

SPLITS, FOLDS, CUTS = 20, 10, 16
BANDS = ((0, 50), (50, 100), (100, 126))
KINDS = ("scaled", "constant")


def flat(run: Run) -> Interval:
    """The interval of one half width, from the same errors."""
    interval = run.interval
    assert interval is not None
    rul = np.concatenate(run_held(run))
    errors = interval.score * interval.size_at(rul, interval.member)
    return replace(interval, size=np.ones_like(interval.size), score=errors)


def run_held(run: Run) -> list[np.ndarray]:
    """Predictions of the engines that each member held out."""
    pairs = zip(run.members, run.splits, strict=True)
    return [Predictions.of(m.model, ResidentWindows(s.validation), SPEC).rul for m, s in pairs]


SPEC = run_spec("FD001", "rul-only", folds=FOLDS)


def measured(dataset: str, split: int, data: Path) -> dict[str, Any]:
    """Windows, those covered, and half widths in each band of predicted RUL, of one split."""
    fleet, held = read_train(data, dataset).split(0.2, 1000 + split)
    spec = replace(SPEC, dataset=dataset, seed=split)
    run = on_one_thread(train, spec, fleet)
    every = []
    for member in run.members:
        rows, cuts = member.conditioner.transform(held), np.random.default_rng(split)
        windows = Windows.after_cuts(held, rows, spec.conventions, CUTS, cuts, spec.max_validation_rul)
        every.append(Predictions.of(member.model, ResidentWindows(windows), spec).rul)
    predicted = np.stack(every)
    rul = predicted.mean(0)
    row: dict[str, Any] = {
        "dataset": dataset,
        "split": split,
        "rmse": float(np.sqrt(np.mean((rul - windows.rul) ** 2))),
    }
    assert run.interval is not None
    for kind, interval in zip(KINDS, (run.interval, flat(run)), strict=True):
        low, high = interval.ends(predicted)
        inside = (windows.rul >= low) & (windows.rul <= high)
        row[kind] = [
            [int(b.sum()), int(inside[b].sum()), round(float((high - low)[b].sum() / 2), 2)]
            for b in ((rul >= first) & (rul < last) for first, last in BANDS)
        ]
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Coverage and half width, over all splits of a subset."""
    lines = [
        "| data set | intervals | coverage [95 % over splits] | predicted RUL 0-49 | 50-99 | 100 or more | "
        "half width, 0-49 | 50-99 | 100 or more |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for dataset in (name for name in SUBSETS if any(r["dataset"] == name for r in rows)):
        for kind in KINDS:
            found = np.array([r[kind] for r in rows if r["dataset"] == dataset])  # [splits, bands, 3]
            each = student(found[:, :, 1].sum(1) / found[:, :, 0].sum(1) * 100).text(1)
            total = found.sum(0)
            cover = " | ".join(f"{inside / count:.0%}" for count, inside, _ in total)
            half = " | ".join(f"{width / count:.1f}" for count, _, width in total)
            lines.append(f"| {dataset} | {kind} | {each} | {cover} | {half} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    wanted = [(dataset, split) for split in range(SPLITS) for dataset in SUBSETS]
    measure_into_page("intervals", ("dataset", "split"), wanted, measured, table)
