"""Engines of whatever they come in: the same fleet from text, files, frames and sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import grace.training.run
from grace.data.cmapss.fleets import read_plain, read_train
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.load import as_fleet, files_read, load_test, load_train
from grace.data.tables.columns import TEST, TRAIN, Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tasks import Task
from grace.errors import GraceError
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec
from tests.data.conftest import Write, as_table
from tests.data.test_identity import as_pandas
from tests.data.test_ncmapss import write_layout

COLUMNS, NAMES = Columns("asset", "flight"), ("s2", "s3")
HEALTH = (Task("health", "state"),)


def assert_same(found: Fleet, expected: Fleet) -> None:
    assert found.columns == expected.columns
    for name in ("engines", "starts", "values", "last_rul", "row_rul", "last_time"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.labels.keys() == expected.labels.keys()
    for name, labels in found.labels.items():
        np.testing.assert_array_equal(np.asarray(labels), np.asarray(expected.labels[name]), err_msg=name)


def test_a_fleet_stays_as_it_is(fleet: Fleet) -> None:
    assert as_fleet(fleet) is fleet
    assert as_fleet(fleet, COLUMNS, NAMES) is fleet


def test_every_form_of_a_table_gives_one_fleet(fleet: Fleet, written: Write) -> None:
    table = (
        as_table(fleet)
        .with_columns(state=pl.Series(np.asarray(fleet.labels["health"])))
        .sample(fraction=1.0, shuffle=True)
    )
    path = written(table, "fleet.csv")
    expected = read_table(path, COLUMNS, NAMES, tasks=HEALTH)
    assert expected.labels
    for given in (
        path,
        str(path),
        table,
        table.lazy(),
        as_pandas(table),
        TableSource(path, COLUMNS, NAMES, tasks=HEALTH),
    ):
        columns = () if isinstance(given, TableSource) else (COLUMNS, NAMES)
        tasks = () if isinstance(given, TableSource) else HEALTH
        assert_same(read_table(given, *columns, tasks=tasks), expected)  # type: ignore[arg-type]
        new = as_fleet(given, *columns)  # type: ignore[arg-type]
        assert_same(new, replace(expected, labels={}))


def test_a_target_is_not_read_of_new_engines() -> None:
    table = pl.DataFrame({"id": [1, 1], "t": [1, 2], "left": [5, -1], "x": [0.5, 0.25]})
    columns = Columns("id", "t", target="left")
    assert as_fleet(table, columns, ("x",)).rul().tolist() == [1, 0]
    with pytest.raises(GraceError, match="left should be at least 0"):
        read_table(table, columns, ("x",))
    assert as_fleet(table.drop("left"), columns, ("x",)).engines.tolist() == [1]


def as_native(fleet: Fleet) -> pl.DataFrame:
    """A table with the names of C-MAPSS."""
    owner = fleet.engine_of_row()
    cycle = np.arange(len(owner)) - fleet.starts[owner] + 1
    values = pl.DataFrame(np.asarray(fleet.values), schema=list(fleet.columns))
    return values.with_columns(engine=pl.Series(fleet.engines[owner]), cycle=pl.Series(cycle))


def test_tables_with_the_names_of_cmapss_equal_its_text(small: Path, written: Write) -> None:
    text = read_train(small, "SIM")
    assert_same(as_fleet(small / "train_SIM.txt"), text)
    table = as_native(text).sample(fraction=1.0, shuffle=True)
    order = [name for name in text.columns if name.startswith("setting")]
    order += [name for name in table.columns if name.startswith("sensor")]
    for given in (table, written(table, "engines.csv"), written(table, "engines.parquet")):
        assert_same(as_fleet(given, features=tuple(order)), text)
    late = table.filter(pl.col("cycle") > 5).with_columns(
        cycle=pl.col("cycle") + 100
    )  # where a recording begins is free
    assert as_fleet(late).lengths.tolist() == (text.lengths - 5).tolist()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t.filter(pl.col("cycle") != 3),
            "engine 1: the cycles should follow without gap or repeat. Found a step of 2",
        ),
        (lambda t: pl.concat([t, t[-1:]]), "each cycle should stand once"),
        (lambda t: t.drop("setting_2"), "should have the column setting_2"),
        (lambda t: t.drop("cycle"), "should have the column cycle"),
    ],
)
def test_tables_with_the_names_of_cmapss_are_checked(small: Path, change, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(GraceError) as refused:
        as_fleet(change(as_native(read_plain(small / "train_SIM.txt"))))
    assert words in str(refused.value)


def test_other_things_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GraceError, match=r"should be a path, or a frame of polars or pandas\. Found list"):
        as_fleet([1, 2], COLUMNS)  # type: ignore[arg-type]
    with pytest.raises(GraceError, match=r"frame should be a readable table"):
        as_fleet(pl.scan_csv(tmp_path / "none.csv"), COLUMNS)
    with pytest.raises(GraceError, match=r"none\.txt should be a text file. Found none"):
        as_fleet(tmp_path / "none.txt")


def test_a_source_names_its_test_engines(fleet: Fleet, written: Write, tmp_path: Path) -> None:
    path, test = written(as_table(fleet)), written(as_table(fleet.select(np.array([3]))), "test.parquet")
    source = TableSource(path, Columns("asset", "flight"), NAMES, cache=tmp_path / "rows")
    assert load_test("", source) is None
    assert files_read("", source) == (path,)
    both = replace(source, test=test)
    found = load_test("", both)
    assert found is not None
    assert found.engines.tolist() == [4]
    assert isinstance(found.values, np.ndarray)  # test engines are few: they are read into memory
    assert load_train("", both).engines.tolist() == fleet.engines.tolist()
    assert files_read("", both) == (path, test)


def test_ncmapss_tests_on_its_own_file(tmp_path: Path) -> None:
    path = tmp_path / "DS02.h5"
    write_layout(path)
    source = TableSource(path, Columns("unit", "cycle", target="RUL"), ("x0",), test=path)
    tested = load_test("", source)
    assert tested is not None
    assert (load_train("", source).engines.tolist(), tested.engines.tolist()) == ([2, 5], [11])
    assert as_fleet(path, source.columns, ("x0",)).engines.tolist() == [11]


TRAINED = pl.DataFrame(
    {
        "id": [1, 1, 1, 2, 2, 3, 3],
        "t": [1, 2, 3, 1, 2, 1, 2],
        "rul": [7, 6, 5, None, None, 1, 0],
        "x": [1.0, 2, 4, 3, 5, 7, 6],
        "grade": ["b", "a", None, "a", "b", "b", "b"],
    }
)
"""Engine 1 has 5 left at its last row, engine 2 was suspended, engine 3 failed."""


def test_training_engines_are_read_with_all_that_is_known_of_them(written: Write) -> None:
    columns, task = Columns("id", "t", target="rul"), Task("grade", "grade")
    for given in (
        TRAINED,
        written(TRAINED, "fleet.csv"),
        written(TRAINED),
        TableSource(written(TRAINED), columns, ("x",)),
    ):
        found = as_fleet(given, columns, ("x",), side=TRAIN, tasks=(task,))
        assert (found.last_rul.tolist(), found.failures.tolist()) == ([5, 0, 0], [0, 2])
        assert found.rul().tolist() == [7, 6, 5, 1, 0, 1, 0]
        assert (found.tasks[0].kind, found.tasks[0].classes) == ("class", ("a", "b"))
        np.testing.assert_array_equal(found.labels["grade"], [1, 0, np.nan, 0, 1, 1, 1])
        assert as_fleet(given, columns, ("x",), side=TEST).last_rul.tolist() == [5, 0, 0]
        new = as_fleet(given, columns, ("x",))
        assert (new.last_rul.tolist(), new.failed, dict(new.labels)) == ([0, 0, 0], None, {})


def test_train_reads_training_and_test_engines_with_their_rul(
    tmp_path: Path, written: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Fleet] = []

    def keep(specs: list[RunSpec], fleet: Fleet, test: Fleet, **given: object) -> list[None]:
        read.extend((fleet, test))
        return [None]

    monkeypatch.setattr(grace.training.run, "train_stacked", keep)
    task = Task("grade", "grade", "class", ("a", "b"))
    conventions = Conventions(features=("x",), table=Columns("id", "t", target="rul"), tasks=(task,))
    spec = run_spec("fleet", "fixed-0.1", conventions=conventions)
    train(spec, written(TRAINED, "fleet.csv"), TRAINED.filter(pl.col("id") == 1))
    assert (read[0].last_rul.tolist(), read[0].failures.tolist(), read[1].last_rul.tolist()) == ([5, 0, 0], [0, 2], [5])
    assert read[0].tasks[0].classes == ("a", "b")
    write_layout(tmp_path / "DS02.h5")
    conventions = Conventions(features=("x0",), table=Columns("unit", "cycle", target="RUL"))
    train(run_spec("DS02", "rul-only", conventions=conventions), tmp_path / "DS02.h5", tmp_path / "DS02.h5")
    assert [fleet.engines.tolist() for fleet in read[2:]] == [[2, 5], [11]]
