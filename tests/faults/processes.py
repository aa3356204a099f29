"""Commands as processes of their own, in a session of their own, so that a whole group can be signalled and looked for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

GRACE = [sys.executable, "-m", "grace.cli.main"]
LIMIT = 60.0
"""Seconds after which a test gives up: how long a busy machine may take is no matter of these tests."""


def begun(*arguments: object) -> subprocess.Popen[str]:
    """A command at work, both streams captured."""
    return subprocess.Popen(
        [*GRACE, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def members(session: int) -> dict[int, str]:
    """Command lines of the processes of a session that are not dead, by their numbers."""
    listed = subprocess.run(
        ["ps", "-ww", "-e", "-o", "sid=", "-o", "pid=", "-o", "stat=", "-o", "args="],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split(None, 3) for line in listed.splitlines()]
    return {int(row[1]): row[3] for row in rows if row[0] == str(session) and not row[2].startswith("Z")}


def workers(session: int) -> list[int]:
    """Numbers of the worker processes of a session."""
    return [number for number, line in members(session).items() if "spawn_main" in line]


def until(true: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


def checkpoint(folder: Path) -> bool:
    """Whether a run of a sweep has one."""
    return any((folder / "checkpoints").glob("*.safetensors"))


def listens(process: int) -> bool:
    """Whether a command has begun: it catches SIGTERM, which Python by itself does not."""
    (caught,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("SigCgt")]
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
