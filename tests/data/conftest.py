"""Fleets as tables with column names of somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grace.data.fleet import Fleet
from grace.data.simulated.fleet import Simulation, simulate

Write = Callable[..., Path]


def renamed(name: str) -> str:
    """setting_1 -> op1, sensor_7 -> s7."""
    return name.replace("setting_", "op").replace("sensor_", "s")


def as_table(fleet: Fleet) -> pl.DataFrame:
    """``asset``, ``flight``, ``op1``..``op3``, ``s1``..``s21`` and a column of text."""
    owner = fleet.engine_of_row()
    values = fleet.taken(np.arange(len(owner)), fleet.columns)
    return pl.DataFrame(values, schema=[renamed(name) for name in fleet.columns]).with_columns(
        asset=pl.Series(fleet.engines[owner]),
        flight=pl.Series(np.arange(len(owner)) - fleet.starts[owner] + 1),
        note=pl.lit("x"),
    )


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """Twelve simulated engines in three operating conditions."""
    return simulate(Simulation(engines=12, conditions=3))[0]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Write a table and say where."""

    def write(table: pl.DataFrame, name: str = "fleet.parquet") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            table.write_csv(path)
        else:
            table.write_parquet(path)
        return path

    return write
