"""Several lives of one engine: told apart by a column, asked about where a clock starts again; and rows in any other order."""

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

from grace.data.load import as_fleet
from grace.data.tables import on_disk
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.errors import GraceError
from tests.data.conftest import Write

COLUMNS = Columns("pump", "t")


def rows(times: dict[Any, list[Any]]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "pump": [pump for pump, clock in times.items() for _ in clock],
            "t": [time for clock in times.values() for time in clock],
        }
    )
    return frame.with_columns(x=pl.int_range(pl.len()) * 0.5)


LIVES = rows({"A": [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5], "B": [1, 2, 3, 4, 5]}).with_columns(
    life=pl.Series([1] * 6 + [2] * 5 + [1] * 5), failed=pl.Series([1] * 11 + [0] * 5)
)


@pytest.mark.parametrize("kind", ["frame", "memory", "disk"])
def test_lives_are_units(written: Write, tmp_path: Path, kind: str) -> None:
    columns = replace(COLUMNS, event="failed", life_id="life")
    source: Any = TableSource(written(LIVES, "pumps.csv"), columns, ("x",))
    source = replace(source, cache=tmp_path / "rows") if kind == "disk" else source
    found = read_table(LIVES, columns) if kind == "frame" else read_table(source)
    assert found.engines.tolist() == ["A/1", "A/2", "B/1"]
    assert found.columns == ("x",)
    assert found.rul().tolist() == [5, 4, 3, 2, 1, 0, 4, 3, 2, 1, 0, 4, 3, 2, 1, 0]
    assert found.failures.tolist() == [0, 1]
    assert found.groups is not None
    assert found.groups.tolist() == ["A", "A", "B"]  # lives of one pump stay together
    own = read_table(LIVES.with_columns(site=pl.col("life")), replace(columns, group="site"))
    assert own.groups is not None
    assert own.groups.tolist() == ["1", "2", "1"]  # unless another column says so
    assert as_fleet(LIVES, columns, ("x",)).engines.tolist() == ["A/1", "A/2", "B/1"]


def test_lives_with_a_table_of_units(written: Write) -> None:
    units = pl.DataFrame(
        {"pump": ["B", "A", "A"], "life": [1, 2, 1], "event": [1, 0, 1], "end": [7, 8, 9], "mass": [1.0, 2.0, 3.0]}
    )
    columns = replace(COLUMNS, event="event", life_id="life", duration="end")
    path = written(LIVES.drop("failed"))
    source = TableSource(path, columns, ("x", "mass"), units=written(units, "units.csv"))
    for one in (source, select_columns(source, "none")):
        found = read_table(one)
        assert found.failures.tolist() == [0, 2]
        assert found.lives().tolist() == [9, 8, 7]
        assert found.taken(found.starts[:-1], ("mass",))[:, 0].tolist() == [3, 2, 1]
    assert select_columns(source, "none").features == ("x", "mass")
    assert "life" not in select_columns(replace(source, features=()), "none").features


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"life": [None] * 6 + [2] * 10}, "pump and life should be known in every row. Found an empty one"),
        ({"other": [1] * 16}, "should have the column life."),
    ],
)
def test_lives_that_are_refused(written: Write, change: dict[str, Any], words: str) -> None:
    table = LIVES.drop("life").with_columns(pl.Series(name, values) for name, values in change.items())
    with pytest.raises(GraceError) as refused:
        read_table(TableSource(written(table), replace(COLUMNS, life_id="life"), ("x",)))
    assert words in str(refused.value)


HOURS = [datetime(2024, 10, 26, 12) + timedelta(minutes=20 * n) for n in range(60)]
SET_BACK = [*HOURS[:39], *(time - timedelta(hours=1) for time in HOURS[39:])]


@pytest.mark.parametrize(
    ("times", "found", "first"),
    [
        (
            [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5],
            "t should not start again. Found 1 after 6, 1 such fall.",
            "If these are several",
        ),
        (
            [1.0, 3.0, 5.0, 7.0, 9.0, 2.0, 4.0, 6.0, 8.0, 10.5],
            "Found 2 after 9, 1 such fall.",
            "If these are several lives",
        ),
        ([*range(9)] * 3, "Found 0 after 8, 2 such falls.", "If these are several lives"),
        (SET_BACK, "Found 2024-10-27 00:00:00 after 2024-10-27 00:40:00, 1 such fall.", "If the clock was set back"),
        (
            [*HOURS[:30], *HOURS[:25]],
            "Found 2024-10-26 12:00:00 after 2024-10-26 21:40:00",
            "If these are several lives",
        ),
    ],
)
@pytest.mark.parametrize("how", ["memory", "disk", "small chunks", "frame"])
def test_a_clock_that_starts_again_is_asked_about(
    written: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: list[Any], found: str, first: str, how: str
) -> None:
    whole, columns = rows({"A": times, "B": times[:1]}), replace(COLUMNS, unit="hours")
    source: Any = TableSource(written(whole), columns, ("x",))
    if how == "small chunks":
        monkeypatch.setattr(on_disk, "CHUNK", 4)
    source = source if how == "memory" else replace(source, cache=tmp_path / "rows")
    with pytest.raises(GraceError) as refused:
        read_table(whole, columns, ("x",)) if how == "frame" else read_table(source)
    text = str(refused.value)
    assert "engine A: " in text
    assert found in text
    assert "\n" not in text
    assert text.split(". ")[2].startswith(first)
    assert "name their column with --life-id" in text
    assert "export times in one time zone (UTC)" in text
    assert not list(tmp_path.glob("rows/*"))


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    how=st.sampled_from(["sorted", "reversed", "files", "shuffled", "between"]),
    seed=st.integers(0, 9),
)
def test_rows_in_another_order_are_sorted(lengths: list[int], how: str, seed: int) -> None:
    whole = rows({f"pump {n}": [*range(length)] for n, length in enumerate(lengths)})
    rng = np.random.default_rng(seed)
    half = whole["t"] >= whole["t"].max() // 2  # type: ignore[operator]
    order = {
        "sorted": whole,
        "reversed": whole.reverse(),
        "files": pl.concat([whole.filter(half), whole.filter(~half)]),
        "shuffled": whole.sort(pl.Series(rng.permutation(len(whole)))) if max(lengths) > 30 else whole.reverse(),
        "between": whole.sort("t"),
    }[how]
    assert read_table(order, COLUMNS).rul().tolist() == read_table(whole, COLUMNS).rul().tolist()


def test_lives_are_in_the_record() -> None:
    columns = replace(COLUMNS, life_id="life", group="site", duration="", start="from")
    assert Columns.from_json(columns.to_json()) == columns
    with pytest.raises(
        GraceError, match=r"`--life-id` should be a column of its own. Found t, which is `--time` already"
    ):
        Columns("pump", "t", life_id="t")
