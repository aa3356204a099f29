"""A grid of runs, and many runs on any executor; what is done is never done again, what was interrupted goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from functools import lru_cache
from itertools import product
from pathlib import Path
from socket import gethostname
from typing import Any

from grace.bench.planned import plan
from grace.bench.store import STATES, Store
from grace.controllers.methods import SEVEN
from grace.core.pools import as_finished, on_one_thread
from grace.data.cmapss.checksums import SUBSETS, known_sums
from grace.data.fleet import Fleet
from grace.data.identity import Stamp, stamps
from grace.data.load import Source, WithUnits, files_read, load_test, load_train
from grace.data.tables.columns import TableSource
from grace.errors import GraceError
from grace.files import remove
from grace.training.record import FAILED
from grace.training.run import name_of, stacks, train_stacked
from grace.training.run_spec import run_spec
from grace.training.spec import SEEDS, RunSpec

MAX_BREAKS = 5

METHODS = (*SEVEN, "rul-only", "rul-only-weighted")
"""The seven methods of the source's table, and RUL alone with either inner axis: 180 runs on four subsets and five seeds."""

OnRun = Callable[[int, int], None]
"""Told (runs that have a record, runs in all)."""

Pool = Callable[[], AbstractContextManager[Executor | None]]
"""Opens an executor; None runs here. Asked again where a pool broke because a worker was killed."""


def grid(
    datasets: Sequence[str] = SUBSETS,
    methods: Sequence[str] = METHODS,
    seeds: Sequence[int] = SEEDS,
    *,
    data: Source = None,
    **choices: Any,
) -> list[RunSpec]:
    """Every combination, seed by seed, so that a sweep that is stopped early has whole seeds.

    ``data`` is where the files lie, or a table; a subset of C-MAPSS is known without its files, and taken as whole then.
    ``choices`` are further arguments of :func:`grace.training.run_spec.run_spec`.

    Raises:
        GraceError: The grid is empty or holds a run twice, a choice is out of its range, or data of another name cannot be read.
    """
    sums = {dataset: _contents(dataset, data) for dataset in datasets}
    specs = [
        run_spec(dataset, name, seed=seed, train_sha256=sums[dataset][0], test_sha256=sums[dataset][1], **choices)
        for seed, dataset, name in product(seeds, datasets, methods)
    ]
    if not specs:
        raise GraceError("A grid should hold at least one data set, method and seed. Found none of one of them.")
    if len({spec.id for spec in specs}) < len(specs):
        raise GraceError("A grid should hold every run once. Found a data set, a method or a seed twice.")
    return specs


def sweep(
    specs: Sequence[RunSpec],
    store: Store,
    data: Source,
    pool: Pool,
    *,
    retry_failed: bool = False,
    on_run: OnRun | None = None,
    stack: int = 1,
    device: str = "cpu",
) -> dict[str, str]:
    """Run every spec that has no record yet.

    Args:
        specs: What to run, with the SHA-256 of what they read, as :func:`grid` makes them.
        data: Folder of the data, or a table; with a cluster the same path on every machine, and likewise the store's.
        retry_failed: Run failed runs again; without it they stay failed.
        stack: Runs that train together, at most; 0 for all that can. See :func:`grace.training.run.train_stacked`.

    Returns:
        State of every run by its id.

    Raises:
        GraceError: Another sweep uses the folder, the disk is full, a data file is damaged, or workers keep dying. Finished
            runs are kept, and the same call goes on.
    """
    with store.sweeping():
        store.mend(spec.id for spec in specs)
        plan(store.folder, specs)
        if retry_failed:
            for run, state in store.states(specs).items():
                if state == FAILED:
                    store.forget(run)
        breaks, tell = 0, on_run or (lambda done, total: None)
        while waiting := [spec for spec in specs if store.record(spec.id) is None]:
            units, done = _units(waiting, stack), len(specs) - len(waiting)
            calls = [([spec.to_json() for spec in unit], data, store.folder, device) for unit in units]
            tell(done, len(specs))
            try:
                with pool() as executor:
                    for number, _ in as_finished(_run_unit, calls, executor):
                        done += len(units[number])
                        tell(done, len(specs))
            except (BrokenProcessPool, CancelledError):
                breaks += 1
            left = sum(store.record(spec.id) is None for spec in specs)
            if left and breaks >= MAX_BREAKS:
                raise GraceError(
                    f"Worker processes should run to their end. Found {breaks} pools broken; {left} runs are left. Use fewer "
                    "--jobs if memory is short, then repeat the command: finished runs are kept."
                )
        return store.states(specs)


def _units(specs: Sequence[RunSpec], stack: int) -> list[list[RunSpec]]:
    return [[spec] for spec in specs] if stack == 1 else stacks(specs, stack)


def _run_unit(specs_json: Sequence[dict[str, Any]], data: Source, folder: Path, device: str) -> None:
    """Train runs together, on one thread, and write their records; the unit of work of every executor.

    A run that another process trains, or that has its record, is left out.
    """
    specs, store = [RunSpec.from_json(values) for values in specs_json], Store(folder)
    _need_here(store.folder, *(getattr(data, name, None) for name in ("path", "test", "units")))
    with ExitStack() as held:
        mine = [spec for spec in specs if held.enter_context(store.running(spec.id))]
        waiting = [spec for spec in mine if store.record(spec.id) is None]
        if waiting:
            fleet, test = _engines(waiting[0].dataset, data)
            checkpoint = store.checkpoint(name_of(waiting))
            for run in on_one_thread(train_stacked, waiting, fleet, test, device=device, checkpoint=checkpoint):
                store.finish(run.record)
            remove(checkpoint)


def _need_here(*paths: Path | None) -> None:
    """Refuse a worker that does not see what the sweep has read or made: its records would lie where nobody looks."""
    for path in paths:
        if path is not None and not path.exists():
            raise GraceError(
                f"{path} should be seen by every worker at the same path. Found none on {gethostname()}. Put it into a folder "
                "that all machines share."
            )


def _engines(dataset: str, data: Source) -> tuple[Fleet, Fleet | None]:
    """Training and test engines; read again when a file was changed or replaced since, as happens to long-lived workers."""
    return _engines_of(dataset, data, stamps(files_read(dataset, data)))


@lru_cache(maxsize=4)
def _engines_of(dataset: str, data: Source, files: tuple[Stamp, ...]) -> tuple[Fleet, Fleet | None]:
    return load_train(dataset, data), load_test(dataset, data)


def _contents(dataset: str, data: Source) -> tuple[str, str]:
    """SHA-256 of the training and of the test data of a name, empty where there are no test data.

    Those of C-MAPSS are known: its files are read when they are used, and refused if they are others.
    """
    if dataset in SUBSETS and not isinstance(data, TableSource | WithUnits):
        train, test = known_sums(dataset)
        folder = Path(data or "cmapss")
        alone = (folder / f"train_{dataset}.txt").exists() and not (folder / f"test_{dataset}.txt").exists()
        return train, "" if alone else test
    fleet, tested = _engines(dataset, data)
    return fleet.digest(), "" if tested is None else tested.digest()


def counted(states: dict[str, str]) -> dict[str, int]:
    """Number of runs in each state, done first."""
    return {state: sum(s == state for s in states.values()) for state in STATES}
