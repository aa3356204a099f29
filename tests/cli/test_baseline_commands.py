"""``--model tree``, ``ridge`` and ``age`` as a user types them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from grace.bench.store import Store
from grace.data.cmapss.fleets import read_test, write_cmapss
from grace.data.simulated.fleet import Simulation, simulate
from grace.models.baselines import BASELINES
from grace.report.data import page_data
from grace.report.read import read_results
from grace.training.model_file import load_model
from grace.training.predict import predict
from tests.command import grace, refused

GRID = ["--datasets", "simulated", "--methods", "rul-only,tree,ridge,age", "--seeds", "1,2"]
TINY = ["--size", "tiny", "--schedule", "tiny"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet named SIM, with a model of each kind in ``NAME.safetensors``."""
    made = tmp_path_factory.mktemp("baselines")
    write_cmapss(*simulate(Simulation(engines=50, test_engines=12)), made, "SIM")
    for name in BASELINES:
        done = grace("train", made, "--model", name, "--to", f"{name}.safetensors", cwd=made, columns=200)
        assert done.returncode == 0, done.stderr
        assert done.stderr == f"SIM, {name}, seed 42, honest protocol\n"
        assert "fitted to the training windows, " in done.stdout
        assert "on which nothing was chosen: guaranteed 90%; on the test engines" in done.stdout
        assert "epoch" not in done.stdout
    return made


@pytest.mark.parametrize("name", BASELINES)
def test_the_file_tells_predict_what_it_holds(folder: Path, name: str) -> None:
    done = grace("predict", f"{name}.safetensors", "test_SIM.txt", "--to", f"{name}.csv", cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((folder / f"{name}.csv").read_text().splitlines()))
    model, test = load_model(folder / f"{name}.safetensors"), read_test(folder, "SIM")
    assert model.spec.model == name
    expected = predict(model, test)
    assert [float(row["rul"]) for row in rows] == pytest.approx(expected.rul, abs=1e-3)
    assert all(0 <= float(r["low"]) <= float(r["rul"]) <= float(r["high"]) <= 125 for r in rows)
    if name == "age":  # of engines of one age it says one thing, of older ones less
        order = np.argsort(expected.cycle)
        assert (np.diff(expected.rul[order]) <= 1e-4).all()


def test_folds_of_a_small_fleet(tmp_path: Path) -> None:
    write_cmapss(*simulate(Simulation(engines=12, test_engines=4)), tmp_path, "SIM")
    done = grace("train", tmp_path, "--model", "ridge", "--to", "ridge.safetensors", cwd=tmp_path, columns=200)
    assert done.returncode == 0, done.stderr
    assert "out of fold" in done.stdout
    assert "an ensemble: each fitted without one fold of the engines" in done.stdout
    assert len(load_model(tmp_path / "ridge.safetensors").members) == 10


@pytest.mark.system
def test_an_exported_tree_takes_windows_as_they_were_recorded(folder: Path) -> None:
    done = grace("export", "tree.safetensors", cwd=folder)
    assert done.returncode == 0, done.stderr
    model, test = load_model(folder / "tree.safetensors"), read_test(folder, "SIM")
    columns = [test.columns.index(name) for name in model.members[0].conditioner.features]
    width, windows = model.conventions.window, []
    for start, end in zip(test.starts[:-1], test.starts[1:], strict=True):
        windows.append(test.values[np.maximum(np.arange(end - width, end), start)][:, columns])
    session = onnxruntime.InferenceSession(str(folder / "tree.onnx"))
    found = session.run(["rul"], {"windows": np.asarray(windows, dtype=np.float32)})[0]
    # single precision in place of double moves a statistic across a threshold here and there
    assert np.median(np.abs(found - predict(model, test).rul)) < 1e-3
    assert "which reads recorded cycles" in refused("export", "age.safetensors", cwd=folder)


