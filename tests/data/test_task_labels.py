"""Labels of tasks from the columns of a table, of its rows or of its table of units, with any gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import grace
from grace import Columns, Fleet, GraceError, TableSource, Task, read_table
from grace.data.load import WithUnits, load_train
from grace.data.tables.select_columns import select_columns
from grace.data.task_checks import said_of_labels

COLUMNS = Columns("unit", "t", event="failed")
UNITS, ROWS = 12, 6


def rows(**columns: Any) -> pl.DataFrame:
    """Twelve units of six rows, of which eight failed; ``columns`` replace or add some, a value a row."""
    unit = np.repeat(np.arange(UNITS), ROWS)
    time = np.tile(np.arange(ROWS), UNITS) + 1
    rng = np.random.default_rng(0)
    made = {
        "unit": unit,
        "t": time,
        "failed": (unit < 8).astype(int),
        "x": rng.normal(size=len(unit)),
        "y": rng.normal(size=len(unit)),
        "wear": time / 10 + unit / 7,
    }
    return pl.DataFrame(made | columns)


def read(frame: pl.DataFrame, *tasks: Task, **choices: Any) -> Fleet:
    return read_table(frame, COLUMNS, ("x", "y"), tasks=tasks, **choices)


def test_numbers_with_gaps_stay_gaps() -> None:
    wear = [None if i % 4 else i / 10 for i in range(UNITS * ROWS)]
    fleet = read(rows(wear=wear), Task("wear"))
    (task,) = fleet.tasks
    assert (task.kind, task.classes) == ("regression", ())
    expected = np.array([np.nan if value is None else value for value in wear])
    np.testing.assert_array_equal(fleet.labels["wear"], expected)
    assert "known in 25% of rows, of 8 units that failed and 4 suspended" in fleet.done[-1]
    assert "wear" not in fleet.columns


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        ([0, 1, 2], "class", ("0", "1", "2")),
        (["b", "a", None], "class", ("a", "b")),
        ([True, False], "class", ("false", "true")),
        ([2.0, 10.0, 3.0], "class", ("2", "3", "10")),
        (list(range(11)), "regression", ()),
        ([0.5, 1.0], "regression", ()),
        (["3", "NA", "1"], "class", ("1", "3")),
        (["0.5", "n/a", "1"], "class", ("0.5", "1")),
    ],
)
def test_the_kind_is_found(values: list[Any], kind: str, classes: tuple[str, ...]) -> None:
    column = (values * (UNITS * ROWS))[: UNITS * ROWS]
    (task,) = read(rows(label=column), Task("label")).tasks
    assert (task.kind, task.classes) == (kind, classes)


def test_ordered_classes_are_numbers_in_their_order() -> None:
    column = ([10, 2, 3] * (UNITS * ROWS))[: UNITS * ROWS]
    fleet = read(rows(label=column), Task("label", kind="ordinal"))
    assert fleet.tasks[0].classes == ("2", "3", "10")
    assert fleet.labels["label"][:3].tolist() == [2, 0, 1]
    texts = (["low", "high"] * (UNITS * ROWS))[: UNITS * ROWS]
    with pytest.raises(GraceError, match=r"should hold numbers, whose order is that of the classes. Found 'high'"):
        read(rows(label=texts), Task("label", kind="ordinal"))


def test_sentinels_are_gaps_of_labels_too() -> None:
    wear = ([0.5, -999.0, 1.5] * (UNITS * ROWS))[: UNITS * ROWS]
    columns = Columns("unit", "t", event="failed", sentinels=(-999.0,))
    fleet = read_table(rows(wear=wear), columns, ("x",), tasks=[Task("wear")])
    assert np.isnan(fleet.labels["wear"]).mean() == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("columns", "task", "words"),
    [
        (
            {"wear": [None] * 72},
            Task("wear", kind="regression"),
            r"of task wear should be known in some rows. Found none",
        ),
        ({"wear": [2.5] * 72}, Task("wear"), r"of task wear should vary. Found 2.5 wherever it is known"),
        ({"wear": ["a"] * 72}, Task("wear", kind="class"), r"of task wear should vary. Found a wherever"),
        ({"wear": [float("inf"), 0.5] * 36}, Task("wear"), r"wear should be a finite number. Found inf"),
        ({}, Task("gone"), r"should have the column gone of task gone. Found unit, t"),
        ({}, Task("end", "failed"), r"Found failed, which is `--event` already, and defines failure"),
        ({}, Task("who", "unit"), r"Found unit, which is `--engine` already"),
        (
            {},
            Task("copy", "x"),
            r"`--features` should leave out what a network cannot know. Found x, the label of task copy",
        ),
        ({"wear": ["a", "1", "2"] * 24}, Task("wear", kind="regression"), r"wear should hold numbers.* Found 'a'"),
        ({"s": [0, 1] * 36}, Task("health", "s", "regression"), r"Task health should be a class, of three states"),
        ({"s": ["a", "b"] * 36}, Task("health", "s"), r"s should hold three classes. Found 2: a, b"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(columns: dict[str, Any], task: Task, words: str) -> None:
    with pytest.raises(GraceError, match=words) as error:
        read(rows(**columns), task)
    assert "\n" not in str(error.value)


def said(fleet: Fleet) -> str:
    return "\n".join(said_of_labels(fleet, fleet.tasks, fleet.columns))


def test_what_may_be_a_mistake_is_said() -> None:
    unit = np.repeat(np.arange(UNITS), ROWS)
    some = np.random.default_rng(1).normal(size=len(unit))
    of_failed = read(rows(wear=np.where(unit < 8, some, np.nan)), Task("wear"))
    assert "known of units that failed alone: suspended ones teach it nothing" in said(of_failed)
    of_others = read(rows(wear=np.where(unit < 8, np.nan, some)), Task("wear"))
    assert "known of suspended units alone" in said(of_others)
    single = read(rows(kind=np.where(unit == 3, "odd", np.where(unit % 2, "a", "b"))), Task("kind"))
    assert "task kind: odd in one unit alone" in said(single)
    fact = (unit % 3).astype(float)
    changes = fact.copy()
    changes[5] = 2
    assert "changes within 1: 0; is it a fact of a unit?" in said(read(rows(kind=changes), Task("kind")))
    assert "fact of a unit" not in said(read(rows(kind=fact), Task("kind")))
    assert "fact of a unit" not in said(read(rows(), Task("wear")))
    x = rows()["x"].to_numpy()
    assert "says what the feature x says (correlation 1.0000)" in said(read(rows(wear=3 - 2 * x), Task("wear")))
    assert "says what" not in said(read(rows(wear=x + 0.2 * some), Task("wear")))


def test_a_label_of_a_unit_is_that_of_all_its_rows(tmp_path: Path) -> None:
    units = pl.DataFrame({"unit": np.arange(UNITS), "chem": ["A", "B", None] * 4, "load": np.arange(UNITS) + 0.5})
    units.write_csv(tmp_path / "units.csv")
    fleet = read(rows(), Task("chem"), Task("load"), units=tmp_path / "units.csv")
    owner = fleet.engine_of_row()
    assert [task.kind for task in fleet.tasks] == ["class", "regression"]
    np.testing.assert_array_equal(fleet.labels["chem"], np.array([0, 1, np.nan] * 4)[owner])
    np.testing.assert_array_equal(fleet.labels["load"], (np.arange(UNITS) + 0.5)[owner])


def test_rows_on_the_disk_have_the_same_labels(tmp_path: Path) -> None:
    table = rows(kind=(["a", None, "b", "c"] * 18)).sort("t")  # out of the order of units
    table.write_parquet(tmp_path / "fleet.parquet")
    source = TableSource(tmp_path / "fleet.parquet", COLUMNS, ("x", "y"), tasks=(Task("kind"), Task("wear")))
    found = select_columns(source)
    stored = read_table(TableSource(**vars(found) | {"cache": tmp_path / "rows"}))
    resident = read_table(found)
    every = np.arange(len(resident.values))
    for name in ("kind", "wear"):
        np.testing.assert_array_equal(np.asarray(stored.labels[name][every]), np.asarray(resident.labels[name]))
    assert stored.tasks == resident.tasks == found.tasks
    again = select_columns(TableSource(tmp_path / "fleet.parquet", COLUMNS, ("x", "y"), tasks=(Task("wear"),)))
    other = read_table(TableSource(**vars(again) | {"cache": tmp_path / "rows"}))
    assert set(other.labels) == {"wear"}


def test_columns_of_tasks_are_neither_features_nor_settings(tmp_path: Path) -> None:
    rows(kind=["a", "b"] * 36).write_parquet(tmp_path / "fleet.parquet")
    source = TableSource(tmp_path / "fleet.parquet", COLUMNS, tasks=(Task("kind"), Task("wear")))
    assert select_columns(source).features == ("x", "y")
    assert "wear" in select_columns(TableSource(tmp_path / "fleet.parquet", COLUMNS)).features


def test_new_engines_need_no_labels() -> None:
    fleet = read(rows(), Task("wear"))
    found = grace.data.load.as_fleet(rows().drop("wear", "failed"), COLUMNS, ("x", "y"))  # type: ignore[attr-defined]
    assert not found.labels
    np.testing.assert_array_equal(np.asarray(found.values), np.asarray(fleet.values))


def test_engines_of_cmapss_take_labels_from_a_table_of_units(tmp_path: Path) -> None:
    fleet, test = grace.simulate(grace.Simulation(engines=9, test_engines=3))
    from grace.data.cmapss.fleets import write_cmapss

    write_cmapss(fleet, test, tmp_path, "SIM")
    table = pl.DataFrame({"engine": np.arange(1, 10), "event": [1] * 6 + [0] * 3, "site": ["n", "s", None] * 3})
    table.write_csv(tmp_path / "units.csv")
    found = load_train("SIM", WithUnits(tmp_path, tmp_path / "units.csv", tasks=(Task("site"), Task("future_sensors"))))
    assert [task.name for task in found.tasks] == ["site", "future_sensors"]
    np.testing.assert_array_equal(found.labels["site"], np.array([0, 1, np.nan] * 3)[found.engine_of_row()])
    assert found.failed is not None
    assert found.failed.sum() == 6
