"""Rows that hold over an interval, ages at the end and at the first row, and what is refused of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.load import as_fleet
from grace.data.prepare import suspension
from grace.data.tables import on_disk
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.errors import GraceError
from grace.training.predict import _at_the_stop
from grace.training.protocol import Split
from grace.training.run_spec import run_spec
from studies.cuts import suspended
from tests.data.conftest import Write, as_table
from tests.data.test_real_fleets import fleets_dir as fleets_dir

COLUMNS = Columns("disk", "stop", event="failed", start="start")
ROWS = pl.DataFrame(
    {
        "disk": [7, 7, 7, 3, 3],
        "start": [100, 104, 110, 0, 5],
        "stop": [104, 110, 130, 5, 6],
        "failed": [0, 0, 1, 0, 0],
        "x": [1.0, 2.0, 4.0, 0.0, 3.0],
    }
)


@pytest.mark.parametrize("kind", ["frame", "pandas", "memory", "disk", "dates"])
def test_rows_count_from_their_start(written: Write, tmp_path: Path, kind: str) -> None:
    table, columns = ROWS.sample(fraction=1.0, shuffle=True, seed=1), COLUMNS
    if kind == "dates":
        hours = [datetime(2020, 1, 1) + timedelta(hours=hour) for hour in range(200)]
        table = table.with_columns(pl.Series(name, [hours[t] for t in table[name]]) for name in ("start", "stop"))
        columns = replace(columns, unit="hours")
    if kind in ("memory", "disk"):
        source = TableSource(written(table, "disks.csv"), columns, ("x",))
        found = read_table(source if kind == "memory" else replace(source, cache=tmp_path / "rows"))
    elif kind == "pandas":
        found = read_table(pytest.importorskip("pandas").DataFrame(table.to_dict(as_series=False)), columns)
    else:
        found = read_table(table, columns)
    assert found.engines.tolist() == [3, 7]
    assert found.columns == ("x",)
    assert found.rul().tolist() == [6, 1, 30, 26, 20]
    assert found.last_rul.tolist() == [1, 20]
    assert found.held.tolist() == [1, 20]
    assert found.failures.tolist() == [1]
    assert found.lives().tolist() == ([6, 130] if kind != "dates" else [6, 30])
    assert found.entries().tolist() == ([0, 100] if kind != "dates" else [0, 0])
    assert found.age_at(np.array([4, 1, 2, 3])).tolist() == ([110, 5, 100, 104] if kind != "dates" else [10, 5, 0, 4])
    part = found.select(np.array([1]))
    assert (part.held.tolist(), part.lives().tolist()) == ([20], found.lives().tolist()[1:])


def test_ages_of_other_fleets(fleet: Fleet) -> None:
    assert fleet.lives().tolist() == fleet.lengths.tolist()
    assert fleet.entries().tolist() == [1] * 12
    assert fleet.age_at(np.array([0, 1, fleet.starts[3] + 4])).tolist() == [1, 2, 5]  # no time: rows so far
    assert fleet.held.tolist() == [0] * 12
    cut = replace(fleet, last_rul=np.arange(12))
    assert cut.lives().tolist() == (fleet.lengths + np.arange(12)).tolist()
    rows = pl.DataFrame(
        {"id": [1, 1, 2, 2], "t": [5.0, 10.0, 20.0, 25.0], "left": [9.0, 4.0, 3.0, 0.0], "x": [1, 2, 3, 4]}
    )
    found = read_table(rows, Columns("id", "t", target="left"))
    assert (found.lives().tolist(), found.entries().tolist()) == ([14, 25], [5, 20])


def test_how_many_were_first_seen_at_some_age() -> None:
    said = suspension(read_table(ROWS, COLUMNS), Conventions(features=("x",), table=COLUMNS))
    assert said.startswith(
        "1 units failed, at a median age of 130 cycles, and 1 were suspended, at 6; 1 were first seen at some age: if"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": [100, 110, 110, 0, 5]}, "engine 7: start should be before stop in every row. Found 110 to 110."),
        ({"start": [100, 103, 110, 0, 5]}, "engine 7: intervals should not overlap. Found 100 to 104, then from 103."),
        ({"start": [100, None, 110, 0, 5]}, "start should be known in every row. Found an empty one"),
        ({"start": ["a", "b", "c", "d", "e"]}, "the column start should hold numbers. Found String, such as 'a'"),
    ],
)
@pytest.mark.parametrize("cached", [False, True])
def test_intervals_that_are_refused(
    written: Write, tmp_path: Path, change: dict[str, Any], words: str, cached: bool
) -> None:
    path = written(ROWS.with_columns(pl.Series(name, values) for name, values in change.items()))
    with pytest.raises(GraceError) as refused:
        read_table(TableSource(path, COLUMNS, ("x",), cache=tmp_path / "rows" if cached else None))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_roles_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(GraceError, match=r"`--start` should be left out with --target.*Found left"):
        Columns("disk", "stop", start="start", target="left")
    with pytest.raises(GraceError, match=r"`--start` should be a column of its own. Found stop"):
        Columns("disk", "stop", start="stop")
    dated = ROWS.with_columns(stop=pl.lit(datetime(2020, 1, 1)))
    with pytest.raises(GraceError, match=r"start should be Datetime.*, as stop is. Found Int64"):
        read_table(dated, replace(COLUMNS, unit="hours"))
    assert "start" not in Columns("disk", "stop").to_json()  # ids of older runs stay
    assert Columns.from_json(COLUMNS.to_json()) == COLUMNS


@settings(max_examples=25, deadline=None)
@given(
    lives=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=5), min_size=1, max_size=5
    ),
    chunk=st.integers(1, 6),
)
def test_rows_on_the_disk_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, lives: list[list[tuple[int, int]]], chunk: int
) -> None:
    folder, rows, gaps = tmp_path_factory.mktemp("intervals"), [], 0
    for disk, parts in enumerate(lives):
        at = 0
        for number, (gap, held) in enumerate(parts):
            gaps += gap > 0 and number > 0
            rows.append((disk, at + gap, at + gap + held))
            at += gap + held
    table = pl.DataFrame(rows, schema=["disk", "start", "stop"], orient="row").with_columns(
        x=pl.int_range(pl.len()) % 7
    )
    table.sample(fraction=1.0, shuffle=True, seed=chunk).write_parquet(folder / "disks.parquet")
    source = TableSource(folder / "disks.parquet", replace(COLUMNS, event=""), ("x",))
    memory = read_table(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_disk, "CHUNK", chunk)
        stored = read_table(replace(source, cache=folder / "rows"))
    ends = table.group_by("disk").agg(pl.col("stop").max()).sort("disk")["stop"]
    for found in (memory, stored):
        assert found.lives().tolist() == ends.to_list()
        assert found.rul().tolist() == memory.rul().tolist()
        assert found.held.tolist() == [parts[-1][1] for parts in lives]
    if table["x"].n_unique() > 1:
        said = [line for line in select_columns(source, "none").done if "gaps" in line]
        assert bool(said) == bool(gaps)


def test_gaps_are_said(written: Write) -> None:
    gone = ROWS.filter(pl.col("start") != 104)  # 6 of the 36 hours
    (line,) = select_columns(TableSource(written(gone), COLUMNS), "none").done
    assert line == "between the intervals of 1 of 2 engines there are gaps, 0.17 of all time: nothing is known of it"
    assert select_columns(TableSource(written(ROWS), COLUMNS), "none").done == ()


def test_an_answer_counts_from_the_last_stop() -> None:
    fleet = as_fleet(ROWS, COLUMNS, ("x",))
    assert fleet.last_time is not None
    assert fleet.last_time.tolist() == [6, 130]  # and this is what stands beside it
    sides = np.array([[40.0, 50.0], [0.5, 10.0], [70.0, 125.0]])  # RUL, lower and upper end, at the starts 5 and 110
    assert _at_the_stop(sides, fleet.held, 125).tolist() == [[39, 30], [0, 0], [69, 125]]


def test_intervals_of_test_engines(fleet: Fleet) -> None:
    """Test engines that ran to their failure are cut at random; of those that were seen earlier the last row is taken."""
    table = as_table(fleet).with_columns(stop=pl.col("flight") + 1)
    columns = Columns("asset", "stop", start="flight")
    spec = run_spec("x", "rul-only", conventions=Conventions(window=20, features=("s2", "s3"), table=columns))
    found = read_table(table, columns, ("s2", "s3"))
    assert (found.last_rul == 1).all()
    whole = Split.of(spec, found, found).test
    seen = Split.of(spec, found, replace(found, last_rul=found.last_rul + 9, row_rul=None)).test
    assert (len(whole), len(seen)) == (12 * spec.validation_cuts, 12)  # type: ignore[arg-type]
    assert seen.true_rul.tolist() == [10] * 12  # type: ignore[union-attr]


def test_a_cut_row_stops_where_it_is_cut() -> None:
    many = pl.concat([ROWS.filter(pl.col("disk") == 7).with_columns(disk=pl.lit(n)) for n in range(6)])
    found = suspended(read_table(many, replace(COLUMNS, event="")), 2, 0)
    assert found.failed is not None
    assert found.held[found.failed].tolist() == [20, 20]
    assert found.lives()[found.failed].tolist() == [130, 130]
    cut = found.select(np.flatnonzero(~found.failed))
    assert (cut.held == 0).all()
    assert (cut.lives() < 130).all()
    assert (cut.last_rul == 0).all()


def test_disks_as_they_come(fleets_dir: Path) -> None:
    path = fleets_dir / "hdd_backblaze" / "st3000dm001.csv.gz"
    source = select_columns(
        TableSource(path, Columns("serial_number", "tstop", unit="hours", event="fails", start="tstart"))
    )
    found, rows = read_table(source), pl.read_csv(path, infer_schema_length=None)
    disks = (
        rows.group_by("serial_number").agg(pl.col("tstart").min(), pl.col("tstop", "fails").max()).sort("serial_number")
    )
    assert len(found.failures) == disks["fails"].sum() == 1701
    assert found.lives().tolist() == disks["tstop"].to_list()
    assert found.entries().tolist() == disks["tstart"].to_list()
    assert (found.last_rul > 0).all()
