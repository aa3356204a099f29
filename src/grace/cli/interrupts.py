"""Interrupts: where they are raised, and what is said of them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
MOMENT = 0.02
"""Seconds between two looks whether an import has come to its end."""
PATIENCE = 2.0
"""Seconds that an interrupted command has to put its files away before it can be ended."""


class Interrupted(BaseException):
    """The command was told to end. Not a ``KeyboardInterrupt``, of which typer keeps nothing but a number.

    Attributes:
        number: The signal's; the exit code is 128 more.
        words: What became of the work.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        self.number, self.words = int(number), "nothing was left half-written"


@contextmanager
def goes_on(words: str) -> Iterator[None]:
    """Say these words where the block is interrupted."""
    try:
        yield
    except Interrupted as error:
        error.words = words
        raise


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C and ``kill`` raise :class:`Interrupted`, once; :data:`PATIENCE` seconds later, another one ends the process.

    It is never raised within an import, which would leave modules half there, and some catch it, nor while a process is being
    started: it waits for the end of that. A second one does not wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    mine = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]  # as under nohup
    for number in mine:
        signal.signal(number, handler)
    try:
        yield
    finally:
        if not handler.raised:  # else the process is on its way out, where Python's own would print a traceback
            for number in mine:
                signal.signal(number, before[number])


class _Handler:
    def __init__(self) -> None:
        self._main, self._waits, self.raised = threading.get_ident(), False, 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._waits or (self.raised and time.monotonic() > self.raised + PATIENCE):
            _end_now(number)
        if self.raised:
            return
        if not _amid(frame):
            self.raised = time.monotonic()
            raise Interrupted(number)
        self._waits = True
        threading.Thread(target=self._again, args=(number,), daemon=True).start()

    def _again(self, number: int) -> None:
        while _amid(sys._current_frames().get(self._main)):
            time.sleep(MOMENT)
        self._waits = False
        os.kill(os.getpid(), number)


def _end_now(number: int) -> None:
    """Leave this process without another step; files are whole or not there at any moment."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


def _amid(frame: FrameType | None) -> bool:
    """Whether a module is being imported, or a process started, which would find half of what it needs and say so in a page. A
    blocked signal is no help there: any other thread can take it, and Python raises it here."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or name.endswith("popen_spawn_posix.py"):
            return True
        frame = frame.f_back
    return False
