"""What ``grace predict --to FILE`` writes: nothing of the user's is written over."""

from __future__ import annotations

import csv
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import grace as package
from grace.cli.render_forecast import show_forecast
from grace.survival.replacement import Costs
from grace.training.forecast import Forecast
from grace.training.maintenance import written
from grace.training.model_file import load_model, save_model
from grace.training.run import train
from grace.training.run_spec import run_spec
from tests.command import grace, refused
from tests.data.conftest import as_table

SMALL = ["--model", "ridge", "--window", "10", "--to", "net.safetensors"]
ENDINGS = (".csv", ".parquet", ".json")


def rows_of(path: Path) -> list[dict[str, Any]]:
    """What a file holds, a dict a row."""
    if path.suffix == ".json":
        found: list[dict[str, Any]] = json.loads(path.read_text())
        return found
    if path.suffix == ".parquet":
        return pl.read_parquet(path).to_dicts()
    return list(csv.DictReader(path.read_text().splitlines()))


def done(*arguments: object, cwd: Path) -> str:
    """Standard output of a command that succeeds."""
    found = grace(*arguments, cwd=cwd, columns=200)
    assert found.returncode == 0, found.stderr
    return found.stdout


def fleets_dir() -> Path:
    folder = Path(os.environ.get("GRACE_FLEETS", Path(__file__).parents[3] / "shared" / "fleets"))
    if not (folder / "bearing_femto").exists():
        pytest.skip(f"no real fleets in GRACE_FLEETS nor in {folder}")
    return folder


OURS = ("rul", "low", "high", "health", "rul_unit", "note", "unit")
NAMES = [*((name, "t") for name in OURS), *(("asset", name) for name in OURS), ("rul", "predicted_rul")]
"""Names of the engine and of the time, made to collide."""


@pytest.fixture(scope="module")
def pumps() -> pl.DataFrame:
    """Twelve engines called ``pump 1`` and so on."""
    table = as_table(package.simulate(package.Simulation(engines=12))[0]).drop("note")
    return table.with_columns(asset=pl.format("pump {}", "asset"), flight=pl.col("flight") * 3)


@pytest.mark.parametrize(("engine", "time"), NAMES)
def test_engine_and_time_keep_their_columns(tmp_path: Path, pumps: pl.DataFrame, engine: str, time: str) -> None:
    pumps.rename({"asset": engine, "flight": time}).write_csv(tmp_path / "fleet.csv")
    done("train", "--table", "fleet.csv", "--engine", engine, "--time", time, *SMALL, cwd=tmp_path)
    last = pumps.group_by("asset").agg(pl.col("flight").max()).rows()
    for ending in ENDINGS:
        done("predict", "net.safetensors", "fleet.csv", "--to", f"new{ending}", cwd=tmp_path)
        rows = rows_of(tmp_path / f"new{ending}")
        assert sorted((row[engine], int(row[time])) for row in rows) == sorted(last)
        own = [name for name in rows[0] if name not in (engine, time)]
        values = [float(row[next(name for name in own if name.endswith("rul"))]) for row in rows]
        assert all(0 <= value <= 1000 for value in values)
        assert {row[next(name for name in own if name.endswith("rul_unit"))] for row in rows} == {"cycles"}


@pytest.mark.system
def test_a_real_family_whose_engines_are_called_units(tmp_path: Path) -> None:
    table = fleets_dir() / "bearing_femto" / "features.csv.gz"
    roles = ["--engine", "unit", "--time", "t_s", "--time-unit", "seconds"]
    done("train", "--table", table, *roles, *SMALL, cwd=tmp_path)
    units = pl.read_csv(table)["unit"].unique().cast(pl.String).to_list()
    for ending in ENDINGS:
        done("predict", "net.safetensors", table, "--to", f"new{ending}", cwd=tmp_path)
        rows = rows_of(tmp_path / f"new{ending}")
        assert sorted(str(row["unit"]) for row in rows) == sorted(units)
        assert {row["rul_unit"] for row in rows} == {"seconds"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, pumps: pl.DataFrame) -> Path:
    """A folder with a network, and pumps of which one has a reading of a million in its last rows."""
    folder = tmp_path_factory.mktemp("files")
    pumps.write_parquet(folder / "fleet.parquet")
    roles = ["--engine", "asset", "--time", "flight", "--time-unit", "flights"]
    done("train", "--table", "fleet.parquet", *roles, *SMALL, cwd=folder)
    last = pl.col("flight") == pl.col("flight").max().over("asset")
    spike = pl.when(last & (pl.col("asset") == "pump 7")).then(1e6).otherwise("s2")
    pumps.with_columns(s2=spike).write_parquet(folder / "new.parquet")
    return folder


