from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grace.data.cmapss.fleets import read_test, read_train, write_cmapss
from grace.data.conventions import USED_SENSORS
from grace.data.fleet import SENSORS, SETTINGS, Fleet
from grace.data.health_labels import with_labels
from grace.data.simulated.fleet import (
    INDEX_CUTS,
    Simulation,
    _dial_labels,
    simulate,
)
from grace.data.simulated.sensors import LONGEST, OPERATING_POINTS, SHORTEST, SPANS, Engines
from grace.errors import GraceError

MANY = Simulation(engines=400, test_engines=100, conditions=6, faults=2, seed=3)


@pytest.fixture(scope="module")
def many() -> tuple[Fleet, Fleet]:
    return simulate(MANY)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def same(a: Fleet, b: Fleet) -> bool:
    names = ("engines", "starts", "values", "last_rul")
    alike = a.labels.keys() == b.labels.keys() and all(np.array_equal(a.labels[n], b.labels[n]) for n in a.labels)
    return alike and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def test_a_seed_gives_one_fleet() -> None:
    spec = Simulation(engines=5, test_engines=4, conditions=3, faults=2, dial=-0.5, seed=7)
    assert all(same(a, b) for a, b in zip(simulate(spec), simulate(spec), strict=True))
    assert not same(simulate(spec)[0], simulate(replace(spec, seed=8))[0])


def test_the_dial_moves_labels_only() -> None:
    up, down = simulate(Simulation(dial=1)), simulate(Simulation(dial=-1))
    for a, b in zip(up, down, strict=True):
        assert np.array_equal(a.values, b.values)
        assert np.array_equal(a.last_rul, b.last_rul)
        assert not np.array_equal(a.labels["health"], b.labels["health"])


def test_the_test_fleet_does_not_depend_on_the_number_of_training_engines() -> None:
    assert same(simulate(Simulation(engines=3))[1], simulate(Simulation(engines=30))[1])


def test_shapes_and_types(many: tuple[Fleet, Fleet]) -> None:
    for fleet in many:
        rows = len(fleet.values)
        assert fleet.columns == (*SETTINGS, *SENSORS)
        assert fleet.values.shape == (rows, 24)
        assert fleet.values.dtype == np.float64
        assert np.isfinite(fleet.values).all()
        for array in (fleet.engines, fleet.starts, fleet.last_rul):
            assert array.dtype == np.int64
        assert fleet.starts[-1] == rows == len(fleet.labels["health"])
        assert set(np.unique(fleet.labels["health"])) == {0, 1, 2}


def test_lives_have_a_tail_of_early_failures(many: tuple[Fleet, Fleet]) -> None:
    lives = many[0].lengths
    assert lives.min() >= SHORTEST
    assert lives.max() <= LONGEST
    assert 115 < lives.mean() < 145
    assert lives.max() > 220
    assert 0.01 < np.mean(lives < 60) < 0.1


def test_training_engines_fail_and_test_engines_are_cut_before(many: tuple[Fleet, Fleet]) -> None:
    train, test = many
    assert not train.last_rul.any()
    assert test.last_rul.min() >= 1
    assert test.lengths.min() >= 20
    assert np.mean(test.last_rul > 125) < 0.3


def test_the_hidden_index_grows_to_exactly_1() -> None:
    engines = Engines.drawn(50, 2, rng())
    index = engines.hidden_index(engines.lives)
    ends = np.cumsum(engines.lives)
    assert (index[ends - 1] == 1).all()
    assert np.allclose(index[ends - engines.lives], engines.wear)
    within = np.delete(np.diff(index), ends[:-1] - 1)
    assert (within > 0).all()


@pytest.mark.parametrize("conditions", [1, 2, 6])
def test_there_are_as_many_conditions_as_asked_for(conditions: int) -> None:
    train, _ = simulate(Simulation(engines=10, conditions=conditions))
    distance = np.abs(train.values[:, None, :3] - OPERATING_POINTS) / [1, 0.02, 1]
    nearest = distance.sum(-1).argmin(1)
    assert set(nearest) == set(range(conditions))
    assert (distance.sum(-1).min(1) < 0.3).all()
    assert np.array_equal(train.values[:, 2], OPERATING_POINTS[nearest, 2])


def test_seven_sensors_are_constant_and_fourteen_move() -> None:
    train, _ = simulate(Simulation(engines=10))
    spread = np.ptp(train.values[:, 3:], axis=0)
    assert (np.flatnonzero(spread > 0) + 1).tolist() == list(USED_SENSORS)


@pytest.mark.parametrize("fault", [0, 1])
def test_every_moving_sensor_tells_wear(fault: int) -> None:
    spec = Simulation(engines=150, faults=fault + 1, seed=1)
    train, _ = simulate(spec)
    late, early = train.rul() < 5, train.rul() > 150
    for sensor, span in zip(USED_SENSORS, SPANS[:, 0], strict=True):
        x = train.values[:, 2 + sensor]
        # a fan fault turns some sensors the other way: with both faults the spread grows instead of the mean
        moved = abs(x[late].mean() - x[early].mean()) + (x[late].std() - x[early].std())
        assert moved > 0.3 * span, sensor


def test_dial_up_follows_the_hidden_index() -> None:
    index = np.array([0.01, INDEX_CUTS[0], 0.3, INDEX_CUTS[1], 1.0])
    assert _dial_labels(1, index, np.zeros(5, dtype=np.int64), rng()).tolist() == [0, 1, 1, 2, 2]


