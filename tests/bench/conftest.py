"""A small sweep, as another process begins it and in this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import grace
from tests.once import made_once

GRID = [
    "--datasets",
    "simulated",
    "--methods",
    "grace,dwa,rul-only",
    "--seeds",
    "1",
    "--size",
    "tiny",
    "--schedule",
    "tiny",
]
RUNS = 3


def command(folder: Path, *more: str, verb: str = "run") -> list[str]:
    return [sys.executable, "-m", "grace.cli.main", "bench", verb, "--to", str(folder), *GRID, *more]


def call(folder: Path, *more: str, verb: str = "run", jobs: int = 1) -> subprocess.CompletedProcess[str]:
    """In this process, and with one job the runs too."""
    given = ["--jobs", str(jobs)] if verb == "run" else []
    return grace("bench", verb, "--to", folder, *GRID, *given, *more, columns=200)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of two processes that nothing disturbed."""

    def make(folder: Path) -> None:
        done = call(folder, jobs=2)
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "whole", make)
