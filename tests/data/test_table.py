"""A user's own table: the same numbers as C-MAPSS's own reader, and one grammar of refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grace.alignment.diagnose import diagnose
from grace.alignment.problem import FleetProblem
from grace.data.cmapss.fleets import read_test, read_train
from grace.data.conventions import PUBLISHED, Conventions
from grace.data.fleet import SETTINGS, Fleet
from grace.data.load import as_fleet
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.scan import scan
from grace.data.tables.select_columns import select_columns
from grace.data.tasks import STATES, Task
from grace.errors import GraceError
from grace.training.record import Record
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec
from tests.data.conftest import Write, as_table, renamed

COLUMNS = Columns("asset", "flight")
SETTING_NAMES = tuple(map(renamed, SETTINGS))


def chosen(
    path: Path,
    columns: Columns = COLUMNS,
    features: tuple[str, ...] = (),
    conditions: str = "auto",
    tasks: tuple[Task, ...] = (),
) -> TableSource:
    return select_columns(TableSource(path, columns, features, tasks=tasks), conditions)


def conventions_of(base: Conventions, source: TableSource) -> Conventions:
    return replace(base, features=source.features, conditions=source.conditions, table=source.columns)


@pytest.mark.parametrize("name", ["fleet.parquet", "fleet.csv"])
def test_diagnosis_equals_that_of_the_fleet(fleet: Fleet, written: Write, name: str) -> None:
    path = written(as_table(fleet).sample(fraction=1.0, shuffle=True, seed=1), name)
    source = chosen(path, features=tuple(map(renamed, PUBLISHED.features)), conditions=",".join(SETTING_NAMES))
    table = read_table(source)
    np.testing.assert_array_equal(table.rul(), fleet.rul())
    read = [(table, conventions_of(PUBLISHED, source)), (replace(fleet, labels={}), PUBLISHED)]
    problems = (FleetProblem(*how, size="tiny", batch_size=16) for how in read)
    ours, theirs = (diagnose(problem, inits=2, reads=3, steps=6) for problem in problems)
    assert (ours.rho, ours.ratio, ours.conditions) == (theirs.rho, theirs.ratio, theirs.conditions)
    assert ours.conventions["table"]["settings"] == list(SETTING_NAMES)  # type: ignore[index]


def test_training_on_cmapss_equals_its_own_reader(cmapss_dir: Path, written: Write) -> None:
    native, native_test = read_train(cmapss_dir, "FD001"), read_test(cmapss_dir, "FD001")
    some, few = native.select(np.arange(0, 100, 4)), native_test.select(np.arange(20))
    path = written(as_table(some).with_columns(left=pl.Series(some.rul())))
    test = written(as_table(few).with_columns(left=pl.Series(few.rul())), "test.parquet")
    features = tuple(map(renamed, Conventions().features))
    source = chosen(path, replace(COLUMNS, target="left"), features, ",".join(SETTING_NAMES))
    spec = run_spec("FD001", "grace", seed=3, size="tiny", schedule="tiny")
    ours = run_spec(
        "fleet", "grace", seed=3, size="tiny", schedule="tiny", conventions=conventions_of(Conventions(), source)
    )
    expected = train(spec, some, few).record
    found = train(ours, read_table(source), read_table(replace(source, path=test))).record
    for part in ("validation", "test", "interval", "predictions"):
        assert getattr(found, part) == getattr(expected, part)
    assert RunSpec.from_json(ours.to_json()) == ours
    assert ours.id != replace(spec, dataset="fleet").id


def test_committed_runs_keep_their_ids() -> None:
    paths = sorted((Path(__file__).parents[2] / "results" / "compact" / "records").glob("*.json"))
    assert len(paths) >= 160
    for path in paths:
        record = Record.read(path)
        assert RunSpec.from_json(record.spec).id == record.id == path.stem


def test_settings_and_features_are_found(fleet: Fleet, written: Write) -> None:
    source = chosen(written(as_table(fleet)))
    assert {"op1", "op2"} <= set(source.columns.settings)
    spread = {renamed(name): fleet.taken(np.arange(len(fleet.values)), (name,)).std() for name in fleet.columns}
    assert all(source.left_out[name] == "constant" for name, value in spread.items() if value == 0)
    assert source.left_out["note"] == "no numbers"
    assert {"s2", "s4", "s11", "s15"} <= set(source.features)
    assert not set(source.features) & {*source.columns.settings, "asset", "flight", *source.left_out}
    alone = chosen(written(as_table(fleet)), conditions="none")
    assert alone.columns.settings == ()


def test_rul_under_another_name_is_no_feature(fleet: Fleet, written: Write) -> None:
    left = pl.Series(3.0 * fleet.rul() + 2)
    age = pl.Series(1.0 * (np.arange(len(fleet.values)) - fleet.starts[fleet.engine_of_row()]))
    path = written(as_table(fleet).with_columns(left=left, age=age))
    for columns in (COLUMNS, replace(COLUMNS, target="left")):
        source = chosen(path, columns)
        assert "left" not in source.features
        assert "age" in source.features  # how long an engine has run is known while it runs
    assert chosen(path).left_out["left"] == "says RUL itself"


@pytest.mark.parametrize(("subset", "several"), [("FD001", False), ("FD002", True), ("FD003", False), ("FD004", True)])
def test_conditions_of_cmapss_are_found_without_being_named(
    cmapss_dir: Path, written: Write, subset: str, several: bool
) -> None:
    source = chosen(written(as_table(read_train(cmapss_dir, subset))))
    settings = set(source.columns.settings)
    assert source.found == (6 if several else 1)
    assert settings >= set(SETTING_NAMES) if several else settings == set()
    assert not settings & {"s2", "s3", "s4", "s7", "s11", "s12", "s15", "s17", "s20", "s21"}


def test_rul_is_last_time_minus_time(written: Write) -> None:
    table = pl.DataFrame({"id": ["b", "b", "a", "a", "a"], "t": [7.5, 0.5, 1.0, 4.0, 2.0], "x": [1, 2, 3, 4, 5]})
    found = read_table(TableSource(written(table), Columns("id", "t", unit="hours"), ("x",)))
    assert found.engines.tolist() == ["a", "b"]
    assert found.rul().tolist() == [3.0, 2.0, 0.0, 7.0, 0.0]
    assert found.values[np.arange(5)][:, 0].tolist() == [3, 5, 4, 2, 1]
    assert found.last_time is not None
    assert found.last_time.tolist() == [4.0, 7.5]
    assert found.rows_above(2).tolist() == [1, 1]


def test_dates_are_counted_in_the_unit(written: Write) -> None:
    start = datetime(2024, 1, 1)
    times = [start + timedelta(hours=h) for h in (0, 6, 36)]
    path = written(pl.DataFrame({"id": [1, 1, 1], "at": times, "x": [1.0, 2.0, 3.0]}), "dates.csv")
    found = read_table(TableSource(path, Columns("id", "at", unit="hours"), ("x",)))
    assert found.rul().tolist() == pytest.approx([36, 30, 0])
    days = read_table(TableSource(path, Columns("id", "at", unit="days"), ("x",)))
    assert days.rul().tolist() == pytest.approx([1.5, 1.25, 0])


def test_labels_by_number_and_by_name(fleet: Fleet, written: Write) -> None:
    labels, health = np.asarray(fleet.labels["health"]).astype(int), (Task("health", "state"),)
    for names, classes in ((("0", "1", "2"), STATES), (("fine", "old", "worn"), ("fine", "old", "worn"))):
        column = pl.Series(names)[pl.Series(labels)]
        column = column.cast(pl.Int64) if names[0] == "0" else column
        source = chosen(written(as_table(fleet).with_columns(state=column)), tasks=health)
        assert source.tasks[0].classes == classes
        np.testing.assert_array_equal(read_table(source).labels["health"], labels)
    meant = pl.Series(["healthy", "degrading", "critical"])[pl.Series(labels)]  # sorted by meaning, not by letter
    source = chosen(written(as_table(fleet).with_columns(state=meant)), tasks=health)
    np.testing.assert_array_equal(read_table(source).labels["health"], labels)


def test_a_folder_is_one_table(fleet: Fleet, written: Write, tmp_path: Path) -> None:
    table = as_table(fleet)
    whole = read_table(chosen(written(table), conditions="none"))
    for number, part in enumerate((table[:500], table[500:900], table[900:])):
        written(part, f"parts/{number}.parquet")
    parts = read_table(chosen(tmp_path / "parts", conditions="none"))
    np.testing.assert_array_equal(parts.values, whole.values)


def test_new_engines_need_neither_target_nor_label(fleet: Fleet, written: Write) -> None:
    columns = Columns("asset", "flight", settings=("op1",), target="gone")
    found = as_fleet(written(as_table(fleet)), columns, ("s2", "s3"))
    assert found.columns == ("op1", "s2", "s3")


SMALL = pl.DataFrame(
    {"id": [1, 1, 1, 2, 2, 2], "t": [1, 2, 3, 1, 2, 3], "x": [1.0, 2, 3, 2, 3, 4], "y": [2.0, 1, 0, 2, 1, 0]}
)


def cell(name: str, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Put a value into the second row."""
    return lambda table: table.with_columns(
        pl.Series(name, [table[name][0], value, *table[name][2:].to_list()], strict=False)
    )


