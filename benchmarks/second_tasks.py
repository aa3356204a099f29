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
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from families import CHARGE, USUAL, until_failure
from pages import ROOT, replace_between
from second_task_figures import ALONE, BOUND, FUTURE, RANDOM, USUALLY, Figures, draw
from second_task_tables import page

from grace.cli.options import TrainingOptions
from grace.core.metrics import rmse
from grace.core.pools import on_one_thread
from grace.data.cmapss.fleets import read_test, read_train
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.load import load_train
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

RESULTS = ROOT / "results" / "second_tasks.json"
PICTURE = ROOT / "docs" / "figures" / "second-tasks.svg"
DRAWS, FOLDS, CUTS, WEIGHT, DRIVES = 10, 5, 16, 0.1, 1000
TEST = " test"
"""Ending of a line that is judged on a test file."""
VIBRATION = ",".join(f"{side}_{name}" for side in "hv" for name in
                     ("rms", "kurt", "skew", "peak", "crest", "fcent", *(f"b{i}" for i in range(9))))  # fmt: skip
SMART = ",".join(f"smart_{number}" for number in (5, 12, 187, 188, 189, 198))


class Family(NamedTuple):
    """A family by the options that its user would type, its second labels, and the failures that keep their RUL."""

    options: Mapping[str, Any]
    known: tuple[int, ...]


FAMILIES = {
    "battery_tju": Family({"table": "cycles.csv.gz", "unit_table": "units.csv.gz", "event": "failed", "group": "cond",
                           "features": CHARGE, "task": ("soh", "chem")}, (4, 8, 16, 32, 6)),
    "battery_hust": Family({"table": "cycles.csv.gz", "unit_table": "units.csv.gz", "event": "failed",
                            "features": CHARGE, "task": ("soh",)}, (4, 8, 16, 6)),
    "filter_esrel22": Family({"table": "runs.csv.gz", "time": "time_s", "features": "flow,feed",
                              "time_unit": "seconds", "task": ("pressure=dp_pa",)}, (4, 8, 16, 32)),
    "filter_phme20": Family({"table": "runs.csv.gz", "unit_table": "units.csv.gz", "event": "failed", "time": "time_s",
                             "time_unit": "seconds", "features": "flow_ml_min,p_up_psi,p_down_psi",
                             "task": ("particle=particle_um", "solid=solid_ratio:regression")}, (4, 8)),
    "bearing_femto": Family({"table": "features.csv.gz", "time": "t_s", "time_unit": "seconds", "features": VIBRATION,
                             "task": ("temperature=temp_c",)}, (4,)),
    "hdd_backblaze": Family({"table": "st3000dm001.csv.gz", "engine": "serial_number", "start": "tstart",
                             "time": "tstop", "event": "fails", "time_unit": "hours", "features": SMART,
                             "task": ("pending=smart_197:regression",)}, (4, 8, 16, 32)),
}  # fmt: skip
ENGINES = {"FD001": (4, 8, 16, 32), "FD003": (4, 8, 16, 32), "FD002": (8,), "FD004": (8,)}
ENGINES |= {"FD001" + TEST: (5,), "FD003" + TEST: (5,)}
COMPACT = 8
"""Failures at which the compact network is trained, too."""


class Way(NamedTuple):
    """What is trained: a method, tasks by name, and what suspended units say."""

    method: str
    tasks: tuple[str, ...] = ()
    suspended: str = "ignore"
    unit: str | None = "cap"


FAST = ("statistics", "quantiles")
GOALS = (5, 6)
"""Failures of the lines on test files and on batteries that were asked for by name: all of their draws come first."""
CONTROLLED = (5, 6, COMPACT)
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
    """Which ways are trained at a size: RUL alone at all, a few at ``compact``, and all at ``statistics``."""
    if size == "compact":
        return [ALONE, labels[0], BOUND, f"{labels[0]} + {BOUND}"]
    if size == "quantiles":
        return [ALONE]
    return [way for way in ways_of(labels) if known in CONTROLLED or way != f"{RANDOM} + {BOUND}"]


class Read(NamedTuple):
    """A family as it was read: units with all labels, conventions, tasks by name, and test units where a file has them."""

    fleet: Fleet
    conventions: Conventions
    tasks: dict[str, Task]
    test: Fleet | None = None


