"""Which engines failed: a column of events, a table of units, targets that are empty; and what is refused."""

from __future__ import annotations

import json
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
from grace.data.load import WithUnits, as_fleet, files_read, load_test, load_train
from grace.data.prepare import ALL_FAILED, Prepared, check_training, suspension
from grace.data.tables import on_disk
from grace.data.tables.columns import TEST, Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.data.targets import UNKNOWN
from grace.data.windows import training_windows
from grace.errors import GraceError
from tests.data.conftest import Write, as_table

COLUMNS = Columns("id", "t", event="failed")


def rows(events: dict[Any, list[Any]], kind: Any = None) -> pl.DataFrame:
    """One row an event, at the times 1, 2, ...; ``x`` varies."""
    frame = pl.DataFrame(
        {
            "id": [engine for engine, said in events.items() for _ in said],
            "t": [time for said in events.values() for time in range(1, len(said) + 1)],
            "failed": pl.Series([event for said in events.values() for event in said], dtype=kind, strict=False),
        }
    )
    return frame.with_columns(x=pl.int_range(pl.len()) * 0.5)


@pytest.mark.parametrize(
    "kind", [pl.Int64, pl.Float64, pl.String, pl.Boolean], ids=["whole", "fractions", "text", "booleans"]
)
@pytest.mark.parametrize("ending", [".csv", ".parquet", "frame"])
def test_events_in_every_row_or_at_the_last(written: Write, kind: Any, ending: str) -> None:
    said = {1: [1, 1, 1], 2: [0, 0, 0, 0], 3: [0, None, 1], 4: [None, None, 0], 5: [1]}
    text = {None: None, 0: "False", 1: "True"}
    if kind == pl.String:
        said = {engine: [text[event] for event in events] for engine, events in said.items()}
    if kind == pl.Boolean:
        said = {engine: [None if e is None else bool(e) for e in events] for engine, events in said.items()}
    table = rows(said, kind).sample(fraction=1.0, shuffle=True, seed=0)
    found = read_table(table if ending == "frame" else written(table, f"fleet{ending}"), COLUMNS)
    assert found.failed is not None
    assert found.failed.tolist() == [True, False, True, False, True]
    assert found.failures.tolist() == [0, 2, 4]
    assert found.columns == ("x",)  # an event is no feature
    assert found.rul().tolist() == [2, 1, 0, 3, 2, 1, 0, 2, 1, 0, 2, 1, 0, 0]  # of suspended ones a lower bound


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (
            [0, 1, 0],
            "engine 7: failed should be 1 at the last row alone, or in every row. Found 1 in row 2 of its 3. Drop",
        ),
        ([0, 1, 1], "Found 1 in row 2 of its 3"),
        ([1, None, 1], "Found 1 in row 1 of its 3"),
        ([1, 1, None], "engine 7: failed should be 1 (failed) or 0 (suspended) at the last row. Found none. Fill it"),
        ([None], "at the last row. Found none"),
        ([0, 0, 2], "engine 7: failed should be 1 (failed) or 0 (suspended). Found 2. Correct it"),
        ([0.0, 0.5], "engine 7: failed should be 1 (failed) or 0 (suspended). Found 0.5"),
        (["no", "yes"], "engine 7: failed should be 1 (failed) or 0 (suspended). Found no"),
    ],
)
@pytest.mark.parametrize("cached", [False, True])
def test_what_is_no_event_is_refused(
    written: Write, tmp_path: Path, events: list[Any], words: str, cached: bool
) -> None:
    text = isinstance(events[0], str)
    other: list[Any] = ["1", "1"] if text else [1, 1]
    source = TableSource(written(rows({1: other, 7: events, 9: other})), COLUMNS, ("x",))
    with pytest.raises(GraceError) as refused:
        read_table(replace(source, cache=tmp_path / "rows") if cached else source)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.glob("rows/*"))


