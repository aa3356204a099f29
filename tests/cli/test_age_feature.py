"""``--features ...,age`` by commands alone: a network that makes the age, and one that reads a column of that name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grace.data.conventions import Conventions
from grace.data.fleet import AGE
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.tables.columns import Columns
from grace.data.tables.read import read_table
from grace.training.export import export_onnx, inputs
from grace.training.model_file import TrainedNetwork, load_model
from grace.training.predict import predict
from grace.training.run import train
from grace.training.run_spec import run_spec
from tests.command import grace, refused
from tests.data.conftest import as_table
from tests.data.test_real_fleets import fleets_dir as fleets_dir

ROLES = ["--engine", "asset", "--time", "hour", "--time-unit", "hours", "--cap", "60", "--health", "35,15"]
QUICK = ["--method", "rul-only", "--size", "statistics", "--epochs", "2", "--folds", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``made.csv`` and ``new.csv``; ``own.csv`` and ``new_own.csv`` with a column ``age`` beside, of another meaning."""
    folder = tmp_path_factory.mktemp("ages")
    for fleet, name in zip(simulate(Simulation(engines=20, test_engines=5)), ("made", "new"), strict=True):
        table = as_table(fleet).select("asset", "s2", "s7", "s12", hour=pl.col("flight") * 0.5)
        table.write_csv(folder / f"{name}.csv")
        other = table.with_columns(age=3000 - pl.col("hour") ** 2)
        other.write_csv(folder / ("own.csv" if name == "made" else "new_own.csv"))
    return folder


@pytest.fixture(scope="module")
def networks(folder: Path) -> dict[str, TrainedNetwork]:
    """One that makes the age, and one that reads it."""
    for name in ("made", "own"):
        asked = ["--table", f"{name}.csv", *ROLES, "--features", "s2,s7,age", *QUICK, "--to", f"{name}.safetensors"]
        done = grace("train", *asked, cwd=folder, columns=150)
        assert done.returncode == 0, done.stderr
        assert f"features (3): s2, s7, {AGE if name == 'made' else 'age'}" in done.stderr
        assert (f"{AGE} is made: hour of the row" in done.stderr) == (name == "made")
    return {name: load_model(folder / f"{name}.safetensors") for name in ("made", "own")}


def test_what_the_network_knows(networks: dict[str, TrainedNetwork]) -> None:
    made, own = networks["made"], networks["own"]
    assert made.conventions.features == made.members[0].conditioner.features == ("s2", "s7", AGE)
    assert own.conventions.features == ("s2", "s7", "age")
    assert f"{AGE} is made: hour of the row" in made.table
    assert made.spec.id != own.spec.id
    assert made.conventions.table == own.conventions.table  # no role: what is read is told by the features alone


def test_it_is_made_again_of_new_engines(folder: Path, networks: dict[str, TrainedNetwork]) -> None:
    """Whatever else the table holds, and of a frame as of a file."""
    made = networks["made"]
    every = predict(made, folder / "new.csv")
    assert (predict(made, folder / "new_own.csv").rul == every.rul).all()
    assert (predict(made, pl.read_csv(folder / "new.csv")).rul == every.rul).all()
    shuffled = pl.read_csv(folder / "new.csv").sample(fraction=1.0, shuffle=True, seed=3)
    assert (predict(made, shuffled.with_columns(age=pl.lit("young"))).rul == every.rul).all()
    grace("predict", "made.safetensors", "new.csv", "--to", "rul.json", cwd=folder)
    assert [row["rul"] for row in json.loads((folder / "rul.json").read_text())] == pytest.approx(every.rul, abs=1e-3)
    table = pl.read_csv(folder / "new.csv")
    cut = table.group_by("asset", maintain_order=True).head(25)
    whole, part = (read_table(frame, Columns("asset", "hour"), ("s2", "s7")) for frame in (table, cut))
    rows = (whole.starts[:-1, None] + np.arange(25)).ravel()
    assert (made.members[0].conditioner.transform(part) == made.members[0].conditioner.scaled(whole, rows)).all()
    longer = pl.concat([table, table.with_columns(pl.col("hour") + 500, asset=pl.col("asset") + 100)])
    # products of another number of rows are rounded in another order on some CPUs
    assert predict(made, longer).rul[: len(every.rul)] == pytest.approx(every.rul, rel=1e-6)
    assert (predict(made, longer).rul[len(every.rul) :] != every.rul).any()  # the same readings of older engines


def test_a_column_is_not_made_in_its_place(folder: Path, networks: dict[str, TrainedNetwork]) -> None:
    said = refused("predict", "own.safetensors", "new.csv", cwd=folder)
    assert "new.csv should have the column age. Found asset, s2, s7, s12, hour." in said
    assert grace("predict", "own.safetensors", "new_own.csv", cwd=folder).returncode == 0
    options = ["--features", "s2,s7,age", *QUICK, "--to", "none.safetensors"]
    said = refused("train", "--table", "own.csv", *ROLES, "--test-table", "new.csv", *options, cwd=folder)
    assert "new.csv should have the column age" in said


