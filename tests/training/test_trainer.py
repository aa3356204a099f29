"""The training loop on real components and a small simulated fleet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from grace.core.gradient_utils import gramian, task_gradients
from grace.core.weighted_mse import moderate_weighted_mse_loss
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.simulated.fleet import Simulation, simulate
from grace.errors import GraceError, GraceWarning
from grace.models import function
from grace.models.cnn_bilstm_attention import SIZES
from grace.models.rul_problem import RULProblem, resident_draws
from grace.training import run
from grace.training.checkpoint import load, save
from grace.training.model_file import load_model, save_model
from grace.training.predict import predict
from grace.training.protocol import Split
from grace.training.run import CHECKPOINT, train
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES, Rate, Schedule
from grace.training.spec import RunSpec
from grace.training.stack import SPREAD, Stack, drawn
from tests.models.layers import by_layers
from tests.same import same

METHODS = ("baseline", "amnl", "gaba", "grace", "uncertainty", "dwa", "gradnorm", "rul-only", "amnl-normalised")


@pytest.fixture(scope="module")
def fleets() -> tuple[Fleet, Fleet]:
    return simulate(Simulation(engines=10, test_engines=12))


def small(method: str = "grace", **choices: object) -> RunSpec:
    choices = {
        "size": "tiny",
        "schedule": "tiny",
        "conventions": Conventions(window=20),
        "seed": 3,
        "rul_scale": "cap",
    } | choices
    return run_spec("simulated", method, **choices)  # type: ignore[arg-type]


def begun(spec: RunSpec, split: Split, monitor_every: int = 0) -> Stack:
    """A run before its first epoch."""
    with torch.random.fork_rng():
        return Stack([spec], {spec.seed: split}, monitor_every=monitor_every)


def steps_of(spec: RunSpec, fleets: tuple[Fleet, Fleet], count: int = 1, monitor_every: int = 0) -> Stack:
    """A run after some steps."""
    spec = replace(spec, schedule=replace(spec.schedule, steps=count))
    stack = begun(spec, Split.of(spec, *fleets), monitor_every)
    stack.train_epoch([0])
    return stack


@pytest.mark.parametrize("size", ["tiny", "dropping"])
@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    method: str, size: str, fleets: tuple[Fleet, Fleet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "dropping", replace(SIZES["tiny"], layers=2, dropout=0.2))
    schedule = replace(SCHEDULES["tiny"], offset=0.3)
    spec = small(method, size=size, measure_every=3, schedule=schedule)
    split = Split.of(spec, *fleets)
    whole = begun(spec, split, 7)
    while whole.active:
        whole.run_epoch()
    first = begun(spec, split, 7)
    first.run_epoch()
    path = tmp_path / "state.safetensors"
    save(path, CHECKPOINT, first.state_dict())
    torch.manual_seed(999)  # what another process would have
    second = begun(spec, split, 7)
    second.load_state_dict(load(path, CHECKPOINT))
    while second.active:
        second.run_epoch()
    a, b = whole.state_dict(), second.state_dict()
    for state in (a, b):
        state.pop("seconds")
        state["replicas"][0].pop("seconds")
    assert same(a, b)


def test_an_offset_is_one_constant_a_window_and_feature(fleets: tuple[Fleet, Fleet]) -> None:
    plan = SCHEDULES["tiny"]
    windows = resident_draws(Split.of(small(), *fleets).train, (), "tiny")
    x, rul, label, _ = next(drawn(windows, plan, 5, "cpu"))
    moved, same_rul, same_label, _ = next(drawn(windows, replace(plan, offset=0.3), 5, "cpu"))
    shift = moved - x
    torch.testing.assert_close(shift, shift[:, :1].expand_as(shift), atol=1e-5, rtol=0)
    assert 0.25 < float(shift[:, 0].std()) < 0.35
    assert torch.equal(rul, same_rul)
    assert torch.equal(label, same_label)


@pytest.mark.parametrize("on", ["backbone", "upper"])
def test_weights_and_gradient_come_from_the_gramian_of_this_very_batch(fleets: tuple[Fleet, Fleet], on: str) -> None:
    """A step of plain gradient descent by the engine against one by autograd and PyTorch's own layers."""
    plan = replace(SCHEDULES["tiny"], steps=1, warmup=0, clip=1e9, weight_decay=0.0)
    options = {"beta": 0.0, "floor": 0.0, "warmup": 0}
    spec = small(options=options, measure_every=1, measure_on=on, schedule=plan)
    split = Split.of(spec, *fleets)
    stack = begun(spec, split)
    model = RULProblem(split.train, size="tiny").model()
    model.load_state_dict(
        {name: view[0] for name, view in stack.parameters.views(stack.state.values).items()} | buffers(stack),
        strict=False,
    )
    x, rul, labels, _ = next(drawn(resident_draws(split.train, (), "tiny"), plan, spec.seed * SPREAD, "cpu"))
    label = labels[:, 0].long()
    predicted, logits = by_layers(model.train(), x)
    losses = [moderate_weighted_mse_loss(predicted, rul, 125) / 125**2, nn.functional.cross_entropy(logits, label)]
    gram = gramian(task_gradients(losses, model.shared_parameters(on), retain_graph=True))
    norms = gram.diagonal().sqrt()
    weights = norms.flip(0) / norms.sum()
    (weights * torch.stack(losses)).sum().backward()
    sums = stack.train_epoch([0]).summaries()[0]
    torch.testing.assert_close(sums.losses, torch.stack(losses).detach())
    torch.testing.assert_close(sums.gramians[0], gram, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(sums.weights, weights.detach(), rtol=1e-4, atol=1e-6)
    first = stack.parameters.views(stack.state.first)  # AdamW's mean after one step: a tenth of the gradient
    for name, parameter in model.named_parameters():
        if "in_proj_bias" not in name:  # whose part for the keys is 0 here, and rounding noise there
            torch.testing.assert_close(10 * first[name][0], parameter.grad, rtol=1e-3, atol=1e-7, msg=name)


def buffers(stack: Stack) -> dict[str, torch.Tensor]:
    return {name: view[0] for name, view in stack.statistics.views(stack.state.statistics).items()}


def test_one_backward_pass_where_no_gramian_is_needed_and_two_where_it_is(
    fleets: tuple[Fleet, Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    convolution = function._convolution

    def counted(*arguments: torch.Tensor) -> torch.Tensor:  # a gradient that is here went through the whole backbone
        out = convolution(*arguments)
        out.register_hook(lambda _: passes.append(1))
        return out

    for method, every, on, expected in (
        ("uncertainty", 1, "backbone", 4),
        ("grace", 1, "backbone", 8),
        ("grace", 4, "backbone", 5),
        ("grace", 1, "upper", 4),
        ("dwa", 1, "backbone", 4),
    ):
        spec = small(method, measure_every=every, measure_on=on, schedule=replace(SCHEDULES["tiny"], steps=4))
        stack = begun(spec, Split.of(spec, *fleets))
        passes.clear()
        with monkeypatch.context() as patch:
            patch.setattr(function, "_convolution", counted)
            stack.train_epoch([0])
        assert len(passes) == expected, (method, every, on)


@pytest.mark.parametrize("method", ["baseline", "uncertainty", "dwa", "rul-only", "grace"])
def test_watching_moves_no_number_to_the_last_bit(fleets: tuple[Fleet, Fleet], method: str) -> None:
    silent, watched = (train(small(method), *fleets, monitor_every=every).record for every in (0, 3))
    assert (watched.id, watched.test, watched.predictions) == (silent.id, silent.test, silent.predictions)
    assert watched.validation == silent.validation
    assert "rho" in watched.history[0]
    assert ("rho" in silent.history[0]) == (method == "grace")


def test_rul_alone_leaves_the_health_head_where_it_began(fleets: tuple[Fleet, Fleet]) -> None:
    spec = small("rul-only", schedule=replace(SCHEDULES["tiny"], weight_decay=0.0))
    stack = begun(spec, Split.of(spec, *fleets))
    before = {name: view.clone() for name, view in stack.parameters.views(stack.state.values).items()}
    stack.run_epoch()
    for name, view in stack.parameters.views(stack.state.values).items():
        assert torch.equal(view, before[name]) == name.startswith("health_head"), name


@pytest.mark.parametrize("method", ["rul-only", "rul-only-weighted"])
def test_health_of_a_network_of_rul_alone_follows_from_its_rul(fleets: tuple[Fleet, Fleet], method: str) -> None:
    found = train(small(method), *fleets).record.predictions
    assert found["health"] == rul_to_health_3class(np.array(found["rul"]), 70, 30).tolist()


def test_health_alone_is_chosen_by_its_f1_and_forecasts_no_rul(fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    spec = small("health-only")
    run = train(spec, *fleets)
    scores = [entry["validation_f1"] for entry in run.record.history]
    assert scores[run.record.best_epoch] == max(scores) == pytest.approx(run.record.validation["macro_f1"])
    save_model(tmp_path / "model.safetensors", run)
    found = predict(load_model(tmp_path / "model.safetensors"), fleets[1])
    assert np.isnan(found.rul).all()
    assert found.health.tolist() == run.record.predictions["health"]


def test_training_lowers_the_error_and_the_record_says_so(fleets: tuple[Fleet, Fleet]) -> None:
    before = torch.get_rng_state()
    record = train(small(schedule=replace(SCHEDULES["tiny"], epochs=8)), *fleets).record
    assert torch.equal(before, torch.get_rng_state())
    assert record.status == "done"
    rmses = [entry["validation_rmse"] for entry in record.history]
    assert record.validation["rmse"] == pytest.approx(min(rmses))
    assert rmses[record.best_epoch] == min(rmses) < 0.8 * rmses[0]
    assert record.source["rmse"] == min(entry["test_rmse"] for entry in record.history) <= record.test["rmse"] + 1e-6
    assert len(record.predictions["rul"]) == 12
    assert record.steps == 8 * 20


def test_the_test_engines_choose_nothing(fleets: tuple[Fleet, Fleet]) -> None:
    fleet, test = fleets
    wrong = replace(test, last_rul=test.last_rul[::-1].copy())
    spec = small()
    a, b = train(spec, fleet, test).record, train(spec, fleet, wrong).record
    c = train(spec, fleet, None).record
    assert a.best_epoch == b.best_epoch == c.best_epoch
    assert a.predictions["rul"] == b.predictions["rul"]
    assert a.validation == b.validation == c.validation
    assert a.test != b.test
    assert c.test == {}


def test_source_protocol_chooses_on_the_test_engines(fleets: tuple[Fleet, Fleet]) -> None:
    record = train(small(protocol="source"), *fleets).record
    assert record.test["rmse"] == pytest.approx(min(entry["test_rmse"] for entry in record.history))
    with pytest.raises(GraceError, match="should have test engines"):
        train(small(protocol="source"), fleets[0], None)


def test_a_diverged_run_is_a_failed_record(fleets: tuple[Fleet, Fleet]) -> None:
    plan = replace(SCHEDULES["tiny"], learning_rate=1e12, warmup=0, clip=1e30, decay="none")
    record = train(small(schedule=plan), *fleets).record
    assert record.status == "failed"
    assert "should be finite" in record.reason
    assert record.test == {}


def test_a_checkpoint_of_another_run_is_refused(fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    path = tmp_path / "c"
    train(small(), *fleets, checkpoint=path)
    with pytest.raises(GraceError, match="should be the checkpoint of"):
        train(small(seed=4), *fleets, checkpoint=path)


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, [1, 2, 3]), (1e9, [1])])
def test_a_run_writes_after_its_first_epoch_and_then_no_more_often_than_every_so_many_seconds(
    seconds: float, expected: list[int], fleets: tuple[Fleet, Fleet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(run, "OFTEN", seconds)
    monkeypatch.setattr(run, "save", lambda path, kind, state: written.append(state["epoch"]))
    train(small(), *fleets, checkpoint=tmp_path / "c")
    assert written == expected


def test_a_damaged_checkpoint_is_set_aside_and_its_run_begins_anew(fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    path = tmp_path / "c"
    whole = train(small(), *fleets, checkpoint=path).record
    half = path.read_bytes()[:1000]
    path.write_bytes(half)
    with pytest.warns(GraceWarning, match=r"c was set aside as c.damaged; its run begins anew"):
        again = train(small(), *fleets, checkpoint=path).record
    assert (again.history, again.predictions) == (whole.history, whole.predictions)
    assert (tmp_path / "c.damaged").read_bytes() == half


@pytest.mark.parametrize("name", ["torch", "threads", "engine", "device", "cpu"])
def test_a_checkpoint_of_another_environment_is_refused(name: str, fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    path = tmp_path / "c"
    train(small(), *fleets, checkpoint=path)
    state = load(path, CHECKPOINT)
    state["environment"][name] = "another"
    save(path, CHECKPOINT, state)
    with pytest.raises(GraceError, match=f"gone on with as it was begun, with {name} another. Found"):
        train(small(), *fleets, checkpoint=path)


def test_early_stop_and_plateau() -> None:
    plan = Schedule(100, 10, 32, 1e-2, 0.0, 0, "plateau", plateau_patience=2, min_lr=1e-3)
    rate = Rate(plan, 10)
    seen = []
    for value in (5.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0):
        seen.append(rate.at(0, 1e-2))
        rate.after_epoch(value)
    # halved after the third epoch in a row without a lower value, and so on, down to `min_lr`
    assert seen == pytest.approx([1e-2] * 4 + [5e-3] * 3 + [2.5e-3] * 3 + [1.25e-3] * 3 + [1e-3] * 2)


def test_warm_up_is_linear_from_a_tenth() -> None:
    plan = SCHEDULES["paper"]
    rate = Rate(plan, 10)
    assert [rate.at(step, plan.learning_rate) for step in (0, 50, 100, 1000)] == pytest.approx(
        [1e-4, 5.5e-4, 1e-3, 1e-3]
    )


def test_cosine_ends_at_zero() -> None:
    plan = Schedule(10, 10, 32, 1e-2, 0.0, 1, "cosine")
    rates = [Rate(plan, 10).at(step, 1e-2) for step in (50, 99, 100)]
    assert rates[0] == pytest.approx(5e-3, rel=0.01)
    assert rates[1] < 1e-5
    assert rates[2] == pytest.approx(0, abs=1e-12)


def test_validation_windows_look_like_a_test(fleets: tuple[Fleet, Fleet]) -> None:
    fleet, _ = fleets
    split = Split.of(small(validation_cuts=40), fleet, None)
    chosen = split.validation
    assert len(np.unique(chosen.engine)) == 2
    assert len(chosen) == 80
    assert chosen.true_rul.min() >= 0
    lengths = fleet.lengths
    assert (chosen.ends - chosen.first + 1 >= min(20, int(lengths.min()))).all()
    trained = set(map(bytes, np.unique(split.train.rows, axis=0)))
    assert not trained & set(map(bytes, np.unique(chosen.rows, axis=0)))
