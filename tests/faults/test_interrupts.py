"""Ctrl-C and kills, at real processes: one line, 130, no worker left, nothing half-written, and the work goes on."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from grace.bench.store import Store
from tests.bench.conftest import GRID
from tests.faults.processes import begun, checkpoint, listens, members, until, workers

LONG = ["--epochs", "3000"]
KEPT = "interrupted; finished runs are kept, and the same command goes on at the last finished epochs\n"
NOTHING = "interrupted; nothing was left half-written\n"


def sweep(folder: Path, jobs: int = 2) -> list[object]:
    return ["bench", "run", "--to", folder, *GRID, *LONG, "--jobs", jobs]


def send(process: int, number: int, whom: str) -> None:
    (os.killpg if whom == "group" else os.kill)(process, number)


@pytest.mark.parametrize(
    ("whom", "number"), [("group", signal.SIGINT), pytest.param("parent", signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_two_jobs_at_work_end_in_one_line(tmp_path: Path, whom: str, number: signal.Signals) -> None:
    process = begun(*sweep(tmp_path))
    until(lambda: checkpoint(tmp_path))
    send(process.pid, number, whom)
    out, err = process.communicate(timeout=15)  # a run takes minutes
    assert (process.returncode, out, err) == (128 + number, "", KEPT)
    assert workers(process.pid) == []
    assert checkpoint(tmp_path)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks the kernel which signals are caught")
@pytest.mark.parametrize("whom", ["group", "parent"])
def test_interrupts_at_any_moment(tmp_path: Path, whom: str) -> None:
    """While torch and the workers are still being imported, too; before the command has begun, Python's own words come."""
    draw = random.Random(23)
    for attempt in range(20):
        process = begun(*sweep(tmp_path / str(attempt), jobs=draw.choice([1, 2])))
        until(lambda process=process: listens(process.pid))
        time.sleep(draw.choice([draw.uniform(0, 1), draw.uniform(0, 8)]))
        send(process.pid, signal.SIGINT, whom)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (130, "")
        assert err in (KEPT, NOTHING)
        assert workers(process.pid) == []


@pytest.mark.slow
def test_a_second_interrupt_changes_nothing(tmp_path: Path) -> None:
    process = begun(*sweep(tmp_path))
    until(lambda: checkpoint(tmp_path))
    for _ in range(5):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.05)
    _, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (130, KEPT)


@pytest.mark.parametrize(
    "early", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["while workers are imported", "while they train"]
)
def test_workers_end_with_a_killed_parent(tmp_path: Path, early: bool) -> None:
    process = begun(*sweep(tmp_path))
    until(lambda: len(workers(process.pid)) == 2 if early else checkpoint(tmp_path))
    process.kill()
    process.communicate(timeout=15)
    until(lambda: not members(process.pid))
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.system
def test_a_training_says_that_it_goes_on(tmp_path: Path) -> None:
    train = ["train", "simulated", "--size", "tiny", "--method", "rul-only", *LONG, "--folds", 0]
    process = begun(*train, "--to", tmp_path / "net.safetensors")
    until(lambda: list(tmp_path.glob(".*.checkpoint")))
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert err.endswith("\ninterrupted; the same command goes on at the last finished epoch\n")
    assert "Traceback" not in err


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on_to_the_same_numbers(tmp_path: Path, whole: Path) -> None:
    from tests.bench.conftest import call
    from tests.bench.test_sweep import figures

    for _ in range(3):
        process = begun("bench", "run", "--to", tmp_path, *GRID, "--jobs", 2)
        until(lambda process=process: checkpoint(tmp_path) or process.poll() is not None)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
    assert call(tmp_path).returncode == 0
    assert figures(tmp_path) == figures(whole)
    assert Store(tmp_path).all_records()
