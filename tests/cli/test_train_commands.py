"""``train``, ``predict``, ``export`` and ``bench table`` as a user types them."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
import pytest
import torch

from grace.bench.store import Store
from grace.bench.summary import engine_error
from grace.cli.render_train import show_run
from grace.data.cmapss.fleets import read_plain, read_test, read_train, write_cmapss
from grace.data.simulated.fleet import Simulation, simulate
from grace.training.checkpoint import load
from grace.training.model_file import NETWORK, load_model
from grace.training.predict import predict
from grace.training.run import train
from tests.command import grace as call
from tests.command import refused

TINY = ["--size", "tiny", "--schedule", "tiny", "--seed", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    write_cmapss(*simulate(Simulation(engines=60, test_engines=30)), folder, "SIM")
    done = call("train", str(folder), "--method", "grace", *TINY, "--to", "net.safetensors", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "test" in done.stdout
    assert "90% interval" in done.stdout
    assert "rho" in done.stderr
    return folder


def test_the_command_gives_the_numbers_of_a_call_on_one_thread(trained: Path) -> None:
    network = load_model(trained / "net.safetensors")
    run = train(network.spec, read_train(trained, "SIM"), read_test(trained, "SIM"))
    assert run.model is not None
    expected, (member,) = run.model.state_dict(), network.members
    assert all(torch.equal(value, expected[name]) for name, value in member.model.state_dict().items())


def test_train_and_bench_of_the_same_thing_are_one_run(tmp_path: Path) -> None:
    """Watched or not, by name or by its axes: one id, one network, the same figures."""
    options = ["--size", "tiny", "--schedule", "tiny"]
    axes = ["--outer", "gaba", "--inner", "weighted_mse"]
    done = call("train", "simulated", *axes, *options, "--seed", "42", "--to", "net.safetensors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = call(
        "bench",
        "run",
        "--datasets",
        "simulated",
        "--methods",
        "grace",
        "--seeds",
        "42",
        *options,
        "--jobs",
        "1",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (record,) = Store(tmp_path / "results").all_records()
    assert load_model(tmp_path / "net.safetensors").spec.id == record.id
    state = load(tmp_path / "net.safetensors", NETWORK)
    assert {name: float(f"{value:.6g}") for name, value in state["test"].items()} == record.test


def test_nothing_but_the_network_is_left(trained: Path) -> None:
    assert {path.name for path in trained.glob("*net*")} | {p.name for p in trained.glob(".*")} == {"net.safetensors"}


@pytest.mark.system
def test_a_profile_says_where_the_time_went_and_moves_nothing_else(trained: Path, tmp_path: Path) -> None:
    arguments = ["train", str(trained), "--method", "grace", *TINY, "--to", "net.safetensors"]
    plain, profiled = call(*arguments, cwd=tmp_path), call(*arguments, "--profile", cwd=tmp_path)
    told = [
        [line for line in done.stdout.splitlines() if "steps," not in line] for done in (plain, profiled)
    ]  # seconds
    assert told[0] == told[1]
    assert "Where the time went" not in plain.stderr
    table = profiled.stderr[profiled.stderr.index("Where the time went") :]
    for part in ("imports", "reading", "conditions, scaling, split", "evaluation of epochs", "files", "baselines"):
        assert part in table
    for part, calls in (("forward", 61), ("backward", 60), ("optimiser", 60), ("task weights", 60)):
        assert re.search(rf"steps: {part} .* {calls} ", table), part
    shares = [float(found) for found in re.findall(r"│ +(\d+\.\d+) │ +\d+ % ", table)]
    assert sum(shares) == pytest.approx(float(re.findall(r"│ all +│ +(\d+\.\d+)", table)[0]), abs=0.2)


def test_a_profiled_diagnosis_still_prints_one_json_object() -> None:
    arguments = ["simulated", "--size", "statistics", "--inits", "2", "--batches", "2", "--steps", "4", "--jobs", "1"]
    done = call("diagnose", *arguments, "--json", "--profile")
    assert json.loads(done.stdout)["rho"]["inits"] == 2
    for part in ("statistics", "steps: Gramian", "steps: optimiser"):
        assert part in done.stderr


def test_predictions_are_those_of_the_trained_network(trained: Path) -> None:
    done = call("predict", "net.safetensors", "test_SIM.txt", "--to", "rul.csv", cwd=trained)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((trained / "rul.csv").read_text().splitlines()))
    network = load_model(trained / "net.safetensors")
    found = predict(network, read_plain(trained / "test_SIM.txt"))
    assert [float(row["rul"]) for row in rows] == pytest.approx(found.rul, abs=1e-3)
    assert all(0 <= float(r["low"]) <= float(r["rul"]) <= float(r["high"]) <= 125 for r in rows)
    assert {row["health"] for row in rows} <= {"0", "1", "2"}


def test_a_table_gives_the_same_as_the_text(trained: Path) -> None:
    fleet = read_plain(trained / "test_SIM.txt")
    table = pl.DataFrame(fleet.values, schema=list(fleet.columns)).with_columns(
        engine=pl.Series(fleet.engines[fleet.engine_of_row()]),
        cycle=pl.Series(np.arange(len(fleet.values)) - np.repeat(fleet.starts[:-1], fleet.lengths) + 1),
        note=pl.lit("x"),
    )
    shuffled = table.drop("sensor_1").sample(fraction=1.0, shuffle=True, seed=1)
    shuffled.write_parquet(trained / "engines.parquet")
    shuffled.write_csv(trained / "engines.csv")
    expected = predict(load_model(trained / "net.safetensors"), fleet)
    for name in ("engines.parquet", "engines.csv"):
        assert call("predict", "net.safetensors", name, "--to", "t.json", cwd=trained).returncode == 0
        found = {row["engine"]: row["rul"] for row in json.loads((trained / "t.json").read_text())}
        assert [found[engine] for engine in expected.engine] == pytest.approx(expected.rul, abs=2e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop("sensor_7"), "should have the column sensor_7"),
        (lambda t: t.drop("engine"), "should have the column engine"),
        (lambda t: t.with_columns(sensor_7=pl.lit("hot")), "sensor_7 should hold numbers"),
        (lambda t: t.with_columns(sensor_7=pl.lit(float("nan"))), "sensor_7 should be a finite number"),
        (lambda t: t[[0, 1, 3, 4]], "should follow without gap or repeat"),
        (lambda t: t[[0, 1, 1, 2]], "engine 1: each cycle should stand once. Found 2 twice"),
        (lambda t: t[:0], "should hold at least one row"),
    ],
)
def test_bad_tables_get_one_line(
    trained: Path,
    tmp_path: Path,
    change: Callable[[pl.DataFrame], pl.DataFrame],
    words: str,
) -> None:
    fleet = read_plain(trained / "test_SIM.txt")
    columns = dict(zip(fleet.columns, fleet.values[:6].T, strict=True))
    table = pl.DataFrame({"engine": [1] * 6, "cycle": list(range(1, 7)), **columns})
    change(table).write_parquet(tmp_path / "bad.parquet")
    assert words in refused(*["predict", str(trained / "net.safetensors"), "bad.parquet"], cwd=tmp_path)


@pytest.mark.system
def test_export_is_checked_against_torch(trained: Path) -> None:
    done = call("export", "net.safetensors", "--to", "onnx", cwd=trained)
    assert done.returncode == 0, done.stderr
    network = load_model(trained / "net.safetensors")
    fleet, features = read_plain(trained / "test_SIM.txt"), network.members[0].conditioner.features
    window = network.conventions.window
    last = np.maximum(fleet.starts[1:, None] - window + np.arange(window), fleet.starts[:-1, None])
    session = onnxruntime.InferenceSession(str(trained / "net.onnx"))
    inputs = {"windows": features, "settings": network.conventions.settings}
    recorded = {name: fleet.taken(last.ravel(), columns).reshape(*last.shape, -1) for name, columns in inputs.items()}
    asked = [one.name for one in session.get_inputs()]
    rul, health = session.run(None, {name: recorded[name].astype(np.float32) for name in asked})
    expected = predict(network, fleet)  # from rows as they were recorded to the same numbers
    np.testing.assert_allclose(rul, expected.rul, atol=1e-2)
    np.testing.assert_array_equal(health.argmax(1), expected.health)
    np.testing.assert_allclose(health.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "simulated", "--method", "best"], "'best'"),
        (["train", "simulated", "--option", "floor=low"], "'floor=low'"),
        (["train", "simulated", "--device", "tpu7"], "'tpu7'"),
        (["train", "simulated", "--outer", "gaba", "--option", "floor=0.7"], "floor = 0.7"),
        (["train", "simulated", "--threads", "-1"], "Found -1"),
        (["train", "simulated", "--outer", "torchjd:Nothing"], "UPGrad"),
        (["predict", "missing.safetensors", "x.txt"], "missing.safetensors"),
        (["export", "missing.safetensors"], "missing.safetensors"),
        (["export", "missing.safetensors", "--to", "tflite"], "'tflite'"),
        (["bench", "table", "nowhere"], "Found none"),
        (["bench", "table", "--mean"], "should be per data set"),
        (["bench", "plan", "--seeds", "one"], "'one'"),
    ],
)
def test_refusals_are_one_line(
    tmp_path: Path,
    arguments: list[str],
    words: str,
) -> None:
    assert words in refused(*arguments, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.system
def test_interrupted_training_goes_on(trained: Path) -> None:
    def command(to: str) -> list[str]:
        return ["train", str(trained), *TINY, "--epochs", "6", "--to", to, "--method", "dwa"]

    whole = call(*command("whole.safetensors"), cwd=trained)
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [sys.executable, "-m", "grace.cli.main", *command("cut.safetensors")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=trained,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(b"epoch   2"):
            process.kill()
            break
    process.stderr.close()
    process.wait()
    again = call(*command("cut.safetensors"), cwd=trained)
    assert again.returncode == 0, again.stderr
    assert "epoch   1 " not in again.stderr
    a, b = (
        load_model(trained / name).members[0].model.state_dict() for name in ("whole.safetensors", "cut.safetensors")
    )
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_error_over_test_engines_stands_beside_the_rmse(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a committed run: seeds do not show what another draw of engines would move."""
    run, *_ = Store(Path(__file__).parents[2] / "results" / "paper").all_records()
    show_run(run, Path("net.safetensors"), {})
    shown = capsys.readouterr().out
    count, error = len(run.predictions["true"]), engine_error([run])
    assert f"standard error of the test RMSE over its {count} engines: {error:.2f}, uncapped" in shown
