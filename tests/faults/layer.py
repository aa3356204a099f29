"""A file system with faults, in this process: the n-th step fails or is the last one, renames are seen late, there are no locks.

A step is a call that changes a folder: a write, a flush to the disk, a renaming, a removal, a new file or folder. Those of Python
and of safetensors, which writes by itself, are counted; calls of other libraries are not.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STOPPED = 77
"""Exit code of a process that stops at a step."""
FULL, BROKEN, STOP = "full", "broken", "stop"
"""From the step on the disk is full; the step alone fails; the process ends in the middle of it."""
HOWS = (FULL, BROKEN, STOP)
SPACE = ("write", "flush", "create", "mkdir")
"""Steps that a full disk refuses."""
PIECE = 1 << 19
"""Bytes that a file of tensors is written in at a time."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong below a folder.

    Attributes:
        root: The folder.
        step: Number of the step, from 1; 0: none.
        how: One of :data:`HOWS`.
        log: File that every step is written to before it is done; empty: none.
        late: Seconds until other processes see a renaming, as on a network file system.
        locks: Whether the file system has any.
    """

    root: str
    step: int = 0
    how: str = STOP
    log: str = ""
    late: float = 0.0
    locks: bool = True

    def install(self) -> None:
        """Put the faults in place, for the rest of this process."""
        steps = _Steps(self)
        _patch_steps(steps)
        if self.late:
            _patch_sight(steps)
        if not self.locks:
            _patch_locks()

    def to_env(self) -> dict[str, str]:
        """What makes every Python that is started with it have these faults: it imports ``hook/sitecustomize.py``."""
        here = Path(__file__).parent
        known = os.environ.get("PYTHONPATH", "")
        return {
            "PYTHONPATH": os.pathsep.join([str(here / "hook"), str(here.parents[1]), known]),
            "FAULTS": repr(asdict(self)),
        }


class _Steps:
    """Counts the steps of a process below the root, and makes the one that should go wrong do so."""

    def __init__(self, faults: Faults) -> None:
        self.faults, self.count = faults, 0
        self.root = os.path.realpath(faults.root)
        self.mine: set[str] = set()  # what this process has renamed or made
        self.log = os.open(faults.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if faults.log else -1

    def inside(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and self.name(path).startswith(self.root + os.sep)

    def name(self, path: Any) -> str:
        return os.path.join(os.path.realpath(os.path.dirname(os.fspath(path)) or "."), os.path.basename(path))

    def step(self, kind: str, path: Any, half: Callable[[], object] = lambda: None) -> None:
        """One step is about to be done; a process that stops in it does ``half`` of it."""
        self.count += 1
        if self.log >= 0:
            os.write(self.log, f"{self.count} {kind} {os.path.relpath(self.name(path), self.root)}\n".encode())
        faults = self.faults
        if faults.how == FULL and 0 < faults.step <= self.count and kind in SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        if self.count == faults.step and faults.how != FULL:
            if faults.how == STOP:
                half()
                os._exit(STOPPED)
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))


class _Counted(io.FileIO):
    """A file whose writes are steps; the last one of a process writes half of what it should."""

    def __init__(self, steps: _Steps, path: Any, mode: str) -> None:
        super().__init__(path, mode)
        self._steps = steps

    def write(self, content: Any) -> int:
        piece = memoryview(content).cast("B")
        write = super().write
        self._steps.step("write", self.name, lambda: write(piece[: len(piece) // 2]))
        return write(piece)


def _patch_steps(steps: _Steps) -> None:
    opened, flushed = io.open, os.fsync

    def open_(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None, newline: Any = None,
              closefd: bool = True, opener: Any = None) -> Any:  # fmt: skip
        if not set(mode) & set("wxa+") or not steps.inside(file):
            return opened(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if "r" not in mode:
            steps.step("create", file)
        steps.mine.add(steps.name(file))
        raw = _Counted(steps, os.fspath(file), mode.replace("b", "").replace("t", ""))
        both = "+" in mode
        whole: Any = raw if buffering == 0 else io.BufferedRandom(raw) if both else io.BufferedWriter(raw)
        return whole if "b" in mode else io.TextIOWrapper(whole, encoding, errors, newline)

    def fsync(handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        path = os.readlink(f"/proc/self/fd/{number}")
        if steps.inside(path):
            steps.step("flush", path)
        flushed(number)

    builtins.open = open_
    io.open = open_
    os.fsync = fsync
    for name, kind in {"rename": "rename", "replace": "rename", "unlink": "remove", "remove": "remove", "mkdir": "mkdir",
                       "rmdir": "remove", "chmod": "change"}.items():  # fmt: skip
        setattr(os, name, _stepping(steps, kind, getattr(os, name)))
    _patch_handles(steps)
    _patch_safetensors(open_)


def _stepping(steps: _Steps, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """A call of ``os`` that is a step where its last path lies inside; a removal or a folder alone where it changes something."""

    def stepping(path: Any, *more: Any, **named: Any) -> Any:
        last = more[0] if kind == "rename" else path
        idle = os.path.lexists(path) == (kind == "mkdir") if kind in ("remove", "mkdir") else False
        if steps.inside(last) and not idle:
            steps.step(kind, last)
            steps.mine.add(steps.name(last))
        return call(path, *more, **named)

    return stepping


def _patch_handles(steps: _Steps) -> None:
    opened = os.open

    def open_(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_CREAT and steps.inside(path) and not os.path.lexists(path):
            steps.step("create", path)
            steps.mine.add(steps.name(path))
        return opened(path, flags, *more, **named)

    os.open = open_


def _patch_safetensors(opened: Callable[..., Any]) -> None:
    """Its files are written in Rust; here by a file that counts, with its error for what goes wrong."""
    import safetensors

    def serialize_file(tensors: Any, filename: Any, metadata: Any = None) -> None:
        content = safetensors.serialize(tensors, metadata)
        try:
            with opened(filename, "wb", buffering=0) as file:
                for at in range(0, len(content), PIECE):
                    file.write(content[at : at + PIECE])
        except OSError as error:
            words = f"Error while serializing: I/O error: {error.strerror} (os error {error.errno})"
            raise safetensors.SafetensorError(words) from None

    for module in ("safetensors", "safetensors.torch"):
        if module in sys.modules:
            sys.modules[module].serialize_file = serialize_file


def _patch_sight(steps: _Steps) -> None:
    """What another process has renamed or made a moment ago is not there yet: by its last change, which a renaming is."""
    late, stat, listed, scanned = steps.faults.late, os.stat, os.listdir, os.scandir

    def hidden(path: Any) -> bool:
        if not steps.inside(path) or steps.name(path) in steps.mine:
            return False
        try:
            found = stat(path)
        except OSError:
            return False
        return time.time() - found.st_ctime < late and not os.path.stat.S_ISDIR(found.st_mode)  # type: ignore[attr-defined]

    def looking(call: Callable[..., Any]) -> Callable[..., Any]:
        def look(path: Any, *more: Any, **named: Any) -> Any:
            how = more[0] if more else ""
            creates = how & os.O_CREAT if isinstance(how, int) else set(how or "") & set("wxa")
            if not creates and hidden(path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            return call(path, *more, **named)

        return look

    class Scan:
        def __init__(self, path: Any = ".") -> None:
            with scanned(path) as entries:
                self._left = iter([one for one in entries if not hidden(one.path)])

        def __iter__(self) -> Iterable[Any]:
            return self._left

        def __next__(self) -> Any:
            return next(self._left)

        def __enter__(self) -> Scan:
            return self

        def __exit__(self, *_: object) -> None: ...

        def close(self) -> None: ...

    builtins.open = looking(builtins.open)
    io.open = builtins.open
    os.open = looking(os.open)
    os.stat = looking(stat)
    os.listdir = lambda path=".": [one for one in listed(path) if not hidden(os.path.join(path, one))]
    os.scandir = Scan


def _patch_locks() -> None:
    import fcntl

    def flock(handle: Any, kind: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = flock


def steps_of(log: Path) -> list[tuple[str, str]]:
    """Kind and path of every step of a log."""
    lines = [line.split(" ", 2) for line in log.read_text().splitlines()] if log.exists() else []
    return [(kind, path) for _, kind, path in lines]
