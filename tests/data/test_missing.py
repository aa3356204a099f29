"""Missing readings: what is carried on, what is said, and that nothing later than a row reaches it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grace
from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.errors import GraceError
from tests.command import grace as command
from tests.command import refused
from tests.data.conftest import Write

COLUMNS = Columns("id", "t", incomplete=("x",))
ALL = ("x", "y", "x (missing)")


def table(x: list[float | None], engines: int = 1) -> pl.DataFrame:
    one = pl.DataFrame(
        {"t": range(len(x)), "x": pl.Series(x, dtype=pl.Float64), "y": [float(i % 3) for i in range(len(x))]}
    )
    return pl.concat([one.with_columns(id=pl.lit(number)) for number in range(engines)])


def test_values_by_hand() -> None:
    """The second engine's first reading is its third: what the first engine ends with is not carried into it."""
    frame = pl.concat([table([1, None, None, 4]), table([None, float("nan"), 2, None]).with_columns(id=pl.lit(1))])
    found = read_table(frame.sample(fraction=1.0, shuffle=True, seed=3), COLUMNS, ("x", "y"))
    assert found.columns == ALL
    values = np.asarray(found.values)
    np.testing.assert_array_equal(values[:, 0], [1, 1, 1, 4, np.nan, np.nan, 2, 2])
    np.testing.assert_array_equal(values[:, 2], [0, 1, 2, 0, 1, 2, 0, 1])
    fitted = Conditioner.fit(found, Conventions(features=ALL, table=COLUMNS))
    assert fitted.mean[0, 0] == pytest.approx(7 / 3)  # of the readings 1, 4 and 2 alone
    assert fitted.scale[0, 0] == pytest.approx(np.std([1, 4, 2]))
    assert fitted.mean[0, 2] == pytest.approx(5 / 8)  # 1 where it was not read in its row, however long ago
    scaled = np.asarray(fitted.transform(found))
    assert scaled[4:6, 0].tolist() == [0, 0]
    assert scaled[1, 2] == scaled[2, 2] == scaled[4, 2] > 0 > scaled[0, 2]


@given(st.lists(st.one_of(st.none(), st.floats(-9, 9)), min_size=2, max_size=12), st.data())
def test_it_is_polars_forward_fill_and_never_sees_what_comes(x: list[float | None], data: st.DataObject) -> None:
    found = np.asarray(read_table(table(x, 2), COLUMNS, ("x", "y")).values)
    expected = table(x, 2).select(pl.col("x").forward_fill().over("id"))["x"].to_numpy()
    np.testing.assert_array_equal(found[:, 0], expected)
    cut = data.draw(st.integers(1, len(x)))
    part = np.asarray(read_table(table(x[:cut]), COLUMNS, ("x", "y")).values)
    np.testing.assert_array_equal(part, found[:cut])