def test_every_file_holds_the_frame(trained: Path) -> None:
    """All inspections, numbers to three decimals; none of the user's columns in another type."""
    for ending in ENDINGS:
        said = done("predict", "net.safetensors", "new.parquet", "--every", 20, "--to", f"bt{ending}", cwd=trained)
        rows = rows_of(trained / f"bt{ending}")
        assert f"bt{ending}: {len(rows)} inspections of 12 engines" in said.splitlines()
        frame = package.predict(
            package.load_model(trained / "net.safetensors"), trained / "new.parquet", 20
        ).to_polars()
        assert list(rows[0]) == frame.columns
        for name in ("rul", "low", "high"):
            np.testing.assert_allclose([float(row[name]) for row in rows], frame[name], atol=5.1e-4)
        for name in ("asset", "flight", "health", "note", "rul_unit"):
            assert [str(row[name]) for row in rows] == frame[name].cast(pl.String).to_list()
    assert pl.read_parquet(trained / "bt.parquet").schema == frame.schema


def lives(count: int = 12, rows: int = 30) -> pl.DataFrame:
    """Engines ``0.25``, ``1.25`` and so on, whose ``wear`` says how many of 30 rows are left; ``row`` counts from 0."""
    rng = np.random.default_rng(0)
    row = np.tile(np.arange(rows), count)
    wear = row + rng.normal(size=len(row))
    return pl.DataFrame({"id": np.repeat(np.arange(count) + 0.25, rows), "row": row, "wear": wear})


def forecast_of(folder: Path, table: pl.DataFrame, unit: str, cap: float) -> Forecast:
    """A small model of a table with the time ``t``, at every seventh row of it."""
    columns = package.Columns("id", "t", unit=unit)
    cuts = (0.5 * cap, 0.2 * cap)
    conventions = package.Conventions(window=5, features=("wear",), cap=cap, health_cuts=cuts, table=columns)
    save_model(folder / "net", train(run_spec("made", model="ridge", conventions=conventions, folds=4), table))
    return package.predict(load_model(folder / "net"), table, 7, within=(cap / 2,), costs=Costs(0.01, 0.001))


@pytest.mark.parametrize("step", [1e-4, 1.0, 3600.0])
@pytest.mark.parametrize("ending", ENDINGS)
def test_engine_and_time_are_written_as_they_are_and_rul_with_its_digits(
    tmp_path: Path, ending: str, step: float
) -> None:
    """Whatever the unit of time is: 0.001 would be ten rows of the first."""
    table = lives().with_columns(t=38.00049 + step * pl.col("row")).drop("row")
    found, path = forecast_of(tmp_path, table, "lives", 20 * step), tmp_path / f"new{ending}"
    show_forecast(found, load_model(tmp_path / "net"), path)
    rows = rows_of(path)
    assert [float(row["id"]) for row in rows] == found.engine.astype(float).tolist()
    assert [float(row["t"]) for row in rows] == found.cycle.tolist()
    dates = found.ahead.columns["replace_in"]
    for name, values in (("rul", found.rul), ("low", found.low), ("high", found.high), ("replace_in", dates)):
        told = [float(row[name]) if row[name] not in (None, "") else np.nan for row in rows]
        np.testing.assert_allclose(told, values, atol=5e-6 * 20 * step)
        if step >= 1:
            np.testing.assert_array_equal(told, np.round(told, 4))
    costs = [float(row["expected_cost"]) for row in rows]
    np.testing.assert_allclose(costs, found.ahead.columns["expected_cost"], atol=5.1e-9)
    shares = [float(row[f"fails_within_{written(10 * step)}"]) for row in rows]
    np.testing.assert_array_equal(shares, np.round(shares, 3))
    assert len({float(row["rul"]) for row in rows}) > 20


