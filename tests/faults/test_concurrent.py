"""Readers beside a sweep that writes, several at once, and file systems without locks."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from grace.bench.store import Store
from tests.bench.conftest import GRID, RUNS, call
from tests.command import grace, refused
from tests.faults import readers


def churn(source: Path, folder: Path, stop: Any) -> None:
    """Write records and remove them again, all but one, until told to stop."""
    store = Store(folder)
    records = Store(source).all_records()
    while not stop.is_set():
        for record in records[1:]:
            record.write(store.records)
        for record in records[1:]:
            store.forget(record.id)


@pytest.fixture
def churned(whole: Path, tmp_path: Path) -> Any:
    """A folder in which records come and go, by another process, and at least one stays."""
    folder = tmp_path / "sweep"
    Store(whole).all_records()[0].write(Store(folder).records)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=churn, args=(whole, folder, stop))
    process.start()
    while len(list((folder / "records").glob("*.json"))) < 2:
        assert process.is_alive()
    yield folder
    stop.set()
    process.join()


@pytest.mark.parametrize("command", [["table"], ["status"], ["report"]], ids=" ".join)
def test_reading_while_records_come_and_go(churned: Path, tmp_path: Path, command: list[str]) -> None:
    for _ in range(4 if command == ["report"] else 25):
        if command == ["status"]:
            done = call(churned, verb="status")
        elif command == ["table"]:
            done = grace("bench", "table", churned, "--reference", "grace")
        else:
            done = grace("report", churned, "-o", tmp_path / "page.html")
            assert "left out" not in done.stdout
        assert (done.returncode, done.stderr) == (0, "")


def test_who_looks_sees_no_one_running_and_is_in_nobodys_way(tmp_path: Path) -> None:
    """Two that ask at once were taken for a run at work by each other, and a worker left a run out that one was looking at."""
    store, lock = Store(tmp_path), tmp_path / "locks" / "a.lock"
    lock.parent.mkdir()
    lock.touch()
    looking = os.open(lock, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)  # as another `status` does
    assert store._state("a") == "waiting"
    threading.Timer(0.03, os.close, [looking]).start()
    with store.running("a") as mine:
        assert mine
        assert store._state("a") == "running"
    assert store._state("a") == "waiting"


def test_a_run_that_ends_while_it_is_looked_at_is_done(whole: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Its record comes between the look for it and the look at its lock."""
    from grace.bench import store as module

    folder = tmp_path / "sweep"
    shutil.copytree(whole, folder)
    record = Store(folder).all_records()[0]
    path = folder / "records" / f"{record.id}.json"
    text = path.read_text()
    path.unlink()
    (folder / "locks").mkdir(exist_ok=True)
    (folder / "locks" / f"{record.id}.lock").touch()

    def ends(_: Path) -> bool:
        path.write_text(text)
        return True

    monkeypatch.setattr(module, "_is_free", ends)
    assert Store(folder)._state(record.id) == "done"


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(handle: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    said = refused("bench", "run", "--to", tmp_path, *GRID, "--jobs", 1)
    assert "should lie on a file system with locks (flock)" in said
    assert "Found: No locks available. Choose a folder on another file system." in said


def test_a_listing_that_names_a_file_too_long(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a network file system does after a rename or a removal elsewhere."""
    folder = tmp_path / "sweep"
    shutil.copytree(whole, folder)
    listed, there = Path.glob, [*(folder / "records").glob("*.json")]

    def stale(self: Path, pattern: str) -> Any:
        return iter(there) if self == folder / "records" else listed(self, pattern)

    there[0].unlink()
    monkeypatch.setattr(Path, "glob", stale)
    assert len(Store(folder).all_records()) == RUNS - 1
    done = grace("report", folder, "-o", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    assert f"{RUNS - 1} runs" in done.stdout
    assert "left out" not in done.stdout


@pytest.mark.slow
def test_two_of_each_reader_beside_a_sweep_whose_renamings_are_seen_late(tmp_path: Path) -> None:
    for _, tally in readers.judged(5, tmp_path):
        assert tally.failures == []
        assert tally.counts.total()
