"""Windows, targets, labels, cuts, splits and scaling against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grace.data.clusters import cluster
from grace.data.cmapss.fleets import read_train
from grace.data.conditions import Conditioner
from grace.data.conventions import PUBLISHED, Conventions
from grace.data.fleet import SENSORS, SETTINGS, Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.resident import ResidentWindows
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.windows import Windows, training_windows
from grace.errors import GraceError


def fleet_of(lengths: list[int], last_rul: int = 0) -> Fleet:
    rows = sum(lengths)
    values = np.arange(rows * 24, dtype=np.float64).reshape(rows, 24)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    engines = np.arange(1, len(lengths) + 1)
    return Fleet("T", engines, starts, values, (*SETTINGS, *SENSORS), np.full(len(lengths), last_rul))


def rows_of(fleet: Fleet) -> np.ndarray:
    return fleet.values[:, :3].astype(np.float32)


lengths = st.lists(st.integers(1, 40), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(lengths, st.integers(1, 12), st.integers(1, 4), st.integers(1, 60))
def test_training_windows_equal_loops(sizes: list[int], width: int, stride: int, cap: int) -> None:
    fleet = fleet_of(sizes)
    rows = rows_of(fleet)
    found = training_windows(fleet, rows, Conventions(window=width, stride=stride, cap=cap))
    expected = []
    for engine, (start, stop) in enumerate(zip(fleet.starts[:-1], fleet.starts[1:], strict=True)):
        ends = list(range(stop - 1, start + width - 2, -stride))
        expected += [(rows[e - width + 1 : e + 1], stop - 1 - e, engine) for e in reversed(ends)]
    assert len(found) == len(expected)
    for index, (window, rul, engine) in enumerate(expected):
        np.testing.assert_array_equal(found.batch(np.array([index]))[0], window)
        assert (found.true_rul[index], found.rul[index], found.engine[index]) == (rul, min(rul, cap), engine)


@settings(max_examples=40, deadline=None)
@given(lengths, st.integers(1, 50))
def test_last_windows_are_padded_with_the_first_cycle(sizes: list[int], width: int) -> None:
    fleet = fleet_of(sizes, last_rul=7)
    rows = rows_of(fleet)
    found = Windows.last(fleet, rows, Conventions(window=width))
    assert (found.true_rul == 7).all()
    for engine, (start, stop) in enumerate(zip(fleet.starts[:-1], fleet.starts[1:], strict=True)):
        own = rows[max(start, stop - width) : stop]
        padded = np.concatenate([np.repeat(own[:1], width - len(own), axis=0), own])
        np.testing.assert_array_equal(found.batch(np.array([engine]))[0], padded)


def test_windows_share_their_rows() -> None:
    fleet = fleet_of([30, 40])
    rows = rows_of(fleet)
    found = training_windows(fleet, rows, Conventions(window=10))
    assert found.rows is rows
    assert ResidentWindows(found).rows.data_ptr() == rows.ctypes.data


@settings(max_examples=40, deadline=None)
@given(lengths, st.integers(0, 99))
def test_windows_of_cuts_end_where_a_test_file_of_these_engines_would(sizes: list[int], seed: int) -> None:
    fleet = fleet_of(sizes)
    rows = rows_of(fleet)
    cut = Windows.after_cuts(fleet, rows, Conventions(window=10), 5, np.random.default_rng(seed))
    assert np.bincount(cut.engine).tolist() == [5] * len(sizes)
    recorded = cut.ends - cut.first + 1
    assert (recorded >= np.minimum(fleet.lengths, 20)[cut.engine]).all()
    assert (recorded + cut.true_rul == fleet.lengths[cut.engine]).all()
    np.testing.assert_array_equal(cut.first, fleet.starts[cut.engine])
    # each is the last window of the engine, had its file ended there
    for index in range(len(cut)):
        kept = np.arange(cut.first[index], cut.ends[index] + 1)[-10:]
        np.testing.assert_array_equal(cut.batch(np.array([index]))[0][-len(kept) :], rows[kept])


@settings(max_examples=40, deadline=None)
@given(lengths, st.integers(1, 60), st.integers(0, 99))
def test_a_largest_rul_keeps_windows_near_failure(sizes: list[int], max_rul: int, seed: int) -> None:
    fleet = fleet_of(sizes)
    rows = rows_of(fleet)
    conventions = Conventions(window=10)
    every = training_windows(fleet, rows, conventions, min_history=1)
    near = training_windows(fleet, rows, conventions, min_history=1, max_rul=max_rul)
    np.testing.assert_array_equal(near.ends, every.ends[every.true_rul <= max_rul])
    cut = Windows.after_cuts(fleet, rows, conventions, 5, np.random.default_rng(seed), max_rul)
    assert np.bincount(cut.engine).tolist() == [5] * len(sizes)
    assert (cut.true_rul <= max_rul).all()
    assert (cut.ends < fleet.starts[cut.engine + 1]).all()


@given(st.integers(2, 300), st.floats(0.01, 0.99), st.integers(0, 9))
def test_split(count: int, share: float, seed: int) -> None:
    fleet = fleet_of([1] * count)
    train, validation = (side.engines for side in fleet.split(share, seed))
    assert sorted([*train, *validation]) == fleet.engines.tolist()
    assert len(train) >= 1
    assert len(validation) >= 1
    for side, again in zip((train, validation), fleet.split(share, seed), strict=True):
        assert side.tolist() == sorted(side) == again.engines.tolist()


def test_split_needs_two_engines() -> None:
    with pytest.raises(GraceError, match="two engines"):
        fleet_of([1]).split()
    with pytest.raises(GraceError, match="share"):
        fleet_of([1] * 5).split(share=1.0)


@pytest.mark.parametrize("cast", [list, np.array, torch.tensor])
def test_health_labels_at_their_edges(cast) -> None:  # type: ignore[no-untyped-def]
    rul = cast([0, 29, 30, 69, 70, 125])
    assert rul_to_health_3class(rul).tolist() == [2, 2, 1, 1, 0, 0]
    assert rul_to_health_3class(rul, 80, 30).tolist() == [2, 2, 1, 1, 1, 0]
    assert rul_to_health_3class(50) == 1


def test_health_labels_refuse() -> None:
    with pytest.raises(GraceError, match="NaN"):
        rul_to_health_3class([1, float("nan")])
    with pytest.raises(GraceError, match="HEALTHY > CRITICAL"):
        rul_to_health_3class([1], 30, 70)


@pytest.mark.parametrize(
    "bad", [{"cap": 0}, {"window": 0}, {"stride": -1}, {"conditions": -1}, {"health_cuts": (30, 70)}, {"features": ()}]
)
def test_conventions_refuse(bad: dict[str, object]) -> None:
    with pytest.raises(GraceError, match="should"):
        Conventions(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", range(1, 7))
def test_conditions_are_found(count: int) -> None:
    train, test = simulate(Simulation(engines=20, conditions=count, seed=count))
    fitted = Conditioner.fit(train, PUBLISHED)
    assert len(fitted.centres) == count
    condition = fitted.assign(train.values[:, :3])
    scaled = fitted.transform(train).astype(np.float64)
    for k in range(count):
        np.testing.assert_allclose(scaled[condition == k].mean(axis=0), 0, atol=1e-4)
        spread = scaled[condition == k].std(axis=0)
        assert np.isclose(spread, 1, atol=1e-3).sum() >= 16  # the constant setting stays 0
    assert np.abs(fitted.transform(test)).max() < 10


def test_no_condition_splits_in_the_real_files(cmapss_dir: Path) -> None:
    train = read_train(cmapss_dir, "FD002")
    fitted = Conditioner.fit(train, Conventions())
    points = train.values[:, :3][np.random.default_rng(0).permutation(len(train.values))]
    altitudes = np.round(points[:, 0])
    assert all(len(set(fitted.assign(points[altitudes == a]))) == 1 for a in (0, 10, 20, 25, 35, 42))


def test_asked_for_conditions() -> None:
    points = np.random.default_rng(0).normal(size=(300, 3))
    assert len(cluster(points)) == 1
    assert len(cluster(points, 4)) == 4
    with pytest.raises(GraceError, match="distinct"):
        cluster(np.zeros((50, 3)), 2)


def test_batches_stream_every_window_once_an_epoch() -> None:
    fleet = fleet_of([60, 50])
    found: Windows = training_windows(fleet, rows_of(fleet), Conventions(window=10))
    stream = ResidentWindows(found).stream(8, seed=1)
    seen = torch.cat([next(stream)[0][:, -1, 0] for _ in range(len(found) // 8)])
    assert len(seen.unique()) == len(seen) == 88
    again = ResidentWindows(found).stream(8, seed=1)
    assert torch.equal(next(again)[0][:, -1, 0], seen[:8])
    assert len(next(ResidentWindows(found).stream(500, seed=1))[1]) == len(found)


def test_one_condition_takes_no_clustering(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was: `conditions=1` imported scikit-learn to find the mean of all rows."""
    fleet, _ = simulate(Simulation(engines=6, test_engines=2))
    found = Conditioner.fit(fleet, Conventions(window=20))
    monkeypatch.setattr("grace.data.clusters.cluster", lambda *_: pytest.fail("clustered"))
    named = Conditioner.fit(fleet, Conventions(window=20, conditions=1))
    assert len(found.centres) == 1  # as the silhouettes say
    for name in ("centres", "mean", "scale"):
        np.testing.assert_array_equal(getattr(named, name), getattr(found, name))
