"""Statistics of windows against NumPy, and the network on them in every place where networks go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import grace
from grace.data import resident as resident_module
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.resident import ResidentWindows
from grace.models.function import Noise
from grace.models.rul_problem import RULProblem, resident
from grace.models.units import UNITS
from grace.models.window_statistics import MIN_BIN, Moments, StatisticsArchitecture, StatisticsNetwork, encoded
from grace.training.checkpoint import load, save
from grace.training.export import export_onnx
from grace.training.model_file import load_model, save_model
from grace.training.protocol import Split
from grace.training.run import CHECKPOINT, train, train_stacked
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from tests.same import same

SMALL = StatisticsArchitecture(lengths=(3, 8), spreads=(8,), trunk=(6, 4))
PLAN = replace(SCHEDULES["statistics"], epochs=2, steps=10, batch_size=64)
SIZES = pytest.mark.parametrize("size", ["statistics", "quantiles", "quantiles-narrow"])
METHODS = ("baseline", "amnl", "gaba", "grace", "uncertainty", "dwa", "gradnorm", "rul-only", "health-only")


@given(arrays(np.float64, (2, 10, 3), elements=st.floats(-5, 5, width=32)))
def test_statistics_are_numpys(windows: np.ndarray) -> None:
    found = SMALL.of(torch.from_numpy(windows)).numpy()
    assert found.shape == (2, SMALL.count(3))
    for window, row in zip(windows, found, strict=True):
        expected: list[float] = []
        for length in SMALL.lengths:
            part = window[-length:]
            slope = np.polynomial.polynomial.polyfit(np.arange(length), part, 1)[1]
            expected += [*part.mean(0), *(slope * length)]
        expected += [*window[-8:].std(0)]
        np.testing.assert_allclose(row[:-1], expected, atol=1e-9)


def test_padding_is_counted() -> None:
    windows = torch.randn(4, 10, 3)
    windows[0, :7] = windows[0, 7]
    windows[1, :1] = windows[1, 1]
    windows[2] = windows[2, 0]
    assert SMALL.of(windows)[:, -1].tolist() == pytest.approx([0.3, 0.9, 0.1, 1.0])


def test_lengths_beyond_the_window_are_cut_at_it() -> None:
    windows = torch.randn(5, 6, 2)
    cut = replace(SMALL, lengths=(3, 6), spreads=(6,))
    torch.testing.assert_close(SMALL.of(windows), cut.of(windows))


@pytest.fixture(scope="module")
def fleets() -> tuple[Fleet, Fleet]:
    return grace.simulate(grace.Simulation(engines=10, test_engines=8))


def small(method: str = "grace", **choices: object) -> RunSpec:
    choices = {
        "size": "statistics",
        "schedule": PLAN,
        "conventions": Conventions(window=30),
        "rul_scale": "cap",
    } | choices
    return run_spec("simulated", method, **choices)  # type: ignore[arg-type]


@SIZES
def test_what_is_made_once_is_what_the_network_makes_of_windows(
    fleets: tuple[Fleet, Fleet], monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    windows = Split.of(small(), *fleets).train
    raw, made, index = ResidentWindows(windows), resident(windows, "statistics"), torch.tensor([5, 0, 77])
    problem = RULProblem(windows, size=size)
    model = problem.model().eval()
    x, rul, labels, _ = made.batch(index)
    for a, b in zip(model(raw.batch(index)[0]), model(x), strict=True):
        torch.testing.assert_close(a, b)
    assert torch.equal(rul, raw.batch(index)[1])
    assert torch.equal(labels, raw.batch(index).labels)
    monkeypatch.setattr(resident_module, "MAX_STATISTICS", 10)  # too many to keep: made for each batch
    torch.testing.assert_close(resident(windows, "statistics").batch(index)[0], x)


def test_training_statistics_are_standardised(fleets: tuple[Fleet, Fleet]) -> None:
    windows = Split.of(small(), *fleets).train
    model = RULProblem(windows, size="statistics").model()
    assert isinstance(model, StatisticsNetwork)
    values = (resident(windows, "statistics").batch(torch.arange(len(windows)))[0] - model.mean) / model.scale
    torch.testing.assert_close(values.mean(0), torch.zeros(values.shape[1]), atol=1e-3, rtol=0)
    varying = values.std(0) > 0.1
    torch.testing.assert_close(values.std(0)[varying], torch.ones(int(varying.sum())), atol=1e-3, rtol=0)


@SIZES
def test_many_networks_equal_single_ones(size: str) -> None:
    single = [UNITS["cap"].network(size, 3, 125).double() for _ in range(3)]
    for network in single:
        assert isinstance(network, StatisticsNetwork)
        network.mean.normal_()
        network.scale.uniform_(0.5, 2)
        if network.architecture.bins:
            network.edges += torch.rand(())
    x = torch.randn(3, 7, 30, 3, dtype=torch.float64)
    p = {
        name: torch.stack([dict(n.named_parameters())[name] for n in single])
        for name, _ in single[0].named_parameters()
    }
    held = {name: torch.stack([dict(n.named_buffers())[name] for n in single]) for name, _ in single[0].named_buffers()}
    rul, logits = single[0].together(p, held, False)(x)
    for number, network in enumerate(single):
        torch.testing.assert_close((rul[number], logits[number]), network.eval()(x[number]))


def test_noise_is_in_training_alone_and_of_each_replicas_stream() -> None:
    network = UNITS["cap"].network("statistics", 2, 125)
    assert isinstance(network.get_submodule("trunk.0"), Noise)
    held = {name: b.expand(2, *b.shape) for name, b in network.named_buffers()}
    p = {name: v.expand(2, *v.shape) for name, v in network.named_parameters()}
    x = torch.randn(1, 5, 30, 2).expand(2, -1, -1, -1)

    def trained(seeds: tuple[int, int]) -> torch.Tensor:
        streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        return network.together(p, held, True, streams).represent(x).detach()

    first, second = trained((1, 2)), trained((3, 2))
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], second[0])
    quiet = network.together(p, held, False).represent(x)
    assert torch.equal(quiet[0], quiet[1])


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_resumes_and_predicts(method: str, fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    spec, path = small(method, measure_every=4), tmp_path / "state"
    whole = train(spec, *fleets)

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(spec, *fleets, checkpoint=path, on_epoch=stop)
    assert "mean" not in str(load(path, CHECKPOINT)["id"])
    resumed = train(spec, *fleets, checkpoint=path)
    assert resumed.record.history == whole.record.history
    assert resumed.record.predictions == whole.record.predictions
    save_model(tmp_path / "net.safetensors", whole)
    found = grace.predict(load_model(tmp_path / "net.safetensors"), fleets[1])
    if spec.trains("rul"):
        assert found.rul.tolist() == pytest.approx(whole.record.predictions["rul"], abs=1e-3)
    assert found.health.tolist() == whole.record.predictions["health"]


@SIZES
def test_a_stack_equals_separate_runs(fleets: tuple[Fleet, Fleet], size: str) -> None:
    specs = [small("grace", size=size), small("rul-only", size=size), small("grace", seed=7, size=size)]
    for spec, run in zip(specs, train_stacked(specs, *fleets), strict=True):
        alone = train(spec, *fleets).record
        assert run.record.history[0]["losses"] == pytest.approx(alone.history[0]["losses"], rel=1e-4)
        assert run.record.test["rmse"] == pytest.approx(alone.test["rmse"], rel=1e-2)


def test_the_source_protocol_and_a_diagnosis_work_too(fleets: tuple[Fleet, Fleet]) -> None:
    record = train(small(protocol="source"), *fleets).record
    assert record.test["rmse"] == pytest.approx(min(entry["test_rmse"] for entry in record.history))
    problem = grace.FleetProblem(fleets[0], Conventions(window=30), size="statistics", batch_size=32)
    found = grace.diagnose(problem, inits=2, reads=4, steps=10)
    assert -1 <= found.rho.mean <= 1


@SIZES
def test_onnx_takes_raw_windows(fleets: tuple[Fleet, Fleet], tmp_path: Path, size: str) -> None:
    save_model(tmp_path / "net.safetensors", train(small(size=size), *fleets))
    assert export_onnx(load_model(tmp_path / "net.safetensors"), tmp_path / "net.onnx") < 1e-3


@SIZES
def test_statistics_survive_a_checkpoint(tmp_path: Path, size: str) -> None:
    network = UNITS["cap"].network(size, 2, 125)
    assert isinstance(network, StatisticsNetwork)
    network.standardise(torch.randn(50, network.architecture.count(2)) * 3 + 1)
    save(tmp_path / "x", CHECKPOINT, network.state_dict())
    assert same(load(tmp_path / "x", CHECKPOINT), dict(network.state_dict()))


def test_an_encoding_by_hand() -> None:
    edges = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [2.0, 4.0]])  # of the second statistic the first bin has no width
    z = torch.tensor([[-3.0, 0.0], [-0.5, MIN_BIN / 2], [0.5, 1.0], [9.0, 9.0]])
    found = encoded(z, edges).view(4, 2, 2)
    assert found[:, 0].tolist() == [[-1, -1], [0, -1], [1, -0.5], [1, 1]]
    assert found[:, 1].flatten().tolist() == pytest.approx([-1, -1, 0, 2 * MIN_BIN / 8 - 1, 1, -0.5, 1, 1])


@given(arrays(np.float32, (40, 2), elements=st.floats(-1e6, 1e6, width=32)))
def test_bins_hold_equal_numbers_and_an_encoding_keeps_order(statistics: np.ndarray) -> None:
    mean, scale, edges = Moments.of(torch.from_numpy(statistics), 4)
    z = (torch.from_numpy(statistics) - mean) / scale
    assert torch.equal(edges[0], z.amin(0))
    assert torch.equal(edges[-1], z.amax(0))
    for column, edge in zip(z.T, edges.T, strict=True):
        below = (column[:, None] <= edge).sum(0)
        assert (below >= torch.tensor([1, 10, 20, 30, 40])).all()  # more where values are tied
    code = encoded(z, edges)
    assert torch.isfinite(code).all()
    assert code.abs().max() <= 1
    for column, ours in zip(z.T, code.view(40, 2, 4).unbind(1), strict=True):
        assert (ours[column.argsort()].diff(dim=0) >= 0).all()


def test_an_encoded_network_bends_where_a_linear_one_cannot() -> None:
    x = torch.linspace(-2, 2, 401)[:, None]
    step = (x > 0.3).float()
    moments = Moments.of(x, 4)
    code = torch.cat([torch.ones_like(x), encoded((x - moments.mean) / moments.scale, moments.edges)], 1)

    def left(design: torch.Tensor) -> float:
        return float((design @ torch.linalg.lstsq(design, step).solution - step).square().mean())

    assert left(code) < 0.7 * left(torch.cat([torch.ones_like(x), x], 1))


@pytest.mark.system
@pytest.mark.parametrize("hours", [1, 200])
def test_an_exported_network_of_a_table_may_differ_in_proportion_to_its_cap(tmp_path: Path, hours: int) -> None:
    """RUL in thousands of hours in single precision is no closer to torch's than a thousandth of a cap's 125th."""
    fleet = grace.simulate(grace.Simulation(engines=10))[0]
    wear = fleet.taken(next(fleet.chunks()), ("sensor_2",))[:, 0]
    rows = pl.DataFrame({"id": fleet.engine_of_row(), "wear": wear})
    rows = rows.with_columns(t=hours * pl.int_range(pl.len()).over("id"))
    columns = grace.Columns("id", "t", unit="hours")
    read = grace.read_table(rows, columns, ("wear",))
    conventions = Conventions(features=("wear",), table=columns).scaled_to(read)
    save_model(tmp_path / "net", train(run_spec("t", "rul-only", conventions=conventions), read))
    assert export_onnx(load_model(tmp_path / "net"), tmp_path / "net.onnx") < 1e-3
