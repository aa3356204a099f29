"""What ``grace predict --to FILE`` writes: nothing of the user's is written over."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import grace as package
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