@pytest.mark.parametrize(
    ("change", "columns", "words"),
    [
        (
            lambda t: t.drop("id"),
            Columns("id", "t"),
            "should have the column id. Found t, x, y. Name one with --engine",
        ),
        (lambda t: t, Columns("id", "hour"), "should have the column hour. Found id, t, x, y. Name one with --time"),
        (lambda t: t, Columns("id", "t", target="rul"), "Name one with --target"),
        (lambda t: t.with_columns(t=pl.lit("noon")), Columns("id", "t"), "t should hold numbers. Found String"),
        (lambda t: t.with_columns(t=pl.lit(datetime(2024, 1, 1))), Columns("id", "t"), "--time-unit seconds, minutes"),
        (
            lambda t: t.with_columns(y=pl.lit("low")),
            Columns("id", "t", target="y"),
            "y should hold numbers. Found String",
        ),
        (cell("x", float("inf")), Columns("id", "t"), "engine 1, t 2: x should be a finite number. Found inf"),
        (cell("y", None), Columns("id", "t", target="y"), "engine 1, t 2: y should be a finite number. Found nan"),
        (cell("id", None), Columns("id", "t"), "id should be known in every row. Found an empty one"),
        (cell("t", 1), Columns("id", "t"), "engine 1: each t should stand once. Found 1 twice. Drop the repeated rows"),
        (cell("y", 3.0), Columns("id", "t", target="y"), "engine 1: y should never rise as t goes on. Found 3 after 2"),
        (cell("y", -1.0), Columns("id", "t", target="y"), "engine 1: y should be at least 0. Found -1"),
        (lambda t: t[:0], Columns("id", "t"), "should hold at least one row. Found none"),
        (
            lambda t: t.with_columns(x=pl.lit(1.0), y=pl.lit(2)),
            Columns("id", "t"),
            "numeric column that varies. Found none",
        ),
    ],
)
def test_bad_tables_are_refused_in_one_grammar(
    change: Callable[[pl.DataFrame], pl.DataFrame], columns: Columns, words: str, written: Write
) -> None:
    path = written(change(SMALL))
    with pytest.raises(GraceError) as refused:
        read_table(chosen(path, columns))
    text = str(refused.value)
    assert words in text
    assert " should " in text
    assert "Found" in text
    assert "\n" not in text


