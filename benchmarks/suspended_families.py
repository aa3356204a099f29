"""What windows of suspended units are worth: four real families, FD001 and FD003, cut to few failures:

    python benchmarks/suspended_families.py --data DIR

Before any cut 30 % of the failed units are held out (of battery_tju whole conditions, whose cells are near replicates). Of the
others F keep their RUL, and the rest lose a uniform 5 to 60 % of their life and are suspended (studies/cuts.py). RUL alone is
trained (rul-only), ten folds, with --suspended ignore, bound and hazard. RMSE out of fold on the F, and on the units held out at
16 random cuts each. Test files are not read. Cap of a table: 80 % quantile of the lives of failed units; health cuts 56 % and
24 % of it. Units of fewer than 20 rows are left out. Tables are in ../shared/fleets, or where GRACE_FLEETS says. Results go to
results/suspended_families.json, the table into docs/training.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pages import measure_into_page

from grace.core.pools import on_one_thread
from grace.core.stats import Estimate, student
from grace.data.cmapss.fleets import read_train
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.tables.columns import Columns
from grace.data.tables.read import read_table
from grace.training.run import train
from grace.training.run_spec import run_spec
from studies.cuts import held_out, suspended
from studies.judging import on_units

ROOT = Path(__file__).parents[1]
FLEETS = Path(os.environ.get("GRACE_FLEETS", ROOT.parent / "shared" / "fleets"))
SIDES = ("out_of_fold", "held_out")
FOLDS, DRAWS, CAP, LEAST = 10, 5, 0.8, 20
STATES = (0.56, 0.24)
"""Health cuts as shares of the cap: C-MAPSS's 70 and 30 of 125."""
SUSPENDED: Mapping[str, Mapping[str, Any]] = {
    "ignore": {},
    "bound": {"suspended": "bound"},
    "hazard": {"suspended": "hazard"},
}
CURVE = tuple(
    f"{side}_{name}"
    for side in ("voltage", "current")
    for name in ("mean", "std", "kurtosis", "skewness", "slope", "entropy")
)
CHARGE = (*CURVE, "cc_q", "cc_charge_time", "cv_q", "cv_charge_time")


class Family(NamedTuple):
    """A family of units: its table, the columns of it, and where a unit's life ends."""

    file: str
    time: str
    features: tuple[str, ...]
    known: tuple[int, ...]  # failures that keep their RUL
    life: str = ""  # column of units.csv.gz: rows later than it are those of a unit that has failed
    group: str = ""  # column of units.csv.gz: its units are near replicates

    def read(self, folder: Path) -> tuple[Fleet, Conventions, NDArray[np.int64] | None]:
        """Units, their conventions and the group of each."""
        units = pl.read_csv(folder / "units.csv.gz").with_columns(pl.col("unit").cast(pl.String))
        rows = pl.read_csv(folder / self.file).with_columns(pl.col("unit").cast(pl.String))
        if "failed" not in units.columns:
            units = units.with_columns(failed=1)
        joined = rows.join(units.select("unit", "failed", *filter(None, [self.life])), "unit", maintain_order="left")
        if self.life:
            joined = joined.filter((pl.col("failed") == 0) | (pl.col(self.time) <= pl.col(self.life)))
        joined = joined.filter(pl.len().over("unit") >= LEAST)
        columns = Columns("unit", self.time, event="failed")
        fleet = read_table(joined, columns, self.features)
        lives = [last - first for first, last in _ends(joined.filter(pl.col("failed") == 1), self.time)]
        cap = round(float(np.quantile(lives, CAP)))
        cuts = (round(STATES[0] * cap), round(STATES[1] * cap))
        conventions = Conventions(cap=cap, features=self.features, health_cuts=cuts, table=columns)
        if not self.group:
            return fleet, conventions, None
        of = dict(units.select("unit", self.group).iter_rows())
        return fleet, conventions, np.unique([of[str(unit)] for unit in fleet.engines], return_inverse=True)[1]


FAMILIES = {
    "battery_tju": Family("cycles.csv.gz", "cycle", CHARGE, (8, 16), "life", "cond"),
    "battery_hust": Family("cycles.csv.gz", "cycle", CHARGE, (8,), "life"),
    "filter_esrel22": Family("runs.csv.gz", "time_s", ("flow", "feed"), (8, 16)),
    "filter_phme20": Family("runs.csv.gz", "time_s", ("flow_ml_min", "p_down_psi"), (8,), "life_s"),
}
ENGINES = {"FD001": (8, 25), "FD003": (8, 25)}
REAL = [(name, known) for name, family in FAMILIES.items() for known in family.known]
CELLS = [*REAL, *((name, known) for name, counts in ENGINES.items() for known in counts)]


