"""What ``grace predict --to FILE`` writes: nothing of the user's is written over."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import grace as package
from tests.command import grace
from tests.data.conftest import as_table

SMALL = ["--model", "ridge", "--window", "10", "--to", "net.safetensors"]
ENDINGS = (".csv", ".json")


def rows_of(path: Path) -> list[dict[str, Any]]:
    """What a file holds, a dict a row."""
    if path.suffix == ".json":
        found: list[dict[str, Any]] = json.loads(path.read_text())
        return found
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
