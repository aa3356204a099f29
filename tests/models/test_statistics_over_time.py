"""Statistics over time, of rows that are not evenly spaced: values by hand, NumPy as an oracle, and what must not move them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import grace
from grace.data.conditions import Conditioner, uneven_step
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.windows import Windows
from grace.models.rul_problem import resident
from grace.models.units import statistics_of
from grace.models.window_statistics import StatisticsArchitecture
from grace.training.baselines import baseline_errors
from grace.training.checkpoint import load, save
from grace.training.export import export_onnx
from grace.training.model_file import NETWORK, load_model, save_model
from grace.training.protocol import Split
from grace.training.run import Run, train, train_stacked
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from tests.data.conftest import as_table, fleet

SMALL = StatisticsArchitecture(lengths=(3, 8), spreads=(8,), timed=True)
PLAN = replace(SCHEDULES["statistics"], epochs=2, steps=10, batch_size=64)
COLUMNS = Columns("asset", "hour", unit="hours")
__all__ = ["fleet"]


def window(values: list[float], gaps: list[float]) -> torch.Tensor:
    return torch.tensor([values, gaps], dtype=torch.float64).T


def test_values_by_hand() -> None:
    """Rows 4.5, 3.5, 0.5 and 0 steps before the last, which stand for [4, 5], [2.5, 4], [0.25, 1.5] and [-0.5, 0.25].

    Of the last 3 steps, [-0.5, 2.5], the last row has 0.75, the one before 1.25: mean (0.75 * 8 + 1.25 * 4) / 2 = 5.5. Their
    times have a variance of (3/8)(5/8)/4 = 0.0586, closer than two rows a step apart: slope 3 * (15/128) * 4 / 0.25 = 5.625.
    """
    level, slope, longer, _, spread, recorded = SMALL.of(window([1, 2, 4, 8], [0, 1, 3, 0.5])).tolist()
    assert (level, slope) == pytest.approx((5.5, 5.625))
    shares = np.array([1, 1.5, 1.25, 0.75]) / 4.5
    assert longer == pytest.approx(shares @ [1, 2, 4, 8])
    assert spread == pytest.approx(np.sqrt(shares @ np.square([1, 2, 4, 8] - shares @ [1, 2, 4, 8])))
    assert recorded == 1.0  # 4.5 steps and the first row's own, of 4 rows


@given(st.lists(st.floats(0.3, 4), min_size=5, max_size=12), st.floats(-3, 3), st.integers(0, 100))
def test_slopes_are_numpys_weighted_least_squares(gaps: list[float], trend: float, seed: int) -> None:
    age = np.concatenate([np.cumsum(gaps[:0:-1])[::-1], [0]])
    before, after = np.array(gaps) / 2, np.append(np.array(gaps[1:]) / 2, 0.5)
    weights = np.clip(np.minimum(age + before.clip(max=1), 7.5) - (age - after.clip(max=1)), 0, None)
    values = np.random.default_rng(seed).normal(size=len(gaps)) - trend * age
    covered = min(8.0, age[0] + before.clip(max=1)[0] + 0.5)
    spread = np.average((age - np.average(age, weights=weights)) ** 2, weights=weights)
    found = SMALL.of(window(values.tolist(), gaps))
    if (weights > 0).sum() > 1 and spread > 0.25:
        slope = np.polyfit(-age, values, 1, w=np.sqrt(weights))[0]
        assert float(found[3]) == pytest.approx(slope * covered, abs=1e-6)
    assert float(found[2]) == pytest.approx(np.average(values, weights=weights))


@given(st.integers(0, 9), st.integers(0, 100))
def test_of_evenly_spaced_rows_they_are_those_over_rows(padding: int, seed: int) -> None:
    values = torch.randn(10, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    values[:padding] = values[padding]
    gaps = torch.ones(10, 1, dtype=torch.float64)
    gaps[: padding + 1] = 0
    windows = torch.cat([values, gaps], 1)
    torch.testing.assert_close(SMALL.of(windows), replace(SMALL, timed=False).of(values))
    if not padding:  # an engine that is older than its window
        torch.testing.assert_close(SMALL.of(torch.cat([values, torch.ones_like(gaps)], 1)), SMALL.of(windows))


def test_bursts_and_long_gaps_stay_finite() -> None:
    gaps = [[0.0, 1e-6, 1e-6, 1e-6], [5.0, 1e6, 1e-6, 1e6], [0.0, 0.0, 0.0, 0.0]]
    windows = torch.stack([window([1, 9, -9, 3], row) for row in gaps]).float()
    found = SMALL.of(windows)
    assert torch.isfinite(found).all()
    assert found[:, :-1].abs().max() < 60
    assert found[2, -1] == 1 / 4


def uneven(table: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """Of each engine between 30 and 100 % of its rows, the first and the last among them; two hours a flight."""
    rng = np.random.default_rng(seed)
    shares = dict(zip(table["asset"].unique().to_list(), rng.uniform(0.3, 1, table["asset"].n_unique()), strict=True))
    draw, share = pl.Series(rng.random(len(table))), table["asset"].replace_strict(shares)
    ends = (pl.col("flight") == 1) | (pl.col("flight") == pl.col("flight").max().over("asset"))
    return table.with_columns(hour=pl.col("flight") * 2.0).filter(ends | pl.Series(draw < share))


@pytest.fixture(scope="module")
def table(fleet: Fleet) -> pl.DataFrame:
    return uneven(as_table(fleet))


@pytest.fixture(scope="module")
def sensors(fleet: Fleet) -> tuple[str, ...]:
    return ("s2", "s3", "s4", "s11")


def spec_of(sensors: tuple[str, ...], method: str = "rul-only", **choices: object) -> RunSpec:
    conventions = Conventions(window=30, features=sensors, table=COLUMNS, cap=250, health_cuts=(140, 60))
    choices = {"size": "statistics", "schedule": PLAN, "conventions": conventions, "rul_scale": "cap"} | choices
    return run_spec("frame", method, **choices)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(table: pl.DataFrame, sensors: tuple[str, ...]) -> Run:
    return train(spec_of(sensors, watch_test=False), read_table(table, COLUMNS, sensors))


def statistics(fleet: Fleet, fitted: Conditioner, ends: np.ndarray) -> np.ndarray:
    conventions = Conventions(window=60, features=fitted.features, table=COLUMNS)
    made = resident(Windows.ending_at(fleet, fitted.transform(fleet), ends, conventions), "statistics")
    return made.batch(torch.arange(len(ends)))[0].numpy()


def test_rows_that_are_dropped_move_statistics_over_rows_much_more(fleet: Fleet, sensors: tuple[str, ...]) -> None:
    whole = as_table(fleet).with_columns(hour=pl.col("flight") * 2.0)
    part = uneven(as_table(fleet))
    every, kept = (read_table(frame, COLUMNS, sensors) for frame in (whole, part))
    conventions = Conventions(features=sensors, table=COLUMNS)
    over_rows, over_time = (Conditioner.fit(kept, conventions, timed=timed) for timed in (False, True))
    assert (over_rows.step, over_rows.columns) == (0, 4)
    assert over_time.columns == 5
    assert over_time.step in (2.0, 3.0, 4.0)
    over_time = replace(over_time, step=2.0)  # the whole table's
    rows = np.arange(len(kept.values))
    joined = whole.with_row_index().join(part, on=["asset", "hour"], how="right").sort("asset", "hour")
    same = joined["index"].cast(pl.Int64).to_numpy().copy()
    expected = statistics(every, replace(over_time, step=0.0), same)
    scale = expected.std(0)
    errors = [
        np.sqrt(np.square((statistics(kept, f, rows) - expected) / scale).mean(0)) for f in (over_rows, over_time)
    ]
    assert errors[1][-1] < 1e-4  # the share that is recorded
    assert errors[0][-1] > 0.3
    long = slice(2 * 4 * 2, 2 * 4 * 4)  # means and slopes over the last 30 and 60
    assert errors[1][long].mean() < 0.7 * errors[0][long].mean()


def test_the_unit_of_time_says_nothing(table: pl.DataFrame, sensors: tuple[str, ...]) -> None:
    found = []
    for factor in (1.0, 60.0):
        read = read_table(table.with_columns(pl.col("hour") * factor), COLUMNS, sensors)
        fitted = Conditioner.fit(read, Conventions(features=sensors, table=COLUMNS), timed=True)
        found.append(statistics(read, fitted, np.arange(len(read.values))))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)


def test_evenly_spaced_rows_give_bit_for_bit_what_they_give_without_times(
    fleet: Fleet, sensors: tuple[str, ...]
) -> None:
    frame = as_table(fleet).with_columns(hour=pl.col("flight") * 2.0 + 0.01 * (pl.col("flight") % 2))
    read = read_table(frame, COLUMNS, sensors)
    assert uneven_step(read) == 0
    assert uneven_step(read_table(frame.with_columns(pl.col("hour") + 0.02 * (pl.col("flight") % 2)), COLUMNS, sensors))
    runs = [train(spec_of(sensors, watch_test=False), f) for f in (read, replace(read, time=None))]
    assert runs[0].record.history == runs[1].record.history
    assert runs[0].members[0].conditioner.step == 0


def test_other_sizes_never_see_the_time(table: pl.DataFrame, sensors: tuple[str, ...]) -> None:
    read = read_table(table, COLUMNS, sensors)
    spec = spec_of(sensors, size="tiny", schedule=replace(SCHEDULES["tiny"], epochs=1, steps=4))
    split = Split.of(spec, read, None)
    assert split.train.rows.shape[1] == len(sensors)
    assert not split.train.timed
    assert statistics_of("tiny", True) is None


def test_a_network_over_time_predicts_from_its_file_and_from_a_new_table(
    trained: Run, table: pl.DataFrame, sensors: tuple[str, ...], tmp_path: Path
) -> None:
    assert trained.members[0].conditioner.step > 0
    save_model(tmp_path / "net.safetensors", trained)
    network = load_model(tmp_path / "net.safetensors")
    assert network.members[0].conditioner.step == trained.members[0].conditioner.step
    new = table.filter(pl.col("flight") < 70)
    found = grace.predict(network, new.sample(fraction=1.0, shuffle=True, seed=1))
    with_target = replace(network.spec.conventions, table=replace(COLUMNS, target="left"))
    left = new.with_columns(left=100.0 - pl.col("hour") / 2)
    asked = replace(network, spec=replace(network.spec, conventions=with_target))
    assert grace.predict(asked, left).rul.tolist() == found.rul.tolist()  # times are read, whatever says the RUL
    (member,) = network.members
    rows_alone = replace(network, members=(replace(member, conditioner=replace(member.conditioner, step=0.0)),))
    with pytest.raises(RuntimeError, match="size"):
        grace.predict(rows_alone, new)


def test_a_file_without_a_step_is_of_rows(trained: Run, fleet: Fleet, sensors: tuple[str, ...], tmp_path: Path) -> None:
    frame = as_table(fleet).with_columns(hour=pl.col("flight") * 2.0)
    run = train(spec_of(sensors, watch_test=False), read_table(frame, COLUMNS, sensors))
    save_model(tmp_path / "new.safetensors", run)
    state = load(tmp_path / "new.safetensors", NETWORK)
    del state["members"][0]["conditioner"]["step"]
    save(tmp_path / "old.safetensors", NETWORK, state)
    old, new = (grace.predict(load_model(tmp_path / f"{name}.safetensors"), frame) for name in ("old", "new"))
    assert old.rul.tolist() == new.rul.tolist()


@pytest.mark.system
def test_onnx_takes_the_time_as_its_last_column(trained: Run, sensors: tuple[str, ...], tmp_path: Path) -> None:
    import onnxruntime

    save_model(tmp_path / "net.safetensors", trained)
    network = load_model(tmp_path / "net.safetensors")
    assert export_onnx(network, tmp_path / "net.onnx") < 1e-3
    (given,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").get_inputs()
    assert (given.name, given.shape[1:]) == ("windows", [30, len(sensors) + 1])
    (member,), scaled = network.members, trained.splits[0].validation.batch(np.arange(5))
    session, fitted = onnxruntime.InferenceSession(tmp_path / "net.onnx"), member.conditioner
    expected = member.model(torch.from_numpy(scaled))[0].detach().clamp(max=250).numpy()
    recorded = scaled[..., :-1] * fitted.scale[0] + fitted.mean[0], scaled[..., -1:] * fitted.step
    windows = np.concatenate(recorded, -1).astype(np.float32)
    np.testing.assert_allclose(session.run(["rul"], {"windows": windows})[0], expected, atol=1e-2)


def test_stacks_baselines_and_a_diagnosis_take_it(table: pl.DataFrame, sensors: tuple[str, ...], trained: Run) -> None:
    read = read_table(table, COLUMNS, sensors)
    specs = [spec_of(sensors, method, watch_test=False) for method in ("rul-only", "grace")]
    alone = trained.record.history[0]["losses"]
    assert train_stacked(specs, read)[0].record.history[0]["losses"] == pytest.approx(alone, rel=1e-4)
    assert set(baseline_errors(trained.splits, specs[0].conventions)) == {"tree", "ridge", "age"}
    problem = grace.FleetProblem(read, specs[0].conventions, size="statistics", batch_size=32)
    assert problem.prepared.windows.timed
    assert -1 <= grace.diagnose(problem, inits=2, reads=4, steps=10).rho.mean <= 1


def test_rows_on_the_disk_give_the_numbers_of_rows_in_memory(
    table: pl.DataFrame, sensors: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "frame.parquet"
    table.sample(fraction=1.0, shuffle=True, seed=2).write_parquet(path)
    source = TableSource(path, COLUMNS, sensors)
    fleets = [read_table(replace(source, cache=cache)) for cache in (None, tmp_path / "rows")]
    np.testing.assert_array_equal(fleets[0].steps(), fleets[1].steps())
    parts = [f.select(np.array([7, 2])) for f in fleets]
    np.testing.assert_array_equal(*(f.gaps_at(np.arange(len(f.values))) for f in parts))
    runs = [train(spec_of(sensors, watch_test=False), f).record for f in fleets]
    assert runs[0].history == runs[1].history


def test_dates_and_a_target_have_times_too(table: pl.DataFrame, sensors: tuple[str, ...]) -> None:
    hours = (pl.col("hour") * 3600e6).cast(pl.Int64).cast(pl.Duration("us"))
    dates = table.with_columns(hour=pl.datetime(2024, 1, 1) + hours, left=500 - pl.col("flight"))
    numbers = read_table(table, COLUMNS, sensors).steps()
    np.testing.assert_allclose(read_table(dates, COLUMNS, sensors).steps(), numbers, atol=1e-6)
    np.testing.assert_allclose(read_table(dates, replace(COLUMNS, target="left"), sensors).steps(), numbers, atol=1e-6)


def test_a_part_of_a_fleet_with_other_times_is_another_fleet(table: pl.DataFrame, sensors: tuple[str, ...]) -> None:
    part = read_table(table, COLUMNS, sensors).select(np.array([0, 1]))
    assert part.time is not None
    assert part.digest() != replace(part, time=part.time * 2).digest() != replace(part, time=None).digest()
    json.dumps(part.digest())
