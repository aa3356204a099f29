"""A stack of every method gives the numbers of stacks of one; what those are is pinned in tests/golden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import SIZES
from grace.training.protocol import Split
from grace.training.record import ENGINE
from grace.training.run import stacks, train, train_stacked
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from grace.training.stack import Stack

METHODS = (
    "baseline",
    "amnl",
    "gaba",
    "grace",
    "grace-equal",
    "uncertainty",
    "dwa",
    "gradnorm",
    "rul-only",
    "health-only",
    "amnl-normalised",
)
SEEDS = (2, 3)
# whole passes, so that the splits of the two seeds have steps of their own and one waits for the other
PLAN = replace(
    SCHEDULES["tiny"],
    steps=0,
    batch_size=64,
    epochs=4,
    learning_rate=2e-2,  # fast enough that some replicas stall and stop
    ema_decay=0.5,
    offset=0.3,
    decay="plateau",
    plateau_patience=0,
    early_stopping_patience=1,
)


@pytest.fixture(scope="module")
def fleets() -> tuple[Fleet, Fleet]:
    return simulate(Simulation(engines=6, test_engines=6))


def spec_of(method: str, seed: int = 2, **choices: object) -> RunSpec:
    choices = {
        "size": "tiny",
        "schedule": PLAN,
        "conventions": Conventions(window=20),
        "rul_scale": "cap",
        "measure_every": 3,
    } | choices
    return run_spec("simulated", method, seed=seed, **choices)  # type: ignore[arg-type]


def wide(windows: Windows) -> Windows:
    return replace(windows, rows=windows.rows.astype(np.float64), rul=windows.rul.astype(np.float64))  # type: ignore[arg-type]


def double(split: Split) -> Split:
    """A split in float64, so that what is left of a difference is no rounding that training blows up."""
    test = None if split.test is None else wide(split.test)
    return replace(split, train=wide(split.train), validation=wide(split.validation), test=test)


@pytest.fixture
def in_double() -> Any:
    torch.set_default_dtype(torch.float64)
    with torch.random.fork_rng():
        yield
    torch.set_default_dtype(torch.float32)


def trained(specs: list[RunSpec], splits: dict[int, Split]) -> Stack:
    stack = Stack(specs, splits, monitor_every=7)
    while stack.active:
        stack.run_epoch()
    return stack


def assert_same_history(mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            assert a[name] == pytest.approx(b[name], rel=1e-6, abs=1e-9, nan_ok=True), name


@pytest.mark.slow
@pytest.mark.usefixtures("in_double")
def test_whole_trainings_of_every_method_equal_separate_ones(fleets: tuple[Fleet, Fleet]) -> None:
    specs = [spec_of(method) for method in METHODS] + [spec_of(method, 3) for method in ("grace", "dwa", "uncertainty")]
    splits = {seed: double(Split.of(spec_of("grace", seed), *fleets)) for seed in SEEDS}
    stack = trained(specs, splits)
    assert len({replica.per_epoch for replica in stack.replicas}) == 2
    assert len({len(replica.history) for replica in stack.replicas}) > 1, "some replica should stop before the others"
    for number, (spec, replica) in enumerate(zip(specs, stack.replicas, strict=True)):
        one = trained([spec], {spec.seed: splits[spec.seed]})
        alone = one.replicas[0]
        assert (replica.step, replica.best_epoch) == (alone.step, alone.best_epoch)
        assert_same_history(replica.history, alone.history)
        best = stack.best_model(number).state_dict()
        for name, value in one.best_model(0).state_dict().items():
            torch.testing.assert_close(best[name], value, rtol=1e-6, atol=1e-8, msg=f"{spec.method} {name}")


@pytest.mark.usefixtures("in_double")
def test_a_gramian_of_a_part_equals_that_of_separate_runs(fleets: tuple[Fleet, Fleet]) -> None:
    plan = replace(PLAN, epochs=1)
    specs = [spec_of(method, schedule=plan, measure_on="upper") for method in ("grace", "gaba")]
    splits = {2: double(Split.of(specs[0], *fleets))}
    stack = trained(specs, splits)
    for spec, replica in zip(specs, stack.replicas, strict=True):
        alone = trained([spec], splits).replicas[0]
        assert_same_history(replica.history, alone.history)
        assert "rho" in alone.history[0]


@pytest.mark.usefixtures("in_double")
def test_dropout_is_that_of_a_separate_run(fleets: tuple[Fleet, Fleet], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "dropping", replace(SIZES["tiny"], layers=2, dropout=0.3))
    plan = replace(PLAN, epochs=1)
    specs = [spec_of("grace", seed, size="dropping", schedule=plan) for seed in SEEDS]
    splits = {spec.seed: double(Split.of(spec, *fleets)) for spec in specs}
    stack = trained(specs, splits)
    for spec, replica in zip(specs, stack.replicas, strict=True):
        alone = trained([spec], {spec.seed: splits[spec.seed]}).replicas[0]
        assert_same_history(replica.history, alone.history)
    assert stack.replicas[0].history[0]["losses"] != stack.replicas[1].history[0]["losses"]


def test_records_are_those_of_separate_runs(fleets: tuple[Fleet, Fleet]) -> None:
    plan = replace(SCHEDULES["tiny"], epochs=2)
    specs = [spec_of(method, size="compact", schedule=plan) for method in ("grace", "rul-only")]
    before = torch.get_rng_state()
    together = train_stacked(specs, *fleets)
    assert torch.equal(before, torch.get_rng_state())
    for spec, run in zip(specs, together, strict=True):
        alone = train(spec, *fleets).record
        record = run.record
        assert (record.id, record.status, record.steps) == (alone.id, alone.status, alone.steps)
        assert record.environment == alone.environment | {"stack": "2"}
        assert (alone.environment["engine"], alone.environment["stack"]) == (ENGINE, "1")
        assert record.test["rmse"] == pytest.approx(alone.test["rmse"], rel=0.02)
        assert record.predictions["engine"] == alone.predictions["engine"]
        assert record.interval["level"] == alone.interval["level"]
        first, own = record.history[0], alone.history[0]
        assert first["losses"] == pytest.approx(own["losses"], rel=1e-3)
        assert first["validation_rmse"] == pytest.approx(own["validation_rmse"], rel=1e-2)


def test_a_stack_that_is_killed_goes_on_and_ends_alike(fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    specs = [
        spec_of(method, schedule=replace(PLAN, early_stopping_patience=0)) for method in ("grace", "uncertainty", "dwa")
    ]
    whole = train_stacked(specs, *fleets)
    path = tmp_path / "stack.safetensors"

    def killed(stack: Stack) -> None:
        if stack.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_stacked(specs, *fleets, checkpoint=path, every=0.0, on_epoch=killed)
    epochs: list[int] = []
    resumed = train_stacked(specs, *fleets, checkpoint=path, every=0.0, on_epoch=lambda s: epochs.append(s.epoch))
    assert epochs == [3, 4]
    for a, b in zip(whole, resumed, strict=True):
        assert a.record.history == b.record.history
        assert a.record.predictions == b.record.predictions
    with pytest.raises(GraceError, match="should be the checkpoint of"):
        train_stacked(specs[:2], *fleets, checkpoint=path)


def test_a_replica_that_diverges_fails_alone(fleets: tuple[Fleet, Fleet], monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [
        spec_of(method, schedule=replace(PLAN, early_stopping_patience=0, epochs=2)) for method in ("baseline", "amnl")
    ]
    split = {2: Split.of(specs[0], *fleets)}
    with torch.random.fork_rng():
        stack = Stack(specs, split)
        stack.state.values[1, :5] = torch.nan
        while stack.active:
            stack.run_epoch()
    good, bad = stack.replicas
    assert "losses should be finite" in bad.reason
    assert not bad.history
    assert not good.reason
    assert len(good.history) == 2
    assert np.isfinite(good.history[-1]["validation_rmse"])


def test_only_runs_that_are_alike_train_together(fleets: tuple[Fleet, Fleet]) -> None:
    a, b = spec_of("grace"), spec_of("baseline", seed=3)
    other = spec_of("grace", size="compact")
    assert stacks([a, other, b]) == [[a, b], [other]]
    assert stacks([a, b], 1) == [[a], [b]]
    with pytest.raises(GraceError, match="2 kinds among 2 runs"):
        train_stacked([a, other], *fleets)
    large = [spec_of(method, schedule=replace(PLAN, batch_size=5000, epochs=1)) for method in ("grace", "dwa")]
    with pytest.raises(GraceError, match="should fill a batch of 5000 windows"):
        train_stacked(large, *fleets)
    assert train(large[0], *fleets).record.steps == 1
