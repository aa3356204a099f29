"""What second tasks are worth with few failures: python benchmarks/second_tasks.py --data DIR --fleets DIR

Six real families and C-MAPSS. Before any cut 30 % of the failed units are held out (whole conditions of battery_tju, whose cells
are near replicates); of the others F keep their RUL, and the rest lose a uniform 5 to 60 % of their life and are suspended
(studies/cuts.py). Their second labels stay known in all rows that are left: what inspections would give. C-MAPSS's is the health
state by the true RUL, that of the others was measured. Each way below trains five networks, each without a fifth of the F, RUL
in units of the cap; a second task weighs 0.1. RMSE of RUL, capped, at 16 random rows of each held-out unit; differences are
paired by draw: what failed, what was held out, split, initialisation, batches of RUL. Of hdd_backblaze 1,000
drives are drawn once. Lines ``test`` train on all training engines and are judged on the test file. Results go to
results/second_tasks.json, and the page docs/second-tasks.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pages import ROOT, replace_between
from second_task_figures import ALONE, BOUND, FUTURE, RANDOM, USUALLY, Figures, draw
from second_task_tables import page

from grace.core.metrics import rmse
from grace.core.pools import on_one_thread
from grace.data.cmapss.fleets import read_test
from grace.data.fleet import Fleet
from grace.data.tasks import HEALTH, Task
from grace.data.windows import Windows
from grace.files import write_text
from grace.models.baselines import input_of
from grace.models.rul_problem import usual_history
from grace.training.evaluate import Predictions
from grace.training.outcome import Run
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec
from studies.cuts import held_out, suspended
from studies.fleets import FAMILIES, Read, read
from studies.judging import on_units

RESULTS = ROOT / "results" / "second_tasks.json"
PICTURE = ROOT / "docs" / "figures" / "second-tasks.svg"
DRAWS, FOLDS, WEIGHT = 10, 5, 0.1
TEST = " test"
"""Ending of a line that is judged on a test file."""
KNOWN = {
    "battery_tju": (4, 8, 16, 32, 6), "battery_hust": (4, 8, 16, 6), "filter_esrel22": (4, 8, 16, 32), "filter_phme20": (4, 8),
    "bearing_femto": (4,), "hdd_backblaze": (4, 8, 16, 32),
}  # fmt: skip
"""Failures that keep their RUL, of each family."""
ENGINES = {"FD001": (4, 8, 16, 32), "FD003": (4, 8, 16, 32), "FD002": (8,), "FD004": (8,)}
ENGINES |= {"FD001" + TEST: (5,), "FD003" + TEST: (5,)}
COMPACT = (5, 8)
"""Failures at which the compact network is trained, too."""
STEPS: dict[str, Any] = {"epochs": 4, "steps": 100, "full_epochs": True}
"""Of the compact network: as many as of that on statistics; its own schedule makes far fewer with so few windows."""


class Way(NamedTuple):
    """What is trained: a method, tasks by name, and what suspended units say."""

    method: str
    tasks: tuple[str, ...] = ()
    suspended: str = "ignore"
    unit: str | None = "cap"


FAST = ("statistics", "quantiles")
GOALS = (5, 6)
"""Failures of the lines on test files and on batteries that were asked for by name: all of their draws come first."""
CONTROLLED = (5, 6, 8)
"""Failures at which random labels stand beside the bound, too."""
SECOND = f"fixed-{WEIGHT:g}"


def ways_of(labels: Sequence[str]) -> dict[str, Way]:
    """Every way by name; ``labels`` are the family's second labels, the first of which also goes with the bound."""
    return {
        ALONE: Way("rul-only"),
        **{label: Way(SECOND, (label,)) for label in labels},
        BOUND: Way("rul-only", (), "bound"),
        f"{labels[0]} + {BOUND}": Way(SECOND, (labels[0],), "bound"),
        FUTURE: Way(SECOND, (FUTURE,)),
        RANDOM: Way(SECOND, (RANDOM,)),
        USUALLY: Way("rul-only", unit=None),
        f"{RANDOM} + {BOUND}": Way(SECOND, (RANDOM,), "bound"),
    }


def asked(labels: Sequence[str], size: str, known: int) -> list[str]:
    """Which ways are trained at a size: RUL alone at all, a few at ``compact`` and of the goals at ``quantiles``, and all at
    ``statistics``."""
    few = [ALONE, labels[0], BOUND, f"{labels[0]} + {BOUND}"]
    if size == "compact":
        return few
    if size == "quantiles":
        return [*few, f"{RANDOM} + {BOUND}"] if known in GOALS else [ALONE]
    return [way for way in ways_of(labels) if known in CONTROLLED or way != f"{RANDOM} + {BOUND}"]


