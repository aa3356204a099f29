"""Trainings with suspended engines: who is held out, what each loss reads, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

import grace
from grace.alignment.problem import FleetProblem
from grace.core.weighted_mse import INNER
from grace.data.conventions import Conventions
from grace.data.draws import BOUND
from grace.data.fleet import Fleet
from grace.data.prepare import ALL_FAILED
from grace.data.resident import Batch
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.targets import UNKNOWN
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.models.losses import Losses
from grace.models.rul_problem import RULProblem
from grace.models.window_statistics import StatisticsArchitecture
from grace.training.baselines import baseline_errors
from grace.training.model_file import load_model, save_model
from grace.training.predict import predict
from grace.training.protocol import Split
from grace.training.run import train, train_stacked
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from studies.cuts import suspended

PLAN = replace(SCHEDULES["statistics"], epochs=2, steps=8)


def spec_of(method: str | None = "grace", **choices: Any) -> RunSpec:
    given = {"schedule": PLAN, "conventions": Conventions(window=30), "rul_scale": "cap"}
    return run_spec("simulated", method, **given | choices)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole() -> Fleet:
    return replace(grace.simulate(grace.Simulation(engines=16, test_engines=5))[0], labels={})


@pytest.fixture(scope="module")
def fleet(whole: Fleet) -> Fleet:
    """Six engines that failed and ten that were suspended."""
    return suspended(whole, 6, 1)


def tensors(*values: list[float]) -> list[Tensor]:
    return [torch.tensor([value]) for value in values]


def losses_of(
    predicted: Tensor, rul: Tensor, inners: list[str], unit: str = "cycles", bounded: int = 0, apart: bool = False
) -> list[Tensor]:
    """Losses of a batch whose last ``bounded`` windows are drawn for the bound; of these the last is of a failed engine."""
    rows, last = rul.shape[1] - bounded, torch.arange(rul.shape[1])
    parts = {"rul": slice(0, rows)} | ({BOUND: slice(rows, rul.shape[1])} if bounded else {})
    some = ((last >= rows) & (last < rul.shape[1] - 1)).expand_as(rul)
    batch = Batch(predicted, rul, torch.zeros(*rul.shape, 0), some)
    losses = Losses(125, unit, (), parts, "bound" if bounded else "ignore", apart)
    return losses([predicted], batch, inners, lambda _: None)


def test_losses_by_hand() -> None:
    rul, predicted = tensors([100.0, 40.0, 50.0, 30.0, 99.0], [90.0, 44.0, 20.0, 80.0, 1.0])

    def found(bounded: int, unit: str = "cycles", apart: bool = False) -> list[float]:
        end = 2 + bounded
        return [float(x) for x in losses_of(predicted[:, :end], rul[:, :end], ["mse"], unit, bounded, apart)]

    assert found(0) == pytest.approx([(10**2 + 4**2) / 2])
    # 80 is above its bound and costs nothing, and the last window is no bound
    assert found(3) == pytest.approx([58 + 30**2 / 2])
    assert found(3, "cap") == pytest.approx([(58 + 450) / 125**2])
    assert found(3, "cap", apart=True) == pytest.approx([58 / 125**2, 450 / 125**2])
    assert found(1) == pytest.approx([58])  # a fold that holds out all suspended engines: nothing is bounded


@pytest.mark.parametrize("inner", list(INNER))
def test_each_network_has_its_own_inner_loss(inner: str) -> None:
    draw = np.random.default_rng(0)
    rul, predicted = (torch.tensor(draw.uniform(0, 125, (3, 20))) for _ in range(2))
    names = [inner, "mse", inner]
    (found,) = losses_of(predicted, rul, names)
    alone = [INNER[name](predicted[r], rul[r], 125.0) for r, name in enumerate(names)]
    torch.testing.assert_close(found, torch.stack(alone))


def test_suspended_engines_are_always_trained_on(fleet: Fleet) -> None:
    still = set(fleet.engines) - set(fleet.engines[fleet.failures])
    for protocol in ({"seed": seed} for seed in range(5)):
        split = Split.of(spec_of(**protocol), fleet, None)
        assert len(np.unique(split.validation.engine)) == 1  # a fifth of six
        assert split.validation.suspended is None
        train_side, _ = fleet.split(0.2, protocol["seed"])
        assert still < set(train_side.engines)
    splits = Split.folds(spec_of(folds=10), fleet, None)
    assert len(splits) == 6
    assert all(len(np.unique(split.validation.engine)) == 1 for split in splits)
    assert all(split.suspension.startswith("6 units failed") for split in splits)


def test_a_bound_without_a_suspended_engine_is_said(whole: Fleet) -> None:
    bound = spec_of(suspended="bound")
    for split in (Split.of(bound, whole, None), *Split.folds(replace(bound, folds=3), whole, None)):
        assert "no unit of simulated was suspended: `suspended` bound has nothing to bound" in split.suspension
    assert Split.of(spec_of(), whole, None).suspension == ""


def test_what_is_in_the_batches(fleet: Fleet, whole: Fleet) -> None:
    def sides(fleet: Fleet, **choices: Any) -> Windows:
        train = Split.of(spec_of(**choices), fleet, None).train
        assert isinstance(train, Windows)
        return train

    def beside(fleet: Fleet, **choices: Any) -> dict[tuple[str, ...], Windows]:
        found = {draw.losses: draw.windows for draw in Split.of(spec_of(**choices), fleet, None).beside}
        assert all(isinstance(windows, Windows) for windows in found.values())
        return found  # type: ignore[return-value]

    ignored, hazard = sides(fleet), sides(fleet, suspended="hazard", rul_scale="hazard")
    assert ignored.suspended is None
    assert hazard.suspended is not None
    assert len(hazard) > len(ignored) == (~hazard.suspended).sum()
    assert set(hazard.label[hazard.suspended]) == {UNKNOWN, 0}  # a bound in the healthy range is a healthy engine
    assert beside(fleet) == beside(fleet, suspended="hazard", rul_scale="hazard") == {}
    assert (sides(fleet, suspended="bound").ends == ignored.ends).all()
    (bound,) = beside(fleet, suspended="bound").values()
    assert bound.suspended is not None
    assert bound.suspended.all()
    assert len(bound) + len(ignored) == len(hazard)
    labels = np.arange(len(fleet.values)) % 3
    own = replace(fleet, labels={"health": labels.astype(float)})
    (labelled,) = beside(own).values()
    assert (labelled.label == labels[labelled.ends]).all()
    assert len(labelled) == len(hazard)  # of failed and suspended engines
    assert list(beside(own, suspended="bound")) == [("bound",), ("health",)]
    assert beside(own, suspended="hazard", rul_scale="hazard") == {}  # they are known wherever survival is
    assert beside(own, method="rul-only") == {}  # nothing reads their labels


def test_ignored_engines_serve_the_scaling_alone(fleet: Fleet) -> None:
    """The networks on windows are those of the failures alone, once their scaling is the same."""
    other = np.array(fleet.values)
    rows = ~np.isin(fleet.engine_of_row(), fleet.failures)
    other[rows] = other[rows][::-1]  # the same moments, other recordings
    moved = replace(fleet, values=other, sha256=None)
    spec = spec_of("baseline", size="tiny")
    ours, theirs = (train(spec, one) for one in (fleet, moved))
    assert ours.members[0].conditioner.mean == pytest.approx(theirs.members[0].conditioner.mean)
    for one, two in zip(ours.record.history, theirs.record.history, strict=True):
        assert one["losses"] == pytest.approx(two["losses"], rel=1e-3)
    alone = fleet.select(fleet.failures)
    assert not np.allclose(train(spec, alone).members[0].conditioner.mean, ours.members[0].conditioner.mean)
    assert (Split.of(spec, fleet, None).train.ends != 0).all()  # type: ignore[union-attr]


def test_statistics_are_standardised_by_the_windows_of_all_engines(fleet: Fleet) -> None:
    spec = spec_of("baseline")
    run, split = train(spec, fleet), Split.of(spec, fleet, None)
    every = Split.of(spec_of(suspended="hazard", rul_scale="hazard"), fleet, None).train
    assert isinstance(every, Windows)
    assert isinstance(split.train, Windows)

    def mean_of(windows: Windows) -> torch.Tensor:
        made = StatisticsArchitecture().of(torch.from_numpy(windows.batch(np.arange(len(windows)))))
        return made.mean(0)

    found = run.members[0].model.get_buffer("mean")
    assert torch.allclose(found, mean_of(every), atol=1e-4)
    assert not torch.allclose(found, mean_of(split.train), atol=1e-2)
    problem = FleetProblem(fleet, Conventions(window=30))
    prepared = problem.prepared
    assert isinstance(prepared.every, Windows)
    assert torch.allclose(problem.model().get_buffer("mean"), mean_of(prepared.every), atol=1e-4)
    told = replace(fleet, last_rul=np.where(fleet.failed, fleet.last_rul, 60))  # what they say of RUL is in no loss
    assert [entry["losses"] for entry in train(spec, told).record.history] == [e["losses"] for e in run.record.history]
    alone = fleet.select(fleet.failures)
    assert (
        Split.of(spec, alone, None).every
        is Split.of(spec_of(suspended="hazard", rul_scale="hazard"), fleet, None).every
        is None
    )


def test_the_bound_lifts_predictions_that_are_too_low(fleet: Fleet) -> None:
    """A network that learned from the bound falls short of it by less."""
    plan = replace(PLAN, epochs=3, steps=40)
    short = {}
    for how in ("ignore", "bound"):
        run = train(spec_of("rul-only", schedule=plan, suspended=how), fleet)
        still = Split.of(spec_of(suspended="bound"), fleet, None).beside[0].windows
        assert isinstance(still, Windows)
        model = run.members[0].model.eval()
        with torch.no_grad():
            rul, _ = model(torch.from_numpy(still.batch(np.arange(len(still)))))
        short[how] = float((torch.from_numpy(still.rul) - rul).clamp(min=0).square().mean())
    assert short["bound"] < short["ignore"]


def test_own_labels_of_suspended_engines_teach_the_second_task_alone(fleet: Fleet) -> None:
    labels = {"health": np.arange(len(fleet.values)) % 3 + 0.0}
    own = replace(fleet, labels=labels)
    split = Split.of(spec_of(), own, None)
    problem = RULProblem(split.train, unit="cycles", beside=split.beside)
    batch = next(problem.batches(0))
    rows = problem.draws.parts(problem.batch_size)
    assert rows == {"rul": slice(0, 128), "health": slice(128, 192)}
    assert not batch.suspended[rows["rul"]].any()
    assert batch.suspended[rows["health"]].any()
    assert not batch.suspended[rows["health"]].all()
    torch.manual_seed(0)
    model = problem.model().eval()
    moved = batch._replace(rul=torch.where(torch.arange(192) < 128, batch.rul, 0.0))
    other = batch._replace(labels=torch.where(torch.arange(192)[:, None] < 128, 0.0, batch.labels))
    with torch.no_grad():
        before, rul_moved, label_moved = (problem.losses(model, one) for one in (batch, moved, other))
        third = problem.losses(model, batch._replace(labels=(batch.labels + 1) % 3))
    assert before[0] == rul_moved[0] == label_moved[0] == third[0]
    assert before[1] == rul_moved[1] == label_moved[1] != third[1]
    ours, failed_alone = (train(spec_of("baseline"), one).record for one in (own, replace(fleet, labels={})))
    assert ours.validation != failed_alone.validation


def test_runs_in_a_stack_are_those_that_they_are_alone(fleet: Fleet) -> None:
    specs = [spec_of(method, seed=seed, suspended="bound") for method in ("grace", "rul-only") for seed in (1, 2)]
    together = train_stacked(specs, fleet)
    for spec, run in zip(specs, together, strict=True):
        alone = train(spec, fleet).record
        assert run.record.validation == pytest.approx(alone.validation, rel=1e-3)
        assert run.record.concerns == alone.concerns


def test_problems_go_to_other_processes_whole(fleet: Fleet) -> None:
    split = Split.of(spec_of(suspended="bound"), fleet, None)
    problem = RULProblem(split.train, unit="cycles", beside=split.beside)
    build, arguments = problem.__reduce__()
    again = build(*arguments)  # type: ignore[operator]
    batch = next(problem.batches(0))
    torch.manual_seed(0)
    model = problem.model().eval()
    assert all(torch.equal(a, b) for a, b in zip(problem.losses(model, batch), again.losses(model, batch), strict=True))
    apart = replace(problem, apart=True, made=None)
    assert apart.tasks == ("rul", "health", "bound")
    rul, _, bound = apart.losses(model, batch)
    assert rul.item() + bound.item() == pytest.approx(problem.losses(model, batch)[0].item())
    assert bound > 0


def as_rows(fleet: Fleet) -> pl.DataFrame:
    owner = fleet.engine_of_row()
    assert fleet.failed is not None
    return pl.DataFrame(np.asarray(fleet.values), schema=list(fleet.columns)).with_columns(
        unit=pl.Series(fleet.engines[owner]),
        cycle=pl.Series(np.arange(len(owner)) - fleet.starts[owner] + 1),
        event=pl.Series(fleet.failed[owner].astype(int)),
    )


def test_rows_on_the_disk_train_to_the_same_network(fleet: Fleet, tmp_path: Path) -> None:
    as_rows(fleet).write_parquet(tmp_path / "fleet.parquet")
    columns, features = Columns("unit", "cycle", event="event"), Conventions().features
    source = TableSource(tmp_path / "fleet.parquet", columns, features)
    spec = spec_of(suspended="bound", conventions=Conventions(window=30, features=features, table=columns))
    fleets = [read_table(one) for one in (source, replace(source, cache=tmp_path / "rows"))]
    memory, disk = (train(spec, one).record for one in fleets)
    assert memory.validation == disk.validation
    assert memory.id == disk.id
    assert memory.concerns[-1].startswith("6 units failed, at a median age of")
    from_path = train(spec, tmp_path / "fleet.parquet").record
    assert from_path.validation == memory.validation  # the column of events is read, whatever the table comes in


def test_test_figures_are_of_failures_alone(fleet: Fleet, whole: Fleet) -> None:
    test = suspended(whole, 8, 2)
    record = train(spec_of(folds=2), fleet, test).record
    assert record.predictions["engine"] == test.failures.tolist()
    none = replace(test, failed=np.zeros(16, dtype=bool))
    with pytest.raises(GraceError, match=r"should hold a test engine that failed. Found none: all 16 were suspended"):
        train(spec_of(), fleet, none)


def test_baselines_are_fitted_to_failures_alone(fleet: Fleet) -> None:
    found, bound = (train(spec_of(None, model="tree", suspended=how), fleet).record for how in ("ignore", "bound"))
    assert found.id == bound.id
    assert found.validation == bound.validation
    errors = [
        baseline_errors([Split.of(spec_of(suspended=how), fleet, None)], Conventions()) for how in ("ignore", "bound")
    ]
    assert errors[0] == errors[1]


def test_ids_stay_unless_there_is_something_to_say(fleet: Fleet) -> None:
    assert spec_of().id == spec_of(suspended="ignore").id != spec_of(suspended="bound").id
    assert RunSpec.from_json(spec_of(suspended="bound").to_json()) == spec_of(suspended="bound")
    old = {name: value for name, value in spec_of().to_json().items() if name != "suspended"}
    assert RunSpec.from_json(old) == spec_of()
    with pytest.raises(GraceError, match=r"`suspended` should be one of ignore, bound, hazard. Found 'weibull'"):
        spec_of(suspended="weibull")


def test_a_table_without_events_is_doubted(fleet: Fleet, tmp_path: Path) -> None:
    columns = Columns("unit", "cycle")
    conventions = Conventions(window=30, table=columns)
    untold = read_table(as_rows(fleet).drop("event"), columns, conventions.features)
    record = train(spec_of(conventions=conventions), untold).record
    assert record.concerns[-1] == ALL_FAILED
    run = train(spec_of(conventions=replace(conventions, table=replace(columns, event="event"))), as_rows(fleet))
    assert ALL_FAILED not in run.record.concerns
    path = tmp_path / "net.safetensors"
    save_model(path, run)
    found = predict(load_model(path), as_rows(fleet).drop("event"))  # new engines have no events
    assert len(found.rul) == 16
