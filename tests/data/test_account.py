"""What was done to a table stands in the record of a training, and in the file of its network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import grace
from grace.bench.store import Store
from grace.data.tables.account import account
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.training.record import RECORD, Record
from tests.command import grace as command

OPTIONS = ["--engine", "id", "--time", "t", "--cap", 40, "--health", "20,10", "--window", 20]


def dirty(folder: Path) -> Path:
    """Semicolons, decimal commas, ``n/a``, -999, an event, texts, a leak and a constant, with counts known by hand."""
    lengths = 45 + np.arange(12)
    rng, rows, time = np.random.default_rng(0), lengths.sum(), np.concatenate([np.arange(n) for n in lengths])
    frame = pl.DataFrame(
        {
            "id": np.repeat(np.arange(12), lengths),
            "t": time,
            "failed": np.repeat((np.arange(12) < 9) * 1, lengths),
            "wear": np.round(time / 20 + rng.normal(0, 0.3, rows), 3),
            "other": np.round(rng.normal(size=rows), 3),
            "left": np.repeat(lengths, lengths) - time,
            "site": ["here"] * rows,
            "rig": np.full(rows, 7),
        }
    )
    text = frame.with_columns(pl.all().cast(pl.String).str.replace(".", ",", literal=True))
    text = text.with_columns(
        wear=pl.when(pl.int_range(pl.len()) % 100 == 13).then(pl.lit("n/a")).otherwise("wear"),  # 6 rows
        other=pl.when(pl.int_range(pl.len()) % 50 == 7).then(pl.lit("-999")).otherwise("other"),  # 12 rows
    )
    text.write_csv(folder / "dirty.csv", separator=";")
    return folder / "dirty.csv"


def test_every_line_by_hand(tmp_path: Path) -> None:
    path = dirty(tmp_path)
    columns = Columns("id", "t", event="failed", sentinels=(-999.0,))
    source = select_columns(TableSource(path, columns))
    lines = (
        "which engines failed: column failed",
        "left out: rig (constant)",
        "left out: site (no numbers)",
        "left out: left (says RUL itself)",
        "read with fields between semicolons, decimal commas",
        "texts such as NA, n/a and - are missing numbers in: wear (6)",
        "taken for missing readings: -999",
        "rows with such a number: other (12)",
        "missing readings, share of rows: wear (0.0099), other (0.02); carried on from the engine's last reading, a feature NAME "
        "(missing) beside; before the first one the training mean",
    )
    assert account(source) == lines
    assert read_table(source).done == lines
    asked = select_columns(TableSource(path, columns, ("wear", "left")))
    assert "used as asked for, though it gives the end away: left (says RUL itself)" in account(asked)
    units = tmp_path / "units.csv"
    pl.DataFrame({"id": np.arange(12), "failed": 1}).write_csv(units)
    assert account(select_columns(TableSource(path, columns, units=units)))[0] == (
        f"which engines failed: column failed of {units}"
    )


@pytest.mark.system
def test_it_stands_in_records_and_in_the_network(tmp_path: Path) -> None:
    options = ["--table", dirty(tmp_path), *OPTIONS, "--event", "failed", "--sentinels", "-999", "--schedule", "tiny"]
    small = ["--size", "tiny", "--epochs", 1]
    done = command(
        "train", *options, *small, "--method", "rul-only", "--to", "net.safetensors", cwd=tmp_path, columns=250
    )
    assert done.returncode == 0, done.stderr
    network = grace.load_model(tmp_path / "net.safetensors")
    assert len(network.table) == 9
    assert all(line in done.stderr for line in network.table)
    sweep = ["--methods", "rul-only", "--seeds", "1", "--to", "sweep"]
    done = command("bench", "run", *options, *small, *sweep, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = Store(tmp_path / "sweep").all_records()
    assert tuple(record.table) == network.table


def test_older_records_read_without_it(tmp_path: Path) -> None:
    path = Record("abc", {"id": "abc"}, "done", table=["read with fields between tabs"]).write(tmp_path)
    assert Record.read(path).table == ["read with fields between tabs"]
    RECORD.write(path, {name: value for name, value in RECORD.read(path).items() if name != "table"})
    assert Record.read(path).table == []