@cache
def whole(name: str, data: Path, fleets: Path) -> tuple[Read, Fleet | None]:
    """A fleet with its second labels and random ones, three classes that say nothing; and the test engines of a line on these."""
    found = read(name.removesuffix(TEST), data, fleets)
    labels = np.random.default_rng(1).integers(0, 3, len(found.fleet.values)).astype(float)
    fleet = replace(found.fleet, labels=dict(found.fleet.labels) | {RANDOM: labels}, sha256=None)
    tasks = found.tasks | {RANDOM: Task(RANDOM, RANDOM, "class", ("0", "1", "2")), FUTURE: Task(FUTURE)}
    test = read_test(data, name.removesuffix(TEST)) if name.endswith(TEST) else None
    return Read(fleet, found.conventions, tasks), test


def measured(
    family: str, known: int, draw: int, size: str, way: str, data: Path, fleets: Path
) -> dict[str, Any] | None:
    """RMSE of one way on the units held out, or on the test file; and the seconds of its training. None where the draw has held
    out so many that F is more than half of the failures that are left."""
    found, test = whole(family, data, fleets)
    rest, judged = (found.fleet, test) if test is not None else held_out(found.fleet, draw)
    if known > len(rest.failures) // 2:
        return None
    cut, how = suspended(rest, known, draw), ways_of(_labels(family))[way]
    told = replace(cut, labels={name: cut.labels[name] for name in how.tasks if name in cut.labels})
    tasks = [found.tasks[name] for name in how.tasks] or [HEALTH]
    spec = run_spec(family, how.method, conventions=found.conventions, tasks=tasks, suspended=how.suspended,
                    size=size, folds=FOLDS, rul_scale=how.unit, seed=draw + 1,
                    max_validation_rul=150 if family in ENGINES else 0)  # fmt: skip
    # all sizes on the same windows and cuts: of tables from a unit's second row on
    rows = usual_history("statistics" if family in ENGINES else "quantiles")
    spec = replace(spec, schedule=replace(spec.schedule, min_history=rows, **(STEPS if size == "compact" else {})))
    run = on_one_thread(train, spec, told)
    error = on_units(run, spec, judged, draw, rows) if test is None else on_test(run, spec, test)
    facts = {"family": family, "known": known, "draw": draw, "size": size, "way": way, "cap": found.conventions.cap}
    return facts | {"rmse": float(f"{error:.5g}"), "seconds": round(run.record.seconds, 2)}


def on_test(run: Run, spec: RunSpec, test: Fleet) -> float:
    """RMSE of the members' mean at the last row of each test engine."""
    sides = [Windows.last(test, member.conditioner.transform(test), spec.conventions) for member in run.members]
    pairs = zip(run.members, sides, strict=True)
    every = [Predictions.of(member.model, input_of(member.model, side), spec) for member, side in pairs]
    return rmse(Predictions.mean(every, spec).rul, sides[0].rul)


def _labels(family: str) -> list[str]:
    """Names of a family's second labels."""
    if family in ENGINES:
        return [HEALTH.name]
    return [Task.parse(text).name for text in FAMILIES[family]["task"]]


def wanted() -> Iterator[tuple[str, int, int, str, str]]:
    """Family, failures, draw, size and way of every training: draw by draw, those of the goals
    first and the compact networks last."""
    cells = [(name, known) for name, counts in KNOWN.items() for known in counts]
    cells += [(name, known) for name, counts in ENGINES.items() for known in counts]
    goals, others = ([cell for cell in cells if (cell[1] in GOALS) == whether] for whether in (True, False))
    for some, sizes in ((goals, (*FAST, "compact")), (others, FAST), (others, ("compact",))):
        for number, (name, known), size in product(range(DRAWS), some, sizes):
            if (name in ENGINES and size == "quantiles") or (size == "compact" and known not in COMPACT):
                continue
            yield from ((name, known, number, size, way) for way in asked(_labels(name), size, known))


def main() -> None:
    """Measure what has no row yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the C-MAPSS files")
    parser.add_argument("--fleets", type=Path, required=True, help="folder of the real families")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--most", type=int, default=10**9, help="trainings at most")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    there = {(r["family"], r["known"], r["draw"], r["size"], r["way"]) for r in rows}
    left = [one for one in wanted() if one not in there][: options.most]
    measure = partial(measured, data=options.data, fleets=options.fleets)
    with ProcessPoolExecutor(options.jobs) as pool:
        for number, done in enumerate(as_completed([pool.submit(measure, *one) for one in left]), 1):
            if (row := done.result()) is not None:
                rows.append(row)
            if number % 10 == 0 or number == len(left):
                write_text(RESULTS, json.dumps(rows, indent=0) + "\n")
                print(number, "of", len(left), rows[-1], flush=True)
    figures = Figures(rows)
    draw(figures, PICTURE)
    replace_between(ROOT / "docs" / "second-tasks.md", {"second-tasks": page(figures)})


if __name__ == "__main__":
    main()
