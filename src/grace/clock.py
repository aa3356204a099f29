"""Where the time of a run goes: functions that say which part of a run they are, and a clock that somebody has to start."""

from __future__ import annotations

import builtins
import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

BEFORE, IMPORTS, REST = "before the command", "imports", "everything else"


class Clock:
    """Wall-clock seconds and calls of each part; a part within another counts for itself alone, so that they add up to the whole.

    Of a GPU, which computes while Python goes on, it sees who waits for it.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float, {BEFORE: time.process_time()})
        self.calls: dict[str, int] = defaultdict(int)
        self._parts, self._since, self._thread = [REST], time.perf_counter(), threading.get_ident()

    def call(self, name: str, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a function as a part of the run; what other threads do goes on beside it."""
        if threading.get_ident() != self._thread:
            return function(*arguments, **named)
        self.stop()
        self._parts.append(name)
        self.calls[name] += name != IMPORTS  # statements, most of which import nothing any more
        try:
            return function(*arguments, **named)
        finally:
            self.stop()
            self._parts.pop()

    def stop(self) -> None:
        """Give what has gone by since the last stop to the innermost part."""
        now = time.perf_counter()
        self.seconds[self._parts[-1]] += now - self._since
        self._since = now


_running: Clock | None = None


def part(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A function that is a part of a run by this name; without a clock it is only called."""

    def decorated(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def timed(*arguments: P.args, **named: P.kwargs) -> T:
            if _running is None:
                return function(*arguments, **named)
            return _running.call(name, function, *arguments, **named)

        return timed

    return decorated


@contextmanager
def running() -> Iterator[Clock]:
    """A clock that runs within, in this thread of this process; import statements are a part of their own."""
    global _running
    clock, original = Clock(), builtins.__import__

    def imported(*arguments: Any, **named: Any) -> Any:
        return clock.call(IMPORTS, original, *arguments, **named)

    _running, builtins.__import__ = clock, imported
    try:
        yield clock
    finally:
        _running, builtins.__import__ = None, original
        clock.stop()
