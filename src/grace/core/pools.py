"""Where many calls run: here, in processes of this machine or on a cluster, one torch thread each, with the same numbers."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from grace.core.workers import Workers
from grace.errors import GraceError

Progress = Callable[[int, int], None]
"""Called with (done, in all)."""

T = TypeVar("T")

A_YEAR = 3.2e7
"""Seconds to wait for a call: Ctrl-C does not end a wait without an end once polars is there, whose handler restarts it."""

MOST = 4
"""Processes a core that can be asked for: each takes some 300 MB."""

ALONE = 60.0
"""Seconds that a cluster may have no worker at all: a nanny starts a killed one again in a few."""

LOOK = 1.0
"""Seconds between two looks for workers."""


@contextmanager
def processes(jobs: int = 0, importing: str = "") -> Iterator[Executor | None]:
    """A pool of processes, or None for one job; 0 is one a core. An error or an interrupt ends them at once.

    Each imports the module ``importing`` at once, if one is named, while this process does so itself.

    Raises:
        GraceError: ``jobs`` is below 0, or more than :data:`MOST` a core.
    """
    cores = available_cores()
    if not 0 <= jobs <= MOST * cores:
        raise GraceError(
            f"`--jobs` should be 0, one a core, or at most {MOST * cores}, {MOST} a core. Found {jobs}. Leave it out."
        )
    # two threads on two cores are slower than two processes for small networks
    jobs = jobs or cores
    if jobs == 1:
        yield None
        return
    workers = Workers(jobs, importing)
    try:
        yield workers
        workers.shutdown()
    except BaseException:
        workers.stop()
        raise


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of a Dask scheduler, whose address is as in ``tcp://scheduler:8786``.

    Raises:
        GraceError: Dask is not installed, no scheduler answers, or it has had no worker for :data:`ALONE` seconds.
        CancelledError: The scheduler has gone, or a call has killed several workers; another cluster may do it.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise GraceError(
            "`--on` should find Dask installed. Found no module `distributed`. Run pip install 'grace-rul[cluster]'."
        ) from None
    with _silent("distributed"):
        try:
            client: Any = Client(address, timeout="10s")  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise GraceError(
                f"`--on` should be the address of a Dask scheduler that answers. Found {address}: {error}. Start it, and "
                "repeat the command; finished runs are kept."
            ) from None
        with client, _with_workers(client, address):
            try:
                yield client.get_executor(retries=3, pure=False)
            except KilledWorker:
                raise CancelledError from None


@contextmanager
def _with_workers(client: Any, address: str) -> Iterator[None]:
    """Leave a scheduler that has had no worker for :data:`ALONE` seconds; calls to it would wait for one without an end."""
    ended, left = threading.Event(), threading.Event()

    def watch() -> None:
        seen = time.monotonic()
        while not ended.wait(LOOK):
            try:
                seen = time.monotonic() if client.nthreads() else seen
            except (OSError, RuntimeError, ValueError):
                return  # it does not answer, which the calls say themselves
            if time.monotonic() - seen > ALONE:
                left.set()
                client.close()
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except CancelledError:
        if not left.is_set():
            raise
        raise GraceError(
            f"`--on` should be a Dask scheduler with workers. Found {address} without any for {ALONE:g} s. Start some, and "
            "repeat the command; finished runs are kept."
        ) from None
    finally:
        ended.set()


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep the loggers of a package silent: what they would say of a lost connection in a page, an error says in a line."""
    loggers = [logging.getLogger(known) for known in list(logging.root.manager.loggerDict) if known.startswith(name)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def run_all(
    function: Callable[..., T],
    calls: Sequence[tuple[Any, ...]],
    executor: Executor | None = None,
    on_progress: Progress | None = None,
    on_result: Callable[[int, T], None] | None = None,
) -> list[T]:
    """Results of ``function(*call)`` in the order of ``calls``, each on one torch thread; ``on_result`` is told the number of a
    call and its result as they come.

    Raises:
        GraceError: A worker process died. Whatever ``function`` raises comes through.
    """
    found: dict[int, T] = {}
    try:
        for number, result in as_finished(partial(on_one_thread, function), calls, executor):
            found[number] = result
            if on_result is not None:
                on_result(number, result)
            if on_progress is not None:
                on_progress(len(found), len(calls))
    except BrokenProcessPool:
        raise GraceError(
            "Worker processes should run to their end. Found one that was killed. Use --jobs 1 if memory is short."
        ) from None
    return [found[number] for number in range(len(calls))]


def as_finished(
    function: Callable[..., T], calls: Sequence[tuple[Any, ...]], executor: Executor | None = None
) -> Iterator[tuple[int, T]]:
    """Number of the call and result of ``function(*call)``, as they come; after an error nothing more is begun.

    Without an executor they run here, in their order; with one, function and calls have to be picklable.
    """
    if executor is None:
        yield from ((number, function(*call)) for number, call in enumerate(calls))
        return
    futures = {executor.submit(function, *call): number for number, call in enumerate(calls)}
    try:
        for future in as_completed(futures, A_YEAR):
            yield futures[future], future.result()
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def on_one_thread(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """``function(*arguments, **named)`` with torch held to one thread, which also fixes the order of its sums."""
    import torch  # not above: worker processes start before it is there, and import it side by side

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return function(*arguments, **named)
    finally:
        torch.set_num_threads(before)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
