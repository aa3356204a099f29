"""A sweep on a real Dask scheduler with two workers on this machine, one of which is killed on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import distributed
import polars as pl
import pytest

from grace.data.fleet import Fleet
from grace.data.simulated.fleet import Simulation, simulate
from tests.bench.clusters import cluster_of, logged
from tests.bench.conftest import RUNS, call, command
from tests.bench.test_sweep import figures
from tests.command import grace
from tests.data.conftest import as_table

CLIENT = distributed.Client
HERE = 200
"""Number of an open folder that no worker has."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    with cluster_of(2, tmp_path / "cluster") as made:
        yield made.address, made.workers


def killed_on_the_way(given: list[str], folder: Path, worker: subprocess.Popen[str]) -> str:
    """What a sweep says one of whose workers is killed when the first run has a checkpoint."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(given, text=True, **pipes) as process:
        for _ in range(6000):  # both workers are there: three runs are on the way, and none can be whole before this
            if any((folder / "checkpoints").glob("*.safetensors")) or process.poll() is not None:
                break
            time.sleep(0.01)
        assert process.poll() is None
        worker.kill()
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


@pytest.mark.system
def test_a_killed_worker_of_a_cluster_costs_no_run(
    cluster: tuple[str, list[subprocess.Popen[str]]], whole: Path, tmp_path: Path
) -> None:
    address, workers = cluster
    folder = tmp_path / "sweep"
    assert f"{RUNS} done" in killed_on_the_way(command(folder, "--on", address), folder, workers[0])
    assert figures(folder) == figures(whole)


@pytest.mark.slow
def test_a_task_that_its_scheduler_gives_up_is_begun_again(whole: Path, tmp_path: Path) -> None:
    """Dask gives a task up whose workers died, by default after the fourth: here after the first."""
    folder, sweep = tmp_path / "cluster", tmp_path / "sweep"
    with cluster_of(2, folder, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as made:
        assert f"{RUNS} done" in killed_on_the_way(command(sweep, "--on", made.address), sweep, made.workers[0])
        logged(made.log, "marked as failed because 1 workers died")
    assert figures(sweep) == figures(whole)


def with_events(fleet: Fleet, suspended: int) -> pl.DataFrame:
    """A fleet as a table, of which some engines are stopped at 60 % of their life; ``failed`` is 1 in the others' last rows."""
    last, rows = pl.col("flight").max().over("asset"), as_table(fleet)
    known = rows.with_columns(runs=pl.col("asset") <= suspended, last=last)
    kept = known.filter(~pl.col("runs") | (pl.col("flight") <= 0.6 * pl.col("last")))
    return kept.with_columns(failed=(~pl.col("runs") & (pl.col("flight") == pl.col("last"))).cast(pl.Int8)).drop(
        "runs", "last"
    )


def table_sweep(table: Path, folder: Path) -> list[str]:
    """``grace bench run`` over a table, every option of which is given."""
    roles = {
        "engine": "asset",
        "time": "flight",
        "time-unit": "flights",
        "event": "failed",
        "conditions": "op1,op2,op3",
    }
    grid = {"methods": "grace,dwa,rul-only", "seeds": 1, "size": "tiny", "schedule": "tiny"}
    files = {"to": folder, "table": table, "cache": folder.parent / "rows", "features": "s2,s3,s4,s7,s11,s12,s15"}
    return ["bench", "run", *(str(part) for n, v in (files | roles | grid).items() for part in (f"--{n}", v))]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.csv"
    with_events(simulate(Simulation(engines=24, conditions=3))[0], suspended=8).write_csv(path)
    return path


@pytest.mark.system
def test_workers_of_a_cluster_read_a_table_with_events_themselves(
    cluster: tuple[str, list[subprocess.Popen[str]]], table: Path, tmp_path: Path
) -> None:
    address, workers = cluster
    far, near = tmp_path / "far", tmp_path / "near"
    given = [sys.executable, "-m", "grace.cli.main", *table_sweep(table, far), "--on", address]
    assert f"{RUNS} done" in killed_on_the_way(given, far, workers[0])
    done = grace(*table_sweep(table, near), "--jobs", 1)
    assert done.returncode == 0, done.stderr
    assert figures(far) == figures(near)
    assert all(run["spec"]["conventions"]["table"]["event"] == "failed" for run in figures(far).values())


@pytest.mark.system
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names open folders of a process")
@pytest.mark.parametrize("hidden", ["table", "sweep"])
def test_a_worker_that_does_not_see_a_path_says_so(
    cluster: tuple[str, list[subprocess.Popen[str]]], table: Path, tmp_path: Path, hidden: str
) -> None:
    """A path below an open folder of this process exists for it alone."""
    opened = os.open(tmp_path, os.O_RDONLY)
    os.dup2(opened, HERE)
    os.close(opened)
    try:
        there = Path(f"/proc/self/fd/{HERE}")
        paths = (there / table.name, tmp_path / "sweep") if hidden == "table" else (table, there / "sweep")
        done = grace(*table_sweep(*paths), "--cache", tmp_path / "rows", "--on", cluster[0])
    finally:
        os.close(HERE)
    assert done.returncode == 2
    assert f"{there / (table.name if hidden == 'table' else 'sweep')} should be seen by every worker" in done.stderr
    assert not list(tmp_path.rglob("records/*"))


@pytest.mark.system
def test_ids_tell_tables_apart_that_differ_in_events_alone(table: Path, tmp_path: Path) -> None:
    """An engine of which it is known that it failed, and no longer, is another fleet."""
    command = [*table_sweep(table, tmp_path / "sweep"), "--jobs", 1]
    assert grace(*command).returncode == 0
    rows = pl.read_csv(table)
    others = pl.when(pl.col("asset") == 24).then(0).otherwise("failed")
    rows.with_columns(failed=others.cast(pl.Int64)).select(rows.columns).write_csv(table)
    assert pl.read_csv(table).drop("failed").equals(rows.drop("failed"))
    assert pl.read_csv(table)["failed"].sum() == rows["failed"].sum() - 1
    assert grace(*command).returncode == 0
    assert len(figures(tmp_path / "sweep")) == 2 * RUNS


def test_a_scheduler_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: CLIENT(address, timeout="1s"))
    done = call(tmp_path, "--on", "tcp://127.0.0.1:9")
    assert done.returncode == 2
    assert "should be the address of a Dask scheduler" in done.stderr.splitlines()[-1]
