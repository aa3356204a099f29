"""The one error that GRACE raises for what a user can mend, and its warning of what was done without asking."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Mapping
from typing import Any

_shown = warnings.showwarning


class GraceError(Exception):
    """What should be, what was found and what to do, in one line.

    The command line prints the message after ``error: `` and exits with code 2; a library user catches it.
    """


class UnitError(GraceError):
    """A table with engines that cannot be read; the words are those of the first.

    Attributes:
        faults: Each of these engines by its name, with its place and what is wrong.
    """

    def __init__(self, message: str, faults: Mapping[int | str, str] | None = None) -> None:
        super().__init__(message)
        self.faults = dict(faults or {})


class ReadingError(UnitError):
    """Engines with readings or times that are none, whatever their clocks and targets say."""


class GraceWarning(UserWarning):
    """What was left out or set aside, in one line; the command line prints it after ``note: ``."""


def check_one_of(name: str, value: str, known: Collection[str]) -> None:
    """Refuse a value of an argument ``name`` that is not among those known."""
    if value not in known:
        raise GraceError(f"`{name}` should be one of {', '.join(known)}. Found {value!r}.")


def show_notes() -> None:
    """From now on this process prints its :class:`GraceWarning` as one line, ``note: ...``, on standard error."""
    warnings.showwarning = _show


def _show(message: Warning | str, category: type[Warning], *where: Any, **named: Any) -> None:
    if issubclass(category, GraceWarning):
        print(f"note: {message}", file=sys.stderr)
    else:
        _shown(message, category, *where, **named)
