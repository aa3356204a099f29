"""What a network with tasks says of new engines: arrays, frames, files, screen, ONNX."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import grace
from grace.cli.render_forecast import show_forecast
from grace.data.fleet import Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.tasks import HEALTH, Task
from grace.training.evaluate import Predictions
from grace.training.export import export_onnx
from grace.training.forecast import Forecast
from grace.training.model_file import TrainedNetwork, load_model, save_model
from grace.training.run import train
from tests.training.labelled import FUTURE, SOH, STAGE, WEAR, few_failures, spec_of


@cache
def engines() -> tuple[Fleet, Fleet]:
    """Some to train on, and new ones, of which no label is known."""
    return few_failures(), grace.simulate(grace.Simulation(engines=4, test_engines=3, seed=5))[1]


def network(path: Path, tasks: tuple[Task, ...], fleet: Fleet | None = None, **choices: Any) -> TrainedNetwork:
    save_model(path / "net.safetensors", train(spec_of(tasks=tasks, **choices), fleet or engines()[0]))
    return load_model(path / "net.safetensors")


def members(found: TrainedNetwork, fleet: Fleet) -> list[Predictions]:
    """What each says of the last windows."""
    from grace.data.windows import Windows
    from grace.models.baselines import input_of

    rows = [member.conditioner.transform(fleet) for member in found.members]
    windows = [Windows.last(fleet, row, found.conventions) for row in rows]
    pairs = zip(found.members, windows, strict=True)
    return [Predictions.of(member.model, input_of(member.model, some), found.spec) for member, some in pairs]


@pytest.mark.parametrize("folds", [0, 2])
def test_a_column_a_task(tmp_path: Path, folds: int) -> None:
    net, new = network(tmp_path, (HEALTH, SOH, WEAR, FUTURE, STAGE), folds=folds), engines()[1]
    found, each = grace.predict(net, new), members(net, new)
    assert list(found.tasks) == ["soh", "wear", "stage"]
    soh = np.mean([one.tasks["soh"][:, 0] for one in each], axis=0)
    np.testing.assert_allclose(found.tasks["soh"], soh, rtol=1e-5)
    assert found.tasks["wear"].shape == (3, 4)
    for name in ("wear", "stage"):
        np.testing.assert_allclose(found.tasks[name], np.mean([o.tasks[name] for o in each], axis=0), rtol=1e-5)
        np.testing.assert_allclose(found.tasks[name].sum(1), 1, rtol=1e-5)
    columns = found.columns()
    assert list(columns)[-6:] == ["soh", "wear", "p_wear", "stage", "p_stage", "note"]
    assert columns["stage"].tolist() == [STAGE.classes[i] for i in found.tasks["stage"].argmax(1)]
    np.testing.assert_array_equal(columns["p_stage"], found.tasks["stage"].max(1))
    every = grace.predict(net, new, every=15)
    assert len(every.tasks["soh"]) == len(every.engine) > 3
    np.testing.assert_allclose(every.tasks["soh"][every.last], found.tasks["soh"], rtol=1e-5)
    assert every.to_pandas()["stage"].isin(STAGE.classes).all()


def test_files_and_the_screen_hold_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    net, new = network(tmp_path, (SOH, STAGE)), engines()[1]
    found = grace.predict(net, new)
    for ending in ("csv", "parquet", "json"):
        show_forecast(found, net, path := tmp_path / f"out.{ending}")
        frame = pl.DataFrame(json.loads(path.read_text())) if ending == "json" else getattr(pl, f"read_{ending}")(path)
        assert frame["soh"].to_list() == [float(f"{value:.6g}") for value in found.tasks["soh"]]
        assert frame["stage"].to_list() == found.columns()["stage"].tolist()
        assert frame["p_stage"].to_list() == pytest.approx(found.tasks["stage"].max(1).round(3).tolist())
    capsys.readouterr()
    show_forecast(replace(found, left_out={9: "why"}), net, None)
    printed = capsys.readouterr().out
    assert f"{found.tasks['soh'][0]:.4g}" in printed
    assert f"{found.columns()['stage'][0]} ({found.tasks['stage'].max(1)[0]:.0%})" in printed
    assert "not predicted: why" in printed


def test_without_health_among_the_tasks_states_follow_from_rul(tmp_path: Path) -> None:
    net, new = network(tmp_path, (SOH,)), engines()[1]
    found = grace.predict(net, new)
    assert found.probability is None
    np.testing.assert_array_equal(found.health, rul_to_health_3class(found.rul, *net.conventions.health_cuts))
    assert not [name for name in found.columns() if name.startswith("p_")]


def test_a_task_that_is_not_trained_is_not_told(tmp_path: Path) -> None:
    off = replace(STAGE, weight=0.0)
    net = network(tmp_path, (SOH, off))
    assert list(grace.predict(net, engines()[1]).tasks) == ["soh"]


def test_names_that_are_taken(tmp_path: Path) -> None:
    """By other columns of ours, and by one another; the note stays where it was, the last."""
    names = ("low", "note", "cycle", "p_stage")
    fleet = engines()[0]
    others = tuple(Task(name, name, "regression") for name in names)
    labelled = replace(fleet, labels={**fleet.labels, **dict.fromkeys(names, fleet.labels["soh"])})
    found = grace.predict(network(tmp_path, (STAGE, *others), labelled), engines()[1])
    columns = found.columns()
    assert list(columns) == [
        *("engine", "cycle", "rul", "low", "high", "health", "stage", "p_stage"),
        *(f"predicted_{name}" for name in names),
        "note",
    ]
    for name in names:
        np.testing.assert_array_equal(columns[f"predicted_{name}"], found.tasks[name])
    np.testing.assert_array_equal(columns["low"], found.low)
    frame = replace(found, left_out={9: "why"}).to_polars()
    assert frame["note"][-1] == "not predicted: why"


def test_forecasts_made_by_hand_have_no_tasks() -> None:
    one = np.zeros(1)
    made = Forecast(one, one, one, one, one, one.astype(int), np.array([""]), None, {}, grace.Conventions())
    assert list(made.columns()) == ["engine", "cycle", "rul", "low", "high", "health", "note"]


@pytest.mark.system
@pytest.mark.parametrize("folds", [0, 2])
@pytest.mark.parametrize("tasks", [(HEALTH, SOH, FUTURE, WEAR, STAGE), (WEAR, SOH), (FUTURE,)], ids=len)
def test_exports(tmp_path: Path, tasks: tuple[Task, ...], folds: int) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = network(tmp_path, tasks, folds=folds)
    assert export_onnx(net, tmp_path / "net.onnx") < 1e-3
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    told = [task for task in tasks if task.name not in ("health", "future_sensors")]
    assert [one.name for one in session.get_outputs()] == ["rul", "health", *(task.name for task in told)]
    new = engines()[1]
    found, features = grace.predict(net, new), net.members[0].conditioner.features
    values, width = new.taken(np.arange(len(new.values)), features), net.conventions.window
    ends = new.starts[1:] - 1
    rows = np.maximum(ends[:, None] + np.arange(1 - width, 1), new.starts[:-1, None])
    got = dict(
        zip(
            ("rul", "health", *(t.name for t in told)),
            session.run(None, {"windows": values[rows].astype("f4")}),
            strict=True,
        )
    )
    np.testing.assert_allclose(got["rul"], found.rul, atol=1e-2)
    for task in told:
        np.testing.assert_allclose(got[task.name], found.tasks[task.name], atol=1e-2)
    assert (got["health"].argmax(1) == found.health).all()


@pytest.mark.system
def test_an_output_is_never_called_as_an_input(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    fleet, task = engines()[0], Task("windows", "windows", "regression")
    net = network(tmp_path, (task,), replace(fleet, labels={"windows": fleet.labels["soh"]}))
    export_onnx(net, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    assert [one.name for one in session.get_outputs()] == ["rul", "health", "predicted_windows"]


def test_torch_is_left_as_it_was(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    network(tmp_path, (SOH,))
    assert torch.equal(before, torch.get_rng_state())
