"""Standard output and standard error: closed, full, or of few characters."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

from grace.errors import GraceError

PLAIN = {"·": ".", "●": "o", "├": "[", "┤": "]", "─": "-", "…": "~", "²": "2"}
"""What is drawn where a terminal does not know the character; of any other it shows the number, as in ``\\xe4``."""


class OutputError(GraceError):
    """Standard output cannot be written."""


class ReaderLeftError(GraceError):
    """Standard output is a pipe that nobody reads any more, as under ``head``; that is nobody's mistake."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Standard output that raises :class:`OutputError` or :class:`ReaderLeftError` alone, and standard error that raises nothing.

    Raises:
        GraceError: Standard output is closed.
    """
    closed = [number for number in range(3) if not _is_open(number)]
    for _ in closed:  # else the next file that is opened has its number, and what is printed goes into it
        os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        raise GraceError("Standard output should be open. Found it closed. Send it to a file, or to /dev/null.")
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")
    with redirect_stdout(_stream(sys.stdout, _refuse)), redirect_stderr(_stream(sys.stderr, _keep_silent)):
        try:
            yield
        except BaseException:
            with suppress(GraceError):  # that is what went wrong first
                sys.stdout.flush()
            raise
        sys.stdout.flush()


class _Stream:
    """A stream whose errors go to ``failed``; in all else the stream itself."""

    def __init__(self, stream: TextIO, failed: Callable[[OSError], None]) -> None:
        self._stream, self._failed = stream, failed
        self._error: OSError | None = None

    def write(self, text: str) -> int:
        with self._told():
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._told():
            self._stream.flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(
                OSError, ValueError
            ):  # what is left to be written goes nowhere, at the end of the process too
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            self._error = error
        if (
            self._error is not None
        ):  # said again each time: some who print try first, and keep what they meet to themselves
            self._failed(self._error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _stream(stream: TextIO, failed: Callable[[OSError], None]) -> TextIO:
    return cast(TextIO, _Stream(stream, failed))


def _refuse(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):
        raise ReaderLeftError from None
    raise OutputError(
        f"Standard output should be writable. Found: {error.strerror or error}. Send it elsewhere; files that the command had "
        "written are whole."
    ) from None


def _keep_silent(error: OSError) -> None:
    """What is said on standard error is no reason to end a training."""


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    shown = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in shown), error.end