@settings(max_examples=30, deadline=None)
@given(
    lives=st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.booleans()), min_size=1, max_size=6),
    chunk=st.integers(1, 8),
    order=st.randoms(use_true_random=False),
)
def test_rows_on_the_disk_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, lives: list[tuple[int, bool, bool]], chunk: int, order: Any
) -> None:
    folder = tmp_path_factory.mktemp("events")
    said = {
        e: [int(failed)] * n if everywhere else [None] * (n - 1) + [int(failed)]
        for e, (n, failed, everywhere) in enumerate(lives)
    }
    table = rows(said)
    table[order.sample(range(len(table)), len(table))].write_parquet(folder / "fleet.parquet")
    source = TableSource(folder / "fleet.parquet", COLUMNS, ("x",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_disk, "CHUNK", chunk)
        stored = [
            read_table(replace(source, cache=folder / "rows")) for _ in range(2)
        ]  # the second time they are found
    memory = read_table(source)
    for found in (memory, *stored):
        assert found.failed is not None
        assert found.failed.tolist() == [failed for _, failed, _ in lives]
        assert found.rul().tolist() == memory.rul().tolist()
    assert {path.name for path in folder.glob("rows/*/*")} == {"values.npy", "time.npy", "rul.npy", "index.npz"}


def test_an_empty_target_is_a_suspended_engine(written: Write, tmp_path: Path) -> None:
    table = rows({1: [0] * 3, 2: [0] * 4, 3: [0] * 2}).drop("failed")
    left = pl.when(pl.col("id") == 2).then(None).otherwise(9 - pl.col("t")).alias("left")
    path = written(table.with_columns(left))
    source = TableSource(path, Columns("id", "t", target="left"), ("x",))
    for found in (read_table(source), read_table(replace(source, cache=tmp_path / "rows"))):
        assert found.failed is not None
        assert found.failed.tolist() == [True, False, True]
        assert found.rul().tolist() == [8, 7, 6, 3, 2, 1, 0, 8, 7]
    whole = read_table(table.with_columns(left=9 - 2 * pl.col("t")), source.columns, ("x",))
    assert whole.failed is None
    assert whole.rul().dtype == np.int64  # whole numbers stay whole where none is missing


def test_columns_are_chosen_where_targets_are_empty(fleet: Fleet, written: Write) -> None:
    left = pl.Series(fleet.rul())
    table = as_table(fleet).with_columns(
        left=pl.when(pl.col("asset") % 3 == 0).then(None).otherwise(left), life=2 * left
    )
    columns = Columns("asset", "flight", target="left")
    source = select_columns(TableSource(written(table, "fleet.csv"), columns), "none")
    found = read_table(source)
    assert found.failed is not None
    assert (found.failed == (found.engines % 3 != 0)).all()
    assert "life" not in source.features  # RUL under another name, whosever
    whole = select_columns(TableSource(written(table.with_columns(left=left), "whole.csv"), columns), "none")
    assert source.features == whole.features


def test_some_empty_targets_are_refused(written: Write) -> None:
    table = rows({1: [1] * 3, 2: [1] * 3}).with_columns(left=pl.Series([2, None, 0, 2, 1, 0]))
    with pytest.raises(
        GraceError, match=r"engine 1, t 2: left should be a finite number. Found nan. Fill it, or leave it empty in all"
    ):
        read_table(written(table), Columns("id", "t", target="left"), ("x",))


def test_a_target_says_more_than_an_event(written: Write) -> None:
    table = rows({1: [0] * 2, 2: [0] * 2, 3: [1] * 2})
    columns = replace(COLUMNS, target="left")
    known = table.with_columns(left=pl.Series([6, 5, None, None, 1, 0]))  # engine 1 was cut, and its RUL is known
    found = read_table(known, columns, ("x",))
    assert found.failed is not None
    assert found.failed.tolist() == [True, False, True]
    with pytest.raises(GraceError, match=r"engine 3: left should be known where failed is 1. Found none"):
        read_table(table.with_columns(left=pl.Series([6, 5, None, None, None, None])), columns, ("x",))


UNITS = pl.DataFrame({"id": [3, 1, 2], "failed": [1, 0, 1]})


def of_units(written: Write, units: pl.DataFrame, name: str = "units.csv") -> TableSource:
    table = rows({1: [0] * 2, 2: [0] * 3, 3: [0] * 4}).drop("failed")
    return TableSource(written(table), COLUMNS, ("x",), units=written(units, name))


def test_a_table_of_units(written: Write, tmp_path: Path) -> None:
    source = of_units(written, UNITS)
    for found in (read_table(source), read_table(replace(source, cache=tmp_path / "rows"))):
        assert found.failed is not None
        assert found.failed.tolist() == [False, True, True]
    assert read_table(of_units(written, UNITS.with_columns(pl.col("id").cast(pl.String)))).failures.tolist() == [1, 2]
    other = UNITS.vstack(pl.DataFrame({"id": [9, 8], "failed": [1, 1]}))
    said = select_columns(of_units(written, other), "none").done
    assert [line for line in said if "without rows" in line] == [
        f"{tmp_path / 'units.csv'}: engines without rows: 8, 9"
    ]
    assert "failed" not in select_columns(of_units(written, UNITS), "none").features


@pytest.mark.parametrize(
    ("units", "words"),
    [
        (UNITS[:1], "should have one row for each engine of fleet. Found none for 1, 2. Add it"),
        (UNITS.vstack(UNITS[:1]), "should have one row an engine. Found engine 3 twice, with the same event"),
        (
            UNITS.vstack(pl.DataFrame({"id": [1], "failed": [1]})),
            "should have one row an engine. Found engine 1 twice, with different events",
        ),
        (UNITS.rename({"failed": "state"}), "should have the column failed. Found id, state. Name one with --event"),
        (UNITS.rename({"id": "unit"}), "should have the column id. Found unit, failed. Name one with --engine"),
        (UNITS.with_columns(failed=pl.lit(3)), "engine 3: failed should be 1 (failed) or 0 (suspended). Found 3"),
        (
            UNITS.with_columns(failed=pl.Series([1, None, 1])),
            "engine 1: failed should be 1 (failed) or 0 (suspended). Found none",
        ),
        (UNITS[:0], "should hold at least one row"),
    ],
)
def test_tables_of_units_that_are_refused(written: Write, units: pl.DataFrame, words: str) -> None:
    with pytest.raises(GraceError) as refused:
        read_table(of_units(written, units))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_parts_of_a_fleet_keep_it(fleet: Fleet) -> None:
    failed = np.arange(12) % 3 > 0
    told = replace(fleet, failed=failed)
    part = told.select(np.array([5, 3, 0]))
    assert part.failed is not None
    assert part.failed.tolist() == [True, False, False]
    assert len({fleet.digest(), told.digest(), replace(fleet, failed=~failed).digest()}) == 3
    known = replace(told, sha256="0" * 64)
    assert known.digest() != replace(known, failed=~failed).digest()
    assert replace(known, failed=None).digest() == "0" * 64
    train, held = told.split(0.3, seed=4)
    assert held.failed is not None
    assert held.failed.all()
    assert len(held.engines) == 2  # 30 % of the eight that failed
    assert sorted([*train.engines, *held.engines]) == sorted(fleet.engines)
    every = replace(fleet, failed=np.ones(12, dtype=bool))
    for ours, theirs in zip(fleet.split(0.3, 4), every.split(0.3, 4), strict=True):
        assert ours.engines.tolist() == theirs.engines.tolist()


def test_roles_of_older_runs_stay_as_they_are() -> None:
    old = {
        "engine": "id",
        "time": "t",
        "settings": [],
        "target": "",
        "label": "",
        "unit": "hours",
        "test": "",
        "classes": [],
    }
    assert Columns.from_json(old).to_json() == old
    assert json.loads(json.dumps(COLUMNS.to_json()))["event"] == "failed"
    assert Columns.from_json(COLUMNS.to_json()) == COLUMNS
    with pytest.raises(
        GraceError, match=r"`--event` should be a column of its own. Found t, which is `--time` already"
    ):
        Columns("id", "t", event="t")


def test_new_engines_need_no_event(written: Write) -> None:
    path = written(rows({1: [1] * 2}).drop("failed"))
    assert as_fleet(path, COLUMNS, ("x",)).failed is None
    assert as_fleet(of_units(written, UNITS)).failed is None
    assert as_fleet(rows({1: [0] * 2}), COLUMNS, ("x",), side=TEST).failures.tolist() == []


def test_cmapss_with_a_table_of_units(cmapss_dir: Path, written: Write) -> None:
    units = written(
        pl.DataFrame({"engine": np.arange(100, 0, -1), "event": (np.arange(100, 0, -1) % 4 == 0).astype(int)}), "u.csv"
    )
    source = WithUnits(cmapss_dir, units)
    found, whole = load_train("FD001", source), load_train("FD001", cmapss_dir)
    assert found.failed is not None
    assert found.engines[found.failed].tolist() == list(range(4, 101, 4))
    assert found.rul().tolist() == whole.rul().tolist()
    assert found.digest() != whole.digest()
    test = load_test("FD001", source)
    assert test is not None
    assert test.failed is None  # it speaks of training engines
    assert units in files_read("FD001", source)
    with pytest.raises(GraceError, match="Found none for 1, 2, 3, 4, 5 and 95 more"):
        load_train("FD001", replace(source, units=written(pl.DataFrame({"engine": [101], "event": [1]}), "v.csv")))


def test_two_failures_are_needed(fleet: Fleet) -> None:
    for count, words in ((0, "Found no failed and 12 suspended"), (1, "Found 1 failed and 11 suspended")):
        with pytest.raises(GraceError, match=f"should hold at least two training engines that failed. {words}"):
            check_training(replace(fleet, failed=np.arange(12) < count), Conventions())
    check_training(replace(fleet, failed=np.arange(12) < 2), Conventions())


def test_a_suspended_engine_may_be_short(fleet: Fleet) -> None:
    kept = np.arange(fleet.starts[2] + 3)  # two whole engines and three rows of the next
    owner, values = fleet.engines[fleet.engine_at(kept)], np.asarray(fleet.values)[kept]
    cut = Fleet.of_rows("cut", owner, values, fleet.columns)
    with pytest.raises(GraceError, match=r"should have at least 20 cycles, one window. Found 3"):
        check_training(cut, Conventions(), 20)
    check_training(replace(cut, failed=np.array([True, True, False])), Conventions(), 20)


def test_ages_of_both(fleet: Fleet, written: Write) -> None:
    failed = np.arange(12) < 5
    ages = [np.median(fleet.lengths[side]) for side in (failed, ~failed)]
    said = suspension(replace(fleet, failed=failed), Conventions())
    assert said == (
        f"5 units failed, at a median age of {ages[0]:g} cycles, and 7 were suspended, at {ages[1]:g}: if suspension tells "
        "something of RUL, all figures are biased"
    )
    assert suspension(fleet, Conventions()) == ""
    assert suspension(replace(fleet, failed=np.ones(12, dtype=bool)), Conventions()) == ""
    table = Conventions(features=("x",), table=replace(COLUMNS, event=""))
    assert suspension(fleet, table) == ALL_FAILED
    assert suspension(fleet, replace(table, table=replace(COLUMNS, event="", target="left"))) == ""
    began = datetime(2020, 1, 1)
    dated = rows({1: [1] * 3, 2: [0] * 5, 3: [0] * 9})
    dated = dated.with_columns(t=pl.Series([began + timedelta(hours=2 * int(t)) for t in dated["t"]]))
    columns = replace(COLUMNS, unit="hours")
    said = suspension(read_table(dated, columns), Conventions(features=("x",), table=columns))
    assert said.startswith("1 units failed, at a median age of 4 hours, and 2 were suspended, at 12:")


def test_windows_know_what_they_know(fleet: Fleet) -> None:
    failed = np.arange(12) % 2 == 0
    told, conventions = replace(fleet, failed=failed, labels={}), Conventions()
    values = np.zeros((len(fleet.values), 3), dtype=np.float32)
    found, whole = (training_windows(f, values, conventions, 20) for f in (told, replace(fleet, labels={})))
    pieces, all_pieces = next(found.pieces()), next(whole.pieces())
    assert pieces.suspended is not None
    assert (pieces.suspended == ~failed[pieces.engine]).all()
    unknown = pieces.suspended & (pieces.true_rul < conventions.health_cuts[0])
    assert (pieces.label == np.where(unknown, UNKNOWN, all_pieces.label)).all()
    own = next(training_windows(replace(fleet, failed=failed), values, conventions, 20).pieces())
    assert (own.label == np.asarray(fleet.labels["health"])[own.ends]).all()
    alone = training_windows(told, values, conventions, 20, of=told.failures)
    part = next(alone.pieces())
    assert part.suspended is None
    assert (part.ends == pieces.ends[~pieces.suspended]).all()


def test_a_diagnosis_reads_windows_of_failures_and_scales_on_all(fleet: Fleet) -> None:
    failed = np.arange(12) < 4
    found, whole = (Prepared.of(f, Conventions(), 20) for f in (replace(fleet, failed=failed), fleet))
    assert (found.conditioner.mean == whole.conditioner.mean).all()
    piece = next(found.windows.pieces())
    assert set(piece.engine) == {0, 1, 2, 3}
    assert piece.suspended is None
