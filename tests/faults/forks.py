"""``grace`` many times over, each in a process of its own that is forked from one that has imported everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from tempfile import TemporaryFile
from typing import IO, Any

from tests.faults.layer import Faults

PATIENCE = 60.0
"""Seconds until a command counts as one that hangs."""
PACKAGES = ("advice", "bench", "cli", "data", "data.tables", "report", "training", "survival", "models")
HUNG = -1


@dataclass(frozen=True)
class Done:
    """A command that has ended, with its exit code (:data:`HUNG`: it had to be ended) and what it said."""

    code: int
    out: str
    err: str


class Forks:
    """Where commands run."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def grace(self, *arguments: object, faults: Faults | None = None) -> Done:
        """Run a command, with faults."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"arguments": list(map(str, arguments)), "faults": faults and asdict(faults)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Done(**json.loads(self._process.stdout.readline()))


@contextmanager
def forks() -> Iterator[Forks]:
    """A process that forks one for each command."""
    env = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-m", "tests.faults.forks"], text=True, env=env, **pipes) as process:
        try:
            yield Forks(process)
        finally:
            process.kill()


def serve() -> None:
    """Answer one command a line; a thread of this process would be missing in its children, so nothing is done here."""
    for package in PACKAGES:
        for module in iter_modules(import_module(f"grace.{package}").__path__):
            import_module(f"grace.{package}.{module.name}")
    for line in sys.stdin:
        asked = json.loads(line)
        with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            child = os.fork()
            if child == 0:
                _run(asked, out, err)
            code = _waited(child)
            out.seek(0)
            err.seek(0)
            print(json.dumps(asdict(Done(code, out.read(), err.read()))), flush=True)


def _run(asked: dict[str, Any], out: IO[str], err: IO[str]) -> None:
    """Be the command, to its end."""
    from grace.cli.main import main

    code = 1  # of a traceback, as Python ends
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.argv = ["grace", *asked["arguments"]]
    try:
        if asked["faults"] is not None:
            Faults(**asked["faults"]).install()
        main()
    except SystemExit as left:
        code = int(left.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _waited(child: int) -> int:
    end = time.monotonic() + PATIENCE
    while (found := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return HUNG
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(found[1])


def parts(folder: Path) -> list[Path]:
    """What was left half-written."""
    return sorted(folder.rglob("*.part"))


if __name__ == "__main__":
    serve()
