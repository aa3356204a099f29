"""Speed of the commands and of the data, as medians of several runs: python benchmarks/speed.py --data DIR

Whole processes, timed from outside; nothing else should run. Prints a Markdown table for docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time

import torch

PREPARE = """
import resource, sys, time
from pathlib import Path
import polars, sklearn.cluster, sklearn.metrics, threadpoolctl, torch
from grace.data.cmapss import read_train
from grace.data.conventions import Conventions
from grace.data.prepare import prepare_training
from grace.data.resident import ResidentWindows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
tensors = ResidentWindows(prepare_training(read_train(Path(sys.argv[1]), "FD004"), Conventions()).windows)
seconds = time.perf_counter() - start
print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def timed(command: list[str]) -> float:
    """Seconds of one whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def row(what: str, goal: str, values: list[float], unit: str) -> str:
    """One line of the table."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"| {what} | {goal} | {middle:.2f} {unit} ({low:.2f}-{high:.2f}, n = {len(values)}) |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=os.environ.get("GRACE_DATA", "cmapss"))
    data = parser.parse_args().data
    grace = [sys.executable, "-m", "grace.cli.main"]
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}\n"
    )
    print("| what | goal | median (range) |\n|---|---|---|")
    timed([*grace, "--help"])
    print(row("`grace --help`", "0.3 s", [timed([*grace, "--help"]) for _ in range(9)], "s"), flush=True)
    runs = [
        subprocess.run([sys.executable, "-c", PREPARE, data], check=True, capture_output=True, text=True)
        for _ in range(5)
    ]
    seconds, memory = zip(*(map(float, run.stdout.split()) for run in runs), strict=True)
    print(row("FD004, text to tensors", "1 s", list(seconds), "s"))
    print(row("the same, peak memory beyond imports", "100 MiB", list(memory), "MiB"), flush=True)
    command = [*grace, "diagnose", "FD003", "--data", data, "--json"]
    print(row("`grace diagnose FD003`", "60 s", [timed(command) for _ in range(3)], "s"), flush=True)
    print(row("`grace demo`", "60 s", [timed([*grace, "demo"]) for _ in range(3)], "s"))


if __name__ == "__main__":
    main()