@pytest.mark.system
def test_a_sweep_has_rows_for_them(tmp_path: Path) -> None:
    """Planned, run, gone on with, counted and tabulated beside methods, by either protocol, and shown on the page."""
    done = grace("bench", "run", *GRID, *TINY, "--to", "sweep", "--jobs", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "sweep" / "records").iterdir()}
    again = grace("bench", "run", *GRID, *TINY, "--to", "sweep", "--jobs", "1", cwd=tmp_path)
    assert "8 done" in again.stdout
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "sweep" / "records").iterdir()} == before
    for protocol in ("honest", "source"):
        table = grace(
            "bench",
            "table",
            "sweep",
            "--protocol",
            protocol,
            "--reference",
            "rul-only",
            "--format",
            "markdown",
            cwd=tmp_path,
        )
        assert table.returncode == 0, table.stderr
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.stdout.splitlines()]
        last = {row[1]: row[-1] for row in rows if row and row[0] == "simulated"}
        assert last == dict.fromkeys(("RUL alone", "Boosted tree", "Ridge regression", "Age alone"), "-")


def test_the_page_of_baselines_has_no_epochs_and_no_second_task(tmp_path: Path) -> None:
    grid = ["--datasets", "simulated", "--methods", "ridge,age", "--seeds", "1,2", "--to", "sweep", "--jobs", "1"]
    assert grace("bench", "run", *grid, cwd=tmp_path).returncode == 0
    data = page_data(read_results(tmp_path / "sweep"))
    assert data["alone"]["simulated"] == ["The records hold no method that shares."]
    assert [run["best"] for run in data["runs"]] == [-1] * 4
    done = grace("report", "sweep", "--figures", "drawn", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name.split("-")[0] for path in (tmp_path / "drawn").iterdir()} == {"pareto", "cost", "engines"}


def test_bench_takes_the_option_too(tmp_path: Path) -> None:
    done = grace("bench", "plan", "--datasets", "FD001", "--model", "tree", "--seeds", "1,2", cwd=tmp_path)
    assert re.findall(r"^[0-9a-f]{12}  \S+  (\S+) ", done.stdout, re.MULTILINE) == ["tree", "tree"]
    named = grace("bench", "plan", "--datasets", "FD001", "--methods", "tree", "--seeds", "1,2", cwd=tmp_path)
    assert named.stdout.split("next, ")[0] == done.stdout.split("next, ")[0]


def test_train_and_bench_of_the_same_thing_are_one_run(tmp_path: Path) -> None:
    done = grace("train", "simulated", "--model", "tree", "--to", "tree.safetensors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    grid = ["--datasets", "simulated", "--model", "tree", "--seeds", "42", "--to", "sweep", "--jobs", "1"]
    assert grace("bench", "run", *grid, cwd=tmp_path).returncode == 0
    (record,) = Store(tmp_path / "sweep").all_records()
    assert load_model(tmp_path / "tree.safetensors").spec.id == record.id


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("train simulated --model forest", "`model` should be one of network, tree, ridge, age. Found 'forest'"),
        ("train simulated --model tree --method grace", "should stand without a method"),
        ("train simulated --model tree --outer gaba", "should stand without a method"),
        ("train simulated --model tree --option floor=0", "should stand without a method"),
        ("bench plan --datasets FD001 --model tree --methods grace", "should stand without a method"),
        ("bench plan --datasets FD001 --model forest", "'forest'"),
    ],
)
def test_refusals_are_one_line(tmp_path: Path, arguments: str, words: str) -> None:
    assert words in refused(*arguments.split(), cwd=tmp_path)


def test_a_damaged_file_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    content = bytearray((folder / "tree.safetensors").read_bytes())
    content[-100] ^= 1
    (tmp_path / "tree.safetensors").write_bytes(content)
    words = refused("predict", "tree.safetensors", folder / "test_SIM.txt", cwd=tmp_path)
    assert "should be whole, as GRACE wrote it" in words


def test_nothing_of_a_file_is_pickled(folder: Path) -> None:
    """safetensors: a length, a header of JSON, and numbers."""
    content = (folder / "tree.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    assert max(ends) == len(content) - 8 - length
