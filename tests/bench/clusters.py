"""A real Dask scheduler and workers on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PYTHON = [sys.executable, "-m"]


def logged(log: Path, pattern: str, count: int = 1) -> list[str]:
    """What the scheduler has written, once it has been written ``count`` times."""
    for _ in range(600):
        found = re.findall(pattern, log.read_text())
        if len(found) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@dataclass
class Cluster:
    """A scheduler and its workers, which can be killed and be joined by others."""

    folder: Path
    log: Path
    scheduler: subprocess.Popen[str]
    address: str
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def join(self, count: int = 1) -> None:
        """Start workers, and wait until the scheduler has them."""
        known = len(re.findall("Register worker", self.log.read_text()))
        for _ in range(count):
            place = ("--local-directory", str(self.folder / f"worker-{len(self.workers)}"))
            options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", *place)
            self.workers.append(_begun("distributed.cli.dask_worker", self.address, *options))
        logged(self.log, "Register worker", known + count)


def _begun(module: str, *arguments: str, errors: int | None = None, **settings: str) -> subprocess.Popen[str]:
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL if errors is None else errors}
    return subprocess.Popen([*PYTHON, module, *arguments], text=True, env=os.environ | settings, **streams)


@contextmanager
def cluster_of(workers: int, folder: Path, **settings: str) -> Iterator[Cluster]:
    """A cluster, which ends with the block; settings are variables of the scheduler's environment."""
    folder.mkdir(exist_ok=True)
    log = folder / "scheduler.log"
    with ExitStack() as held:
        with log.open("w") as errors:
            options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
            scheduler = _begun("distributed.cli.dask_scheduler", *options, errors=errors.fileno(), **settings)
        held.callback(_end, scheduler)
        found = Cluster(folder, log, scheduler, logged(log, r"Scheduler at:\s+(tcp://\S+)")[0])
        held.callback(lambda: [_end(one) for one in found.workers])
        found.join(workers)
        yield found


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
