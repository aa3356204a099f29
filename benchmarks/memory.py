"""Peak memory of a training on a simulated fleet that is larger than memory: python benchmarks/memory.py --gigabytes 10

Writes a folder of Parquet files a part at a time, trains on it with `grace train --table --event failed` and prints where the
time went and the largest resident set of the whole process, pages of mapped files included. Most engines still run. Needs two
to three times the fleet's size on the disk, and frees it.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

SENSORS, LIFE = 24, 5_000
"""Columns of single precision, and mean rows of a life."""
SUSPENDED, SHARE = 0.6, (0.4, 0.95)
"""Share of the engines that still run, and of their life after which their recording stops, uniform between both."""


def write_fleet(folder: Path, gigabytes: float, engines_a_part: int = 200) -> int:
    """Write engines whose sensors drift with wear, until their values fill ``gigabytes`` (10^9 bytes) in single precision.

    ``failed`` is 1 in the last row of an engine that failed and 0 elsewhere; ``alarm`` comes on late in life and stays on.

    Returns:
        Rows written.
    """
    rng = np.random.default_rng(0)
    wanted, rows, part = int(gigabytes * 1e9 / (4 * SENSORS)), 0, 0
    slope = rng.uniform(0.2, 2.0, SENSORS).astype(np.float32)
    while rows < wanted:
        table = engines(rng, slope, engines_a_part, part * engines_a_part)
        table.write_parquet(folder / f"part-{part:05d}.parquet")
        rows, part = rows + len(table), part + 1
    return rows


def engines(rng: np.random.Generator, slope: NDArray[np.float32], count: int, first: int) -> pl.DataFrame:
    """Some engines, numbered from ``first``."""
    lives = rng.integers(LIFE // 2, 3 * LIFE // 2, count)
    suspended = rng.random(count) < SUSPENDED
    recorded = np.where(suspended, (lives * rng.uniform(*SHARE, count)).astype(np.int64), lives)
    owner = np.repeat(np.arange(count), recorded)
    hour = np.arange(len(owner)) - np.repeat(np.cumsum(recorded) - recorded, recorded)
    life = (hour / lives[owner]).astype(np.float32)
    values = rng.standard_normal((len(owner), SENSORS), dtype=np.float32) + slope * np.exp(3 * (life - 1))[:, None]
    return pl.DataFrame(values, schema=[f"channel_{i}" for i in range(SENSORS)]).with_columns(
        asset=pl.Series(first + owner),
        hour=pl.Series(hour),
        alarm=pl.Series((life > rng.uniform(0.7, 1.0, count)[owner]).astype(np.int8)),
        failed=pl.Series(((hour == lives[owner] - 1) & ~suspended[owner]).astype(np.int8)),
    )


def main() -> None:
    """Simulate, train, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--epochs", type=int, default=10, help="of 20 steps each")
    parser.add_argument("--on", type=Path, default=None, help="folder with the space; default that for temporary files")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.on) as name:
        work, fleet = Path(name), Path(name) / "fleet"
        fleet.mkdir()
        started = time.perf_counter()
        rows = write_fleet(fleet, given.gigabytes)
        size = sum(path.stat().st_size for path in fleet.iterdir()) / 1e9
        print(
            f"{rows:,} rows of {SENSORS} columns, {size:.2f} GB of Parquet, {time.perf_counter() - started:.0f} s",
            flush=True,
        )
        started = time.perf_counter()
        options = ["--engine", "asset", "--time", "hour", "--time-unit", "hours", "--cache", "rows"]
        options += ["--event", "failed", "--profile"]
        network = [
            "--size",
            "tiny",
            "--schedule",
            "tiny",
            "--epochs",
            str(given.epochs),
            "--rul-scale",
            "cap",
            "--method",
            "grace",
        ]
        command = [sys.executable, "-m", "grace.cli.main", "train", "--table", str(fleet), *options, *network]
        subprocess.run(command, check=True, cwd=work, env=os.environ | {"OMP_NUM_THREADS": "1"})
        seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        stored = sum(path.stat().st_size for path in (work / "rows").rglob("*.npy")) / 1e9
        print(f"rows on the disk {stored:.2f} GB; {20 * given.epochs} steps, {seconds:.0f} s in all")
        print(f"peak resident set of the training process, mapped pages included: {peak / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
