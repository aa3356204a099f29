"""Trainings with a hazard as RUL head: every method, stacks, folds, resuming, files, exports, and predictions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import grace
from grace.controllers.methods import METHODS
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.errors import GraceError
from grace.models.hazard import INTERVALS
from grace.models.heads import MultiHead
from grace.models.rul_problem import RULProblem
from grace.training.export import export_onnx
from grace.training.model_file import load_model, save_model
from grace.training.predict import predict
from grace.training.protocol import Split
from grace.training.run import train, train_stacked
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from grace.training.stack import Stack
from studies.cuts import suspended

PLAN = replace(SCHEDULES["statistics"], epochs=2, steps=8)


def spec_of(method: str = "grace", **choices: Any) -> RunSpec:
    given: dict[str, Any] = {"schedule": PLAN, "conventions": Conventions(window=30), "suspended": "hazard"}
    return run_spec("simulated", method, **given | choices)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Six engines that failed and ten that were suspended, with health labels of their own."""
    whole = grace.simulate(grace.Simulation(engines=16, test_engines=5))[0]
    return suspended(whole, 6, 1)


def test_every_method_trains_alone_and_in_a_stack(fleet: Fleet) -> None:
    specs = [spec_of(name, seed=1, measure_every=10) for name in METHODS]
    for spec, run in zip(specs, train_stacked(specs, fleet), strict=True):
        assert run.record.status == "done"
        assert np.isfinite(run.record.validation["rmse"])
        if spec.method in ("grace", "rul-only"):
            alone = train(spec, fleet).record
            assert run.record.validation == pytest.approx(alone.validation, rel=1e-3)


@pytest.mark.parametrize("suspended_as", ["hazard", "bound"])
def test_a_fold_may_hold_out_all_that_were_suspended(fleet: Fleet, suspended_as: str) -> None:
    """One was: the batches of one fold do not tell of suspension, those of the others do."""
    assert fleet.failed is not None
    one = fleet.select(np.append(fleet.failures, np.flatnonzero(~fleet.failed)[0]))
    spec = spec_of("rul-only", folds=3, suspended=suspended_as)
    run = train(spec, one)
    assert run.record.status == "done"
    assert run.survival is not None
    assert run.survival.landmarks.event.sum() < len(run.survival.landmarks)


@pytest.mark.parametrize("size", ["statistics", "tiny"])
def test_rul_stays_between_0_and_the_cap_and_survival_is_its_integral(fleet: Fleet, size: str) -> None:
    run = train(spec_of(size=size, folds=2), fleet)
    for member, split in zip(run.members, run.splits, strict=True):
        model = member.model
        assert isinstance(model, MultiHead)
        x = torch.from_numpy(split.validation.batch(np.arange(16)))
        with torch.no_grad():
            (rul, _), curve = model(x), model.survival(x)
        assert (curve[:, 0] == 1).all()
        assert (curve.diff() <= 0).all()
        torch.testing.assert_close(rul, torch.trapezoid(curve) * 125 / INTERVALS)
        assert ((rul > 0) & (rul < 125)).all()


def test_a_run_that_was_stopped_goes_on_to_the_same_network(fleet: Fleet, tmp_path: Path) -> None:
    def stop(stack: Stack) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(spec_of(), fleet, checkpoint=tmp_path / "state", on_epoch=stop)
    again, whole = train(spec_of(), fleet, checkpoint=tmp_path / "state"), train(spec_of(), fleet)
    assert again.record.validation == whole.record.validation
    assert again.record.history[-1]["losses"] == whole.record.history[-1]["losses"]


@pytest.mark.system
def test_files_predictions_and_exports(fleet: Fleet, tmp_path: Path) -> None:
    run = train(spec_of(folds=2), fleet)
    save_model(tmp_path / "net.safetensors", run)
    network = load_model(tmp_path / "net.safetensors")
    assert network.spec == RunSpec.from_json(run.record.spec)
    for one, two in zip(run.members, network.members, strict=True):
        for name, tensor in one.model.state_dict().items():
            assert torch.equal(tensor, two.model.state_dict()[name])
    found = predict(network, fleet)
    assert ((found.rul > 0) & (found.rul <= 125)).all()
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert export_onnx(network, tmp_path / "net.onnx") < 1e-3


@pytest.mark.system
def test_survival_of_suspended_windows_is_learned(fleet: Fleet) -> None:
    """Which the likelihood of the failures alone does not read; trained as long as it usually is, to the last epoch: a single
    network keeps that which is best on the few failed units held out."""
    plan = SCHEDULES["statistics"]
    curves = {}
    for how in ("hazard", "ignore"):
        run = train(spec_of("rul-only", schedule=plan, suspended=how, rul_scale="hazard", folds=2), fleet)
        side = Split.folds(spec_of(folds=2), fleet, None)[0].train
        assert side.suspended is not None  # type: ignore[union-attr]
        still = side.at(np.flatnonzero(side.suspended))  # type: ignore[union-attr]
        problem = RULProblem(still, unit="hazard", inner="mse", suspended="hazard")
        with torch.no_grad():
            batch = next(problem.batches(0))
            curves[how] = float(problem.losses(run.members[0].model.eval(), batch)[0])
    assert curves["hazard"] < curves["ignore"]


def test_units_that_do_not_go_together_are_refused() -> None:
    assert spec_of().rul_scale == spec_of("fixed-0.1").rul_scale == "hazard"
    assert RunSpec.from_json(spec_of().to_json()) == spec_of()
    assert spec_of(suspended="ignore", rul_scale="hazard").id != spec_of().id
    with pytest.raises(
        GraceError, match=r"`suspended` hazard should stand with a `rul_scale` of its kind. Found cap. Leave"
    ):
        spec_of(rul_scale="cap")
    with pytest.raises(
        GraceError, match=r"`suspended` bound should stand with a `rul_scale` of its kind. Found hazard"
    ):
        spec_of(suspended="bound", rul_scale="hazard")
