"""A sweep on a real Dask scheduler with two workers on this machine, one of which is killed on the way."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import distributed
import pytest

from tests.bench.conftest import RUNS, call, command
from tests.bench.test_sweep import figures

CLIENT = distributed.Client


def logged(log: Path, pattern: str, count: int = 1) -> list[str]:
    """What the scheduler has written, once it has been written ``count`` times."""
    for _ in range(600):
        found = re.findall(pattern, log.read_text())
        if len(found) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    python = [sys.executable, "-m"]
    log = tmp_path / "scheduler.log"
    with log.open("w") as errors:
        scheduler = subprocess.Popen(
            [*python, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )
    address = logged(log, r"Scheduler at:\s+(tcp://\S+)")[0]
    workers = [
        subprocess.Popen(
            [
                *python,
                "distributed.cli.dask_worker",
                address,
                *("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path / name)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for name in ("a", "b")
    ]
    try:
        logged(log, r"Register worker .*?(tcp://[^\s']+)", count=2)
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_killed_worker_of_a_cluster_costs_no_run(
    cluster: tuple[str, list[subprocess.Popen[str]]], whole: Path, tmp_path: Path
) -> None:
    address, workers = cluster
    folder = tmp_path / "sweep"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(folder, "--on", address), text=True, **pipes) as process:
        for _ in range(6000):  # both workers are there: three runs are on the way, and none can be whole before this
            if any((folder / "checkpoints").glob("*.safetensors")) or process.poll() is not None:
                break
            time.sleep(0.01)
        assert process.poll() is None
        workers[0].kill()
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert f"{RUNS} done" in out
    assert figures(folder) == figures(whole)


def test_a_scheduler_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: CLIENT(address, timeout="1s"))
    done = call(tmp_path, "--on", "tcp://127.0.0.1:9")
    assert done.returncode == 2
    assert "should be the address of a Dask scheduler" in done.stderr.splitlines()[-1]
