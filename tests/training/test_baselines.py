"""What needs no network, against values worked by hand and scikit-learn itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sklearn
import torch
from sklearn.ensemble import HistGradientBoostingRegressor

import grace
from grace.bench.store import Store
from grace.bench.sweep import grid
from grace.cli.render_train import _against
from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.windows import ManyWindows
from grace.formats import DamagedError
from grace.models.baselines import BASELINES
from grace.models.rul_problem import resident
from grace.training import baselines
from grace.training.baselines import MAX_WINDOWS, baseline_errors, fit
from grace.training.checkpoint import load, save
from grace.training.export import export_onnx
from grace.training.fitted import MODELS
from grace.training.model_file import NETWORK, save_model
from grace.training.protocol import Split
from grace.training.record import Record
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from tests.same import same


@pytest.fixture(scope="module")
def split() -> Split:
    fleet, test = grace.simulate(grace.Simulation(engines=12, test_engines=4))
    return Split.of(run_spec("simulated", "rul-only", conventions=Conventions(window=30)), fleet, test)


def test_the_tree_is_scikit_learns_on_the_same_statistics(split: Split) -> None:
    x, v = (
        resident(side, "statistics").batch(torch.arange(len(side)))[0].numpy()
        for side in (split.train, split.validation)
    )
    tree = HistGradientBoostingRegressor(random_state=0).fit(x, split.train.rul)  # type: ignore[union-attr]
    expected = np.sqrt(np.mean((np.clip(tree.predict(v), 0, 125) - split.validation.rul) ** 2))
    assert baseline_errors([split], Conventions())["tree"] == pytest.approx(expected, rel=1e-3)


def test_age_alone_knows_engines_that_all_live_as_long() -> None:
    def fleet(engines: int, cycles: int) -> Fleet:
        starts = np.arange(engines + 1) * cycles
        values = np.random.default_rng(0).normal(size=(engines * cycles, 24))
        whole, _ = grace.simulate(grace.Simulation(engines=2, test_engines=1))
        return replace(
            whole,
            engines=np.arange(engines),
            starts=starts,
            values=values,
            last_rul=np.zeros(engines, np.int64),
            sha256=None,
            labels={},
        )

    spec = run_spec(
        "simulated", "rul-only", conventions=Conventions(window=20, features=("sensor_2", "sensor_3"), conditions=1)
    )
    found = baseline_errors([Split.of(spec, fleet(20, 100), None)], spec.conventions)
    assert found["age"] == pytest.approx(0, abs=1e-3)
    assert found["tree"] > 5  # noise tells nothing but the share of the window that is recorded
    assert found["ridge"] > 5


def test_the_last_line_says_plainly_what_is_better() -> None:
    def line(folds: int, kind: str = "ignore", some: bool = False, **baselines: float) -> str:
        record = SimpleNamespace(validation={"rmse": 11.0}, spec={"folds": folds, "suspended": kind})
        return _against(baselines, record, some)  # type: ignore[arg-type]

    assert line(0, tree=12.0, ridge=18.04) == (
        "validation RMSE: network 11.00, tree 12.00, ridge 18.04: ahead of all (one split)"
    )
    assert line(0, tree=11.0, ridge=10.5).endswith("tree and ridge as good or better (one split)")
    assert line(10, tree=12.0) == "out of fold: network 11.00, tree 12.00: ahead of all (all engines)"
    assert line(10, "hazard", tree=12.0) == line(10, tree=12.0)  # all failed: they are the fleet
    assert line(10, "hazard", True, tree=12.0).endswith("No judge of the fleet.")


@pytest.fixture(scope="module")
def fleets() -> tuple[Fleet, Fleet]:
    return grace.simulate(grace.Simulation(engines=12, test_engines=6))


def spec_of(model: str, **choices: Any) -> RunSpec:
    return run_spec("simulated", model=model, **({"conventions": Conventions(window=30)} | choices))


@pytest.mark.system
@pytest.mark.parametrize("folds", [0, 3])
@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_a_run(name: str, folds: int, fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    """Its record has what a network's has but epochs, and its file predicts what the record says."""
    run = grace.train(spec_of(name, folds=folds), *fleets)
    record, path = run.record, tmp_path / "model.safetensors"
    assert (record.status, record.history, record.best_epoch, record.steps) == ("done", [], -1, 0)
    assert record.spec["method"] == record.spec["model"] == name
    assert record.source == {"epoch": -1, "rmse": record.test["rmse"], "score": record.test["score"]}
    assert len(run.members) == (folds or 1)
    assert record.environment["scikit-learn"] == sklearn.__version__
    assert Record.read(record.write(tmp_path)).test == {k: float(f"{v:.6g}") for k, v in record.test.items()}
    save_model(path, run)
    network = grace.load_model(path)
    for ours, theirs in zip(network.members, run.members, strict=True):
        assert same(dict(ours.model.state_dict()), dict(theirs.model.state_dict()))
    found = grace.predict(network, fleets[1])
    assert found.rul.tolist() == pytest.approx(record.predictions["rul"], abs=6e-4)
    assert found.health.tolist() == record.predictions["health"]
    assert found.health.tolist() == rul_to_health_3class(found.rul).tolist()
    assert grace.train(spec_of(name, folds=folds), *fleets).record.predictions == record.predictions


