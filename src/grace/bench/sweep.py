"""Run many specs on any executor; what is done is never done again, what was interrupted goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

from grace.bench.store import STATES, Store
from grace.core.pools import as_finished, on_one_thread
from grace.data.cmapss.checksums import SUBSETS, known_sums
from grace.data.fleet import Fleet
from grace.data.identity import Stamp, stamps
from grace.data.load import files_read, load_test, load_train
from grace.data.tables.columns import TableSource
from grace.errors import GraceError
from grace.training.record import FAILED
from grace.training.run import name_of, stacks, train_stacked
from grace.training.spec import RunSpec

MOST_BREAKS = 5

OnRun = Callable[[int, int], None]
"""Told (runs that have a record, runs in all)."""

Pool = Callable[[], AbstractContextManager[Executor | None]]
"""Opens an executor; None runs here. Asked again where a pool broke because a worker was killed."""


def sweep(
    specs: Sequence[RunSpec],
    store: Store,
    data: Path | TableSource | None,
    pool: Pool,
    *,
    retry_failed: bool = False,
    on_run: OnRun | None = None,
    stack: int = 1,
    device: str = "cpu",
) -> dict[str, str]:
    """Run every spec that has no record yet.

    Args:
        specs: What to run, with the SHA-256 of what they read, as :func:`grace.bench.plan.grid` makes them.
        store: Where records go.
        data: Folder of the data, or a table; with a cluster the same path on every machine, and likewise the store's.
        pool: Opens the executor.
        retry_failed: Run failed runs again; without it they stay failed.
        on_run: Told after each run.
        stack: Runs that train together, at most; 0 for all that can. See :func:`grace.training.run.train_stacked`.
        device: Where they train.

    Returns:
        State of every run by its id.

    Raises:
        GraceError: Another sweep uses the folder, the disk is full, a data file is damaged, or workers keep dying. Finished
            runs are kept, and the same call goes on.
    """
    with store.sweeping():
        store.mend(spec.id for spec in specs)
        if retry_failed:
            for run, state in store.states(specs).items():
                if state == FAILED:
                    store.forget(run)
        breaks = 0
        while waiting := [spec for spec in specs if store.record(spec.id) is None]:
            done = len(specs) - len(waiting)
            report = _reporter(on_run, done, len(specs))
            try:
                _run_through(_units(waiting, stack), store, data, pool, report, device)
            except (BrokenProcessPool, CancelledError):
                breaks += 1
            left = sum(store.record(spec.id) is None for spec in specs)
            if left and breaks >= MOST_BREAKS:
                raise GraceError(
                    f"Worker processes should run to their end. Found {breaks} pools broken; {left} runs are left. Use fewer "
                    "--jobs if memory is short, then repeat the command: finished runs are kept."
                )
        return store.states(specs)


def _reporter(on_run: OnRun | None, done: int, total: int) -> Callable[[int], None]:
    if on_run is None:
        return lambda finished: None
    on_run(done, total)
    return lambda finished: on_run(done + finished, total)


def _units(specs: Sequence[RunSpec], stack: int) -> list[list[RunSpec]]:
    return [[spec] for spec in specs] if stack == 1 else stacks(specs, stack)


def _run_through(
    units: Sequence[Sequence[RunSpec]],
    store: Store,
    data: Path | TableSource | None,
    pool: Pool,
    report: Callable[[int], None],
    device: str,
) -> None:
    calls = [([spec.to_json() for spec in unit], data, store.folder, device) for unit in units]
    done = 0
    with pool() as executor:
        for number, _ in as_finished(run_unit, calls, executor):
            done += len(units[number])
            report(done)


def run_unit(
    specs_json: Sequence[dict[str, Any]], data: Path | TableSource | None, folder: Path, device: str = "cpu"
) -> None:
    """Train runs together, on one thread, and write their records; the unit of work of every executor.

    A run that another process trains, or that has its record, is left out.

    Raises:
        GraceError: The data or the folder cannot be used.
    """
    specs, store = [RunSpec.from_json(values) for values in specs_json], Store(folder)
    with ExitStack() as held:
        mine = [spec for spec in specs if held.enter_context(store.running(spec.id))]
        waiting = [spec for spec in mine if store.record(spec.id) is None]
        if waiting:
            fleet, test = _engines(waiting[0].dataset, data)
            checkpoint = store.checkpoint(name_of(waiting))
            for run in on_one_thread(train_stacked, waiting, fleet, test, device=device, checkpoint=checkpoint):
                store.finish(run.record)
            checkpoint.unlink(missing_ok=True)


def _engines(dataset: str, data: Path | TableSource | None) -> tuple[Fleet, Fleet | None]:
    """Training and test engines; read again when a file was changed or replaced since, as happens to long-lived workers."""
    return _engines_of(dataset, data, stamps(files_read(dataset, data)))


@lru_cache(maxsize=4)
def _engines_of(dataset: str, data: Path | TableSource | None, files: tuple[Stamp, ...]) -> tuple[Fleet, Fleet | None]:
    return load_train(dataset, data), load_test(dataset, data)


def contents(dataset: str, data: Path | TableSource | None) -> tuple[str, str]:
    """SHA-256 of the training and of the test data of a name, empty where there are no test data.

    Those of C-MAPSS are known: its files are read when they are used, and refused if they are others.

    Raises:
        GraceError: Data of another name cannot be read.
    """
    if dataset in SUBSETS and not isinstance(data, TableSource):
        train, test = known_sums(dataset)
        folder = Path(data or "cmapss")
        alone = (folder / f"train_{dataset}.txt").exists() and not (folder / f"test_{dataset}.txt").exists()
        return train, "" if alone else test
    fleet, tested = _engines(dataset, data)
    return fleet.digest(), "" if tested is None else tested.digest()


def counted(states: dict[str, str]) -> dict[str, int]:
    """Number of runs in each state, done first."""
    return {state: sum(s == state for s in states.values()) for state in STATES}
