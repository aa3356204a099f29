"""``grace.predict`` takes engines as they come: a fleet, a file, a frame of polars or pandas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import grace
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.training.model_file import TrainedNetwork, save_model
from grace.training.predict import Forecast
from grace.training.schedule import SCHEDULES
from tests.data.conftest import as_table

PLAN = replace(SCHEDULES["tiny"], epochs=1, steps=4, offset=0.0)
ROLES = grace.Columns("asset", "flight", unit="flights")
GIVEN: dict[str, Callable[[pl.DataFrame], object]] = {
    "polars": lambda table: table,
    "pandas": lambda table: pd.DataFrame(table.to_dict(as_series=False)),
}


def network(fleet: Fleet, conventions: Conventions, folder: Path) -> TrainedNetwork:
    spec = grace.run_spec("simulated", "grace", size="tiny", schedule=PLAN, conventions=conventions)
    save_model(folder / "net.safetensors", grace.train(spec, fleet))
    return grace.load_model(folder / "net.safetensors")


def assert_alike(found: Forecast, expected: Forecast) -> None:
    assert found.engine.tolist() == expected.engine.tolist()
    assert found.cycle.tolist() == expected.cycle.tolist()
    np.testing.assert_array_equal(found.rul, expected.rul)
    np.testing.assert_array_equal(found.health, expected.health)


@pytest.fixture(scope="module")
def fleets() -> tuple[Fleet, Fleet]:
    return grace.simulate(grace.Simulation(engines=12, test_engines=5))


@pytest.fixture(scope="module")
def of_cmapss(fleets: tuple[Fleet, Fleet], tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    return network(fleets[0], Conventions(window=20), tmp_path_factory.mktemp("cmapss"))


@pytest.fixture(scope="module")
def of_table(fleets: tuple[Fleet, Fleet], tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    fleet = grace.read_table(as_table(fleets[0]), ROLES)
    features = tuple(
        name for name in fleet.columns if np.ptp(np.asarray(fleet.values)[:, fleet.columns.index(name)]) > 0
    )
    conventions = Conventions(window=20, features=features, table=ROLES, stride=2)
    return network(fleet, conventions, tmp_path_factory.mktemp("table"))


def cmapss_table(fleet: Fleet) -> pl.DataFrame:
    cycle = np.concatenate([np.arange(1, length + 1) for length in fleet.lengths])
    return pl.DataFrame(fleet.values, schema=list(fleet.columns)).with_columns(
        engine=pl.Series(fleet.engines[fleet.engine_of_row()]), cycle=pl.Series(cycle)
    )


@pytest.mark.parametrize("given", GIVEN)
def test_a_frame_with_the_columns_of_cmapss_is_the_fleet(
    of_cmapss: TrainedNetwork, fleets: tuple[Fleet, Fleet], given: str
) -> None:
    table = cmapss_table(fleets[1]).sample(fraction=1.0, shuffle=True, seed=1)
    found = grace.predict(of_cmapss, GIVEN[given](table))  # type: ignore[arg-type]
    assert_alike(found, grace.predict(of_cmapss, fleets[1]))


def test_a_file_is_the_fleet(of_cmapss: TrainedNetwork, fleets: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    cmapss_table(fleets[1]).write_parquet(tmp_path / "new.parquet")
    for path in (tmp_path / "new.parquet", str(tmp_path / "new.parquet")):
        assert_alike(grace.predict(of_cmapss, path), grace.predict(of_cmapss, fleets[1]))


@pytest.mark.parametrize("given", GIVEN)
def test_a_network_of_a_table_knows_its_columns(
    of_table: TrainedNetwork, fleets: tuple[Fleet, Fleet], tmp_path: Path, given: str
) -> None:
    table = as_table(fleets[1]).with_columns(note=pl.lit("x")).sample(fraction=1.0, shuffle=True, seed=1)
    table.write_csv(tmp_path / "new.csv")
    expected = grace.predict(of_table, tmp_path / "new.csv")
    assert expected.cycle.tolist() == fleets[1].lengths.tolist()
    assert_alike(grace.predict(of_table, GIVEN[given](table)), expected)  # type: ignore[arg-type]


def test_a_missing_column_is_named(of_cmapss: TrainedNetwork, fleets: tuple[Fleet, Fleet]) -> None:
    with pytest.raises(grace.GraceError, match="sensor_7"):
        grace.predict(of_cmapss, cmapss_table(fleets[1]).drop("sensor_7"))
    few = replace(fleets[1], columns=tuple(name.replace("sensor_7", "other") for name in fleets[1].columns))
    with pytest.raises(grace.GraceError, match="should have the column sensor_7"):
        grace.predict(of_cmapss, few)


@pytest.mark.parametrize("kind", [*GIVEN, "file"])
def test_train_takes_frames_and_files_and_gives_the_numbers_of_the_fleet(
    fleets: tuple[Fleet, Fleet], of_table: TrainedNetwork, kind: str, tmp_path: Path
) -> None:
    table, spec = as_table(fleets[0]), of_table.spec
    path = tmp_path / "fleet.parquet"
    table.write_parquet(path)
    given = path if kind == "file" else GIVEN[kind](table)
    expected = grace.train(replace(spec, train_sha256=""), grace.read_table(table, ROLES)).record
    found = grace.train(replace(spec, train_sha256=""), given).record
    assert (found.history, found.validation) == (expected.history, expected.validation)
    assert (found.id == expected.id) == (kind != "file")  # a frame's values and a file's bytes are other identities


def test_train_names_a_column_that_is_missing(fleets: tuple[Fleet, Fleet], of_table: TrainedNetwork) -> None:
    table = as_table(fleets[0]).drop("asset")
    with pytest.raises(grace.GraceError, match="asset"):
        grace.train(of_table.spec, table)
