"""Setting columns told from sensors: made by hand, so that the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from grace.data.tables.settings import find_settings, groups_of


def test_groups_are_cut_at_gaps() -> None:
    column = np.array([0.0, 10.0, 0.01, 20.0, 10.02, 19.99])
    assert groups_of(column).tolist() == [0, 1, 0, 2, 1, 2]
    assert not groups_of(np.zeros(5)).any()


@pytest.mark.parametrize("cloud", [np.linspace(0, 1, 500), np.random.default_rng(0).standard_normal(500)])
def test_clouds_have_no_groups(cloud: np.ndarray) -> None:
    assert not groups_of(cloud).any()


def test_what_sets_the_condition_is_told_from_what_ages_and_what_moves_nothing() -> None:
    rng = np.random.default_rng(0)
    engines, rows = 20, 100
    owner, life = np.repeat(np.arange(engines), rows), np.tile(np.linspace(0, 1, rows), engines)
    level, speed, flag = rng.integers(0, 3, len(life)), rng.integers(0, 2, len(life)), rng.integers(0, 2, len(life))
    noise = rng.standard_normal((3, len(life)))
    sensor = 50 * level + 20 * speed + life + 0.1 * noise[0]
    columns = {
        "level": 100.0 * level + 0.1 * noise[1],
        "speed": 1.0 * speed,
        "flag": 1.0 * flag,  # clustered and steady, but nothing follows it
        "steps": np.floor(3.999 * life),  # few values, but it ages
        "reports": 7.0 * level,  # a sensor that only says the level
        "sensor": sensor,
        "other": 30 * speed - 2 * life + 0.1 * noise[2],
    }
    names = tuple(columns)
    assert find_settings(np.column_stack(list(columns.values())), life, owner, names) == ("level", "speed", "reports")


def test_two_faults_that_pull_a_sensor_apart_do_not_hide_its_drift() -> None:
    rng = np.random.default_rng(1)
    owner, life = np.repeat(np.arange(20), 100), np.tile(np.linspace(0, 1, 100), 20)
    level = rng.integers(0, 3, len(life))
    pulled = 100 * level + np.where(owner % 2, life, -life) + 0.1 * rng.standard_normal(len(life))
    values = np.column_stack([50.0 * level, pulled])
    assert find_settings(values, life, owner, ("level", "pulled")) == ("level",)
