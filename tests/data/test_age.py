"""The feature ``age`` that no column holds: what it is, when it is made, and what is said and refused of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.fleet import AGE, Fleet
from grace.data.load import as_fleet
from grace.data.prepare import Prepared
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.errors import GraceError
from tests.data.conftest import Write, as_table
from tests.data.test_intervals import COLUMNS as DISKS
from tests.data.test_intervals import ROWS

PUMPS = pl.DataFrame(
    {
        "pump": ["B", "A", "A", "B", "B", "A"],
        "hour": [20.0, 5.5, 2.0, 40.0, 30.0, 9.0],
        "flow": [4.0, 2.0, 1.0, 6.0, 5.0, 3.0],
    }
)
"""Pump A at 2, 5.5 and 9 hours, pump B at 20, 30 and 40, in no order."""
COLUMNS = Columns("pump", "hour", unit="hours")


def column(fleet: Fleet, name: str) -> list[float]:
    """A column of all rows."""
    return fleet.taken(np.arange(len(fleet.values)), (name,))[:, 0].tolist()


def dated(table: pl.DataFrame, *names: str) -> pl.DataFrame:
    """Columns of hours as dates since 2020."""
    since = [[datetime(2020, 1, 1) + timedelta(hours=hour) for hour in table[name]] for name in names]
    return table.with_columns(pl.Series(name, dates) for name, dates in zip(names, since, strict=True))


@pytest.mark.parametrize("kind", ["frame", "pandas", "csv", "parquet", "disk"])
@pytest.mark.parametrize("dates", [False, True])
def test_values_by_hand_however_it_is_read(written: Write, tmp_path: Path, kind: str, dates: bool) -> None:
    table = dated(PUMPS, "hour") if dates else PUMPS
    if kind in ("frame", "pandas"):
        frame: Any = table
        if kind == "pandas":
            frame = pytest.importorskip("pandas").DataFrame(table.to_dict(as_series=False))
        found = read_table(frame, COLUMNS, ("flow", "age"))
    else:
        path = written(table, "pumps.csv" if kind == "csv" else "pumps.parquet")
        cache = tmp_path / "rows" if kind == "disk" else None
        source = select_columns(TableSource(path, COLUMNS, ("age", "flow"), cache=cache))
        assert source.features == (AGE, "flow")
        assert source.done[-1] == f"{AGE} is made: " + (
            "hours since the engine's first hour" if dates else "hour of the row"
        )
        found = read_table(source)
    assert found.columns == ("flow",)
    assert column(found, AGE) == ([0, 3.5, 7, 0, 10, 20] if dates else [2, 5.5, 9, 20, 30, 40])
    both = found.taken(np.array([5, 0]), ("flow", AGE))
    assert both.tolist() == [[6, 20 if dates else 40], [1, 0 if dates else 2]]
    assert found.taken(np.array([5, 0]), (AGE, "flow")).tolist() == both[:, ::-1].tolist()
    assert column(found.select(np.array([1])), AGE) == ([0, 10, 20] if dates else [20, 30, 40])


@pytest.mark.parametrize("dates", [False, True])
def test_rows_over_an_interval_are_as_old_as_at_their_start(written: Write, dates: bool) -> None:
    table = dated(ROWS, "start", "stop") if dates else ROWS
    columns = replace(DISKS, unit="hours")
    source = select_columns(TableSource(written(table), columns, ("x", "age")))
    said = "hours since the engine's first start" if dates else "start of the row"
    assert f"{AGE} is made: {said}" in source.done
    assert column(read_table(source), AGE) == ([0, 5, 0, 4, 10] if dates else [0, 5, 100, 104, 110])


def test_each_life_has_a_clock_of_its_own(written: Write) -> None:
    table = PUMPS.with_columns(life=pl.Series([1, 1, 1, 2, 2, 2]), lot=pl.Series(["x"] * 6))
    dates = dated(table, "hour").with_columns(pl.col("hour").dt.cast_time_unit("us"))
    columns = replace(COLUMNS, life_id="life", group="lot")
    for rows, ages in ((table, [2, 5.5, 9, 20, 30, 40]), (dates, [0, 3.5, 0, 0, 0, 10])):
        found = read_table(select_columns(TableSource(written(rows), columns, ("flow", "age"))))
        assert found.engines.tolist() == ["A/1", "A/2", "B/1", "B/2"]
        assert column(found, AGE) == ages


def test_lives_of_a_table_of_units_do_not_move_it(written: Write) -> None:
    """Though the column with the ages at the end is called so."""
    units = written(pl.DataFrame({"pump": ["A", "B"], "age": [12.0, 50.0], "event": [1, 0]}), "units.csv")
    columns = replace(COLUMNS, event="event", duration="age")
    source = select_columns(TableSource(written(PUMPS, "pumps.csv"), columns, ("flow", "age"), units=units))
    found = read_table(source)
    assert source.features == ("flow", AGE)
    assert (column(found, AGE), found.rul().tolist()) == ([2, 5.5, 9, 20, 30, 40], [10, 6.5, 3, 30, 20, 10])


def test_a_column_of_that_name_comes_first(written: Write) -> None:
    own = PUMPS.with_columns(age=pl.Series([7.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
    found = select_columns(TableSource(written(own), COLUMNS, ("flow", "age")))
    assert found.features == ("flow", "age")
    assert not any(AGE in line for line in found.done)
    assert column(read_table(found), "age") == [2, 1, 5, 7, 4, 3]
    assert read_table(own, COLUMNS, ("flow", "age")).columns == ("flow", "age")
    made = select_columns(TableSource(written(own), COLUMNS, (AGE, "age")))
    assert made.features == (AGE, "age")
    assert read_table(made).taken(np.array([0]), made.features).tolist() == [[2, 2]]
    units = written(pl.DataFrame({"pump": ["A", "B"], "age": [12, 50]}), "units.csv")
    fact = select_columns(TableSource(written(PUMPS, "pumps.csv"), COLUMNS, ("flow", "age"), units=units))
    assert column(read_table(fact), "age") == [12, 12, 12, 50, 50, 50]


@pytest.mark.parametrize(("role", "ages"), [("time", [2, 5.5, 9, 20, 30, 40]), ("start", [1, 4.5, 8, 19, 29, 39])])
def test_a_time_of_that_name_is_no_reading(written: Write, role: str, ages: list[float]) -> None:
    if role == "time":
        source = TableSource(written(PUMPS.rename({"hour": "age"})), replace(COLUMNS, time="age"), ("flow", "age"))
    else:
        table = PUMPS.with_columns(age=pl.col("hour") - 1)
        source = TableSource(written(table), replace(COLUMNS, start="age"), ("flow", "age"))
    found = select_columns(source)
    assert found.features == ("flow", AGE)
    assert column(read_table(found), AGE) == ages


def test_no_default(written: Write) -> None:
    assert select_columns(TableSource(written(PUMPS), COLUMNS)).features == ("flow",)


@pytest.mark.parametrize(
    ("table", "features", "words"),
    [
        (PUMPS, ("age",), "`--features` should name a column of the table beside age, which is made. Found age alone."),
        (PUMPS, (AGE, "age"), "should name a column of the table beside age"),
        (PUMPS, ("flow", "Age"), "should have the column Age. Found pump, hour, flow."),
        (PUMPS.rename({"flow": AGE}), (), r"'\(age\)' should be no column's name. Found one. Rename it."),
    ],
)
def test_refused(written: Write, table: pl.DataFrame, features: tuple[str, ...], words: str) -> None:
    path = written(table, "pumps.csv")
    with pytest.raises(GraceError, match=words):
        select_columns(TableSource(path, COLUMNS, features))
    with pytest.raises(GraceError, match=words):
        read_table(path, COLUMNS, features)


def test_a_column_that_a_network_knows_is_not_made_in_its_place(written: Write) -> None:
    """Of a source, whose features are settled."""
    with pytest.raises(GraceError, match="should have the column age"):
        read_table(TableSource(written(PUMPS), COLUMNS, ("flow", "age")))
    with pytest.raises(GraceError, match=r"should have the column age. Found flow, \(age\)."):
        read_table(PUMPS, COLUMNS, ("flow",)).need(("flow", "age"))


def test_it_is_no_leak(written: Write) -> None:
    """Though it follows from RUL where all lives are of one length."""
    rows = [{"pump": p, "hour": float(h), "flow": float((7 * p + h * h) % 11)} for p in range(30) for h in range(1, 31)]
    found = select_columns(TableSource(written(pl.DataFrame(rows)), COLUMNS, ("flow", "age")))
    assert (found.features, found.columns.leaks, found.left_out) == (("flow", AGE), (), {})


def test_without_times_it_counts_rows(fleet: Fleet) -> None:
    """As of files in the format of C-MAPSS."""
    found = Prepared.of(fleet, Conventions(window=30, features=("sensor_2", AGE)))
    windows = found.windows.at(np.array([0, 5]))
    scale = found.conditioner
    kind = scale.assign(fleet.taken(windows.ends, scale.settings))
    ages = windows.batch(np.arange(2))[:, -1, 1] * scale.scale[kind, 1] + scale.mean[kind, 1]
    np.testing.assert_allclose(ages, [30, 35], rtol=1e-6)


def test_a_calendar_in_numbers_is_asked_about(written: Write) -> None:
    words = (
        " is hour as it stands: engines are first seen at 45,011 hours in the median, and last 20 at most from there on"
    )
    told = "age, by which survival of the baselines, the best fixed age and costs of replacement are told,"
    for shift, features, age in (
        (45_000, ("flow", "age"), "(age)"),
        (45_000, ("flow",), told),
        (0, ("flow", "age"), None),
        (0, ("flow",), None),
    ):
        source = select_columns(TableSource(written(PUMPS.with_columns(pl.col("hour") + shift)), COLUMNS, features))
        lines = [line for line in read_table(source).done if words in line]
        assert [line.partition(words)[0] for line in lines] == ([age] if age else [])
        new = as_fleet(source, features=features)  # of whose ages nothing is told but what is a feature
        assert len([line for line in new.done if words in line]) == (age == "(age)")


def test_it_is_scaled_as_a_column_of_the_same_values_is(fleet: Fleet, written: Write, tmp_path: Path) -> None:
    """Bit for bit, in memory and on the disk, in three operating conditions."""
    columns = Columns("asset", "flight")
    path = written(
        as_table(fleet).with_columns(copy=pl.col("flight").cast(pl.Float64)).sample(fraction=1.0, shuffle=True, seed=2)
    )
    scaled = []
    for name, cache in (("copy", None), ("age", None), ("age", tmp_path / "rows")):
        source = select_columns(TableSource(path, columns, ("s2", name, "s7"), cache=cache))
        read = read_table(source)
        fitted = Conditioner.fit(read, Conventions(features=source.features, table=source.columns))
        assert len(fitted.centres) == 3
        scaled.append(fitted.transform(read)[np.arange(len(read.values))])
    assert (scaled[0] == scaled[1]).all()
    assert (scaled[0] == scaled[2]).all()
    assert len(list((tmp_path / "rows").iterdir())) == 1
    other = select_columns(TableSource(path, columns, ("s2", "s7"), cache=tmp_path / "rows"))
    read_table(other)
    assert len(list((tmp_path / "rows").iterdir())) == 1  # the rows do not depend on it


@given(st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_rows_that_come_later_do_not_move_it(kept_a: int, kept_b: int, dates: bool) -> None:
    hours = {"A": [3.0, 4.5, 9.0, 9.5, 20.0, 21.0], "B": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}
    rows = pl.DataFrame([{"pump": p, "hour": h, "flow": h * h} for p, every in hours.items() for h in every])
    table = dated(rows, "hour") if dates else rows
    count = pl.int_range(pl.len()).over("pump")
    cut = table.filter(count < pl.when(pl.col("pump") == "A").then(kept_a).otherwise(kept_b))
    whole, part = (read_table(frame, COLUMNS, ("flow", "age")) for frame in (table, cut))
    ages = column(whole, AGE)
    assert column(part, AGE) == ages[:kept_a] + ages[6 : 6 + kept_b]
