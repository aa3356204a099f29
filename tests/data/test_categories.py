"""Columns of true and false and of a few texts as features, and flags that tell an engine's end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import grace
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.errors import GraceError
from tests.command import grace as command
from tests.data.conftest import Write

COLUMNS = Columns("id", "t")
MODES = ("idle", "full", "half")


@pytest.fixture
def frame() -> pl.DataFrame:
    """Eight engines of 40 rows: a mode and a valve that change at random, and some that should not be features."""
    rng, rows = np.random.default_rng(0), 320
    engine, t = np.repeat(np.arange(8), 40), np.tile(np.arange(40), 8)
    return pl.DataFrame(
        {
            "id": engine,
            "t": t,
            "wear": t / 9 + rng.normal(size=rows),
            "valve": rng.random(rows) < 0.4,
            "mode": pl.Series([MODES[i] for i in rng.integers(3, size=rows)]),
            "maker": [["north", "south"][e % 2] for e in engine],
            "serial": [f"no {e}" for e in engine],
            "shift": [f"shift {i}" for i in range(rows)],
            "site": ["only one"] * rows,
            "crew": ["day" if e else "night" for e in engine],
            "failed": t == 39,
            "runs": np.where(t == 39, 0, 1),
            "late": t >= 38,
        }
    )


@pytest.mark.parametrize("name", ["fleet.parquet", "fleet.csv"])
def test_what_varies_is_a_feature_and_the_rest_says_why(frame: pl.DataFrame, written: Write, name: str) -> None:
    found = select_columns(TableSource(written(frame, name), COLUMNS), "none")
    modes = ("mode = full", "mode = half", "mode = idle")
    makers = ("maker = north", "maker = south")
    assert set(found.features) == {"wear", "valve", *modes, *makers, "late"}
    assert found.left_out == {
        "serial": "no numbers",  # eight engines, eight values: each in one engine alone
        "shift": "no numbers",
        "site": "no numbers",
        "crew": "no numbers",  # night is engine 0
        "failed": "1 in engines' last rows alone: marks their end",
        "runs": "0 in engines' last rows alone: marks their end",
    }
    assert found.done == ("text columns as 0 and 1, one column a value: mode (3), maker (2)",)
    fleet = read_table(found)
    values = dict(zip(fleet.columns, np.asarray(fleet.values).T, strict=True))
    assert values["valve"].tolist() == frame["valve"].cast(pl.Float64).to_list()
    for mode in MODES:
        assert values[f"mode = {mode}"].tolist() == (frame["mode"] == mode).cast(pl.Float64).to_list()


def test_what_is_named_is_taken(frame: pl.DataFrame, written: Write) -> None:
    path = written(frame)
    found = select_columns(TableSource(path, COLUMNS, ("crew", "wear", "failed")), "none")
    assert found.features == ("crew = day", "crew = night", "wear", "failed")
    with pytest.raises(GraceError, match=r"the column shift should hold numbers. Found String"):
        select_columns(TableSource(path, COLUMNS, ("shift",)))
    with pytest.raises(GraceError, match=r"should have the column mode = off"):
        read_table(frame.drop("mode"), COLUMNS, ("mode = off",))


def test_a_new_value_and_a_missing_one_are_none_of_the_known(frame: pl.DataFrame) -> None:
    new = frame.with_columns(pl.Series("mode", ["off", None, " idle "] + ["full"] * 317))
    found = np.asarray(read_table(new, COLUMNS, ("mode = idle", "mode = full")).values)
    assert found[:4].tolist() == [[0, 0], [0, 0], [1, 0], [0, 1]]


def test_a_mode_that_moves_no_other_column_sets_no_condition(frame: pl.DataFrame, written: Write) -> None:
    """What its own values say of each other does not count."""
    found = select_columns(TableSource(written(frame), COLUMNS))
    assert found.columns.settings == ()
    assert {"mode = full", "mode = half", "mode = idle", "maker = north", "maker = south"} <= set(found.features)


def test_a_mode_may_set_the_operating_condition(written: Write) -> None:
    rng, rows = np.random.default_rng(1), 400
    mode = rng.integers(2, size=rows)
    frame = pl.DataFrame(
        {
            "id": np.repeat(np.arange(10), 40),
            "t": np.tile(np.arange(40), 10),
            "mode": [MODES[i] for i in mode],
            "load": 50.0 * mode + rng.normal(size=rows),
            "heat": 20.0 * mode + rng.normal(size=rows) + np.tile(np.arange(40), 10) / 10,
        }
    )
    found = select_columns(TableSource(written(frame), COLUMNS))
    assert {"mode = full", "mode = idle"} <= set(found.columns.settings)
    assert found.found == 2


def test_a_flag_of_suspended_engines_is_zero_all_along(written: Write, frame: pl.DataFrame) -> None:
    """Engines of which none failed say nothing against it; one row before the last does."""
    some = frame.with_columns(failed=pl.col("failed") & (pl.col("id") < 3))
    found = select_columns(TableSource(written(some), COLUMNS), "none").left_out
    assert found["failed"] == "1 in engines' last rows alone: marks their end"
    early = frame.with_columns(failed=pl.col("failed") | ((pl.col("id") == 5) & (pl.col("t") == 3)))
    assert "failed" in select_columns(TableSource(written(early), COLUMNS), "none").features


def test_train_and_predict_by_commands(frame: pl.DataFrame, written: Write, tmp_path: Path) -> None:
    path = written(frame, "fleet.csv")
    options = ["--table", path, "--engine", "id", "--time", "t", "--cap", 40, "--health", "20,10", "--window", 20]
    small = ["--method", "rul-only", "--size", "tiny", "--schedule", "tiny", "--epochs", 1, "--to", "net.safetensors"]
    done = command("train", *options, *small, cwd=tmp_path, columns=250)
    assert done.returncode == 0, done.stderr
    assert "left out: failed (1 in engines' last rows alone: marks their end)" in done.stderr
    assert "left out: runs (0 in engines' last rows alone: marks their end)" in done.stderr
    network = grace.load_model(tmp_path / "net.safetensors")
    used = (*network.conventions.features, *network.conventions.settings)
    assert {"valve", "mode = idle", "maker = south"} <= set(used)
    assert command("predict", "net.safetensors", path, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (Columns("asset", "t"), "should have the column asset. Found id, t, wear"),
        (Columns("id", "hour"), "should have the column hour. Found id, t, wear"),
        (Columns("id", "t", target="rul"), "should have the column rul. Found id, t, wear"),
        (Columns("id", "t", event="broke"), "should have the column broke. Found id, t, wear"),
    ],
)
def test_a_role_that_is_not_there_is_said_before_texts_are_looked_at(
    frame: pl.DataFrame, written: Write, columns: Columns, words: str
) -> None:
    with pytest.raises(GraceError) as refused:
        select_columns(TableSource(written(frame), columns))
    assert words in str(refused.value)
    assert "Name one with --" in str(refused.value)
