"""Files that are whole or not there: written beside, flushed to the disk, renamed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from itertools import count
from pathlib import Path
from secrets import token_hex
from shutil import rmtree

from grace.errors import GraceError, GraceWarning

LEFT = 86_400
"""Seconds without a change after which nobody writes any more what lies beside a file: a process that was killed left it."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; renamed to ``path`` when the block ends, removed when it fails.

    A process that is killed leaves ``path`` as it was; what it leaves beside is called ``.NAME.PID-RANDOM.part``, and is removed
    when ``path`` is written a day later or more.

    Raises:
        GraceError: The folder cannot be written or the disk is full; or ``path`` is a device, a pipe or a socket, which a file
            would take the place of.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise GraceError(f"{path} should be a file, or a name that is free. Found a device. Name another file.")
    part = path.with_name(f".{path.name}.{os.getpid()}-{token_hex(3)}.part")  # two machines may have one number
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.chmod(0o666 & ~_umask())  # some writers make files that only their owner can read
        part.replace(path)
        remove_left(path)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        with suppress(OSError):
            part.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        GraceError: See :func:`replacing`.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    """Remove a file, or find it gone.

    Raises:
        GraceError: The folder cannot be written.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


def remove_left(path: Path) -> None:
    """Remove what killed processes have left beside a path that has just been written, once it is :data:`LEFT` old."""
    with suppress(OSError):
        now = path.stat().st_mtime  # by the clock of the disk, which may be another machine's
        for left in path.parent.glob(f".{escape(path.name)}.*.part"):
            if now - left.stat().st_mtime > LEFT:
                rmtree(left) if left.is_dir() else left.unlink()


def set_aside(path: Path, reason: str) -> Path:
    """Rename a file that cannot be used to ``NAME.damaged`` (``.damaged-2``, ...), and warn of it; nothing is deleted.

    Raises:
        GraceError: The folder cannot be written.
    """
    numbers = (path.with_name(f"{path.name}.damaged{'' if n == 1 else f'-{n}'}") for n in count(1))
    aside = next(name for name in numbers if not name.exists())
    try:
        path.rename(aside)
    except OSError as error:
        raise unwritable(path, error) from None
    warnings.warn(f"{path} was set aside as {aside.name}; its run begins anew. {reason}", GraceWarning, 2)
    return aside


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def unreadable(path: Path, error: OSError) -> GraceError:
    """The error to show where a file cannot be read."""
    reason = error.strerror or ("no such file" if isinstance(error, FileNotFoundError) else str(error))
    return GraceError(f"{path} should be readable. Found: {reason}. Check the path.")


def unwritable(path: Path, error: OSError) -> GraceError:
    """The error to show where a file cannot be written."""
    reason = error.strerror or str(error)
    return GraceError(
        f"{path} should be writable. Found: {reason}. Free space or choose another folder; nothing was lost."
    )