def _ends(rows: pl.DataFrame, time: str) -> list[tuple[float, float]]:
    found = rows.group_by("unit", maintain_order=True).agg(first=pl.col(time).min(), last=pl.col(time).max())
    return list(found.select("first", "last").iter_rows())


def measured(family: str, known: int, draw: int, said: str, data: Path) -> dict[str, Any]:
    """RMSE of one training out of fold and on the units held out, and the cap, in the family's unit of time."""
    if family in ENGINES:
        fleet, conventions, groups = read_train(data, family), Conventions(), None
        beyond: dict[str, Any] = {}
    else:
        fleet, conventions, groups = FAMILIES[family].read(FLEETS / family)
        beyond = {"max_validation_rul": 0}
    rest, judged = held_out(fleet, draw, groups)
    spec = run_spec(
        family, "rul-only", folds=FOLDS, conventions=conventions, seed=draw + 1, **dict(SUSPENDED[said]), **beyond
    )
    run = on_one_thread(train, spec, suspended(rest, known, draw))
    found = {"out_of_fold": run.record.validation["rmse"], "held_out": on_units(run, spec, judged, draw)}
    rounded = {name: round(value, 4) for name, value in found.items()}
    return {"family": family, "known": known, "draw": draw, "said": said, "cap": conventions.cap} | rounded


def table(rows: list[dict[str, Any]]) -> str:
    """Means over draws, and paired by draw by how much the others' RMSE differs from that of ``ignore``, in percent (of the
    mean logarithm; its interval from three draws on)."""
    lines = [
        "| | F | draws | RMSE out of fold, ignore | bound | hazard | RMSE held out, ignore | bound | hazard |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for family, known in CELLS:
        if cell := of_all_ways(rows, family, known):
            sides = " | ".join(_side(cell, side) for side in SIDES)
            lines.append(f"| {family} | {known} | {len(cell)} | {sides} |")
    for words, cells in (("real families", REAL), ("all pairs", CELLS)):
        every = [draw for family, known in cells for draw in of_all_ways(rows, family, known)]
        changes = [" | ".join(_text(every, said, side) for said in ("bound", "hazard")) for side in SIDES]
        lines.append(f"| {words} | | {len(every)} | | {' | | '.join(changes)} |")
    return "\n".join(lines) + "\n"


def of_all_ways(rows: list[dict[str, Any]], family: str, known: int) -> list[dict[str, dict[str, Any]]]:
    """Rows of a cell by what was said, of each draw that has all of them."""
    draws: dict[int, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if (row["family"], row["known"]) == (family, known):
            draws.setdefault(row["draw"], {})[row["said"]] = row
    return [draw for draw in draws.values() if len(draw) == len(SUSPENDED)]


def change(draws: list[dict[str, dict[str, Any]]], said: str, side: str) -> Estimate:
    """Mean logarithm of the RMSE over that of ``ignore``, and its interval."""
    return student([float(np.log(draw[said][side] / draw["ignore"][side])) for draw in draws])


def _side(draws: list[dict[str, dict[str, Any]]], side: str) -> str:
    usual = np.mean([draw["ignore"][side] for draw in draws])
    return " | ".join([f"{usual:.1f}", *(_text(draws, said, side) for said in ("bound", "hazard"))])


def _text(draws: list[dict[str, dict[str, Any]]], said: str, side: str) -> str:
    found = change(draws, said, side)
    mean, low, high = (100 * (np.exp(value) - 1) for value in (found.mean, found.low, found.high))
    return f"{mean:+.0f} %" if len(draws) < 3 else f"{mean:+.0f} % [{low:+.0f}, {high:+.0f}]"


if __name__ == "__main__":
    # fewest failures first, and real families before the engines
    order = sorted(product(CELLS, range(DRAWS)), key=lambda one: (one[0][0] in ENGINES, one[0][1], one[1]))
    wanted = [(*cell, draw, said) for cell, draw in order for said in SUSPENDED]
    measure_into_page("suspended_families", ("family", "known", "draw", "said"), wanted, measured, table)
