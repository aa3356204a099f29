"""Ten thousand units predicted, the whole process: python benchmarks/predicting.py --data DIR

The rows are those of the engines of a subset of C-MAPSS, one copy after the other until there are enough units, each sensor with
noise of a thousandth of its standard deviation; each unit is cut at a random row, and holds 100 rows in the mean. Three networks
on statistics are trained first: one, ten of a fold ensemble, and a tree. In each round every way takes its turn: reading and
parsing the file with polars alone, and `grace predict` of the file with each network, in a process of its own. Seconds are of the
clock. The table goes into docs/performance.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median
from subprocess import run
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from pages import ROOT, replace_between

from grace.data.cmapss.fleets import read_train

NETWORKS = {"one network": [], "ten of a fold ensemble": ["--folds", "10"], "tree": ["--model", "tree"]}
MEAN_ROWS = 100
GRACE = str(Path(sys.executable).with_name("grace"))
READ = "import sys, polars as pl; p = sys.argv[1]; (pl.read_csv if p.endswith('csv') else pl.read_parquet)(p)"


def units(data: Path, subset: str, count: int) -> pl.DataFrame:
    """A table of so many units, with the columns of C-MAPSS."""
    fleet, rng = read_train(data, subset), np.random.default_rng(0)
    scale = 1e-3 * np.asarray(fleet.values).std(axis=0)
    owner = rng.integers(0, len(fleet.engines), count)
    kept = np.minimum(rng.integers(20, 2 * MEAN_ROWS - 20, count), fleet.lengths[owner])
    rows = np.concatenate([fleet.starts[e] + np.arange(n) for e, n in zip(owner, kept, strict=True)])
    values = np.asarray(fleet.values)[rows]
    frame = pl.DataFrame(values + scale * rng.standard_normal(values.shape), schema=list(fleet.columns))
    cycle = np.concatenate([np.arange(1, n + 1) for n in kept])
    return frame.with_columns(engine=pl.Series(np.repeat(np.arange(count), kept)), cycle=pl.Series(cycle))


def seconds(arguments: list[str], folder: Path) -> float:
    """Of a process that succeeds."""
    began = time.perf_counter()
    done = run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - began


def measured(data: Path, subset: str, count: int, rounds: int, folder: Path) -> list[str]:
    """Rows of the table."""
    table = units(data, subset, count)
    table.write_csv(folder / "units.csv")
    table.write_parquet(folder / "units.parquet")
    for name, options in NETWORKS.items():
        to = ["--to", str(folder / f"{name}.net"), *(["--method", "rul-only-weighted"] if name != "tree" else [])]
        seconds([GRACE, "train", subset, "--data", str(data.resolve()), *options, *to], folder)
    lines = []
    for ending in ("parquet", "csv"):
        ways = {"polars alone": [sys.executable, "-c", READ, f"units.{ending}"]}
        for name in NETWORKS:
            ways[name] = [GRACE, "predict", f"{name}.net", f"units.{ending}", "--to", f"rul.{ending}"]
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, arguments in ways.items():
                taken[name].append(seconds(arguments, folder))
        base = taken["polars alone"]
        for name, times in taken.items():
            ratio = median(a / b for a, b in zip(times, base, strict=True))
            spread = f"{median(times):.1f} ({min(times):.1f}-{max(times):.1f}, n = {rounds})"
            lines.append(f"| .{ending}, {len(table):,} rows | {name} | {spread} | {ratio:.1f} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", default="FD001")
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="Write docs/performance.md.")
    options = parser.parse_args()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        lines = measured(options.data, options.subset, options.units, options.rounds, Path(folder))
    if options.write:
        head = ["| file | network | seconds, whole process | x polars alone |", "|---|---|---|---|"]
        replace_between(ROOT / "docs" / "performance.md", {"predicting": "\n".join([*head, *lines]) + "\n"})


if __name__ == "__main__":
    main()
