"""A Dask scheduler that dies under a sweep, and an interrupt of one."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.bench.conftest import GRID
from tests.bench.test_cluster import cluster
from tests.faults.processes import begun, checkpoint, until

__all__ = ["cluster"]
Cluster = tuple[str, list[subprocess.Popen[str]]]


def sweep(address: str, folder: Path) -> subprocess.Popen[str]:
    process = begun("bench", "run", "--to", folder, *GRID, "--epochs", 3000, "--on", address)
    until(lambda: checkpoint(folder))
    return process


@pytest.mark.slow
def test_a_scheduler_that_dies_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    address, _ = cluster
    process = sweep(address, tmp_path / "sweep")
    search = ["pgrep", "-f", "distributed.cli.dask_scheduler", "-P", str(os.getpid())]
    found = subprocess.run(search, capture_output=True, text=True, check=True)
    (scheduler,) = map(int, found.stdout.split())
    os.kill(scheduler, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith(f"error: `--on` should be the address of a Dask scheduler that answers. Found {address}: ")
    assert err.endswith("Start it, and repeat the command; finished runs are kept.\n")


@pytest.mark.slow
def test_an_interrupt_leaves_a_cluster_at_once(cluster: Cluster, tmp_path: Path) -> None:
    process = sweep(cluster[0], tmp_path / "sweep")
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert err == "interrupted; finished runs are kept, and the same command goes on at the last finished epochs\n"
