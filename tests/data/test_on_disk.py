"""The rows of a table written once to the disk: every row to its engine's place, whatever the order and the batches."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grace.data.fleet import Fleet
from grace.data.tables import on_disk
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.scan import scan
from grace.data.tasks import Task
from grace.errors import GraceError
from tests.data.conftest import Write, as_table

Rows = list[tuple[str, int, float]]


@st.composite
def recordings(draw: st.DrawFn) -> Rows:
    """Rows of some engines with times of their own, in any order, and a value."""
    lives = draw(st.dictionaries(st.sampled_from(["b", "a10", "a9", "é"]), st.integers(1, 9), min_size=1))
    rows = [
        (engine, 3 * time + len(engine), draw(st.floats(-9, 9))) for engine, n in lives.items() for time in range(n)
    ]
    return draw(st.permutations(rows))


@settings(max_examples=30, deadline=None)
@given(rows=recordings(), chunk=st.integers(1, 8), ending=st.sampled_from([".csv", ".parquet"]))
def test_rows_in_any_order_come_to_their_engines_places(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows, chunk: int, ending: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    table = pl.DataFrame(rows, schema=["id", "t", "x"], orient="row")
    path = folder / f"fleet{ending}"
    table.write_csv(path) if ending == ".csv" else table.write_parquet(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_disk, "CHUNK", chunk)
        found = read_table(TableSource(path, Columns("id", "t"), ("x",), cache=folder / "rows"))
    every = np.arange(len(rows))
    ordered = sorted(rows)
    last = {engine: time for engine, time, _ in ordered}
    assert found.engines.tolist() == sorted(last)
    assert found.engines[found.engine_of_row()].tolist() == [engine for engine, _, _ in ordered]
    assert found.values[every][:, 0].tolist() == [x for _, _, x in ordered]
    assert found.rul().tolist() == [last[engine] - time for engine, time, _ in ordered]
    assert found.last_time is not None
    assert found.last_time.tolist() == [last[engine] for engine in sorted(last)]


def test_what_is_written(fleet: Fleet, written: Write, tmp_path: Path) -> None:
    table = as_table(fleet).with_columns(left=pl.Series(fleet.rul()), state=pl.int_range(pl.len()) % 3)
    path, columns = written(table), Columns("asset", "flight", target="left")
    health = (Task("health", "state"),)
    source = TableSource(path, columns, ("s2", "s3"), cache=tmp_path / "rows", tasks=health)
    read_table(source)
    (folder,) = (tmp_path / "rows").iterdir()
    assert folder.name.startswith("fleet-")
    assert sorted(file.name for file in folder.iterdir()) == [
        "index.npz",
        "rul.npy",
        "task health.npy",
        "time.npy",
        "values.npy",
    ]
    assert np.load(folder / "values.npy").shape == (len(fleet.values), 2)
    assert np.load(folder / "rul.npy").tolist() == fleet.rul().tolist()
    for other in (replace(source, features=("s2",)), replace(source, columns=replace(columns, unit="hours"))):
        read_table(other)
    assert len(list((tmp_path / "rows").iterdir())) == 3  # other columns, other rows
    read_table(replace(source, columns=replace(columns, test="new")))
    assert len(list((tmp_path / "rows").iterdir())) == 3  # which engines are tested on moves no row


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ([0, 3, 6, 9], [(0, 1), (1, 2), (2, 3)]),
        ([0, 2, 4, 12, 13, 14, 15], [(0, 2), (2, 3), (3, 6)]),
        ([0, 1], [(0, 1)]),
    ],
)
def test_rul_is_made_of_whole_engines(
    fleet: Fleet, written: Write, monkeypatch: pytest.MonkeyPatch, starts: list[int], expected: list[tuple[int, int]]
) -> None:
    path = written(as_table(fleet))
    writer = on_disk._Writer(scan(path), TableSource(path, Columns("asset", "flight"), ("s2",)), path.parent)
    writer.engines, writer.starts = np.arange(len(starts) - 1), np.array(starts)
    monkeypatch.setattr(on_disk, "CHUNK", 5)
    assert list(writer.blocks()) == expected


def test_a_full_disk_is_met_before_rows_are_written(
    fleet: Fleet, written: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    source = TableSource(written(as_table(fleet)), Columns("asset", "flight"), ("s2",), cache=tmp_path / "rows")
    with pytest.raises(GraceError, match=r"should be writable\. Found: No space left on device"):
        read_table(source)
    assert list((tmp_path / "rows").iterdir()) == []


def test_another_process_may_be_faster(
    fleet: Fleet, written: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = TableSource(written(as_table(fleet)), Columns("asset", "flight"), ("s2",), cache=tmp_path / "rows")
    run = on_disk._Writer.run

    def slow(writer: on_disk._Writer) -> None:
        with monkeypatch.context() as other:
            other.setattr(on_disk._Writer, "run", run)
            read_table(source)
        run(writer)

    monkeypatch.setattr(on_disk._Writer, "run", slow)
    np.testing.assert_array_equal(read_table(source).rul(), fleet.rul())
    assert len(list((tmp_path / "rows").iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,t,x\n1,1,2\n,2,3\n", "id should be known in every row"),
        ("id,t,x\n1,1,2\n1,2,\n", "engine 1, t 2: x should be a finite number"),
        ("id,t,x\n", "should hold at least one row"),
    ],
)
def test_what_is_refused_in_memory_is_refused_on_the_disk(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    for cache in (None, tmp_path / "rows"):
        with pytest.raises(GraceError, match=words):
            read_table(TableSource(path, Columns("id", "t"), ("x",), cache=cache))
    assert not (tmp_path / "rows").exists() or not list((tmp_path / "rows").iterdir())
