"""A small sweep as another process would begin it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def call(folder: Path, *more: str, verb: str = "run") -> subprocess.CompletedProcess[str]:
    env = os.environ | {"COLUMNS": "200"}
    return subprocess.run(command(folder, *more, verb=verb), capture_output=True, text=True, env=env, timeout=300)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    done = call(folder, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    return folder