def test_engines_in_another_unit_are_refused(written: Write) -> None:
    hours = pl.DataFrame(
        {"id": [1] * 4 + [2] * 4 + [3] * 4, "t": [1, 2, 3, 4] * 2 + [3600, 7200, 10800, 14400], "x": range(12)}
    )
    with pytest.raises(GraceError, match=r"one unit of time. Found steps of t of 3600 in engine 3, of 1 in the median"):
        read_table(chosen(written(hours), Columns("id", "t", unit="hours")))
    rul = hours.with_columns(t=pl.Series([1, 2, 3, 4] * 3), left=pl.Series([3, 2, 1, 0] * 2 + [180, 120, 60, 0]))
    with pytest.raises(GraceError, match=r"Found a fall of left per t of 60 in engine 3"):
        read_table(chosen(written(rul), Columns("id", "t", target="left")))


def test_columns_have_one_role_each(written: Write) -> None:
    with pytest.raises(
        GraceError, match=r"`--target` should be a column of its own. Found t, which is `--time` already"
    ):
        Columns("id", "t", target="t")
    with pytest.raises(GraceError, match=r"`--conditions` should be a column of its own. Found t"):
        chosen(written(SMALL), Columns("id", "t"), conditions="t")
    with pytest.raises(GraceError, match=r"Found y, which has a role already"):
        chosen(written(SMALL), Columns("id", "t", target="y"), features=("x", "y"))
    with pytest.raises(GraceError, match=r"3 conditions should come from setting columns"):
        chosen(written(SMALL), Columns("id", "t"), conditions="3")


