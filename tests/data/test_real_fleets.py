"""The real families beside C-MAPSS: how each reads as it comes, and that irregular rows and missing readings go through."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grace.data.conditions import Conditioner, uneven_step
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.prepare import Prepared
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.data.tasks import Task


@pytest.fixture(scope="module")
def fleets_dir() -> Path:
    beside = Path(__file__).parents[3] / "shared" / "fleets"
    folder = Path(os.environ.get("GRACE_FLEETS", beside))
    if not folder.is_dir():
        pytest.skip(f"no real families in GRACE_FLEETS nor in {beside}")
    return folder


def opened(path: Path, engine: str, time: str) -> tuple[TableSource, Fleet]:
    source = select_columns(TableSource(path, Columns(engine, time, unit="hours")))
    return source, read_table(source)


@pytest.mark.parametrize(
    ("name", "engine", "time", "engines", "step"),
    [
        ("battery_tju/cycles", "unit", "cycle", 130, 0),
        ("battery_hust/cycles", "unit", "cycle", 77, 0),
        ("bearing_femto/features", "unit", "t_s", 17, 0),
        ("filter_esrel22/runs", "unit", "time_s", 100, 0.2),  # 0.1 s before the last row
        ("filter_phme20/runs", "unit", "time_s", 32, 1),  # 0.7 s once an engine
    ],
)
def test_compressed_tables_are_read_as_they_come(
    fleets_dir: Path, name: str, engine: str, time: str, engines: int, step: float
) -> None:
    source, fleet = opened(fleets_dir / f"{name}.csv.gz", engine, time)
    assert len(fleet.engines) == engines
    assert uneven_step(fleet) == pytest.approx(step)
    fitted = Conditioner.fit(fleet, Conventions(features=source.features, table=source.columns), timed=True)
    assert np.isfinite(np.asarray(fitted.transform(fleet))).all()


def test_what_is_said_of_the_bearings_and_the_disks(fleets_dir: Path) -> None:
    bearings, _ = opened(fleets_dir / "bearing_femto/features.csv.gz", "unit", "t_s")
    assert bearings.columns.incomplete == ("temp_c",)
    assert "missing readings, share of rows: temp_c (0.27)" in bearings.done[0]
    path = fleets_dir / "hdd_backblaze" / "st3000dm001.csv.gz"
    disks = select_columns(TableSource(path, Columns("serial_number", "tstop", unit="hours")))
    assert disks.left_out["fails"] == "1 in engines' last rows alone: marks their end"
    assert set(disks.columns.incomplete) == {f"smart_{n}" for n in (12, 187, 188, 189, 198)}
    assert any(line.startswith("smart_189: 65535 in 170 rows is its largest value") for line in disks.done)


def test_disks_that_write_when_something_happens_are_taken_over_time(fleets_dir: Path) -> None:
    rows = pl.read_csv(fleets_dir / "hdd_backblaze" / "st3000dm001.csv.gz", infer_schema_length=None)
    step = pl.col("tstop").diff().over("serial_number").median().over("serial_number")
    rows = rows.filter(pl.len().over("serial_number") >= 20, step.is_between(50, 800))
    columns = Columns("serial_number", "tstop", unit="hours", incomplete=("smart_187",))
    fleet = read_table(rows, columns, ("smart_5", "smart_187", "smart_197"))
    least, typical, largest = np.nanmedian(fleet.steps(), axis=0)
    assert largest > 5 * typical > 25 * least
    features = ("smart_5", "smart_187", "smart_197", "smart_187 (missing)")
    conventions = Conventions(window=20, features=features, table=columns, cap=20_000, health_cuts=(10_000, 2_000))
    prepared = Prepared.of(fleet, conventions, timed=True)
    assert prepared.windows.timed
    assert prepared.conditioner.step == pytest.approx(typical, rel=0.5)
    assert np.isfinite(np.asarray(prepared.windows.rows)).all()


@pytest.mark.parametrize(
    ("name", "time", "cap", "cuts", "window"),
    [
        ("battery_tju/cycles", "cycle", 400, (220, 96), 60),
        ("battery_hust/cycles", "cycle", 2200, (1200, 530), 60),
        ("bearing_femto/features", "t_s", 24_000, (13_000, 5800), 60),
        ("filter_esrel22/runs", "time_s", 220, (120, 53), 60),
        ("filter_phme20/runs", "time_s", 300, (170, 72), 60),
    ],
)
def test_scales_of_the_real_families(
    fleets_dir: Path, name: str, time: str, cap: int, cuts: tuple[int, int], window: int
) -> None:
    source, fleet = opened(fleets_dir / f"{name}.csv.gz", "unit", time)
    found = Conventions(features=source.features, table=source.columns).scaled_to(fleet)
    assert (found.cap, found.health_cuts, found.window) == (cap, cuts, window)
    ends = pl.read_csv(fleets_dir / f"{name}.csv.gz", infer_schema_length=None).group_by("unit")
    lives = ends.agg(life=pl.col(time).max() - pl.col(time).min())["life"]
    assert cap == pytest.approx(float(np.quantile(lives, 0.8)), rel=0.05)


def test_scales_of_disks_of_a_few_rows(fleets_dir: Path) -> None:
    """Of failed disks half have 13 rows or fewer, some one: their window is 5 rows, and no disk stops the reading."""
    rows = pl.read_csv(fleets_dir / "hdd_backblaze" / "st3000dm001.csv.gz", infer_schema_length=None)
    kept = rows.filter(pl.col("fails").max().over("serial_number") == 1)
    step = pl.col("tstop").diff().over("serial_number").median().over("serial_number")
    kept = kept.filter(step.is_null() | step.is_between(50, 800))
    columns = Columns("serial_number", "tstop", unit="hours", event="fails")
    fleet = read_table(kept, columns, ("smart_5", "smart_197"))
    found = Conventions(features=("smart_5", "smart_197"), table=columns).scaled_to(fleet)
    median = float(np.median(fleet.lengths))
    assert found.window == max(5, round(0.3 * median))
    assert fleet.lengths.min() < found.window
    prepared = Prepared.of(fleet, found, 20)
    assert len(prepared.windows) == np.maximum(fleet.lengths - (found.window - 1), 0).sum()


def test_a_capacity_stays_out_where_the_state_of_health_is_a_task(fleets_dir: Path) -> None:
    folder, tasks = fleets_dir / "battery_tju", (Task("soh"), Task("chem"), Task("nominal"))
    columns = Columns("unit", "cycle", event="failed")
    source = TableSource(folder / "cycles.csv.gz", columns, units=folder / "units.csv.gz", tasks=tasks)
    found = select_columns(source)
    assert found.left_out["capacity"].startswith(("is soh in another scale", "defines failure"))
    assert not {"soh", "capacity", "nominal"} & {*found.features, *found.columns.settings}
    fleet = read_table(found)
    assert [task.kind for task in found.tasks] == ["regression", "class", "regression"]
    assert found.tasks[1].classes == ("NCA", "NCM", "NCM_NCA")
    assert "known in all rows, of 100 units that failed and 30 suspended" in "\n".join(fleet.done)
    assert sorted(np.unique(np.asarray(fleet.labels["nominal"]))) == [2.5, 3.5]