def test_the_last_line_of_a_training_is_what_a_baseline_of_the_same_options_has(fleets: tuple[Fleet, Fleet]) -> None:
    split = Split.of(run_spec("simulated", "rul-only", conventions=Conventions(window=30)), *fleets)
    for name, error in baseline_errors([split], Conventions()).items():
        assert grace.train(spec_of(name), *fleets).record.validation["rmse"] == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("name", BASELINES)
def test_windows_on_the_disk_and_in_memory_give_one_model(
    name: str, fleets: tuple[Fleet, Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are more than a baseline is fitted on, as many, evenly spread."""
    conventions = Conventions(window=10)
    rows = Conditioner.fit(fleets[0], conventions).transform(fleets[0])
    stored = ManyWindows(fleets[0], rows, conventions, fleets[0].starts)  # at every cycle
    inside = stored.at(np.arange(len(stored)))
    for most in (MAX_WINDOWS, 200):
        monkeypatch.setattr(baselines, "MAX_WINDOWS", most)
        first, second = (fit(name, windows, conventions).state_dict() for windows in (stored, inside))
        assert same(dict(first), dict(second))
    spread = np.unique(np.linspace(0, len(stored) - 1, 200).astype(int))
    assert same(dict(fit(name, stored.at(spread), conventions).state_dict()), dict(first))


def test_the_source_protocol_trains_on_all_engines(fleets: tuple[Fleet, Fleet]) -> None:
    run = grace.train(spec_of("ridge", protocol="source"), *fleets)
    assert len(np.unique(run.splits[0].train.engine)) == 12  # type: ignore[union-attr]
    assert run.record.validation == run.record.test


def test_several_seeds_are_fitted_in_one_call(fleets: tuple[Fleet, Fleet]) -> None:
    specs = [spec_of("ridge", seed=seed) for seed in (1, 2)]
    for spec, run in zip(specs, grace.train_stacked(specs, *fleets), strict=True):
        assert run.record.test == grace.train(spec, *fleets).record.test
    with pytest.raises(grace.GraceError, match="2 kinds among 2 runs"):
        grace.train_stacked([spec_of("ridge"), spec_of("age")], *fleets)


@pytest.mark.parametrize(
    "choices",
    [
        {"size": "paper", "schedule": "statistics", "rul_scale": "cap", "precision": "bfloat16"},
        {"measure_every": 3, "measure_on": "upper"},
        {"watch_test": False, "start": 3},
        {"schedule": replace(SCHEDULES["paper"], min_history=SCHEDULES["statistics"].min_history)},
    ],
)
def test_what_means_nothing_for_a_baseline_moves_no_id(choices: dict[str, Any]) -> None:
    assert spec_of("tree", **choices) == spec_of("tree")
    assert spec_of("tree", **choices).id == spec_of("tree").id


def test_what_a_baseline_depends_on_moves_its_id() -> None:
    changes = ({"schedule": "compact"}, {"seed": 1}, {"folds": 5}, {"protocol": "source"}, {"validation_cuts": 3})
    specs = [spec_of(name) for name in MODELS] + [spec_of("tree", **change) for change in changes]
    assert len({spec.id for spec in specs}) == len(specs)
    assert not spec_of("tree").trains("health")


def test_a_baseline_is_named_where_a_method_stands() -> None:
    assert run_spec("FD001", "tree") == run_spec("FD001", model="tree") == run_spec("FD001", "tree", model="tree")
    assert RunSpec.from_json(run_spec("FD001", "tree").to_json()) == run_spec("FD001", "tree")
    assert [spec.method for spec in grid(["FD001"], ["grace", "age"], [1])] == ["grace", "age"]


def test_a_network_has_the_id_it_had_before_there_were_models() -> None:
    record = Store(Path(__file__).parents[2] / "results" / "compact").all_records()[0]
    assert "model" not in record.spec
    assert RunSpec.from_json(record.spec).id == record.id
    assert RunSpec.from_json(record.spec).model == "network"


@pytest.mark.parametrize(
    "choices",
    [
        {"method_name": "grace"},
        {"method_name": "ridge"},
        {"outer": "gaba"},
        {"inner": "mse"},
        {"options": {"floor": 0}},
    ],
)
def test_a_baseline_with_a_method_is_refused(choices: dict[str, Any]) -> None:
    with pytest.raises(grace.GraceError, match="`model` tree should stand without a method"):
        run_spec("FD001", model="tree", **choices)


def test_a_model_that_there_is_not_is_refused() -> None:
    with pytest.raises(grace.GraceError, match=r"`model` should be one of network, tree, ridge, age\. Found 'forest'"):
        run_spec("FD001", model="forest")


@pytest.mark.parametrize("change", ["threshold", "left"])
def test_a_damaged_file_is_refused(change: str, fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    """Whole by its checksum, but without a tensor of the tree, or with one that points beside it."""
    path = tmp_path / "model.safetensors"
    save_model(path, grace.train(spec_of("tree"), *fleets))
    state = load(path, NETWORK)
    weights = state["members"][0]["weights"]
    weights[change] = weights[change] + (1 << 40)
    if change == "threshold":
        del weights[change]
    save(path, NETWORK, state)
    with pytest.raises(DamagedError, match="should be whole, as GRACE wrote it") as refused:
        grace.load_model(path)
    assert "\n" not in str(refused.value)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedError):
        grace.load_model(path)


def test_a_constant_baseline_is_said_and_not_fitted_again(fleets: tuple[Fleet, Fleet]) -> None:
    run = grace.train(spec_of("age", schedule=replace(SCHEDULES["tiny"], max_train_rul=1)), *fleets)
    assert run.record.concerns[0].startswith("The age says nearly the same of every engine")
    assert run.remedy is None


@pytest.mark.system
def test_a_tree_is_exported_and_the_age_is_refused(fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    for name in ("tree", "ridge", "age"):
        save_model(tmp_path / name, grace.train(spec_of(name), *fleets))
    for name in ("tree", "ridge"):
        assert export_onnx(grace.load_model(tmp_path / name), tmp_path / f"{name}.onnx") < 1e-3
    with pytest.raises(grace.GraceError, match="which reads recorded cycles"):
        export_onnx(grace.load_model(tmp_path / "age"), tmp_path / "age.onnx")
    assert not (tmp_path / "age.onnx").exists()
