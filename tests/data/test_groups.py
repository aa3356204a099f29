"""Groups of near replicates stand on one side of every split; where they are read, what is said of them, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.load import WithUnits, as_fleet, load_train
from grace.data.prepare import check_training, suspension
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.errors import GraceError
from grace.training.protocol import Split
from grace.training.run_spec import run_spec
from studies.cuts import held_out
from tests.data.conftest import Write, as_table

COLUMNS = Columns("id", "t", event="failed", group="site")
ROWS = pl.DataFrame(
    {
        "id": [1, 1, 2, 2, 3, 3],
        "t": [1, 2, 1, 2, 1, 2],
        "failed": [1, 1, 0, 0, 1, 1],
        "site": ["a", "a", "b", "b", "b", "b"],
        "x": [1.0, 2.0, 4.0, 0.0, 3.0, 5.0],
    }
)


@settings(max_examples=80, deadline=None)
@given(
    engines=st.lists(st.tuples(st.sampled_from("abcdefg"), st.booleans()), min_size=2, max_size=30),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_a_group_is_on_one_side(engines: list[tuple[str, bool]], share: float, seed: int) -> None:
    groups, failed = (np.array(side) for side in zip(*engines, strict=True))
    fleet = Fleet.of_rows("some", np.arange(len(engines)), np.zeros((len(engines), 1)), ("x",))
    fleet = replace(fleet, groups=groups, failed=failed)
    if len(set(groups[failed])) < 2:
        with pytest.raises(GraceError, match="at least two groups in which an engine failed"):
            fleet.split(share, seed)
        with pytest.raises(GraceError, match="failures in at least two groups"):
            held_out(fleet, seed)
        return
    sides = fleet.split(share, seed)
    assert sorted([*sides[0].engines, *sides[1].engines]) == list(range(len(engines)))
    assert not set(sides[0].groups) & set(sides[1].groups)  # type: ignore[arg-type]
    assert all(side.failed.any() for side in sides)  # type: ignore[union-attr]
    wanted = min(max(round(share * len(set(groups[failed]))), 1), len(set(groups[failed])) - 1)
    assert len(set(sides[1].groups)) == wanted  # type: ignore[arg-type]
    rest, judged = held_out(fleet, seed)
    assert not set(rest.groups) & set(judged.groups)  # type: ignore[arg-type]
    alone = replace(fleet, groups=np.arange(len(engines)))  # each on its own: as without groups
    for ours, theirs in zip(alone.split(share, seed), replace(fleet, groups=None).split(share, seed), strict=True):
        assert ours.engines.tolist() == theirs.engines.tolist()


def test_folds_hold_out_whole_groups(fleet: Fleet) -> None:
    groups = np.array(list("aaabbbcccddd"))
    failed = np.ones(12, dtype=bool)
    failed[[1, 4, 10, 11]] = False
    told = replace(fleet, groups=groups, failed=failed, labels={})
    spec = run_spec("simulated", "rul-only", folds=10, conventions=Conventions(window=20))
    splits = Split.folds(spec, told, None)
    assert len(splits) == 4  # a group each
    sizes = sorted(len(set(split.validation.engine)) for split in splits)
    assert sizes == [1, 2, 2, 3]  # those of a group that failed
    every = [split.train for split in splits]
    assert all(windows.suspended is None for windows in every)  # type: ignore[union-attr]
    honest = Split.of(replace(spec, folds=0), told, None)
    assert len(set(honest.validation.engine)) in (1, 2, 3)
    assert honest.validation.suspended is None or not honest.validation.suspended.any()


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_groups_in_the_rows(written: Write, tmp_path: Path, ending: str, cached: bool) -> None:
    path = written(ROWS.sample(fraction=1.0, shuffle=True, seed=0), f"fleet{ending}")
    source = select_columns(TableSource(path, COLUMNS), "none")
    assert source.features == ("x",)
    found = read_table(replace(source, cache=tmp_path / "rows") if cached else source)
    assert found.groups is not None
    assert found.groups.tolist() == ["a", "b", "b"]
    assert found.select(np.array([2, 0])).groups.tolist() == ["b", "a"]  # type: ignore[union-attr]
    assert as_fleet(path, COLUMNS, ("x",)).groups is None  # nothing is split there


def test_groups_in_frames() -> None:
    pandas = pytest.importorskip("pandas").DataFrame(ROWS.to_dict(as_series=False))
    for table in (ROWS, pandas):
        found = read_table(table, COLUMNS)
        assert (found.groups.tolist(), found.columns) == (["a", "b", "b"], ("x",))  # type: ignore[union-attr]


def test_event_and_group_stand_in_the_rows_or_in_a_table_of_units(written: Write) -> None:
    units = ROWS.select("id", "failed", "site").unique(maintain_order=True)
    for of_units in (["failed"], ["site"], ["failed", "site"]):
        rows = written(ROWS.drop(of_units))
        source = TableSource(rows, COLUMNS, ("x",), units=written(units.select("id", *of_units), "units.csv"))
        for one in (source, select_columns(source, "none")):
            found = read_table(one)
            assert (found.groups.tolist(), found.failures.tolist()) == (["a", "b", "b"], [0, 2])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("site", "words"),
    [
        (["a", "a", "b", "c", "b", "b"], "engine 2: site should be the same in every row. Found b and c. Correct it"),
        (["a", "a", "b", None, "b", "b"], "engine 2: site should be the same in every row. Found an empty one"),
    ],
)
@pytest.mark.parametrize("cached", [False, True])
def test_groups_that_are_refused(written: Write, tmp_path: Path, site: list[Any], words: str, cached: bool) -> None:
    path = written(ROWS.with_columns(site=pl.Series(site)))
    with pytest.raises(GraceError) as refused:
        read_table(TableSource(path, COLUMNS, ("x",), cache=tmp_path / "rows" if cached else None))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_group_is_refused(fleet: Fleet) -> None:
    told = replace(fleet, groups=np.array(["a"] * 11 + ["b"]), failed=np.arange(12) < 11)
    with pytest.raises(
        GraceError, match=r"should hold failures in at least two groups. Found one, a. Whole groups are"
    ):
        check_training(told, Conventions())


def test_what_is_said_of_groups(fleet: Fleet) -> None:
    failed = np.arange(12) < 4
    told = replace(fleet, failed=failed, groups=np.array(list("aabbbbbbbbbb")))
    assert "; failed by group: a 2 of 2, b 2 of 10: if" in suspension(told, Conventions())
    even = replace(told, groups=np.array(list("abcdabcdabcd")))
    assert "group" not in suspension(even, Conventions())  # a third of each
    many = replace(told, groups=np.array(list("aabcddeeeeff")))
    assert "; of 6 groups all failed in 3, none in 3: if" in suspension(many, Conventions())


def test_groups_are_in_the_id(fleet: Fleet, cmapss_dir: Path, written: Write) -> None:
    groups = np.array(list("aaabbbcccddd"))
    sums = {fleet.digest(), replace(fleet, groups=groups).digest(), replace(fleet, groups=groups[::-1]).digest()}
    assert len(sums) == 3
    conventions = [Conventions(features=("s2",), table=Columns("id", "t", group=group)) for group in ("", "site")]
    assert len({run_spec("x", conventions=one).id for one in conventions}) == 2
    assert "group" not in conventions[0].table.to_json()  # type: ignore[union-attr]
    units = pl.DataFrame({"engine": range(1, 101), "event": [1] * 100, "batch": [n % 7 for n in range(100)]})
    found = load_train("FD001", WithUnits(cmapss_dir, written(units, "units.csv"), group="batch"))
    assert found.groups is not None
    assert found.groups.tolist() == [str(n % 7) for n in range(100)]


def test_no_other_column_tells_of_the_group(fleet: Fleet, written: Write) -> None:
    table = as_table(fleet).with_columns(site=pl.col("asset") % 4)
    source = select_columns(TableSource(written(table), Columns("asset", "flight", group="site")))
    assert "site" not in (*source.features, *source.columns.settings, *source.left_out)


def test_groups_of_a_table_of_units_beside_a_target(written: Write) -> None:
    rows = ROWS.with_columns(left=pl.col("t").max().over("id") - pl.col("t")).drop("failed", "site")
    units = ROWS.select("id", "failed", "site").unique(maintain_order=True)
    columns, path = replace(COLUMNS, event="", target="left"), written(units, "units.csv")
    found = read_table(rows, columns, ("x",), units=path)
    assert found.groups is not None
    assert (found.groups.tolist(), found.failed) == (["a", "b", "b"], None)
    with pytest.raises(GraceError, match=r"units.csv should have the column nowhere. Found id, failed, site"):
        read_table(rows, replace(columns, group="nowhere"), ("x",), units=path)
    with pytest.raises(
        GraceError, match=r"`event` should be left out of a table of units beside `target`.*Found failed"
    ):
        read_table(rows, replace(columns, event="failed"), ("x",), units=path)
    with pytest.raises(GraceError, match=r"units.csv should have one row for each engine of frame. Found none for 1"):
        read_table(
            rows, replace(columns, group=""), ("x",), units=written(units.filter(pl.col("id") != 1), "units.csv")
        )
