"""C-MAPSS and six real families with all that is known of their units: what benchmarks and studies cut and judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from grace.cli.options import TrainingOptions
from grace.data.cmapss.fleets import read_train
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.load import load_train
from grace.data.tasks import HEALTH, Task
from grace.errors import GraceError

CHARGE = "voltage_mean,voltage_std,voltage_kurtosis,voltage_skewness,cc_q,cc_charge_time,voltage_slope,voltage_entropy,"
CHARGE += "current_mean,current_std,current_kurtosis,current_skewness,cv_q,cv_charge_time,current_slope,current_entropy"
VIBRATION = ",".join(f"{side}_{name}" for side in "hv" for name in
                     ("rms", "kurt", "skew", "peak", "crest", "fcent", *(f"b{i}" for i in range(9))))  # fmt: skip
SMART = ",".join(f"smart_{number}" for number in (5, 12, 187, 188, 189, 198))
USUAL = {"engine": "unit", "time": "cycle"}
DRIVES = 1000
"""Units that are taken of a family with more, drawn once."""
SUBSETS = ("FD001", "FD002", "FD003", "FD004")
FAMILIES: dict[str, Mapping[str, Any]] = {
    "battery_tju": {"table": "cycles.csv.gz", "unit_table": "units.csv.gz", "event": "failed", "group": "cond",
                    "features": CHARGE, "task": ("soh", "chem")},
    "battery_hust": {"table": "cycles.csv.gz", "unit_table": "units.csv.gz", "event": "failed",
                     "features": CHARGE, "task": ("soh",)},
    "filter_esrel22": {"table": "runs.csv.gz", "time": "time_s", "features": "flow,feed",
                       "time_unit": "seconds", "task": ("pressure=dp_pa",)},
    "filter_phme20": {"table": "runs.csv.gz", "unit_table": "units.csv.gz", "event": "failed", "time": "time_s",
                      "time_unit": "seconds", "features": "flow_ml_min,p_up_psi,p_down_psi",
                      "task": ("particle=particle_um", "solid=solid_ratio:regression")},
    "bearing_femto": {"table": "features.csv.gz", "time": "t_s", "time_unit": "seconds", "features": VIBRATION,
                      "task": ("temperature=temp_c",)},
    "hdd_backblaze": {"table": "st3000dm001.csv.gz", "engine": "serial_number", "start": "tstart",
                      "time": "tstop", "event": "fails", "time_unit": "hours", "features": SMART,
                      "task": ("pending=smart_197:regression",)},
}  # fmt: skip
"""Each family by the options that its user would type, with its second labels; files lie in the folder of the family."""


class Read(NamedTuple):
    """A fleet as it was read: units with all labels, conventions without tasks, and the tasks by name, measured ones first."""

    fleet: Fleet
    conventions: Conventions
    tasks: dict[str, Task]


@cache
def read(name: str, data: Path, fleets: Path) -> Read:
    """A subset of C-MAPSS, whose second label is the health state by the true RUL, or a family with its measured ones.

    Raises:
        GraceError: There is no such fleet, or it cannot be read.
    """
    if name in SUBSETS:
        fleet, conventions = read_train(data, name), Conventions()
        health = rul_to_health_3class(fleet.rul(), *conventions.health_cuts).astype(float)
        return Read(replace(fleet, labels={HEALTH.name: health}), conventions, {HEALTH.name: HEALTH})
    if name not in FAMILIES:
        raise GraceError(f"A fleet should be one of {', '.join((*SUBSETS, *FAMILIES))}. Found {name!r}.")
    given: dict[str, Any] = USUAL | dict(FAMILIES[name])
    paths = {key: fleets / name / given[key] for key in ("table", "unit_table") if key in given}
    if name == "filter_phme20":
        paths["table"] = until_failure(paths["table"])
    return of_options(given | paths)


def of_options(options: Mapping[str, Any]) -> Read:
    """A table as the command line reads it by these options."""
    chosen = TrainingOptions(**options)
    opened = chosen.opened()
    fleet = load_train("", chosen.source(opened))
    conventions = chosen.choices(opened, fleet)["conventions"]
    if len(fleet.engines) > DRIVES:
        fleet = fleet.select(np.sort(np.random.default_rng(0).permutation(len(fleet.engines))[:DRIVES]))
    tasks = {task.name: task for task in conventions.tasks}
    return Read(fleet, replace(conventions, tasks=(HEALTH,)), tasks)


def until_failure(table: Path) -> Path:
    """The filters of PHME20 without the rows after their failure, which is in the table of units."""
    ends = pl.read_csv(table.with_name("units.csv.gz")).select("unit", "life_s")
    made = Path(mkdtemp()) / table.name.removesuffix(".gz")
    rows = pl.read_csv(table).join(ends, "unit", maintain_order="left").filter(pl.col("time_s") <= pl.col("life_s"))
    rows.drop("life_s").write_csv(made)
    return made
