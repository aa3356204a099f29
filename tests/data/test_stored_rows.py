"""Rows on the disk give what rows in memory give, and nothing is left of what failed."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from grace.alignment.diagnose import diagnose
from grace.alignment.problem import FleetProblem
from grace.data import fleet, resident
from grace.data import windows as windows_module
from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.resident import ResidentWindows
from grace.data.stored import StoredRows
from grace.data.tables import on_disk
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.data.tasks import Task
from grace.data.windows import ManyWindows, Windows, training_windows
from grace.errors import GraceError
from grace.training.run import train
from grace.training.run_spec import run_spec
from tests.data.conftest import Write, as_table


@pytest.fixture
def sources(
    fleet: Fleet, written: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[TableSource, TableSource]:
    """One table, read into memory and kept on the disk; chunks so small that there are many."""
    shrink(monkeypatch)
    labels = pl.Series("state", np.asarray(fleet.labels["health"]).astype(int))
    path = written(as_table(fleet).with_columns(labels).sample(fraction=1.0, shuffle=True, seed=2))
    health = Task("health", "state")
    memory = select_columns(TableSource(path, Columns("asset", "flight", unit="flights"), tasks=(health,)))
    return memory, replace(memory, cache=tmp_path / "rows")


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (on_disk, windows_module, fleet):
        monkeypatch.setattr(module, "CHUNK", 137)


def conventions_of(source: TableSource) -> Conventions:
    return Conventions(features=source.features, table=source.columns, stride=3, window=20, tasks=source.tasks)


def test_stored_rows_equal_those_in_memory(sources: tuple[TableSource, TableSource]) -> None:
    memory, stored = (read_table(source) for source in sources)
    every = np.arange(len(memory.values))
    assert isinstance(stored.values, StoredRows)
    assert stored.values.shape == memory.values.shape
    for name in ("values", "row_rul"):
        np.testing.assert_array_equal(getattr(stored, name)[every], getattr(memory, name))
    np.testing.assert_array_equal(stored.labels["health"][every], np.asarray(memory.labels["health"]))
    for name in ("engines", "starts", "last_rul", "last_time"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(memory, name))
    some = np.array([7, 2, 9])
    ours, theirs = stored.select(some).select(np.array([2, 0])), memory.select(some).select(np.array([2, 0]))
    rows = np.arange(len(theirs.values))
    np.testing.assert_array_equal(ours.values[rows], theirs.values)
    np.testing.assert_array_equal(ours.rul(), theirs.rul())


@pytest.mark.parametrize(("min_history", "max_rul"), [(0, 0), (5, 0), (5, 40)])
def test_windows_equal_those_in_memory(
    sources: tuple[TableSource, TableSource], min_history: int, max_rul: int
) -> None:
    memory, stored = (read_table(source) for source in sources)
    conventions = conventions_of(sources[0])
    fitted, same = Conditioner.fit(memory, conventions), Conditioner.fit(stored, conventions)
    for name in ("unit", "centres", "mean", "scale"):
        np.testing.assert_array_equal(getattr(same, name), getattr(fitted, name))
    assert len(fitted.centres) == 3
    theirs = training_windows(memory, fitted.transform(memory), conventions, min_history, max_rul)
    ours = training_windows(stored, same.transform(stored), conventions, min_history, max_rul)
    assert isinstance(ours, ManyWindows)
    assert isinstance(theirs, Windows)
    assert len(ours) == len(theirs)
    assert sum(len(part) for part in ours.pieces()) == len(theirs)
    index = torch.randperm(len(theirs), generator=torch.Generator().manual_seed(0))
    for mine, other in zip(ResidentWindows(ours).batch(index), ResidentWindows(theirs).batch(index), strict=True):
        assert torch.equal(mine, other)
    cuts = [
        Windows.after_cuts(f, fitted.transform(f), conventions, 4, np.random.default_rng(0), 40)
        for f in (memory, stored)
    ]
    mine, other = map(ResidentWindows, cuts)
    for some in torch.arange(len(mine)).split(16):
        assert all(torch.equal(a, b) for a, b in zip(mine.batch(some), other.batch(some), strict=True))
    assert len(mine) == len(other)


def test_training_and_diagnosis_equal_those_in_memory(sources: tuple[TableSource, TableSource]) -> None:
    memory, stored = (read_table(source) for source in sources)
    conventions = conventions_of(sources[0])
    spec = run_spec("fleet", "grace", size="tiny", schedule="tiny", conventions=conventions)
    found, expected = train(spec, stored).record, train(spec, memory).record
    assert found.history == expected.history
    assert found.validation == expected.validation
    problems = (FleetProblem(f, conventions, size="tiny", batch_size=16) for f in (stored, memory))
    ours, theirs = (diagnose(problem, inits=1, reads=2, steps=4) for problem in problems)
    assert (ours.rho, ours.ratio) == (theirs.rho, theirs.ratio)
    assert ours.near_failure_share == theirs.near_failure_share


def test_the_path_alone_goes_to_another_process(sources: tuple[TableSource, TableSource]) -> None:
    stored = read_table(sources[1])
    conventions = conventions_of(sources[0])
    windows = training_windows(stored, Conditioner.fit(stored, conventions).transform(stored), conventions)
    assert isinstance(stored.values, StoredRows)
    assert len(pickle.dumps(windows)) < stored.values.path.stat().st_size / 10


def test_rows_are_written_once_and_anew_where_the_table_changed(
    sources: tuple[TableSource, TableSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, source = sources
    assert source.cache is not None
    first = read_table(source)
    monkeypatch.setattr(on_disk._Writer, "run", lambda self: pytest.fail("written again"))
    again = read_table(source)
    np.testing.assert_array_equal(first.starts, again.starts)
    monkeypatch.undo()
    pl.read_parquet(source.path).filter(pl.col("asset") > 1).write_parquet(source.path)
    assert len(read_table(source).engines) == len(first.engines) - 1
    assert len(list(source.cache.iterdir())) == 2


def test_single_precision_stays_single_and_text_is_read(fleet: Fleet, written: Write, tmp_path: Path) -> None:
    table = as_table(fleet).with_columns(pl.col("s2").cast(pl.Float32), pl.col("s3").cast(pl.Float32))
    for name, kind in (("fleet.parquet", np.float32), ("fleet.csv", np.float64)):
        path = written(table, name)
        source = TableSource(path, Columns("asset", "flight"), ("s2", "s3"), cache=tmp_path / "rows")
        values = read_table(source).values
        part = values[np.arange(len(values))]
        assert part.dtype == kind
        np.testing.assert_allclose(part[:, 0], table["s2"].to_numpy(), rtol=1e-6)


def test_files_of_a_folder_may_hold_whole_numbers_or_fractions(written: Write, tmp_path: Path) -> None:
    whole = pl.DataFrame({"id": [1, 1], "t": [1, 2], "left": [3, 2], "x": [5, 6]})
    fraction = pl.DataFrame({"id": [1, 2], "t": [2.5, 0.5], "left": [1.5, 7.25], "x": [0.5, 0.25]})
    written(whole, "parts/a.parquet")
    written(fraction, "parts/b.parquet")
    memory = TableSource(tmp_path / "parts", Columns("id", "t", target="left"), ("x",))
    for found in (read_table(memory), read_table(replace(memory, cache=tmp_path / "rows"))):
        assert found.values[np.arange(4)][:, 0].tolist() == [5, 6, 0.5, 0.25]
        assert found.rul().tolist() == [3, 2, 1.5, 7.25]
        assert found.last_time is not None
        assert found.last_time.tolist() == [2.5, 0.5]


def test_a_refused_table_leaves_nothing(fleet: Fleet, written: Write, tmp_path: Path) -> None:
    table = as_table(fleet)
    twice = pl.concat([table, table[-3:]])
    path = written(twice)
    source = TableSource(path, Columns("asset", "flight"), ("s2",), cache=tmp_path / "rows")
    with pytest.raises(GraceError, match="each flight should stand once"):
        read_table(source)
    assert list((tmp_path / "rows").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(fleet: Fleet, written: Write, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    source = TableSource(written(as_table(fleet)), Columns("asset", "flight"), ("s2",), cache=tmp_path / "file")
    with pytest.raises(GraceError, match="should be writable"):
        read_table(source)


def test_more_windows_than_are_permuted_are_drawn(
    sources: tuple[TableSource, TableSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = read_table(sources[1])
    conventions = conventions_of(sources[0])
    rows = Conditioner.fit(stored, conventions).transform(stored)
    windows = ResidentWindows(training_windows(stored, rows, conventions))
    monkeypatch.setattr(resident, "MAX_PERMUTED", 10)
    batches = list(windows.epoch(16, torch.Generator().manual_seed(0)))
    assert len(batches) == len(windows) // 16
    assert {len(batch.x) for batch in batches} == {16}
    again = list(windows.epoch(16, torch.Generator().manual_seed(0)))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(batches, again, strict=True))
