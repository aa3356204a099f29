"""Trainings with tasks beside RUL: every outer axis, protocol and form of a run; what is said of the tasks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import grace
from grace.cli.render_train import show_run
from grace.controllers.methods import METHODS, OUTER
from grace.data.fleet import Fleet
from grace.data.targets import places
from grace.data.tasks import HEALTH, Task
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.models.baselines import input_of
from grace.training.evaluate import Predictions
from grace.training.model_file import load_model, save_model
from grace.training.outcome import Run
from grace.training.record import Record, task_line
from grace.training.run import train, train_stacked
from grace.training.spec import RunSpec
from grace.training.stack import Stack
from tests.training.labelled import FOUR, FUTURE, PLAN, SOH, STAGE, WEAR, few_failures, spec_of, with_labels


@cache
def fleet() -> Fleet:
    return few_failures()


@cache
def whole_and_test() -> tuple[Fleet, Fleet]:
    engines, test = grace.simulate(grace.Simulation(engines=12, test_engines=5))
    return with_labels(engines), with_labels(test)


@cache
def trained(folds: int = 0) -> Run:
    return train(spec_of(tasks=(*FOUR, STAGE), folds=folds, suspended="bound"), fleet())


AXES = (*OUTER, "torchjd:UPGrad")


@pytest.mark.parametrize("outer", AXES)
def test_every_outer_axis_trains_any_tasks(outer: str) -> None:
    spec = spec_of(outer=outer, inner="mse", measure_every=3)
    record = train(spec, fleet()).record
    assert record.status == "done"
    assert set(record.tasks) == {"soh", "wear", "future_sensors"}
    for epoch in record.history:
        assert len(epoch["losses"]) == len(epoch["weights"]) == 5
        assert np.isfinite(epoch["losses"]).all()
    assert RunSpec.from_json(record.spec) == spec.reading(fleet(), None)


@pytest.mark.parametrize("suspended", ["ignore", "bound", "hazard"])
@pytest.mark.parametrize("method", [None, "grace", "gaba-equal"])
def test_whatever_suspended_engines_say(method: str | None, suspended: str) -> None:
    record = train(spec_of(method, suspended=suspended), fleet()).record
    assert record.status == "done"
    assert record.tasks["soh"]["windows"] > 0


def test_both_protocols() -> None:
    engines, test = whole_and_test()
    honest, source = (train(spec_of(protocol=name), engines, test).record for name in ("honest", "source"))
    assert honest.status == source.status == "done"
    assert honest.tasks["soh"]["units"] == 2  # a fifth of twelve
    assert source.tasks["soh"]["units"] <= 5
    bare = replace(test, labels={})
    record = train(spec_of(protocol="source"), engines, bare).record
    assert record.tasks["soh"] == {"windows": 0, "units": 0}
    assert "soh is known of no held-out unit that failed: nothing shows how well it is predicted." in record.concerns


@pytest.mark.system
@pytest.mark.parametrize("folds", [0, 2])
def test_a_stack_gives_the_figures_of_separate_runs(folds: int) -> None:
    given: dict[str, Any] = {"measure_every": 3, "folds": folds, "suspended": "bound"}
    specs = [spec_of(name, seed=seed, **given) for name in ("grace", "baseline", "dwa") for seed in (2, 3)]
    for spec, run in zip(specs, train_stacked(specs, fleet()), strict=True):
        alone = train(spec, fleet()).record
        assert run.record.steps == alone.steps
        for mine, theirs in zip(run.record.history, alone.history, strict=True):
            assert mine["losses"] == pytest.approx(theirs["losses"], rel=1e-3)
        assert run.record.tasks == {name: pytest.approx(one, rel=0.05, abs=0.02) for name, one in alone.tasks.items()}


@pytest.mark.parametrize("folds", [0, 2])
def test_a_killed_run_goes_on_and_ends_alike(tmp_path: Path, folds: int) -> None:
    plan = replace(PLAN, epochs=4)
    given: dict[str, Any] = {"schedule": plan, "suspended": "bound", "folds": folds, "measure_every": 3}
    specs = [spec_of(name, **given) for name in ("grace", "uncertainty")]
    path, whole = tmp_path / "state.safetensors", train_stacked(specs, fleet())

    def killed(stack: Stack) -> None:
        if stack.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_stacked(specs, fleet(), checkpoint=path, every=0.0, on_epoch=killed)
    epochs: list[int] = []
    resumed = train_stacked(specs, fleet(), checkpoint=path, every=0.0, on_epoch=lambda s: epochs.append(s.epoch))
    assert epochs == [3, 4]
    for a, b in zip(whole, resumed, strict=True):
        assert a.record.history == b.record.history
        assert a.record.tasks == b.record.tasks
        for one, two in zip(a.members, b.members, strict=True):
            assert all(map(torch.equal, one.model.state_dict().values(), two.model.state_dict().values()))


@pytest.mark.parametrize("folds", [0, 2])
def test_figures_are_of_held_out_windows_with_a_label(folds: int) -> None:
    """Against the values of the formulas, window by window, from the networks that are kept."""
    run = trained(folds)
    sides, spec = [split.validation for split in run.splits], spec_of(tasks=(*FOUR, STAGE))
    assert all(isinstance(side, Windows) for side in sides)
    where, told, true, units = places(spec.conventions), [], [], set()
    for number, (member, side) in enumerate(zip(run.members, sides, strict=True)):
        found = Predictions.of(member.model, input_of(member.model, side), spec).tasks["soh"][:, 0]
        label = side.labels[:, where["soh"]][:, 0]
        known = ~np.isnan(label)
        told += found[known].tolist()
        true += label[known].tolist()
        units |= {(number, engine) for engine in side.engine[known].tolist()}
    error = np.subtract(told, true)
    expected = {
        "windows": len(true),
        "units": len(units),
        "rmse": np.sqrt(np.mean(error**2)),
        "mae": np.mean(np.abs(error)),
        "r2": 1 - np.sum(error**2) / np.sum((np.array(true) - np.mean(true)) ** 2),
    }
    assert run.record.tasks["soh"] == pytest.approx(expected, rel=1e-5)
    assert len(units) == (5 if folds else 1)  # one that failed has no label where it is cut
    assert set(run.record.tasks["stage"]) >= {"windows", "units", "accuracy", "macro_f1"}
    assert set(run.record.tasks["future_sensors"]) == {"windows", "units", "r2"}


@pytest.mark.parametrize("size", ["tiny", "quantiles", "statistics"])
def test_networks_of_every_kind_take_tasks(tmp_path: Path, size: str) -> None:
    run = train(spec_of("grace", tasks=FOUR, size=size, measure_every=3), fleet())
    assert run.record.status == "done"
    save_model(tmp_path / "net.safetensors", run)
    found = grace.predict(load_model(tmp_path / "net.safetensors"), fleet())
    assert list(found.tasks) == ["soh", "wear"]
    assert np.isfinite(found.tasks["soh"]).all()


def test_records_keep_them_and_older_ones_have_none(tmp_path: Path) -> None:
    path = trained().record.write(tmp_path)
    assert Record.read(path).tasks.keys() == trained().record.tasks.keys()
    assert train(spec_of("grace", tasks=(HEALTH,)), fleet()).record.tasks == {}
    assert train(spec_of(model="ridge", tasks=(HEALTH,)), fleet()).record.tasks == {}
    older = sorted((Path(__file__).parents[1] / "formats" / "version_1").glob("*.json"))
    assert older
    assert all(Record.read(one).tasks == {} for one in older)


def test_a_line_a_task_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    record = trained(2).record
    show_run(record, tmp_path / "record.json", {})
    lines = capsys.readouterr().out.splitlines()
    for name, figures in record.tasks.items():
        assert f"{name}: {task_line(figures)}" in lines
    assert [name for name in record.tasks if any(line.startswith(f"{name}: ") for line in lines)] == list(record.tasks)
    assert not any(line.startswith("health: ") for line in lines)  # which follows from RUL, and stands in the table


def test_what_is_told_no_better_than_its_mean_is_said() -> None:
    noise = np.random.default_rng(0).normal(size=len(fleet().values))
    random = replace(fleet(), labels={"soh": noise})
    record = train(spec_of(tasks=(SOH,), folds=3), random).record
    assert record.tasks["soh"]["r2"] <= 0
    line = f"soh is predicted no better than by its mean: R2 {record.tasks['soh']['r2']:.2f} on 6 units."
    assert line in record.concerns
    codes = replace(fleet(), labels={"stage": np.floor(3 * np.random.default_rng(0).random(len(noise)))})
    record = train(spec_of(tasks=(STAGE,), folds=3), codes).record
    assert any(
        line.startswith("stage is predicted no better than by its base rates: loss 1.") for line in record.concerns
    )


def test_networks_come_back_with_any_tasks(tmp_path: Path) -> None:
    for folds in (0, 2):
        run = trained(folds)
        save_model(tmp_path / "net.safetensors", run)
        network = load_model(tmp_path / "net.safetensors")
        assert network.spec == RunSpec.from_json(run.record.spec)
        assert [task.name for task in network.conventions.tasks] == ["health", "soh", "wear", "future_sensors", "stage"]
        for one, two in zip(run.members, network.members, strict=True):
            first, second = one.model.state_dict(), two.model.state_dict()
            assert first.keys() == second.keys()
            assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_of_other_tasks_alone_has_nothing_to_be_chosen_by() -> None:
    with pytest.raises(
        GraceError, match=r"should train RUL or health, which its epoch is chosen by\. Found the weights"
    ):
        spec_of("health-only", tasks=(SOH, WEAR))
    both = (SOH, HEALTH)
    assert spec_of("health-only", tasks=both).trains("health")


def test_all_methods_of_the_table_take_them() -> None:
    for name in METHODS:
        if name == "health-only":
            continue
        spec = spec_of(name, tasks=(SOH, WEAR, FUTURE), measure_every=10)
        assert spec.method == name
        assert spec.trains("soh") == (not name.startswith("rul-only"))


def test_health_states_of_a_column_are_a_task_like_others() -> None:
    own = Task("health", "state", "class", ("good", "worn", "bad"))
    states = np.digitize(fleet().rul_at(np.arange(len(fleet().values))), [90.0, 30.0]).astype(float)
    states[::2] = np.nan
    labelled = replace(fleet(), labels={"health": states})
    record = train(spec_of(tasks=(own,)), labelled).record
    assert set(record.tasks["health"]) >= {"windows", "units", "accuracy", "macro_f1"}
    assert record.tasks["health"]["windows"] < 16
