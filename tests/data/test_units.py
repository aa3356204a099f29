"""What a table of one row an engine says beside the event: how long each engine lived, and facts that are features when named."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from grace.data.fleet import Fleet
from grace.data.load import as_fleet, files_read
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.errors import GraceError
from tests.data.conftest import Write, as_table

COLUMNS = Columns("id", "t", event="failed", duration="life")
ROWS = pl.DataFrame({"id": [1, 1, 1, 2, 2], "t": [1, 2, 5, 3, 4], "x": [1.0, 2.0, 4.0, 0.0, 3.0]})
UNITS = pl.DataFrame({"id": [2, 1], "failed": [0, 1], "life": [9, 7], "mass": [2.5, 1.5], "kind": ["b", "a"]})


@pytest.fixture
def source(written: Write) -> TableSource:
    return TableSource(written(ROWS), COLUMNS, ("x",), units=written(UNITS, "units.csv"))


@pytest.mark.parametrize("cached", [False, True])
def test_lives_end_when_the_table_of_units_says(source: TableSource, tmp_path: Path, cached: bool) -> None:
    found = read_table(replace(source, cache=tmp_path / "rows") if cached else source)
    assert found.rul().tolist() == [6, 5, 2, 6, 5]
    assert found.last_rul.tolist() == [2, 5]
    assert found.lives().tolist() == [7, 9]
    assert found.failures.tolist() == [0]
    part = found.select(np.array([1]))
    assert part.rul().tolist() == [6, 5]
    assert as_fleet(ROWS, COLUMNS, ("x",)).rul().tolist() == [4, 3, 0, 1, 0]  # of new engines nobody knows


def test_a_life_of_dates_and_of_intervals(written: Write) -> None:
    began = datetime(2020, 5, 1)
    dated = ROWS.with_columns(t=pl.Series([began + timedelta(days=int(t)) for t in ROWS["t"]]))
    units = written(UNITS, "units.csv")
    found = read_table(TableSource(written(dated), replace(COLUMNS, unit="days"), ("x",), units=units))
    assert found.lives().tolist() == [7, 9]  # since the first row
    assert found.rul().tolist() == [7, 6, 3, 9, 8]
    rows = ROWS.with_columns(stop=pl.Series([2, 5, 6, 4, 9]))
    columns = replace(COLUMNS, time="stop", start="t")
    found = read_table(TableSource(written(rows), columns, ("x",), units=units))
    assert (found.lives().tolist(), found.rul().tolist()) == ([7, 9], [6, 5, 2, 6, 5])
    assert found.held.tolist() == [1, 5]


@pytest.mark.parametrize(
    ("units", "words"),
    [
        (UNITS.with_columns(life=pl.lit(4)), "engine 1: life should be at least its age at its last row, 5. Found 4."),
        (UNITS.with_columns(life=pl.Series([None, 7.0])), "engine 2: life should be known. Found none. Fill it"),
        (UNITS.with_columns(life=pl.lit("long")), "the column life should hold numbers. Found String, such as 'long'"),
        (
            UNITS.drop("life"),
            "units.csv should have the column life. Found id, failed, mass, kind. Name one with --duration",
        ),
        (pl.concat([UNITS, UNITS]), "should have one row an engine. Found engine 2 twice, with the same event"),
    ],
)
def test_lives_that_are_refused(source: TableSource, written: Write, units: pl.DataFrame, words: str) -> None:
    written(units, "units.csv")
    with pytest.raises(GraceError) as refused:
        read_table(source)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_facts_are_features_when_they_are_named(written: Write, tmp_path: Path, ending: str, cached: bool) -> None:
    path, units = written(ROWS, f"fleet{ending}"), written(UNITS, "units.csv")
    columns = replace(COLUMNS, duration="")
    assert select_columns(TableSource(path, columns, units=units), "none").features == ("x",)
    source = select_columns(TableSource(path, columns, ("x", "mass", "kind"), units=units), "none")
    assert source.features == ("x", "mass", "kind = a", "kind = b")
    source = replace(source, cache=tmp_path / "rows" if cached else None)
    found = read_table(source)
    rows = np.arange(5)
    assert found.taken(rows, ("mass", "kind = a", "kind = b")).tolist() == [[1.5, 1, 0]] * 3 + [[2.5, 0, 1]] * 2
    other = written(UNITS.with_columns(mass=pl.col("mass") + 1), "units.csv")
    again = read_table(replace(source, units=other))
    assert again.taken(rows, ("mass",))[:, 0].tolist() == [2.5] * 3 + [3.5] * 2  # not what was kept of the table before
    assert found.digest() != again.digest()
    assert units in files_read("", source)


def test_facts_do_not_hide_columns_of_the_rows(written: Write) -> None:
    rows = ROWS.with_columns(mass=pl.Series([9.0, 8.0, 7.0, 6.0, 5.0]))
    source = TableSource(written(rows), replace(COLUMNS, duration=""), ("x", "mass"), units=written(UNITS, "units.csv"))
    found = read_table(source)
    assert found.taken(np.arange(5), ("mass",))[:, 0].tolist() == [9, 8, 7, 6, 5]
    twice = written(pl.concat([UNITS, UNITS]), "units.csv")
    with pytest.raises(GraceError, match=r"should have one row an engine. Found engine 2 twice"):
        read_table(replace(source, features=("x", "kind = a"), units=twice))
    with pytest.raises(GraceError, match="should have the column colour"):
        read_table(replace(source, features=("x", "colour"), units=written(UNITS, "units.csv")))


@pytest.mark.parametrize("names", ["whole", "text"])
def test_names_of_either_type_meet(fleet: Fleet, written: Write, names: str) -> None:
    table: Any = as_table(fleet)
    units = pl.DataFrame({"asset": fleet.engines, "event": [1] * 12, "mass": np.arange(12) * 1.5})
    if names == "text":
        table = table.with_columns(asset=pl.format("pump {}", "asset"))
        units = units.with_columns(asset=pl.format("pump {}", "asset")).sort("mass", descending=True)
    source = TableSource(
        written(table), Columns("asset", "flight", event="event"), ("s2", "mass"), units=written(units, "u.parquet")
    )
    found = read_table(source)
    mass = found.taken(found.starts[:-1], ("mass",))[:, 0]
    number = np.array([int(str(name).removeprefix("pump ")) for name in found.engines])
    assert mass.tolist() == (1.5 * (number - 1)).tolist()


def test_frames_with_a_table_of_units(written: Write) -> None:
    units = written(UNITS, "units.csv")
    for table in (ROWS, ROWS.lazy(), pytest.importorskip("pandas").DataFrame(ROWS.to_dict(as_series=False))):
        found = read_table(table, COLUMNS, ("x", "mass", "kind = b"), units=units)
        assert (found.lives().tolist(), found.failures.tolist()) == ([7, 9], [0])
        assert found.taken(found.starts[:-1], ("mass", "kind = b")).tolist() == [[1.5, 0], [2.5, 1]]
    with pytest.raises(GraceError, match=r"`duration` should come with a table of units.*Found life alone"):
        read_table(ROWS, replace(COLUMNS, event=""))
