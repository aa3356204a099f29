"""An ensemble of networks, each without one fold of the engines: what each saw, what is scored, and that nothing is chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import grace
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.resident import ResidentWindows
from grace.data.windows import Truth, Windows
from grace.errors import GraceError
from grace.training.evaluate import Predictions
from grace.training.model_file import save_model
from grace.training.outcome import Run
from grace.training.protocol import Split
from grace.training.run import train, train_stacked
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec

PLAN = replace(SCHEDULES["statistics"], epochs=2, steps=8)


def spec_of(folds: int = 5, method: str = "grace", **choices: object) -> RunSpec:
    given = {"size": "statistics", "schedule": PLAN, "conventions": Conventions(window=30), "rul_scale": "cap"}
    return run_spec("simulated", method, folds=folds, **given | choices)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fleets() -> tuple[Fleet, Fleet]:
    return grace.simulate(grace.Simulation(engines=12, test_engines=5))


@pytest.fixture(scope="module")
def run(fleets: tuple[Fleet, Fleet]) -> Run:
    return train(spec_of(), *fleets)


def test_every_engine_is_held_out_once_and_trained_on_by_all_others(fleets: tuple[Fleet, Fleet]) -> None:
    splits = Split.folds(spec_of(), *fleets)
    assert len(splits) == 5
    assert sum(len(np.unique(split.validation.engine)) for split in splits) == 12
    assert all(len(np.unique(s.validation.engine)) + len(np.unique(s.train.engine)) == 12 for s in splits)  # type: ignore[union-attr]
    assert sorted(len(np.unique(split.validation.engine)) for split in splits) == [2, 2, 2, 3, 3]
    assert not any(split.chosen for split in splits)
    assert len(Split.folds(spec_of(folds=100), *fleets)) == 12  # at most one an engine


def test_scaling_and_gradients_never_see_the_fold(fleets: tuple[Fleet, Fleet], run: Run) -> None:
    """Other readings in one engine: the member that holds it out stays bit for bit, every other one moves."""
    fleet = fleets[0]
    values = np.array(fleet.values)
    values[fleet.starts[3] : fleet.starts[4], 3:] += np.random.default_rng(0).normal(size=(fleet.lengths[3], 1))
    other = train(spec_of(), replace(fleet, values=values, sha256=None))
    same = [
        all(torch.equal(a, b) for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True))
        for one, two in zip(run.members, other.members, strict=True)
    ]
    assert same.count(True) == 1
    order = np.random.default_rng(42).permutation(12)
    assert same.index(True) == next(k for k, part in enumerate(np.array_split(order, 5)) if 3 in part)


def test_figures_are_out_of_fold(run: Run) -> None:
    pairs = [
        Predictions.of(member.model, ResidentWindows(split.validation), spec_of()).rul - split.validation.rul
        for member, split in zip(run.members, run.splits, strict=True)
    ]
    assert run.record.validation["rmse"] == pytest.approx(float(np.sqrt(np.mean(np.concatenate(pairs) ** 2))))
    squared = np.concatenate([np.square(error).reshape(-1, 16).mean(1) for error in pairs])  # 16 cuts an engine
    ends = [squared.mean() + sign * stats.t.ppf(0.975, 11) * stats.sem(squared) for sign in (-1, 1)]
    found = [run.record.validation[f"rmse_{end}"] for end in ("low", "high")]
    assert found == pytest.approx([np.sqrt(max(end, 0)) for end in ends])


def test_the_forecast_is_the_mean_of_the_members(fleets: tuple[Fleet, Fleet], run: Run, tmp_path: Path) -> None:
    test = fleets[1]
    save_model(tmp_path / "net.safetensors", run)
    found = grace.predict(grace.load_model(tmp_path / "net.safetensors"), test)
    every = []
    for member in run.members:
        windows = Windows.last(test, member.conditioner.transform(test), spec_of().conventions)
        every.append(Predictions.of(member.model, ResidentWindows(windows), spec_of()))
    np.testing.assert_allclose(found.rul, np.mean([one.rul for one in every], 0), rtol=1e-6)
    np.testing.assert_array_equal(found.health, np.mean([one.probability for one in every], 0).argmax(1))
    assert run.record.predictions["rul"] == pytest.approx(found.rul.tolist(), abs=2e-3)
    assert run.record.predictions["low"] == pytest.approx(found.low.tolist(), abs=2e-3)
    assert (found.low <= found.rul).all()
    assert (found.rul <= found.high).all()


def test_the_last_epoch_is_kept_and_none_is_left_out(run: Run) -> None:
    assert run.record.best_epoch == PLAN.epochs - 1
    assert run.record.steps == 5 * 16
    assert run.record.source == {}


def test_early_stopping_never_looks_at_a_fold(fleets: tuple[Fleet, Fleet]) -> None:
    plan = replace(PLAN, epochs=4, steps=2, learning_rate=0.5, decay="none", early_stopping_patience=1)
    assert train(spec_of(schedule=plan), fleets[0]).record.steps == 5 * 4 * 2
    assert train(spec_of(folds=0, schedule=plan), fleets[0]).record.steps < 4 * 2


def test_seeds_of_ensembles_train_together_as_they_do_alone(fleets: tuple[Fleet, Fleet], run: Run) -> None:
    together = train_stacked([spec_of(), spec_of(method="baseline"), spec_of(seed=7)], *fleets)
    assert [len(one.members) for one in together] == [5, 5, 5]
    assert together[0].record.test["rmse"] == pytest.approx(run.record.test["rmse"], rel=1e-4)
    assert len({one.record.test["rmse"] for one in together}) == 3


def test_a_resumed_ensemble_equals_an_undisturbed_one(fleets: tuple[Fleet, Fleet], run: Run, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(stack: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        train(spec_of(), *fleets, checkpoint=tmp_path / "state", on_epoch=stop)
    again = train(spec_of(), *fleets, checkpoint=tmp_path / "state")
    for one, two in zip(run.members, again.members, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True))


def test_two_engines_are_two_networks(fleets: tuple[Fleet, Fleet]) -> None:
    found = train(spec_of(folds=10), fleets[0].select(np.array([0, 1])))
    assert len(found.members) == 2
    assert any("Intervals take 9 engines or more. Found 2" in line for line in found.record.concerns)


def test_a_small_split_fills_no_large_batch(fleets: tuple[Fleet, Fleet]) -> None:
    plan = replace(PLAN, batch_size=100_000)
    assert train(spec_of(schedule=plan), fleets[0]).record.status == "done"


def test_a_diverging_member_fails_the_ensemble(fleets: tuple[Fleet, Fleet]) -> None:
    plan = replace(PLAN, learning_rate=1e30, clip=1e30)
    found = train(spec_of(schedule=plan), *fleets)
    assert found.record.status == "failed"
    assert "should be finite" in found.record.reason
    assert found.members == ()


def test_engines_of_parts_are_counted_through() -> None:
    def part(engine: list[int]) -> Truth:
        n = np.zeros(len(engine))
        return Truth(n.astype(np.float32), n, n.astype(np.int64), np.array(engine))

    assert Truth.together([part([0, 0, 1]), part([0, 1, 1])]).engine.tolist() == [0, 0, 1, 2, 3, 3]


@pytest.mark.parametrize("folds", [1, -2, 1001])
def test_refused(folds: int) -> None:
    with pytest.raises(GraceError, match=rf"`folds` should be 0 \(one network\) or from 2 to 1000. Found {folds}"):
        spec_of(folds=folds)


def test_the_source_protocol_has_no_folds() -> None:
    with pytest.raises(GraceError, match="`folds` should be 0 with the protocol source"):
        spec_of(protocol="source")


def test_one_network_keeps_the_id_that_it_had() -> None:
    assert run_spec("FD001", folds=0).id == run_spec("FD001").id != run_spec("FD001", folds=5).id
