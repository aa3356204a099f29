"""Kills by seed, at random moments: of sweeps, of their workers, of the workers and the scheduler of a cluster."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from subprocess import Popen

from tests.bench.clusters import Cluster, cluster_of
from tests.bench.test_sweep import figures
from tests.command import grace
from tests.faults.processes import LIMIT, begun, until, workers
from tests.faults.verdict import Tally

COMMAND, WORKER = "the command", "a worker process"
CLIENT, FAR, EVERY, SCHEDULER = "the command on a cluster", "a Dask worker", "every Dask worker", "the Dask scheduler"
HERE, THERE = (COMMAND, WORKER), (CLIENT, FAR, FAR, EVERY, SCHEDULER)
VICTIMS = (*HERE, CLIENT, FAR, EVERY, SCHEDULER)
MADE = "nothing lost, same numbers"
A_FOLDER = 5
"""Kills of one sweep before it is left to end."""
FEW = 3
"""Kills of workers under one command: five broken pools end it, in words."""
GRID = ("--datasets", "simulated", "--methods", "grace,rul-only,ridge", "--seeds", "1,2", "--size", "tiny", "--schedule", "tiny",
        "--epochs", 4)  # fmt: skip
"""Six runs, four of them of some epochs."""


class Sweep:
    """A sweep that is killed again and again, in a folder."""

    def __init__(self, draw: random.Random, folder: Path, far: bool) -> None:
        self.draw, self.folder, self.far = draw, folder, far
        self._held, self.killed = ExitStack(), list[str]()
        self.cluster: Cluster | None = None
        self.known: dict[Path, bytes] = {}

    def run(self, kills: int) -> list[str]:
        """Kill so often, at most, until all is made: who was killed. What does not end well is an AssertionError."""
        with self._held:
            while not self._ended(self._begun(), kills):
                pass
        return self.killed

    def _begun(self) -> Popen[str]:
        if self.far and (self.cluster is None or self.cluster.scheduler.poll() is not None):
            self._held.close()
            self.cluster = self._held.enter_context(
                cluster_of(2, self.folder.with_name(f"cluster-{self.draw.random()}"))
            )
        where = ["--jobs", 2] if self.cluster is None else ["--on", self.cluster.address]
        return begun("bench", "run", "--to", self.folder, *GRID, *where)

    def _ended(self, process: Popen[str], kills: int) -> bool:
        """Kill until a command ends: whether by itself, with everything made."""
        for _ in range(FEW):
            self._wait(process)
            if len(self.killed) >= kills or process.poll() is not None:
                break
            victim = self.draw.choice(THERE if self.far else HERE)
            if not self._kill(victim, process):
                continue
            self.killed.append(victim)
            self._kept()
            if victim in (COMMAND, CLIENT, SCHEDULER):
                self._told(victim, process)
                return False
        _, err = process.communicate(timeout=2 * LIMIT)
        assert process.returncode == 0, f"{process.returncode} {err[-300:]}"
        self._kept()
        return True

    def _wait(self, process: Popen[str]) -> None:
        """Until a random moment: mostly one at which runs are made."""
        locks = self.folder / "locks"
        if self.draw.random() < 0.8:
            until(lambda: (locks.is_dir() and any(locks.iterdir())) or process.poll() is not None)
        time.sleep(self.draw.uniform(0, 1.0))

    def _kill(self, victim: str, process: Popen[str]) -> bool:
        """Whether there was somebody to kill."""
        if victim == WORKER:
            found = workers(process.pid)
            with suppress(ProcessLookupError):
                os.kill(self.draw.choice(found or [-1]), signal.SIGKILL) if found else None
            return bool(found)
        if victim in (COMMAND, CLIENT):
            process.kill()
        if self.cluster is not None and victim == SCHEDULER:
            self.cluster.scheduler.kill()
        if self.cluster is not None and victim in (FAR, EVERY):
            there = [one for one in self.cluster.workers if one.poll() is None]
            for one in there if victim == EVERY else [self.draw.choice(there)]:
                one.kill()
                one.wait()
            self.cluster.join(len(there) if victim == EVERY else 1)  # as whoever watches over them does
        return True

    def _told(self, victim: str, process: Popen[str]) -> None:
        """A command without its scheduler ends in one line; what a killed one has begun ends with it."""
        _, err = process.communicate(timeout=2 * LIMIT)
        if victim == SCHEDULER:
            assert process.returncode == 2, f"{process.returncode} {err[-300:]}"
            assert err.startswith("error: "), err[:300]
            assert err.count("\n") == 1, err
        until(lambda: not workers(process.pid))

    def _kept(self) -> None:
        """Every record that was there is there, byte by byte."""
        for path, content in self.known.items():
            assert path.read_bytes() == content, f"{path.name} was lost or made again"
        self.known |= {path: path.read_bytes() for path in self.folder.glob("records/*.json")}


def whole(folder: Path) -> dict[str, dict[str, object]]:
    """The figures of the sweep that nothing disturbs."""
    done = grace("bench", "run", "--to", folder, *GRID, "--jobs", 1)
    assert done.returncode == 0, done.stderr
    return figures(folder)


def killed(seed: int, kills: int, base: Path, truth: dict[str, dict[str, object]], far: bool) -> tuple[list[str], str]:
    """Who was killed in a sweep, and what did not end well."""
    sweep = Sweep(random.Random(seed), base / f"sweep-{seed}", far)
    try:
        sweep.run(kills)
        assert figures(sweep.folder) == truth, "other numbers than undisturbed"
    except Exception as error:
        return sweep.killed, f"kills, seed {seed}: {type(error).__name__} {' '.join(str(error).split())[:300]}"
    return sweep.killed, ""


def judged(kills: int, base: Path, first: int = 0) -> Iterator[tuple[str, Tally]]:
    """The verdicts of so many kills, two of five sweeps on a cluster, by who was killed."""
    found, seed, truth = {victim: Tally() for victim in VICTIMS}, first, whole(base / "whole")
    while (left := kills - sum(one.counts.total() for one in found.values())) > 0:
        gone, words = killed(seed, min(A_FOLDER, left), base, truth, far=seed % 5 in (1, 3))
        for victim in gone:
            found[victim].counts["failure" if words else MADE] += 1
        if words:
            found[gone[-1] if gone else COMMAND].failures.append(words)
        seed += 1
    yield from found.items()
