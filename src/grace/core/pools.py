"""Where many calls run: here, in processes of this machine or on a cluster, one torch thread each, with the same numbers."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from functools import partial
from multiprocessing.connection import wait
from typing import Any, TypeVar

import torch

from grace.errors import GraceError, show_notes

Progress = Callable[[int, int], None]
"""Called with (done, in all)."""

T = TypeVar("T")


@contextmanager
def processes(jobs: int = 0) -> Iterator[Executor | None]:
    """A pool of processes, or None for one job; 0 is one a core."""
    # two threads on two cores are slower than two processes for small networks
    jobs = jobs if jobs > 0 else available_cores()
    # spawn, not fork: polars and torch hold threads and locks that a fork would copy in any state
    context = multiprocessing.get_context("spawn")
    pool = None if jobs == 1 else ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_worker)
    with pool or nullcontext(None) as executor:
        try:
            yield executor
        except BaseException:
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)
            raise


def _begin_worker() -> None:
    """Make this worker process show notes as its parent does, and end when that ends, even by ``kill -9``."""
    show_notes()
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of a Dask scheduler, whose address is as in ``tcp://scheduler:8786``.

    Raises:
        GraceError: Dask is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise GraceError(
            "`--on` should find Dask installed. Found no module `distributed`. Run pip install 'grace-rul[cluster]'."
        ) from None
    try:
        client: Any = Client(address, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise GraceError(
            f"`--on` should be the address of a Dask scheduler that answers. Found {address}: {error}"
        ) from None
    with client:
        yield client.get_executor(retries=3, pure=False)


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
    found: dict[int, T] = {}
    try:
        for number, result in as_finished(partial(on_one_thread, function), calls, executor):
            found[number] = result
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
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def on_one_thread(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """``function(*arguments, **named)`` with torch held to one thread, which also fixes the order of its sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return function(*arguments, **named)
    finally:
        torch.set_num_threads(before)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
