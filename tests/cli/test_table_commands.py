"""A table with other column names, from file to prescription, training, prediction and a bench, by commands alone."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grace.cli.main import main
from grace.cli.options import TrainingOptions
from grace.data.simulated.fleet import Simulation, simulate
from grace.training.checkpoint import load
from grace.training.model_file import NETWORK, load_model
from grace.training.predict import predict
from grace.training.record import Record
from grace.training.schedule import Schedule
from tests.command import refused
from tests.data.conftest import as_table
from tests.data.test_ncmapss import write_layout

ROLES = ["--engine", "asset", "--time", "hour", "--time-unit", "hours"]
TINY = ["--size", "tiny", "--schedule", "tiny"]


def call(*arguments: str, cwd: Path) -> str:
    """What a terminal shows of a command that should succeed, run in this process: no start-up to wait for."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(out):
        patch.chdir(cwd)
        patch.setenv("COLUMNS", "150")
        patch.setattr(sys, "argv", ["grace", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
    assert left.value.code == 0, out.getvalue()
    return out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``fleet.parquet`` and ``new.csv``: half an hour a row, engines by name, a state that is the simulation's own label."""
    folder = tmp_path_factory.mktemp("fleet")
    train, test = simulate(Simulation(engines=60, test_engines=10, conditions=3))
    for fleet, name in ((train, "fleet.parquet"), (test, "new.csv")):
        table = as_table(fleet).with_columns(
            asset=pl.format("pump {}", pl.col("asset")),
            hour=pl.col("flight") * 0.5,
            state=pl.Series(["fine", "old", "worn"])[pl.Series(np.asarray(fleet.labels["health"]).astype(int))],
            left=pl.Series(fleet.rul() * 0.5),
        )
        table = table.drop("flight").sample(fraction=1.0, shuffle=True, seed=0)
        table.drop("left").write_parquet(folder / name) if name.endswith("parquet") else table.write_csv(folder / name)
    return folder


def test_diagnose_says_what_it_made_of_the_table(folder: Path) -> None:
    quick = ["--size", "tiny", "--inits", "2", "--batches", "4", "--steps", "30", "--batch-size", "16", "--jobs", "1"]
    table = ["--table", "fleet.parquet", *ROLES, "--label", "state", "--window", "20"]
    shown = call("diagnose", *table, *quick, cwd=folder)
    assert "RUL in hours: last hour of the engine minus hour" in shown
    assert "operating conditions: 3 found by silhouette, from op1, op2" in shown
    assert "note (no numbers)" in shown
    assert "task health, column state: class of fine" in shown
    assert "RUL loss in hours^2" in shown
    assert "The study says nothing of this: an own table." in shown
    assert "next, train both ways:\ngrace bench run --table fleet.parquet" in shown
    found = json.loads(call("diagnose", *table, *quick, "--json", cwd=folder))
    assert found["dataset"] == "fleet"
    assert found["conditions"] == 3
    assert found["conventions"]["table"]["engine"] == "asset"
    assert found["conventions"]["table"]["unit"] == "hours"
    assert set(found["conventions"]["features"]).isdisjoint(found["conventions"]["table"]["settings"])


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    options = ["--cap", "60", "--health", "35,15", "--label", "state", "--method", "grace", "--to", "net.safetensors"]
    shown = call("train", "--table", "fleet.parquet", *ROLES, *options, *TINY, cwd=folder)
    assert "RUL in hours" in shown
    assert "hours on average, from the validation engines" in shown
    return folder


def test_predict_needs_no_options(trained: Path) -> None:
    shown = call("predict", "net.safetensors", "new.csv", cwd=trained)
    assert "RUL in hours after the last row" in shown
    assert "pump 10" in shown
    assert any(name in shown for name in ("fine", "old", "worn"))
    call("predict", "net.safetensors", "new.csv", "--to", "rul.json", cwd=trained)
    rows = json.loads((trained / "rul.json").read_text())
    states = ["p_fine", "p_old", "p_worn"]
    assert list(rows[0]) == ["asset", "hour", "rul", "low", "high", "rul_unit", "health", *states, "note"]
    assert all(sum(row[name] for name in states) == pytest.approx(1, abs=2e-3) for row in rows)
    network = load_model(trained / "net.safetensors")
    columns = network.conventions.table
    assert columns is not None
    found = predict(network, trained / "new.csv")
    assert [row["asset"] for row in rows] == found.engine.tolist()
    assert [row["rul"] for row in rows] == pytest.approx(found.rul, abs=1e-3)
    table = pl.read_csv(trained / "new.csv")
    last = table.group_by("asset").agg(pl.col("hour").max()).sort("asset")["hour"].to_list()
    assert [row["hour"] for row in rows] == last
    assert network.conventions.cap == 60
    assert network.spec.schedule.max_train_rul == 0  # the tiny schedule has none to scale


def test_horizons_scale_with_the_cap() -> None:
    plan, default = Schedule.named("compact"), TrainingOptions(size="compact").choices(None)
    assert default["schedule"] == plan
    assert default["max_validation_rul"] == 150
    scaled = TrainingOptions(size="compact", cap=250).choices(None)
    assert (scaled["schedule"].max_train_rul, scaled["max_validation_rul"]) == (2 * plan.max_train_rul, 300)


LEAKY = ["--table", "leaky.parquet", *ROLES]
FLAG = "failed (1 in engines' last rows alone: marks their end)"


@pytest.fixture(scope="module")
def leaky(folder: Path) -> Path:
    """``leaky.parquet``: engines with a flag of failure, and a column in which the least of RUL and 30 is told."""
    table = pl.read_parquet(folder / "fleet.parquet").filter(pl.col("asset").str.ends_with("0"))
    left = pl.col("hour").max().over("asset") - pl.col("hour")
    table.with_columns(failed=(left == 0).cast(pl.Int8), soon=left.clip(0, 15)).write_parquet(folder / "leaky.parquet")
    return folder


@pytest.mark.parametrize("command", ["check", "info"])
def test_data_names_leaks_before_anything_is_trained(leaky: Path, command: str) -> None:
    shown = call("data", command, *LEAKY, cwd=leaky)
    assert f"left out: {FLAG}\n" in shown
    assert "left out: soon (says RUL itself)\n" in shown
    assert "RUL in hours: last hour of the engine minus hour" in shown
    asked = call("data", command, *LEAKY, "--features", "s4,failed", cwd=leaky)
    assert f"used as asked for, though it gives the end away: {FLAG}\n" in asked
    assert "left out" not in asked


def test_data_says_all_of_a_table_as_json_and_counts_test_engines(leaky: Path) -> None:
    found = json.loads(call("data", "info", *LEAKY, "--json", cwd=leaky))
    table = pl.read_parquet(leaky / "leaky.parquet")
    assert (found["rows"], found["engines"]) == (len(table), table["asset"].n_unique())
    assert found["left_out"]["soon"] == "says RUL itself"
    assert "soon" not in found["features"]
    assert found["largest_rul"] == table.group_by("asset").agg(pl.col("hour").max() - 0.5)["hour"].max()
    both = ["--table", "fleet.parquet", "--test-table", "new.csv", "--features", "s4,s11", *ROLES]
    assert "new.csv: " in (shown := call("data", "check", *both, cwd=leaky))
    assert "10 test engines" in shown
    assert "--cap` should come with --table" in refused("data", "info", "FD001", "--cap", "60", cwd=leaky)
    assert "either DATASET or --table" in refused("data", "check", cwd=leaky)


def test_a_training_on_a_leak_is_marked(leaky: Path) -> None:
    options = ["--method", "rul-only", "--folds", "0", "--to", "leaky.safetensors", *TINY]
    shown = call("train", *LEAKY, "--features", "s4,s11,failed", *options, cwd=leaky)
    assert f"A feature gives the end away: {FLAG}." in " ".join(shown.split())
    table = load_model(leaky / "leaky.safetensors").conventions.table
    assert table is not None
    assert table.leaks == (FLAG,)


def test_a_sweep_says_what_is_left_out_and_its_records_are_marked(leaky: Path) -> None:
    grid = ["--methods", "rul-only", "--seeds", "1", "--jobs", "1", *TINY]
    shown = call("bench", "run", *LEAKY, *grid, "--to", "sound", cwd=leaky)
    assert f"left out: {FLAG}\n" in shown
    assert "1 done" in shown
    assert "1 done" in call("bench", "run", *LEAKY, "--features", "s4,failed", *grid, "--to", "leaky", cwd=leaky)
    sound, marked = (Record.read(next((leaky / name / "records").glob("*.json"))) for name in ("sound", "leaky"))
    assert [line for line in marked.concerns if "gives the end away" in line] == [
        f"A feature gives the end away: {FLAG}. The figures hold only where it is known of a running engine."
    ]
    assert not [line for line in sound.concerns if "gives the end away" in line]


def test_bench_without_and_with_test_engines(folder: Path) -> None:
    grid = [*ROLES, *TINY, "--epochs", "1", "--methods", "baseline,grace", "--seeds", "1", "--jobs", "1"]
    assert "2 done" in call("bench", "run", "--table", "fleet.parquet", *grid, "--to", "alone", cwd=folder)
    shown = call("bench", "table", "alone", "--metric", "rmse", cwd=folder)
    assert "RMSE, hours" in shown
    assert "VALIDATION engines" in shown
    table = pl.read_parquet(folder / "fleet.parquet")
    target = (pl.col("hour").max().over("asset") - pl.col("hour")).alias("left")
    table.with_columns(target).write_csv(folder / "known.csv")
    both = ["--table", "known.csv", "--test-table", "new.csv", "--target", "left"]
    assert "2 done" in call("bench", "run", *both, *grid, "--to", "tested", cwd=folder)
    assert "VALIDATION" not in call("bench", "table", "tested", "--metric", "rmse", cwd=folder)
    assert "2 done" in call("bench", "status", *both, *grid[:-2], "--to", "tested", cwd=folder)


@pytest.mark.system
def test_a_table_on_the_disk_trains_to_the_same_network(folder: Path, tmp_path: Path) -> None:
    options = ["--method", "baseline", *TINY, "--epochs", "1", *ROLES, "--table", str(folder / "fleet.parquet")]
    call("train", *options, "--to", "memory.safetensors", cwd=tmp_path)
    assert "read from the disk: rows" in call(
        "train", *options, "--cache", "rows", "--to", "disk.safetensors", cwd=tmp_path
    )
    memory, disk = (load(tmp_path / f"{name}.safetensors", NETWORK) for name in ("memory", "disk"))
    assert all(
        (memory["members"][0]["weights"][name] == disk["members"][0]["weights"][name]).all()
        for name in memory["members"][0]["weights"]
    )


@pytest.mark.system
def test_rows_that_are_not_evenly_spaced_are_said_and_taken_over_time(folder: Path, tmp_path: Path) -> None:
    whole = pl.read_parquet(folder / "fleet.parquet")
    last = pl.col("hour") == pl.col("hour").max().over("asset")
    thin = whole.filter(last | (pl.col("hour") * 2 % 3 != 0))
    thin.write_parquet(tmp_path / "thin.parquet")
    width = round(0.3 * float(np.median(thin["asset"].value_counts()["count"])))
    assert 20 < width < 60
    options = ["--table", "thin.parquet", *ROLES, "--method", "rul-only", "--size", "statistics", "--epochs", "1"]
    shown = call("train", *options, "--schedule", "statistics", "--to", "net.safetensors", cwd=tmp_path)
    fitted = load_model(tmp_path / "net.safetensors").members[0].conditioner
    assert fitted.step in (0.5, 0.75, 1.0)  # two of three rows are left: steps of half an hour and of one
    assert f"rows are not evenly spaced: {fitted.step:g} hours is the typical step" in shown
    shown = call("export", "net.safetensors", cwd=tmp_path)
    assert f"windows [N, {width}, {len(fitted.features) + 1}]" in shown
    assert "last column of windows: hours since the row before" in shown
    assert "RUL in hours" in call("predict", "net.safetensors", str(folder / "new.csv"), cwd=tmp_path)


def test_ncmapss_needs_no_column_names(tmp_path: Path) -> None:
    write_layout(tmp_path / "DS02.h5")
    call("train", "--table", "DS02.h5", "--window", "3", *TINY, "--epochs", "1", cwd=tmp_path)
    shown = call("predict", "DS02-grace-42.safetensors", "DS02.h5", cwd=tmp_path)
    assert "unit" in shown
    assert "11" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["diagnose", "--table", "fleet.parquet", "--time", "hour"], "should come with --engine"),
        (["train", "--table", "fleet.parquet", "--engine", "asset"], "should come with --time"),
        (["diagnose", "FD001", "--table", "fleet.parquet", *ROLES], "either DATASET or --table. Found both"),
        (["train"], "either DATASET or --table. Found neither. See `grace train --help`"),
        (["diagnose", "simulated", "--engine", "asset"], "`--engine` should come with --table"),
        (["bench", "plan", "--target", "left"], "`--target` should come with --table"),
        (["diagnose", "simulated", "--conditions", "op1"], "should be auto or a number. Found 'op1'"),
        (["diagnose", "--table", "fleet.parquet", *ROLES, "--conditions", "op9"], "should have the column op9"),
        (["diagnose", "--table", "fleet.parquet", *ROLES, "--features", "s2,s99"], "should have the column s99"),
        (["diagnose", "--table", "fleet.parquet", *ROLES, "--labels", "x.txt"], "Use --label COLUMN"),
        (["train", "--table", "none.parquet", *ROLES], "none.parquet should be a table. Found none"),
        (["train", "simulated", "--health", "30,70"], "HEALTHY > CRITICAL"),
    ],
)
def test_refusals_are_one_line(folder: Path, arguments: list[str], words: str) -> None:
    before = {path.name for path in folder.iterdir()}
    assert words in refused(*arguments, cwd=folder)
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.system
def test_engines_too_short_to_train_on_are_counted_and_two_long_ones_are_needed(folder: Path, tmp_path: Path) -> None:
    table = pl.read_parquet(folder / "fleet.parquet")
    alone = table.filter(pl.col("asset") == "pump 1")[:1].with_columns(asset=pl.lit("spare"))
    pl.concat([table, alone]).write_parquet(tmp_path / "short.parquet")
    options = ["--table", "short.parquet", *ROLES]
    said = "1 of 61 units that failed have fewer than {} rows: they are not trained on"
    assert said.format(2) in call("data", "check", *options, cwd=tmp_path)
    training = [*options, "--method", "rul-only", "--epochs", "1", "--to", "net.safetensors", *TINY]
    assert said.format(20) in call("train", *training, cwd=tmp_path)
    assert "spare" in call("predict", "net.safetensors", "short.parquet", cwd=tmp_path)
    longest = table.filter(pl.col("asset") == "pump 1")
    starts = [table.filter(pl.col("asset") == f"pump {i}").sort("hour")[:15] for i in (2, 3, 4)]
    pl.concat([longest, *starts]).write_parquet(tmp_path / "one.parquet")
    words = refused("train", "--table", "one.parquet", *ROLES, "--window", "30", *TINY, cwd=tmp_path)
    assert "should hold at least two engines that failed with 20 rows or more, one window. Found 1. Lower" in words


def test_a_new_table_without_a_column_is_refused(trained: Path, tmp_path: Path) -> None:
    pl.read_csv(trained / "new.csv").drop("s11").write_csv(tmp_path / "new.csv")
    words = refused(*["predict", str(trained / "net.safetensors"), "new.csv"], cwd=tmp_path)
    assert "should have the column s11" in words
