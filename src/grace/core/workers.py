"""Worker processes: what they do first. Nothing heavy is imported here, so that they mind their parent before torch is there."""

from __future__ import annotations

import _thread
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from grace.errors import show_notes

LEAVE = 0.5
"""Seconds that a worker has to leave its files whole when it is told to end."""


class Workers(ProcessPoolExecutor):
    """Processes that leave interrupts to their parent and end within a second when it ends, or stops them.

    They start with their first call; with a module that each is to import, at once, while this process does something else.
    """

    def __init__(self, jobs: int, importing: str = "") -> None:
        # spawn, not fork: polars and torch hold threads and locks that a fork would copy in any state
        context = multiprocessing.get_context("spawn")
        theirs, self._ours = context.Pipe(duplex=False)  # open as long as the work is wanted
        super().__init__(jobs, mp_context=context, initializer=begin, initargs=(theirs, importing))
        for _ in range(jobs if importing else 0):
            self.submit(int)

    def submit(self, *call: Any, **named: Any) -> Future[Any]:
        """As ``Executor.submit``; from their first moment, an interrupt of the whole group is none for the workers."""
        with _interrupts_blocked():
            return super().submit(*call, **named)

    def stop(self) -> None:
        """End all workers at once, whatever they do, and wait for that."""
        self._ours.close()
        self.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes that are started within have Ctrl-C blocked; one that comes meanwhile reaches this process afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # begun within, it would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin(parent: Connection, importing: str) -> None:
    """Make this worker show notes as its parent does, and end when that closes its end of the pipe, even by ``kill -9``; then
    import a module, if one is named."""
    show_notes()

    def watch() -> None:
        wait([parent])
        # nobody reads any more what this process says on the way out: the interrupt is there to close and remove files
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.setitimer(
            signal.ITIMER_REAL, LEAVE
        )  # the kernel's: an interpreter that ends stops its threads, and takes seconds
        _thread.interrupt_main()

    threading.Thread(target=watch, daemon=True).start()
    if importing:
        import_module(importing)
