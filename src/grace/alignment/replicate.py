"""Many initialisations at once: one process a core, one thread each; the numbers do not depend on how many."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import wait
from typing import Any, TypeVar

import torch

from grace.errors import GraceError

Progress = Callable[[int, int], None]
"""Called with (done, in all)."""

T = TypeVar("T")


def run_all(
    function: Callable[..., T],
    calls: Sequence[tuple[Any, ...]],
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> list[T]:
    """Results of ``function(*call)`` in the order of ``calls``, each on one torch thread.

    Raises:
        GraceError: A worker process died. Whatever ``function`` raises comes through.
    """
    if executor is None:
        return list(_watched((on_one_thread(function, *call) for call in calls), len(calls), on_progress))
    futures = [executor.submit(on_one_thread, function, *call) for call in calls]
    try:
        for _ in _watched((future.result() for future in as_completed(futures)), len(calls), on_progress):
            pass
    except BrokenProcessPool:
        raise GraceError(
            "Worker processes should run to their end. Found one that was killed. Use --jobs 1 if memory is short."
        ) from None
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [future.result() for future in futures]


@contextmanager
def processes(jobs: int = 0) -> Iterator[Executor | None]:
    """A pool of processes, or None for one job.

    Args:
        jobs: Processes; 0 is one a core. Two threads on two cores are slower than two processes for small networks.
    """
    jobs = jobs if jobs > 0 else available_cores()
    # spawn, not fork: polars and torch hold threads and locks that a fork would copy in any state
    context = multiprocessing.get_context("spawn")
    pool = None if jobs == 1 else ProcessPoolExecutor(jobs, mp_context=context, initializer=_die_with_parent)
    with pool or nullcontext(None) as executor:
        try:
            yield executor
        except BaseException:
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)
            raise


def _die_with_parent() -> None:
    """Make this worker process end when the process that began it ends, even by ``kill -9``."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_one_thread(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """``function(*arguments, **named)`` with torch held to one thread, which also fixes the order of its sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return function(*arguments, **named)
    finally:
        torch.set_num_threads(before)


def _watched(results: Iterable[T], total: int, on_progress: Progress | None) -> Iterator[T]:
    for done, result in enumerate(results, start=1):
        if on_progress is not None:
            on_progress(done, total)
        yield result