def test_dial_up_agrees_with_the_thresholds_on_rul_but_not_everywhere(many: tuple[Fleet, Fleet]) -> None:
    rul = many[0].rul()
    agree = np.mean(many[0].labels["health"] == (rul < 70).astype(int) + (rul < 30))
    assert 0.8 < agree < 0.97


def test_dial_down_is_one_label_an_engine_in_equal_shares() -> None:
    train, test = simulate(Simulation(engines=30, dial=-1))
    for fleet in (train, test):
        assert np.array_equal(fleet.labels["health"], fleet.engine_of_row() % 3)


def test_dial_zero_says_nothing() -> None:
    owner, index = np.repeat(np.arange(100), 100), np.tile(np.linspace(0, 1, 100), 100)
    labels = _dial_labels(0, index, owner, rng())
    assert np.bincount(labels) / 10_000 == pytest.approx([1 / 3] * 3, abs=0.02)
    # chance agreement is 1/3; its standard error with 10,000 rows is 0.005
    for meaningful in (np.digitize(index, INDEX_CUTS), owner % 3):
        assert np.mean(labels == meaningful) == pytest.approx(1 / 3, abs=0.02)


@pytest.mark.parametrize("dial", [0.25, 0.5, 0.9])
def test_between_a_share_of_the_rows_is_meaningful(dial: float) -> None:
    owner, index = np.repeat(np.arange(100), 100), np.tile(np.linspace(0, 1, 100), 100)
    agree = np.mean(_dial_labels(dial, index, owner, rng()) == np.digitize(index, INDEX_CUTS))
    assert agree == pytest.approx(dial + (1 - dial) / 3, abs=0.02)


@pytest.mark.parametrize("dial", [-0.25, -0.5, -0.9])
def test_between_a_share_of_the_engines_is_meaningful(dial: float) -> None:
    owner, index = np.repeat(np.arange(1000), 40), np.full(40_000, 0.5)
    labels = _dial_labels(dial, index, owner, rng()).reshape(1000, 40)
    constant = np.ptp(labels, axis=1) == 0
    assert np.mean(constant) == pytest.approx(-dial, abs=0.05)
    assert np.array_equal(labels[constant, 0], np.flatnonzero(constant) % 3)


@settings(max_examples=25, deadline=None)
@given(
    st.builds(
        Simulation,
        engines=st.integers(1, 8),
        test_engines=st.integers(1, 8),
        conditions=st.integers(1, 6),
        faults=st.integers(1, 2),
        dial=st.floats(-1, 1),
        seed=st.integers(0, 2**32),
    )
)
def test_files_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, spec: Simulation) -> None:
    folder = tmp_path_factory.mktemp("files")
    train, test = simulate(spec)
    write_cmapss(train, test, folder, "SIM")
    assert same(with_labels(read_train(folder, "SIM"), folder / "labels_SIM.txt"), train)
    assert same(replace(read_test(folder, "SIM"), labels=test.labels), test)


def test_files_look_like_cmapss(tmp_path: Path) -> None:
    train, test = simulate(Simulation(engines=2, test_engines=3, seed=5))
    paths = write_cmapss(train, test, tmp_path / "new", "SIM")
    assert [p.name for p in paths] == ["train_SIM.txt", "test_SIM.txt", "RUL_SIM.txt", "labels_SIM.txt"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(p.name for p in paths)
    lines = paths[0].read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == len(train.values)
    assert lines[0].startswith(b"1 1 ")
    assert all(line.endswith(b"  ") and len(line.split(b" ")) == 28 for line in lines)
    assert paths[2].read_text().split() == [str(r) for r in test.last_rul]


def test_a_fleet_without_labels_writes_no_labels(tmp_path: Path) -> None:
    train, test = simulate(Simulation(engines=1, test_engines=1))
    assert len(write_cmapss(replace(train, labels={}), test, tmp_path, "SIM")) == 3


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    train, test = simulate(Simulation(engines=1, test_engines=1))
    (tmp_path / "RUL_SIM.txt").write_text("mine")
    with pytest.raises(GraceError, match=r"RUL_SIM\.txt should not exist yet"):
        write_cmapss(train, test, tmp_path, "SIM")
    assert [p.name for p in tmp_path.iterdir()] == ["RUL_SIM.txt"]
    assert (tmp_path / "RUL_SIM.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "a/b", "../x", "."])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    train, test = simulate(Simulation(engines=1, test_engines=1))
    with pytest.raises(GraceError, match="`name` should be a plain name"):
        write_cmapss(train, test, tmp_path, name)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(GraceError, match="No space left on device"):
        write_cmapss(*simulate(Simulation(engines=1, test_engines=1)), tmp_path, "SIM")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    train, test = simulate(Simulation(engines=1, test_engines=1))
    (tmp_path / "file").write_text("")
    with pytest.raises(GraceError, match=r"file/train_SIM\.txt should be writable"):
        write_cmapss(train, test, tmp_path / "file", "SIM")


def test_other_columns_are_refused(tmp_path: Path) -> None:
    train, test = simulate(Simulation(engines=1, test_engines=1))
    with pytest.raises(GraceError, match="24 C-MAPSS columns"):
        write_cmapss(replace(train, columns=train.columns[::-1]), test, tmp_path, "SIM")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("engines", 0),
        ("engines", 2.5),
        ("test_engines", 0),
        ("conditions", 0),
        ("conditions", 7),
        ("faults", 0),
        ("faults", 3),
        ("seed", -1),
        ("dial", 1.01),
        ("dial", float("nan")),
    ],
)
def test_fields_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(GraceError, match=rf"^`{field}` should be .* Found {value}\."):
        Simulation(**{field: value})  # type: ignore[arg-type]