def test_bad_paths_are_refused(written: Write, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(GraceError, match=r"folder of .csv files or of .parquet files. Found none"):
        scan(tmp_path / "empty")
    written(SMALL, "mixed/a.csv")
    written(SMALL, "mixed/b.parquet")
    with pytest.raises(GraceError, match=r"Found both .csv and .parquet"):
        scan(tmp_path / "mixed")
    written(SMALL, "differ/a.parquet")
    written(SMALL.rename({"x": "z"}), "differ/b.parquet")
    with pytest.raises(
        GraceError, match=r"b.parquet should have the columns of a.parquet. Found x in one of them alone"
    ):
        scan(tmp_path / "differ")
    written(SMALL, "types/a.parquet")
    written(SMALL.with_columns(x=pl.lit("x")), "types/b.parquet")
    with pytest.raises(GraceError, match=r"x should be Float64, as in a.parquet. Found String"):
        scan(tmp_path / "types")
    with pytest.raises(GraceError, match=r"should be a table. Found none"):
        scan(tmp_path / "missing.csv")
    with pytest.raises(
        GraceError, match=r"should end in .csv, .tsv, .csv.gz, .tsv.gz, .parquet or .h5, or be a folder. Found ..xlsx"
    ):
        scan(tmp_path / "fleet.xlsx")
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(GraceError, match=r"should be a readable table"):
        scan(tmp_path / "bad.parquet")


def test_columns_go_through_json_and_the_hash_of_older_versions_is_ignored() -> None:
    columns = Columns("id", "t", ("a",), target="y", unit="hours", test="new")
    values = columns.to_json()
    assert "content" not in values
    assert Columns.from_json(values) == columns
    assert Columns.from_json(values | {"content": "0123456789ab"}) == columns


@pytest.mark.parametrize("text", ["asset,hour,x\n1,1,oops\n", "asset,hour\n1,1\n", "asset,hour,x\n1,1,2\n"])
def test_a_table_without_a_number_to_look_at_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(GraceError, match="should have a numeric column that varies"):
        chosen(path, Columns("asset", "hour"))


def test_column_names_alone_are_no_text_columns(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text("id,t,x\n")
    with pytest.raises(GraceError, match=r"names.csv should hold at least one row. Found none"):
        chosen(path, Columns("id", "t"))
