"""Readers beside a sweep that writes, on a file system that shows other processes a renaming late, as NFS does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bench.test_sweep import figures
from tests.faults import kills
from tests.faults.layer import Faults
from tests.faults.processes import GRACE, LIMIT
from tests.faults.verdict import Tally

LATE = 0.5
"""Seconds until others see a renaming."""
READ = "read in words, nothing left out"


def begun(*arguments: object, faults: Faults) -> subprocess.Popen[str]:
    """A command on such a file system; its workers are on it too."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    line = [*GRACE, *map(str, arguments)]
    return subprocess.Popen(line, text=True, env=os.environ | faults.to_env(), **pipes)


def commands(folder: Path, page: Path) -> dict[str, list[object]]:
    """Those that read a sweep."""
    return {
        "status": ["bench", "status", "--to", folder, *kills.GRID],
        "table": ["bench", "table", folder, "--reference", "grace"],
        "report": ["report", folder, "-o", page],
    }


def judged(rounds: int, base: Path, jobs: int = 2) -> Iterator[tuple[str, Tally]]:
    """A sweep of several processes, and its readers, two of each at once, so many times or until it ends; then its numbers."""
    truth, folder = kills.whole(base / "whole"), base / "sweep"
    faults = Faults(str(folder), late=LATE)
    tallies = {name: Tally() for name in (*commands(folder, base), "the sweep itself")}
    with begun("bench", "run", "--to", folder, *kills.GRID, "--jobs", jobs, faults=faults) as sweep:
        for turn in range(rounds):
            _read(folder, base / f"page-{turn}.html", faults, tallies)
            if sweep.poll() is not None:
                break
        _, err = sweep.communicate(timeout=4 * LIMIT)
    good = sweep.returncode == 0 and figures(folder) == truth
    tallies["the sweep itself"].counts["same numbers as undisturbed" if good else "failure"] += 1
    tallies["the sweep itself"].failures += (
        [] if good else [f"readers: the sweep ended {sweep.returncode} {err[-300:]}"]
    )
    yield from ((f"late renamings: {name}", tally) for name, tally in tallies.items())


def _read(folder: Path, page: Path, faults: Faults, tallies: dict[str, Tally]) -> None:
    twice = [(name, begun(*line, faults=faults)) for name, line in commands(folder, page).items() for _ in range(2)]
    for name, process in twice:
        _, err = process.communicate(timeout=LIMIT)
        early = process.returncode == 2 and "should hold records. Found none" in err and err.count("\n") == 1
        good = early or (process.returncode, err) == (0, "")
        tallies[name].counts["no record yet, in one line" if early else READ if good else "failure"] += 1
        tallies[name].failures += [] if good else [f"readers: {name} ended {process.returncode} {err[-300:]}"]