@cache
def read(name: str, data: Path, fleets: Path) -> Read:
    """A family with its second labels and random ones."""
    sys.path.insert(0, str(ROOT))
    if name in ENGINES:
        subset = name.removesuffix(TEST)
        fleet, conventions = read_train(data, subset), Conventions()
        health = rul_to_health_3class(fleet.rul(), *conventions.health_cuts).astype(float)
        test = read_test(data, subset) if name.endswith(TEST) else None
        return _with_random(
            Read(replace(fleet, labels={HEALTH.name: health}), conventions, {HEALTH.name: HEALTH}, test)
        )
    given: dict[str, Any] = USUAL | dict(FAMILIES[name].options)
    paths = {key: fleets / name / given[key] for key in ("table", "unit_table") if key in given}
    if name == "filter_phme20":
        paths["table"] = until_failure(paths["table"])
    options = TrainingOptions(**(given | paths))
    opened = options.opened()
    fleet = load_train("", options.source(opened))
    conventions = options.choices(opened, fleet)["conventions"]
    if len(fleet.engines) > DRIVES:
        fleet = fleet.select(np.sort(np.random.default_rng(0).permutation(len(fleet.engines))[:DRIVES]))
    tasks = {task.name: task for task in conventions.tasks}
    return _with_random(Read(fleet, replace(conventions, tasks=(HEALTH,)), tasks))


def _with_random(found: Read) -> Read:
    """With three classes that say nothing, uniform over all rows."""
    labels = np.random.default_rng(1).integers(0, 3, len(found.fleet.values)).astype(float)
    fleet = replace(found.fleet, labels=dict(found.fleet.labels) | {RANDOM: labels}, sha256=None)
    tasks = found.tasks | {RANDOM: Task(RANDOM, RANDOM, "class", ("0", "1", "2"))}
    return found._replace(fleet=fleet, tasks=tasks | {FUTURE: Task(FUTURE)})


def measured(
    family: str, known: int, draw: int, size: str, way: str, data: Path, fleets: Path
) -> dict[str, Any] | None:
    """RMSE of one way on the units held out, or on the test file; and the seconds of its training. None where the draw has held
    out so many that F is more than half of the failures that are left."""
    found = read(family, data, fleets)
    from studies.cuts import held_out, suspended

    rest, judged = (found.fleet, found.test) if found.test is not None else held_out(found.fleet, draw)
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
    spec = replace(spec, schedule=replace(spec.schedule, min_history=rows))
    run = on_one_thread(train, spec, told)
    assert judged is not None
    error = on_test(run, spec, judged) if found.test is not None else on_units(run, spec, judged, draw)
    facts = {"family": family, "known": known, "draw": draw, "size": size, "way": way, "cap": found.conventions.cap}
    return facts | {"rmse": float(f"{error:.5g}"), "seconds": round(run.record.seconds, 2)}


def on_units(run: Run, spec: RunSpec, judged: Fleet, draw: int) -> float:
    """RMSE of the members' mean at random cuts of units that were held out."""
    every, rul = [], np.zeros(0, np.float32)
    for member in run.members:
        rows, rng = member.conditioner.transform(judged), np.random.default_rng(draw)
        least = spec.schedule.min_history
        windows = Windows.after_cuts(judged, rows, spec.conventions, CUTS, rng, spec.max_validation_rul, least)
        every.append(Predictions.of(member.model, input_of(member.model, windows), spec))
        rul = windows.rul
    return rmse(Predictions.mean(every, spec).rul, rul)


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
    return [Task.parse(text).name for text in FAMILIES[family].options["task"]]


def wanted() -> Iterator[tuple[str, int, int, str, str]]:
    """Family, failures, draw, size and way of every training: draw by draw, those of the goals
    first and the compact networks last."""
    cells = [(name, known) for name, family in FAMILIES.items() for known in family.known]
    cells += [(name, known) for name, counts in ENGINES.items() for known in counts]
    goals, others = ([cell for cell in cells if (cell[1] in GOALS) == whether] for whether in (True, False))
    for some, sizes in ((goals, FAST), (others, FAST), (others, ("compact",))):
        for number, (name, known), size in product(range(DRAWS), some, sizes):
            if (name in ENGINES and size == "quantiles") or (size == "compact" and known != COMPACT):
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
