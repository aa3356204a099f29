"""Engines that cannot be read are left out by themselves: of predictions with a row that says why, of trainings with a line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import grace
from grace.data.load import as_fleet, load_train
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.data.tables.spared import said_of_left_out
from grace.errors import GraceError, GraceWarning, ReadingError, UnitError
from grace.training.model_file import TrainedNetwork
from tests.command import grace as command
from tests.command import refused
from tests.data.conftest import Write

COLUMNS = Columns("id", "t")
OPTIONS = ["--engine", "id", "--time", "t", "--cap", 40, "--health", "20,10", "--window", 20]
SMALL = ["--method", "rul-only", "--size", "tiny", "--schedule", "tiny", "--epochs", 1, "--to", "net.safetensors"]


def table(engines: int = 12) -> pl.DataFrame:
    rng, parts = np.random.default_rng(0), []
    for engine in range(engines):
        rows = int(rng.integers(40, 70))
        wear = np.linspace(0, 3, rows) + rng.normal(0, 0.3, rows)
        parts.append(pl.DataFrame({"id": engine, "t": np.arange(rows), "wear": wear, "other": rng.normal(size=rows)}))
    return pl.concat(parts)


def at(engine: int, time: int, name: str, value: object) -> pl.Expr:
    return pl.when(pl.col("id") == engine, pl.col("t") == time).then(value).otherwise(name).alias(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has seen no gap."""
    folder = tmp_path_factory.mktemp("whole")
    table().write_parquet(folder / "fleet.parquet")
    done = command("train", "--table", "fleet.parquet", *OPTIONS, *SMALL, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def network(folder: Path) -> TrainedNetwork:
    return grace.load_model(folder / "net.safetensors")


TEXT = table().with_columns(pl.col("wear").cast(pl.String))
BAD: dict[str, tuple[Callable[[], pl.DataFrame], str]] = {
    "infinite": (
        lambda: table().with_columns(at(3, 7, "wear", float("inf"))),
        "t 7: wear should be a finite number. Found inf",
    ),
    "never read": (
        lambda: table().with_columns(pl.when(pl.col("id") != 3).then("wear").alias("wear")),
        "wear should be a finite number. Found nan in every row",
    ),
    "text": (lambda: TEXT.with_columns(at(3, 7, "wear", pl.lit("ERR"))), "wear should hold numbers. Found 'ERR'"),
    "no time": (
        lambda: table().with_columns(at(3, 7, "t", None)),
        "t should be known in every row. Found an empty one",
    ),
    "twice": (lambda: table().with_columns(at(3, 7, "t", 6)), "each t should stand once. Found 6 twice"),
    "another unit": (
        lambda: table().with_columns(t=pl.when(pl.col("id") == 3).then(pl.col("t") * 3600).otherwise("t")),
        "all engines should have one unit of time. Found steps of t of 3600, of 1 in the median engine",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_one_engine_that_cannot_be_read_is_left_out_alone(network: TrainedNetwork, name: str) -> None:
    made, why = BAD[name]
    others = grace.predict(network, table().filter(pl.col("id") != 3))
    with pytest.warns(GraceWarning, match="frame: 1 engine left out, which cannot be used: 3 "):
        found = grace.predict(network, made())
    assert found.left_out == {3: why}
    assert found.engine.tolist() == others.engine.tolist() == [0, 1, 2, *range(4, 12)]
    np.testing.assert_array_equal(found.rul, others.rul)
    assert not any(found.note)
    if name == "another unit":  # than those beside it
        return
    with pytest.raises(GraceError, match=why.split(". Found")[0]):  # nobody is left
        grace.predict(network, made().filter(pl.col("id") == 3))


def test_several_faults_name_several_engines(network: TrainedNetwork) -> None:
    frame = table().with_columns(at(3, 7, "wear", float("inf"))).with_columns(at(5, 9, "wear", float("-inf")))
    frame = frame.with_columns(at(8, 3, "t", 4)).with_columns(at(9, 2, "other", float("inf")))
    with pytest.warns(GraceWarning, match="4 engines left out"):
        assert set(grace.predict(network, frame).left_out) == {3, 5, 8, 9}


def test_a_gap_is_carried_on_and_noted(network: TrainedNetwork) -> None:
    """Readings that are gone are those before them; of a gap outside the last window nothing has to be said."""
    last = int(table().filter(pl.col("id") == 3)["t"].max())  # type: ignore[arg-type]
    gap = pl.col("id") == 3, pl.col("t").is_in([2, last - 1, last])
    early = pl.col("id") == 4, pl.col("t").is_in([0, 1])
    frame = table().with_columns(wear=pl.when(*gap).then(None).when(*early).then(None).otherwise("wear"))
    found = grace.predict(network, frame)
    assert found.left_out == {}
    assert found.note.tolist() == ["wear: 2 of the last 20 readings missing" if e == 3 else "" for e in range(12)]
    carried = frame.with_columns(pl.col("wear").forward_fill().over("id").fill_null(0.0))
    np.testing.assert_array_equal(found.rul, grace.predict(network, carried).rul)


@pytest.mark.filterwarnings("always::grace.errors.GraceWarning")
def test_by_command(folder: Path, tmp_path: Path) -> None:
    frame = BAD["infinite"][0]().with_columns(
        wear=pl.when(pl.col("id") == 5, pl.col("t") > 38).then(None).otherwise("wear")
    )
    frame.write_parquet(tmp_path / "new.parquet")
    net = str(folder / "net.safetensors")
    for name in ("rul.csv", "rul.json"):
        done = command("predict", net, "new.parquet", "--to", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("\n") == 1
        assert (
            "note: new: 1 engine left out, which cannot be used: 3 (t 7: wear should be a finite number" in done.stderr
        )
        assert f"\n{name}: 11 engines, 1 left out\n" in done.stdout
    rows = list(csv.DictReader((tmp_path / "rul.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == [*map(str, (0, 1, 2, *range(4, 12))), "3"]
    assert rows[-1]["note"] == "not predicted: t 7: wear should be a finite number. Found inf"
    assert (rows[-1]["rul"], rows[-1]["t"], rows[-1]["health"]) == ("", "", "")
    assert [bool(row["note"]) for row in rows[:-1]] == [row["id"] == "5" for row in rows[:-1]]
    assert json.loads((tmp_path / "rul.json").read_text())[-1]["rul"] is None
    shown = command("predict", net, "new.parquet", cwd=tmp_path, columns=200).stdout
    assert "not predicted: t 7: wear should be a finite number" in shown
    frame.filter(pl.col("id") == 3).write_parquet(tmp_path / "alone.parquet")
    assert "engine 3, t 7: wear should be a finite number. Found inf" in refused(
        "predict", net, "alone.parquet", cwd=tmp_path
    )


def test_a_training_leaves_out_what_it_cannot_read_and_says_so(written: Write, tmp_path: Path) -> None:
    path = written(BAD["infinite"][0]())
    done = command("train", "--table", path, *OPTIONS, *SMALL, cwd=tmp_path, columns=200)
    assert done.returncode == 0, done.stderr
    line = "1 engine left out, which cannot be used: 3 (t 7: wear should be a finite number. Found inf)"
    assert (done.stderr.count(line), done.stdout.count(line)) == (1, 1)  # before the training, and in its notes
    shown = json.loads(command("data", "info", "--table", path, *OPTIONS, "--json", cwd=tmp_path).stdout)
    assert shown["engines_left_out"] == {"3": "t 7: wear should be a finite number. Found inf"}
    assert shown["engines"] == 11
    source = select_columns(TableSource(path, COLUMNS))
    fleet = load_train("", source)
    spec = grace.run_spec(
        "fleet", "rul-only", size="tiny",
        schedule=replace(grace.training.schedule.SCHEDULES["tiny"], epochs=1),
        conventions=grace.Conventions(window=20, cap=40, health_cuts=(20, 10), features=source.features, table=source.columns),
    )  # fmt: skip
    record = grace.train(spec, fleet).record
    assert line in record.table
    assert line in record.concerns
    python = grace.train(spec, path).record
    assert line in python.table
    assert record.validation == python.validation


@pytest.mark.parametrize("cached", [False, True])
def test_clocks_and_targets_that_contradict_refuse_a_training(written: Write, tmp_path: Path, cached: bool) -> None:
    cache = tmp_path / "rows" if cached else None
    for name in ("twice", "another unit"):
        source = TableSource(written(BAD[name][0](), f"{name}.parquet"), COLUMNS, ("wear",), cache=cache)
        with pytest.raises(UnitError, match=BAD[name][1].split(". Found")[0]):
            load_train("", source)
    source = TableSource(written(BAD["infinite"][0]()), COLUMNS, ("wear", "other"), cache=cache)
    with pytest.raises(ReadingError):
        read_table(source)
    found, again = load_train("", source), load_train("", source)  # the second time from the rows that are there
    assert found.engines.tolist() == again.engines.tolist() == [0, 1, 2, *range(4, 12)]
    assert found.left_out == again.left_out == {3: "t 7: wear should be a finite number. Found inf"}
    part = read_table(table().filter(pl.col("id") != 3), COLUMNS, ("wear", "other"))
    every = np.arange(len(part.values))
    np.testing.assert_array_equal(found.taken(every, part.columns), part.taken(every, part.columns))


def test_cycles_of_cmapss_that_do_not_follow_leave_out_their_engine() -> None:
    fleet = grace.simulate(grace.Simulation(engines=4))[1]
    rows = pl.DataFrame(np.asarray(fleet.values), schema=list(fleet.columns)).with_columns(
        engine=pl.Series(fleet.engines[fleet.engine_of_row()])
    )
    rows = rows.with_columns(cycle=1 + pl.int_range(pl.len()).over("engine"))
    gap = rows.filter((pl.col("engine") != 2) | (pl.col("cycle") != 5))
    with pytest.raises(GraceError, match="engine 2: the cycles should follow without gap"):
        as_fleet(gap)
    found = as_fleet(gap, leave_out=UnitError)
    assert 2 not in found.engines
    assert found.left_out == {2: "the cycles should follow without gap or repeat. Found a step of 2"}


def test_of_many_five_are_named() -> None:
    (line,) = said_of_left_out({f"pump {i}": "bad" for i in range(9)})
    assert (
        line
        == "9 engines left out, which cannot be used: " + ", ".join(f"pump {i} (bad)" for i in range(5)) + " and 4 more"
    )
    assert said_of_left_out({}) == []


@pytest.mark.parametrize("value", [1e300, -1e101])
def test_a_reading_whose_square_is_no_number_leaves_out_its_engine(value: float) -> None:
    frame = table().with_columns(
        wear=pl.when((pl.col("id") == 3) & (pl.col("t") == 7)).then(value).otherwise(pl.col("wear"))
    )
    with pytest.raises(ReadingError, match=r"t 7: wear should be a number up to 1e\+100. Found"):
        read_table(frame, COLUMNS, ("wear",))
    found = read_table(frame, COLUMNS, ("wear",), leave_out=ReadingError)
    assert list(found.left_out) == [3]
    assert np.abs(np.asarray(found.values)).max() < 1e100
