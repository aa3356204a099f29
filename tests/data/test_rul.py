"""Times to numbers and RUL from them, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.rul import MAX_STEP_RATIO, check_steps, rul_from_times
from grace.data.tables.sample import sample
from grace.data.tables.scan import scan
from grace.data.tables.select_columns import select_columns
from grace.errors import GraceError

SOURCE = TableSource(Path("pumps.csv"), Columns("id", "at", target="left", unit="hours"))
NAMES = np.array(["a", "b", "c"])


def as_number(values: list[Any], unit: str = "hours") -> pl.Series:
    table = scan(pl.DataFrame({"id": "a", "at": values}))
    return table.collect(table.whole.select(table.selected(TableSource(table.path, Columns("id", "at", unit=unit)))))[
        "time"
    ]


def test_numbers_stay_as_they_are() -> None:
    assert as_number([1, 5, 2**60 + 1]).to_list() == [1, 5, 2**60 + 1]  # beyond what a double holds
    assert as_number([1, 5]).dtype == pl.Int64
    assert as_number([0.25, -1.5]).to_list() == [0.25, -1.5]
    assert as_number([1, 2], unit="flights").to_list() == [1, 2]


@pytest.mark.parametrize(
    ("unit", "expected"), [("seconds", 129_600.0), ("minutes", 2160.0), ("hours", 36.0), ("days", 1.5)]
)
def test_dates_count_from_1970_and_durations_from_0(unit: str, expected: float) -> None:
    assert as_number([datetime(1970, 1, 2, 12)], unit).to_list() == [expected]
    assert as_number([timedelta(hours=36)], unit).to_list() == [expected]
    assert as_number([date(1970, 1, 4)], unit).to_list() == [2 * expected]


def test_a_date_keeps_its_fraction_of_a_unit() -> None:
    assert as_number([datetime(1970, 1, 1, 0, 45, 0, 500)]).to_list() == pytest.approx(
        [0.75 + 500e-6 / 3600], rel=1e-14
    )


def test_rul_is_the_last_time_minus_the_rows() -> None:
    time = np.array([1, 2, 5, 16, 10, 30, 7])
    rul, steps = rul_from_times(SOURCE, NAMES, np.array([0, 4, 6, 7]), time)
    assert rul.tolist() == [15, 14, 11, 0, 20, 0, 0]
    assert rul.dtype == np.int64
    np.testing.assert_array_equal(steps, [3.0, 20.0, np.nan])  # medians of 1, 3, 11 and of 20; one row shows nothing


def test_a_target_is_the_rul_and_its_fall_the_step() -> None:
    time, target = np.array([0.0, 2.0, 4.0, 0.0, 1.0]), np.array([9.0, 9.0, 5.0, 3.0, 3.0])
    rul, steps = rul_from_times(SOURCE, NAMES[:2], np.array([0, 3, 5]), time, target)
    assert rul is target
    np.testing.assert_array_equal(steps, [2.0, np.nan])  # 4 in the 2 hours in which it falls; the other never does


@given(st.lists(st.lists(st.integers(0, 10_000), min_size=1, max_size=8, unique=True), min_size=1, max_size=4))
def test_every_engine_ends_at_0_and_loses_what_time_passes(lives: list[list[int]]) -> None:
    time = np.concatenate([np.sort(life) for life in lives])
    starts = np.cumsum([0, *map(len, lives)])
    rul, _ = rul_from_times(SOURCE, np.arange(len(lives)), starts, time)
    later, _ = rul_from_times(SOURCE, np.arange(len(lives)), starts, time + 77)
    assert rul[starts[1:] - 1].tolist() == [0] * len(lives)
    for start, stop in pairwise(starts):
        np.testing.assert_array_equal(-np.diff(rul[start:stop]), np.diff(time[start:stop]))
    np.testing.assert_array_equal(later, rul)


@pytest.mark.parametrize(
    ("time", "target", "words"),
    [
        ([1, 2, 2, 5, 5], None, "engine b: each at should stand once. Found 5 twice. Drop the repeated rows."),
        (
            [1, 2, 2, 3, 4],
            [1, 0, 2, -0.5, -1],
            "engine b: left should be at least 0. Found -0.5. Give the RUL of each row",
        ),
        ([1, 2, 2, 3, 4], [1, 0, 2, 1, 1.5], "engine b: left should never rise as at goes on. Found 1.5 after 1."),
    ],
)
def test_contradictions_name_the_engine(time: list[int], target: list[float] | None, words: str) -> None:
    values = None if target is None else np.array(target)
    with pytest.raises(GraceError) as refused:
        rul_from_times(SOURCE, NAMES[:2], np.array([0, 2, 5]), np.array(time), values)
    assert f"pumps.csv, {words}" in str(refused.value)


def test_between_engines_times_may_repeat_and_targets_rise() -> None:
    time, target = np.array([1, 4, 4, 5]), np.array([1, 0, 7, 6])
    rul, _ = rul_from_times(SOURCE, NAMES[:2], np.array([0, 2, 4]), time, target)
    assert rul.tolist() == [1, 0, 7, 6]


@pytest.mark.parametrize("factor", [MAX_STEP_RATIO, 1 / MAX_STEP_RATIO])
def test_steps_may_differ_up_to_the_ratio(factor: float) -> None:
    check_steps(SOURCE, NAMES, np.array([2.0, 2.0, 2.0 * factor]))
    beyond = np.array([2.0, 2.0, 2.0 * factor * (1.01 if factor > 1 else 0.99)])
    with pytest.raises(
        GraceError, match=r"^pumps\.csv: all engines should have one unit of time.* in engine c, of 2 in"
    ):
        check_steps(SOURCE, NAMES, beyond)


def test_engines_that_show_no_step_count_nothing() -> None:
    check_steps(SOURCE, NAMES, np.full(3, np.nan))
    check_steps(SOURCE, NAMES, np.array([np.nan, 0.0, 500.0]))


def test_the_message_names_what_was_compared() -> None:
    steps = np.array([1.0, 1.0, 60.0])
    with pytest.raises(GraceError, match=r"a fall of left per at of 60 .* Convert at to hours in all of them"):
        check_steps(SOURCE, NAMES, steps)
    alone = TableSource(SOURCE.path, Columns("id", "at"))
    with pytest.raises(GraceError, match=r"steps of at of 60 in engine c"):
        check_steps(alone, NAMES, steps)


def test_a_date_that_stands_twice_is_shown_as_in_the_file() -> None:
    """The hour after summer time ends, in local time, stands twice."""
    times = [datetime(2024, 10, 27, hour, minute) for hour in (1, 2, 2, 3) for minute in (0, 30)]
    frame = pl.DataFrame({"id": [1] * 8 + [2] * 4, "t": [*times, *times[:4]], "a": range(12)})
    columns = Columns("id", "t", unit="hours")
    with pytest.raises(
        GraceError, match=r"Found 2024-10-27 02:00:00 twice\. Drop the repeated rows\. Where a clock was set back"
    ):
        read_table(frame, columns)


@pytest.mark.parametrize("kind", [pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Int8, pl.Decimal(9, 2)])
@pytest.mark.parametrize("name", ["fleet.parquet", "frame"])
def test_a_target_of_any_kind_of_number_is_a_number(tmp_path: Path, kind: Any, name: str) -> None:
    frame = pl.DataFrame({"id": [1, 1, 1, 2, 2], "t": [1, 2, 3, 1, 2], "left": pl.Series([5, 4, 3, 9, 0]).cast(kind)})
    frame = frame.with_columns(x=pl.Series([1.5, 0.25, 2, 3, 4]).cast(pl.Decimal(9, 2)), y=pl.int_range(pl.len()) % 3)
    columns = Columns("id", "t", target="left")
    frame.write_parquet(tmp_path / "fleet.parquet")
    found = read_table(frame if name == "frame" else tmp_path / name, columns)
    assert found.rul().tolist() == [5, 4, 3, 9, 0]
    assert found.values[np.arange(5)][:, 0].tolist() == [1.5, 0.25, 2, 3, 4]
    assert found.sha256 is not None
    gaps = frame.with_columns(left=pl.when(pl.col("id") == 2).then(None).otherwise(pl.col("left")))
    assert read_table(gaps, columns).rul().tolist() == [5, 4, 3, 1, 0]
    source = select_columns(TableSource(tmp_path / "fleet.parquet", columns, ("x", "y")), "none")
    drawn = sample(scan(source.path), replace(source, tasks=()), scan(source.path).engines(columns))
    assert drawn.rul().tolist() == [-5, -4, -3, -9, 0]  # what rises as life goes on


def test_decimals_of_databases(tmp_path: Path) -> None:
    """An event 1.00 is one, an engine 12 is called so, and times are numbers; in files beside ones without decimals, too."""
    frame = pl.DataFrame({"id": [12, 12, 7, 7], "t": [1.5, 2, 1, 4], "failed": [0, 1, 0, 0], "x": [1, 2, 3, 5]})
    decimal = frame.with_columns(
        pl.col("id").cast(pl.Decimal(38, 0)), *(pl.col(name).cast(pl.Decimal(9, 2)) for name in ("t", "failed", "x"))
    )
    units = decimal.select("id", "failed", site="x")[[1, 3]]
    units.write_parquet(tmp_path / "u.parquet")
    columns = Columns("id", "t", event="failed")
    decimal.write_parquet(tmp_path / "fleet.parquet")
    grouped = replace(columns, group="site")
    for found in (
        read_table(decimal, columns),
        read_table(tmp_path / "fleet.parquet", columns),
        read_table(decimal.drop("failed"), grouped, units=tmp_path / "u.parquet"),
    ):
        assert (found.engines.tolist(), found.failures.tolist()) == (["12", "7"], [0])
        assert found.rul().tolist() == [0.5, 0, 3, 0]
    folder = tmp_path / "both"
    folder.mkdir()
    text = frame.with_columns(pl.col("id").cast(pl.String))
    text.head(2).write_parquet(folder / "a.parquet")
    decimal.tail(2).with_columns(pl.col("id").cast(pl.String)).write_parquet(folder / "b.parquet")
    assert read_table(folder, columns).rul().tolist() == [0.5, 0, 3, 0]


DAYS = pl.DataFrame({"id": list("aaabbbccc"), "day": [1.0, 2, 3] * 3, "x": [0.5, 2, 1, 3, 5, 4, 9, 7, 8]})
"""Engines a and b failed, c was suspended."""


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("per_day", [24, 1.06, 0.94, 1 / 7])
def test_a_bound_is_of_the_unit_of_the_target(tmp_path: Path, cached: bool, per_day: float) -> None:
    columns = Columns("id", "day", target="left", unit="days")
    left = pl.when(pl.col("id") != "c").then((3 - pl.col("day")) * per_day).alias("left")

    def read(table: pl.DataFrame) -> Any:
        table.write_parquet(tmp_path / "fleet.parquet")
        return read_table(
            TableSource(tmp_path / "fleet.parquet", columns, ("x",), cache=tmp_path / "rows" if cached else None)
        )

    with pytest.raises(GraceError) as refused:
        read(DAYS.with_columns(left))
    words = (
        "left should fall by 1 per unit of day where it is empty in some engines, whose RUL is bounded by day. Found"
    )
    assert f"{words} {per_day:g} in the median engine. Give day in the unit of left, or leave --target out." in str(
        refused.value
    )
    whole = read(DAYS.with_columns(left).filter(pl.col("id") != "c"))  # with no bound nothing is mixed
    assert whole.rul().tolist() == pytest.approx([2 * per_day, per_day, 0] * 2)
    near = read(DAYS.with_columns(left / per_day * 1.04))
    assert near.rul().tolist() == pytest.approx([2.08, 1.04, 0, 2.08, 1.04, 0, 2, 1, 0])


def test_a_bound_may_stand_beside_caps_and_whole_numbers() -> None:
    """RUL in whole days at every half day, capped at 4, and 0 for some rows after the end: it falls by 1 a day."""
    time = np.arange(0, 8, 0.5)
    left = np.minimum(np.ceil(np.maximum(6 - time, 0)), 4)
    frame = pl.DataFrame(
        {"id": ["a"] * 16 + ["b"] * 16, "t": [*time, *time], "left": [*left, *[None] * 16], "x": range(32)}
    )
    found = read_table(frame, Columns("id", "t", target="left", unit="days"), ("x",))
    assert found.failures.tolist() == [0]
    _, steps = rul_from_times(SOURCE, NAMES[:1], np.array([0, 16]), time, left)
    assert steps.tolist() == [1.0]
