"""Many short trainings in one process, and a sweep of many runs: memory, open files and temporary files stay as they are."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from grace.bench.store import Store
from grace.bench.sweep import grid, sweep
from grace.data.simulated.fleet import Simulation, simulate
from grace.training.run import train
from grace.training.run_spec import run_spec
from tests.faults.verdict import Tally

FLAT = "flat"
MEGABYTES = 32
"""By which memory may grow from the first tenth to the end: caches that fill and pages that are not given back."""
SMALL = {"size": "statistics", "schedule": "tiny"}


@dataclass(frozen=True)
class State:
    """What this process holds: memory in MiB, open files, files in the folder for temporary ones."""

    memory: float
    files: int
    temporary: int

    @classmethod
    def now(cls) -> State:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        return cls(memory, len(os.listdir("/proc/self/fd")), len(os.listdir(tempfile.gettempdir())))

    def grown(self, before: State) -> str:
        """In words what is more than before; empty where nothing is."""
        words = [f"{self.memory - before.memory:.0f} MiB more"] if self.memory - before.memory > MEGABYTES else []
        words += [f"{self.files - before.files} open files more"] if self.files > before.files else []
        return ", ".join(words + ["temporary files are left"] * (self.temporary > before.temporary))


def _trainings(count: int) -> Iterator[None]:
    """Trainings of a small network, each with a checkpoint and another seed."""
    fleet, test = simulate(Simulation(engines=6, test_engines=2))
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(count):
            checkpoint = Path(folder) / "checkpoint"
            record = train(run_spec("SIM", "rul-only", seed=seed, **SMALL), fleet, test, checkpoint=checkpoint).record
            assert record.status == "done"
            checkpoint.unlink()
            yield


def _sweep(count: int) -> Iterator[None]:
    """A sweep of the simulated fleet in this process, ten runs at a time, into one folder."""
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, count, 10):
            specs = grid(["simulated"], ["ridge"], list(range(first, first + 10)), **SMALL)
            states = sweep(specs, Store(Path(folder)), None, nullcontext)
            assert set(states.values()) == {"done"}
            yield


def watched(steps: Iterator[None], count: int, each: int) -> Tally:
    """Whether the process is the same at the end as after a tenth."""
    tally, before, here = Tally(), None, 0
    for here, _ in enumerate(steps, start=1):
        if here * each >= count // 10 and before is None:
            before = State.now()
        if before is not None and (words := State.now().grown(before) if here * each >= count else ""):
            tally.failures.append(f"long, after {here * each}: {words}")
    tally.counts["failure" if tally.failures else FLAT] += here * each
    return tally


def judged(count: int) -> Iterator[tuple[str, Tally]]:
    """So many trainings, and a tenth as many runs of a sweep."""
    own = tempfile.mkdtemp(prefix="faults-long-")
    before, tempfile.tempdir = tempfile.tempdir, own  # others use the usual one
    try:
        yield "trainings in one process", watched(_trainings(count), count, 1)
        yield "runs of a sweep in one process", watched(_sweep(count // 10), count // 10, 10)
    finally:
        tempfile.tempdir = before
        os.rmdir(own)
