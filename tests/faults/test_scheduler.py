"""A Dask scheduler that dies under a sweep, and an interrupt of one."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grace.core import pools
from tests.bench.clusters import Cluster, cluster_of
from tests.bench.conftest import GRID, call
from tests.bench.test_sweep import figures
from tests.faults.processes import begun, checkpoint, until


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with cluster_of(2, tmp_path / "cluster") as made:
        yield made


def sweep(address: str, folder: Path) -> subprocess.Popen[str]:
    process = begun("bench", "run", "--to", folder, *GRID, "--epochs", 3000, "--on", address)
    until(lambda: checkpoint(folder))
    return process


@pytest.mark.slow
def test_a_scheduler_that_dies_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    process = sweep(cluster.address, tmp_path / "sweep")
    cluster.scheduler.kill()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith(
        f"error: `--on` should be the address of a Dask scheduler that answers. Found {cluster.address}: "
    )
    assert err.endswith("Start it, and repeat the command; finished runs are kept.\n")


@pytest.mark.slow
def test_an_interrupt_leaves_a_cluster_at_once(cluster: Cluster, tmp_path: Path) -> None:
    process = sweep(cluster.address, tmp_path / "sweep")
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert err == "interrupted; finished runs are kept, and the same command goes on at the last finished epochs\n"


@pytest.mark.system
def test_a_cluster_that_loses_every_worker_is_left_in_one_line_and_gone_on_with(
    cluster: Cluster, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to wait for ever."""
    folder, address = tmp_path / "sweep", cluster.address
    monkeypatch.setattr(pools, "ALONE", 2.0)
    for worker in cluster.workers:
        worker.kill()
    done = call(folder, "--on", address)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        f"error: `--on` should be a Dask scheduler with workers. Found {address} without any for 2 s. Start some, and repeat "
        "the command; finished runs are kept."
    )
    cluster.join()
    assert call(folder, "--on", address).returncode == 0
    assert figures(folder) == figures(whole)