def test_a_reading_is_scaled_by_the_condition_that_it_was_made_in() -> None:
    """Two altitudes, and a sensor that reads 100 more at the upper one: a carried reading means there what it meant here."""
    rng = np.random.default_rng(0)
    rows = 60
    altitude = np.tile([0.0, 10.0], rows // 2)
    signal = rng.normal(size=rows)
    x = np.where(altitude > 5, 100.0, 0.0) + signal
    gone = np.arange(rows) % 5 == 3
    frame = pl.DataFrame({"id": 1, "t": np.arange(rows), "alt": altitude, "x": np.where(gone, np.nan, x)})
    columns = replace(COLUMNS, settings=("alt",))
    found = read_table(frame, columns, ("alt", "x"))
    fitted = Conditioner.fit(found, Conventions(features=("x", "x (missing)"), table=columns, conditions=2))
    scaled = np.asarray(fitted.transform(found))[:, 0]
    assert np.abs(scaled).max() < 4
    np.testing.assert_array_equal(scaled[gone], scaled[np.flatnonzero(gone) - 1])


def gappy(written: Write, ending: str = ".parquet", engines: int = 12) -> Path:
    rng = np.random.default_rng(0)
    parts = []
    for engine in range(engines):
        rows = int(rng.integers(40, 70))
        wear = np.linspace(0, 3, rows) + rng.normal(0, 0.3, rows)
        rare = np.where(rng.random(rows) < 0.3, wear**2, np.nan)
        other = rng.normal(size=rows)
        parts.append(pl.DataFrame({"id": engine, "t": np.arange(rows), "wear": wear, "rare": rare, "other": other}))
    return written(pl.concat(parts).with_columns(pl.col("rare").fill_nan(None)), f"fleet{ending}")


def test_columns_with_gaps_are_found_and_said(written: Write) -> None:
    path = gappy(written)
    found = select_columns(TableSource(path, Columns("id", "t")))
    assert found.columns.incomplete == ("rare",)
    assert found.features == ("wear", "rare", "other", "rare (missing)")
    assert found.values == ("wear", "rare", "other")
    (line,) = found.done
    assert line.startswith("missing readings, share of rows: rare (0.7")
    assert "before the first one the training mean" in line
    assert select_columns(TableSource(path, Columns("id", "t"), ("wear",))).done == ()
    assert Columns.from_json(found.columns.to_json()) == found.columns
    assert "incomplete" not in Columns("id", "t").to_json()  # ids of older runs stay


def test_a_clash_of_names_and_a_setting_with_gaps_are_refused(written: Write) -> None:
    frame = table([1, None, 3, 2], 3)
    path = written(frame.with_columns(pl.lit(1).alias("x (missing)")))
    with pytest.raises(GraceError, match=r"'x \(missing\)' should be no column's name\. Found one\. Rename it"):
        select_columns(TableSource(path, Columns("id", "t")))
    path = written(frame, "settings.parquet")
    with pytest.raises(GraceError, match=r"engine 0, t 1: x should be a finite number\. Found nan"):
        read_table(select_columns(TableSource(path, Columns("id", "t"), ("y",)), "x"))


@pytest.mark.parametrize("chunk", [7, 100_000])
def test_rows_on_the_disk_are_carried_on_alike(
    written: Write, tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = gappy(written)
    frame = pl.read_parquet(path).sample(fraction=1.0, shuffle=True, seed=5)
    frame.write_parquet(path)
    monkeypatch.setattr("grace.data.tables.on_disk.CHUNK", chunk)
    source = select_columns(TableSource(path, Columns("id", "t")))
    memory, disk = read_table(source), read_table(replace(source, cache=tmp_path / "rows"))
    every = np.arange(len(memory.values))
    np.testing.assert_array_equal(memory.values[every], disk.values[every])
    conventions = Conventions(features=source.features, table=source.columns)
    scaled = [np.asarray(Conditioner.fit(f, conventions).transform(f)[every]) for f in (memory, disk)]
    np.testing.assert_array_equal(*scaled)
    assert np.isfinite(scaled[0]).all()


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_train_and_predict_by_commands(written: Write, tmp_path: Path, ending: str) -> None:
    path = gappy(written, ending)
    options = ["--table", path, "--engine", "id", "--time", "t", "--cap", 40, "--health", "20,10", "--window", 20]
    small = ["--method", "rul-only", "--size", "statistics", "--schedule", "statistics", "--epochs", 1]
    done = command("train", *options, *small, "--to", "net.safetensors", cwd=tmp_path, columns=250)
    assert done.returncode == 0, done.stderr
    assert "missing readings, share of rows: rare" in done.stderr
    network = grace.load_model(tmp_path / "net.safetensors")
    assert network.conventions.table is not None
    assert network.conventions.table.incomplete == ("rare",)
    new = pl.read_parquet(path) if ending == ".parquet" else pl.read_csv(path)
    found = grace.predict(network, new.with_columns(rare=pl.lit(None, dtype=pl.Float64)))  # nothing was read at all
    assert np.isfinite(found.rul).all()
    done = command("predict", "net.safetensors", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with pytest.raises(
        GraceError, match=r"wear should be a finite number\. Found nan"
    ):  # of it there was no gap to learn from
        grace.predict(network, new.with_columns(wear=pl.lit(None, dtype=pl.Float64)))


@pytest.mark.parametrize("sentinel", [-999, -9999, 65535])
@pytest.mark.parametrize("whole", [True, False])
def test_sentinels_are_asked_about_and_taken_out_where_named(
    written: Write, tmp_path: Path, sentinel: int, whole: bool
) -> None:
    path = gappy(written)
    read = pl.read_parquet(path)
    wear = read["wear"].to_numpy().copy()
    wear[7::50] = sentinel
    bad = read.with_columns(wear=pl.Series(wear), count=pl.Series((np.arange(len(read)) * 7 % 100) - 50))
    if whole:  # a column of whole numbers
        bad = bad.with_columns(pl.Series("count", [sentinel if i % 50 == 7 else i * 7 % 100 for i in range(len(read))]))
    bad.write_parquet(path)
    asked = select_columns(TableSource(path, Columns("id", "t")))
    lines = [line for line in asked.done if "--sentinels" in line]
    assert len(lines) == 1 + whole
    assert lines[0].startswith(
        f"wear: {sentinel} in {len(wear[7::50])} rows is its {'largest' if sentinel > 0 else 'least'} value"
    )
    assert asked.columns.incomplete == ("rare",)  # nothing was changed
    kept = read_table(asked)
    np.testing.assert_array_equal(np.asarray(kept.values)[:, kept.columns.index("wear")], wear)
    assert not any(
        "--sentinels" in line for line in select_columns(TableSource(path, Columns("id", "t")), ask=False).done
    )

    named = select_columns(TableSource(path, Columns("id", "t", sentinels=(float(sentinel),))))
    assert f"taken for missing readings: {sentinel}" in named.done
    assert not any("--sentinels" in line for line in named.done)
    assert set(named.columns.incomplete) == {"wear", "rare", *(["count"] if whole else [])}
    expected = bad.with_columns(
        pl.when(pl.col("wear") != sentinel).then("wear").forward_fill().over("id").alias("wear")
    )
    for cache in (None, tmp_path / "rows"):
        found = read_table(replace(named, cache=cache))
        column = found.values[np.arange(len(bad))][:, found.columns.index("wear")]
        np.testing.assert_array_equal(column, expected["wear"].to_numpy())
    assert Columns.from_json(named.columns.to_json()) == named.columns


def test_an_ordinary_number_is_no_sentinel(written: Write) -> None:
    """-999 between others, and engines and times that are 65535."""
    frame = pl.DataFrame({"id": 65535, "t": range(65535, 65535 - 50, -1), "x": [-999.0, -1200, 5, 65535, 70000] * 10})
    path = written(frame)
    assert select_columns(TableSource(path, Columns("id", "t"))).done == ()
    found = read_table(TableSource(path, Columns("id", "t", sentinels=(65535.0,), incomplete=("x",)), ("x",)))
    assert found.engines.tolist() == [65535]
    assert 65535 not in np.asarray(found.values)


@pytest.mark.system
def test_sentinels_by_command(written: Write, tmp_path: Path) -> None:
    path = gappy(written)
    read = pl.read_parquet(path)
    read.with_columns(other=pl.when(pl.int_range(pl.len()) % 9 == 2).then(-999.0).otherwise("other")).write_parquet(
        path
    )
    options = ["--table", path, "--engine", "id", "--time", "t", "--cap", 40, "--health", "20,10", "--window", 20]
    small = ["--method", "rul-only", "--size", "tiny", "--schedule", "tiny", "--epochs", 1, "--to", "net.safetensors"]
    asked = command("train", *options, *small, cwd=tmp_path, columns=250)
    assert "other: -999 in" in asked.stderr
    assert "--sentinels -999 takes it for one" in asked.stderr
    assert "--sentinels" not in command("train", *options, *small, "--sentinels", "none", cwd=tmp_path).stderr
    named = command("train", *options, *small, "--sentinels", "-999,65535", cwd=tmp_path, columns=250)
    assert "taken for missing readings: -999, 65535" in named.stderr
    table = grace.load_model(tmp_path / "net.safetensors").conventions.table
    assert table is not None
    assert table.sentinels == (-999.0, 65535.0)
    words = refused("train", *options, *small, "--sentinels", "-999;0", cwd=tmp_path)
    assert "`--sentinels` should be numbers, as in -999,65535, or none. Found '-999;0'." in words


def test_readings_and_gaps_in_last_rows_alone_tell_the_end(written: Write) -> None:
    """A code that is entered at the failure, and a sensor that dies with the engine."""
    read = pl.read_parquet(gappy(written))
    last, number = pl.col("t") == pl.col("t").max().over("id"), pl.int_range(pl.len()) * 7 % 13
    frame = read.with_columns(
        code=pl.when(last).then(pl.col("id") % 5 + 1),
        mode=pl.when(last).then(pl.format("mode {}", pl.col("id") % 2)),
        dies=pl.when(~last).then(number),
        twice=pl.when(last | (pl.col("t") == 3)).then(number),
    )
    found = select_columns(TableSource(written(frame, "end.parquet"), Columns("id", "t")))
    ends = {"code", "dies", "mode = mode 0", "mode = mode 1"}
    assert {name for name, why in found.left_out.items() if why.endswith("marks their end")} == ends
    assert found.columns.incomplete == ("rare", "twice")
