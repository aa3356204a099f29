"""Times to numbers and RUL from them, worked by hand."""

from __future__ import annotations

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
from grace.data.tables.scan import scan
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
