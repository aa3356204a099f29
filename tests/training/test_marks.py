"""Marks of predictions: short histories, spikes, readings beyond training, drift; and that they change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import grace
from grace.training.model_file import TrainedNetwork, load_model, save_model
from grace.training.run import train
from grace.training.run_spec import run_spec

ROLES = grace.Columns("id", "hour", unit="hours")
FEATURES = ("wear", "heat")
UNITS, ROWS, WINDOW = 24, 60, 10


def table(units: int = UNITS, seed: int = 0) -> pl.DataFrame:
    """Units that wear from 0 to 60 with a noise of 1, and get warm from 20 to 26, an hour and a half a row."""
    rng = np.random.default_rng(seed)
    hour, unit = np.tile(np.arange(1, ROWS + 1), units), np.repeat(np.arange(units), ROWS)
    noise = np.clip(rng.normal(size=(2, len(hour))), -2, 2)
    wear, heat = hour + noise[0], 20 + hour / 10 + 0.2 * noise[1]
    return pl.DataFrame({"id": unit, "hour": 1.5 * hour, "wear": wear, "heat": heat})


def trained(folder: Path, fleet: pl.DataFrame) -> TrainedNetwork:
    conventions = grace.Conventions(window=WINDOW, features=FEATURES, cap=60, health_cuts=(30, 10), table=ROLES)
    save_model(folder / "net.safetensors", train(run_spec("made", model="ridge", conventions=conventions), fleet))
    return load_model(folder / "net.safetensors")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    return trained(tmp_path_factory.mktemp("marks"), table())


def changed(column: str, value: pl.Expr | float, unit: int, *hours: float) -> pl.DataFrame:
    """New units, in one of which some rows read otherwise."""
    return table(4, 1).with_columns(
        pl.when(pl.col("id") == unit, pl.col("hour").is_in(hours)).then(value).otherwise(column).alias(column)
    )


def test_units_like_those_of_training_are_not_marked(network: TrainedNetwork) -> None:
    assert set(grace.predict(network, table(200, 2)).note.tolist()) == {""}


def test_a_spike_names_column_time_and_value_and_no_number_is_touched(network: TrainedNetwork) -> None:
    frame = changed("wear", 1e9, 2, 84.0)
    found, clean = grace.predict(network, frame), grace.predict(network, table(4, 1))
    assert [note[:44] for note in found.note] == ["", "", "spike: wear is 1e+09 at hour 84.0, 5.8e+07 SD"[:44], ""]
    assert found.note[2].endswith("SD above anything seen in training")
    others = [0, 1, 3]
    np.testing.assert_array_equal(found.rul[others], clean.rul[others])
    assert found.rul[2] != clean.rul[2]  # what the network makes of it is shown as it is
    assert grace.predict(network, changed("wear", 1e9, 2, 30.0)).note.tolist() == [""] * 4  # before the last window


def test_the_distance_of_a_spike_is_in_standard_deviations(network: TrainedNetwork) -> None:
    conditioner = network.members[0].conditioner
    assert conditioner.seen is not None
    top = conditioner.mean[0, 1] + conditioner.scale[0, 1] * conditioner.seen.high[0, 1]
    far = changed("heat", float(top + 14 * conditioner.scale[0, 1]), 0, 90.0)
    assert grace.predict(network, far).note[0].endswith(" at hour 90.0, 14 SD above anything seen in training")
    near = changed("heat", float(top + 0.9 * conditioner.scale[0, 1]), 0, 90.0)
    assert grace.predict(network, near).note[0] == ""


def test_several_rows_beyond_the_range_are_counted(network: TrainedNetwork) -> None:
    hours = 81.0, 82.5, 84.0, 90.0
    (note,) = set(grace.predict(network, changed("heat", -40.0, 1, *hours)).note) - {""}
    assert note.startswith("heat is ")
    assert note.endswith(" SD below anything seen in training, 4 of the last 10 rows are beyond it")


def test_drift_is_of_the_mean_alone(tmp_path: Path) -> None:
    """White noise about 0 has narrow means; a shift by half of its range is in no single row beyond it."""
    rng = np.random.default_rng(0)
    noise = table().with_columns(heat=pl.Series(rng.uniform(-1, 1, UNITS * ROWS)))
    network = trained(tmp_path, noise)
    new = noise.filter(pl.col("id") < 3).with_columns(
        heat=pl.when(pl.col("id") == 1).then(0.95 + 0.02 * pl.col("heat")).otherwise("heat")
    )
    found = grace.predict(network, new)
    assert [bool(note) for note in found.note] == [False, True, False]
    scaled = network.members[0].conditioner
    assert scaled.seen is not None
    mean = (new.filter(pl.col("id") == 1)["heat"][-WINDOW:].mean() - scaled.mean[0, 1]) / scaled.scale[0, 1]
    assert (
        found.note[1]
        == f"drift: the mean of heat is {mean - scaled.seen.high[1, 1]:.2g} SD above anything seen in training"
    )


def test_short_histories(network: TrainedNetwork) -> None:
    found = grace.predict(network, table(2, 3).filter((pl.col("id") == 1) | (pl.col("hour") <= 4.5)))
    assert found.note.tolist() == ["3 of 10 rows of history", ""]


def test_several_columns_farthest_first(network: TrainedNetwork) -> None:
    frame = changed("wear", 1e3, 0, 90.0).with_columns(
        heat=pl.when(pl.col("id") == 0, pl.col("hour") == 90.0).then(1e6).otherwise("heat")
    )
    first, second = grace.predict(network, frame).note[0].split("; ")
    assert (first[:13], second[:13]) == ("spike: heat i", "spike: wear i")


def test_what_one_network_of_an_ensemble_has_seen_is_not_marked(network: TrainedNetwork) -> None:
    """One member has seen 1,000 above: then the ensemble has, and a file of before, of which that is not known, marks nothing."""
    (member,), frame = network.members, changed("wear", 1e3, 0, 90.0)
    seen = member.conditioner.seen
    assert seen is not None
    wide = replace(member, conditioner=replace(member.conditioner, seen=replace(seen, high=seen.high + 1e3)))
    both = replace(network.interval, size=network.interval.size[:2], member=network.interval.member % 2)
    old = replace(member, conditioner=replace(member.conditioner, seen=None))
    for members, marked in (
        ((member, member), True),
        ((member, wide), False),
        ((wide, member), False),
        ((member, old), False),
    ):
        found = grace.predict(replace(network, members=members, interval=both), frame)
        assert bool(found.note[0]) is marked


def test_the_largest_numbers_are_marked(network: TrainedNetwork) -> None:
    """Those that single precision does not hold, too; a prediction of them is no number, or the cap, and never without a word."""
    for value in (1e37, -1e37, 1e60, -9e99):
        found = grace.predict(network, changed("wear", value, 0, 90.0))
        assert found.note[0].startswith(f"spike: wear is {value:g} at hour 90.0, ")
        assert found.note[0].endswith(f" {'above' if value > 0 else 'below'} anything seen in training")


def test_ranges_are_in_the_file(network: TrainedNetwork) -> None:
    seen = network.members[0].conditioner.seen
    assert seen is not None
    fleet = grace.read_table(table(), ROLES, FEATURES)
    part, _ = fleet.split(network.spec.validation_share, network.spec.seed)
    expected = network.members[0].conditioner.scaled(part, np.arange(len(part.values)))
    np.testing.assert_array_equal(seen.low[0], expected.min(axis=0))
    np.testing.assert_array_equal(seen.high[0], expected.max(axis=0))