def test_in_python_the_same(folder: Path, networks: dict[str, TrainedNetwork]) -> None:
    spec = networks["made"].spec
    columns = Columns("asset", "hour", unit="hours")
    fleet = read_table(folder / "made.csv", columns, ("s2", "s7", "age"))
    conventions = Conventions(features=("s2", "s7", AGE), table=columns).scaled_to(fleet, cap=60, health_cuts=(35, 15))
    assert conventions == spec.conventions
    again = run_spec("made", "rul-only", size="statistics", schedule=spec.schedule, conventions=conventions, folds=2)
    run = train(again, fleet)
    for one, two in zip(run.members, networks["made"].members, strict=True):
        np.testing.assert_array_equal(one.conditioner.mean, two.conditioner.mean)


def test_other_commands_take_it(folder: Path) -> None:
    table = ["--table", "made.csv", *ROLES, "--features", "s2,s7,age"]
    info = json.loads(grace("data", "info", *table, "--json", cwd=folder).stdout)
    assert info["features"] == ["s2", "s7", AGE]
    assert f"{AGE} is made: hour of the row" in info["done"]
    quick = ["--size", "tiny", "--inits", "2", "--batches", "4", "--steps", "30", "--jobs", "1", "--json"]
    found = json.loads(grace("diagnose", *table, *quick, cwd=folder).stdout)
    assert found["conventions"]["features"] == ["s2", "s7", AGE]
    grid = ["--methods", "ridge", "--seeds", "1", "--to", "sweep", "--jobs", "1"]
    assert grace("bench", "run", *table, *grid, cwd=folder).returncode == 0
    record = json.loads(next((folder / "sweep").rglob("*.json")).read_text())
    assert AGE in json.dumps(record)
    later = pl.read_csv(folder / "made.csv").with_columns(pl.col("hour") + 45_000)
    later.write_csv(folder / "calendar.csv")
    shown = grace(
        "data", "check", "--table", "calendar.csv", *ROLES, "--features", "s2,age", cwd=folder, columns=300
    ).stdout
    assert f"{AGE} is hour as it stands: engines are first seen at 45,000.5 hours in the median, and last " in shown
    assert "as it stands" not in grace("data", "check", *table, cwd=folder).stdout
    said = refused("data", "check", "--table", "made.csv", *ROLES, "--features", "age", cwd=folder)
    assert "`--features` should name a column of the table beside age" in said


@pytest.mark.system
def test_as_onnx_it_is_a_column_of_windows(folder: Path, networks: dict[str, TrainedNetwork]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    made, path = networks["made"], folder / "made.onnx"
    assert export_onnx(made, path) < 1e-3
    assert inputs(made) == {"windows": (made.conventions.window, 3)}
    table = pl.read_csv(folder / "new.csv").sort("asset", "hour")
    windows = []
    for (_,), rows in table.group_by("asset", maintain_order=True):
        own = rows.select("s2", "s7", "hour").to_numpy()[-made.conventions.window :]
        front = np.repeat(own[:1], made.conventions.window - len(own), axis=0)
        windows.append(np.concatenate([front, own]))
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    rul, _ = session.run(["rul", "health"], {"windows": np.array(windows, dtype=np.float32)})
    np.testing.assert_allclose(rul, predict(made, folder / "new.csv").rul, atol=1e-3)


def filters(folder: Path, tmp_path: Path, features: str, *options: str) -> dict[str, float]:
    """RMSE out of fold of filter_esrel22, by the line that compares a network, or of what needs none."""
    table = ["--table", folder / "filter_esrel22/runs.csv.gz", "--engine", "unit", "--time", "time_s"]
    asked = [*table, "--time-unit", "seconds", "--features", features, *options, "--to", "net.safetensors"]
    done = grace("train", *asked, cwd=tmp_path, columns=150)
    alone = re.search(r"out of fold +│ +([0-9.]+) ", done.stdout)
    assert alone is not None, done.stderr
    compared = re.search(r"^out of fold: (.*?):", done.stdout, re.MULTILINE)
    pairs = [] if compared is None else [part.split() for part in compared[1].split(", ")]
    return {"run": float(alone[1])} | {name: float(value) for name, value in pairs}


@pytest.mark.system
def test_filters_that_are_told_their_age(fleets_dir: Path, tmp_path: Path) -> None:
    """They clog by what has run through them."""
    with_it, without = (
        filters(fleets_dir, tmp_path, f, "--model", "ridge", "--folds", "3") for f in ("flow,feed,age", "flow,feed")
    )
    assert with_it["run"] < without["run"] / 2