def test_times_of_single_precision_have_the_digits_that_they_have_there(tmp_path: Path) -> None:
    table = lives().with_columns(t=(pl.col("row") * 0.1).cast(pl.Float32)).drop("row")
    found = forecast_of(tmp_path, table, "days", 2)
    show_forecast(found, load_model(tmp_path / "net"), tmp_path / "new.csv")
    assert {row["t"] for row in rows_of(tmp_path / "new.csv")} == {"0.1", "0.8", "1.5", "2.2", "2.9"}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("zone", ["Europe/Berlin", None])
def test_dates_are_written_as_the_users_with_their_zone(tmp_path: Path, ending: str, zone: str | None) -> None:
    """Of text with an offset, which says of no zone, in UTC: the same instant, and never a time without an offset."""
    utc = pl.datetime(2024, 3, 30, 20, time_zone="UTC") + pl.duration(hours=pl.col("row"))
    table = lives().with_columns(t=utc.dt.convert_time_zone(zone or "UTC")).drop("row")
    forecast_of(tmp_path, table, "hours", 20)
    new = tmp_path / ("new.csv" if zone is None else "new.parquet")
    if zone is None:
        local = pl.col("t").dt.offset_by("1h").dt.strftime("%Y-%m-%dT%H:%M:%S+01:00")
        table.with_columns(t=local).write_csv(new)
    else:
        table.write_parquet(new)
    done("predict", "net", new.name, "--every", 29, "--to", f"out{ending}", cwd=tmp_path)
    told = [row["t"] for row in rows_of(tmp_path / f"out{ending}")][:2]
    said = ["2024-03-30T21:00:00+01:00", "2024-04-01T03:00:00+02:00"]
    if zone is None:
        said = ["2024-03-30T20:00:00+00:00", "2024-04-01T01:00:00+00:00"]
    assert [t.isoformat() if isinstance(t, datetime) else t for t in told] == said


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_duration_of_nothing_is_a_time_too(tmp_path: Path, ending: str) -> None:
    table = lives().with_columns(t=pl.duration(hours=pl.col("row"))).drop("row")
    found = forecast_of(tmp_path, table, "hours", 20)
    show_forecast(
        package.predict(load_model(tmp_path / "net"), table, 29), load_model(tmp_path / "net"), tmp_path / f"x{ending}"
    )
    told = [row["t"] for row in rows_of(tmp_path / f"x{ending}")][:2]
    texts = ["0:00:00", "1 day, 5:00:00"]
    assert told == ([timedelta(0), timedelta(hours=29)] if ending == ".parquet" else texts)
    assert found.cycle.dtype.kind == "m"


def test_a_damaged_reading_makes_no_engine_critical_without_a_word(trained: Path) -> None:
    shown = done("predict", "net.safetensors", "new.parquet", cwd=trained)
    (line,) = [line for line in shown.splitlines() if "spike" in line]
    assert "pump 7 " in line
    done("predict", "net.safetensors", "new.parquet", "--to", "rul.csv", cwd=trained)
    (row,) = [row for row in rows_of(trained / "rul.csv") if row["note"]]
    assert row["note"].startswith(f"spike: s2 is 1e+06 at flight {row['flight']}, ")


def test_the_screen_shows_the_last_inspection_and_says_so(trained: Path) -> None:
    alone, shown = (done("predict", "net.safetensors", "new.parquet", *o, cwd=trained) for o in ([], ["--every", 20]))
    said = "88 inspections of 12 engines; shown is the last one of each. `--to FILE` writes all."
    assert (
        shown.replace(f"{said}\n", "").splitlines()[:-1] == alone.splitlines()[:-1]
    )  # but for the command that comes next
    assert said in shown.splitlines()


def test_what_is_refused(trained: Path) -> None:
    words = refused("predict", "net.safetensors", "new.parquet", "--to", "rul.xlsx", cwd=trained)
    assert "`--to` should end in .csv, .parquet or .json. Found 'rul.xlsx'." in words
    words = refused("predict", "net.safetensors", "new.parquet", "--every", 0, cwd=trained)
    assert "`every` should be at least 1 row. Found 0." in words
    (trained / "taken").write_text("")
    for ending in ENDINGS:
        words = refused("predict", "net.safetensors", "new.parquet", "--to", f"taken/rul{ending}", cwd=trained)
        assert "should be writable" in words
    assert not list(trained.glob(".*.part"))
