"""The folder of a sweep: one record a finished run, one checkpoint and one lock a running one."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from grace.errors import GraceError, GraceWarning
from grace.files import remove, set_aside, unwritable
from grace.formats import DamagedError
from grace.training.record import DONE, FAILED, RECORD, Record

LOOKS, INSTANT = 10, 0.01  # seconds
RUNNING, WAITING = "running", "waiting"
STATES = (DONE, RUNNING, FAILED, WAITING)


class _Run(Protocol):
    """What has the id of a run."""

    @property
    def id(self) -> str: ...


class Store:
    """Records under ``records/ID.json``; ``checkpoints/`` and ``locks/`` hold what is under way.

    A record that exists is a run that is done (or failed, with its reason): it was renamed there whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / "records"
        self._checkpoints, self._locks = folder / "checkpoints", folder / "locks"

    def record(self, run: str) -> Record | None:
        """The record of a run by its id, or None."""
        return _present(self.records / f"{run}.json")

    def all_records(self) -> list[Record]:
        """Every record, by file name; at least one.

        Raises:
            GraceError: A record is of a newer version, or all are damaged.

        Warns:
            GraceWarning: A damaged record is left out.
        """
        paths, found = self.paths(), list[Record]()
        for path in paths:
            try:
                record = _present(path)
            except DamagedError as error:
                if path is paths[-1] and not found:
                    raise
                warnings.warn(f"left out: {error}", GraceWarning, 2)
            else:
                found += [] if record is None else [record]
        return found

    def paths(self) -> list[Path]:
        """The file of every record, at least one, in ``records/`` or, where that is missing, in the folder itself."""
        paths = sorted(self.records.glob("*.json")) if self.records.is_dir() else sorted(self.folder.glob("*.json"))
        if not paths:
            raise GraceError(
                f"{self.folder} should hold records. Found none. Run `grace bench run --to {self.folder}`."
            )
        return paths

    def mend(self, runs: Iterable[str]) -> None:
        """Set damaged records of these runs aside, so that they are run again.

        Raises:
            GraceError: A record is of a newer version, or the folder holds some of an older one, which have other ids.
        """
        present, wanted = sorted(self.records.glob("*.json")), set(runs)
        for path in (path for path in present if path.stem in wanted):
            try:
                Record.read(path)
            except DamagedError as error:
                set_aside(path, str(error))
        if old := sum(self._is_old(path) for path in present):
            raise GraceError(
                f"{self.folder} should hold records of this version. Found {old} of an older one. Run `grace bench migrate "
                f"{self.folder}`; nothing is lost."
            )

    def _is_old(self, path: Path) -> bool:
        try:
            return path.exists() and not RECORD.is_current(path)
        except GraceError:
            return False  # of another run, and damaged: not this sweep's

    def checkpoint(self, run: str) -> Path:
        """Where a run keeps its state while it is trained."""
        return self._checkpoints / f"{run}.safetensors"

    def finish(self, record: Record) -> None:
        """Write the record, then drop the checkpoint."""
        record.write(self.records)
        remove(self.checkpoint(record.id))

    def forget(self, run: str) -> None:
        """Drop the record of a failed run, so that it is run again."""
        remove(self.records / f"{run}.json")

    def states(self, runs: Iterable[_Run]) -> dict[str, str]:
        """State of every run by its id."""
        return {run.id: self._state(run.id) for run in runs}

    def _state(self, run: str) -> str:
        try:
            record = self.record(run)
        except DamagedError as error:  # not done: a sweep sets it aside and makes the run
            warnings.warn(str(error), GraceWarning, 2)
            record = None
        if record is not None:
            return record.status
        if not self._lock_path(run).exists():
            return WAITING
        if not _is_free(self._lock_path(run)):
            return RUNNING
        record = self.record(run)  # it may have come since
        return WAITING if record is None else record.status

    @contextmanager
    def running(self, run: str) -> Iterator[bool]:
        """Hold a run; False where another process holds it. The lock goes with the process, however it ends."""
        path = self._lock_path(run)
        with _locked(path, tries=LOOKS) as mine:
            yield mine
            if mine:
                remove(path)

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Hold the folder for one sweep.

        Raises:
            GraceError: Another sweep holds it, or it cannot be written.
        """
        with _locked(self.folder / "sweep.lock") as mine:
            if not mine:
                raise GraceError(
                    f"{self.folder} should be used by one sweep at a time. Found another at work. Wait for it, watch it with "
                    f"`grace bench status --to {self.folder}`, or choose another folder."
                )
            yield

    def migrate(self) -> tuple[int, int]:
        """Rewrite every record of an older version; an old file goes when its new one is whole. Killed, the same call goes on.

        Returns:
            Number of records that were rewritten, and of those that were of this version already.

        Raises:
            GraceError: The folder holds no records or is in use, or a record is damaged: those before it are rewritten.
        """
        done = current = 0
        self.paths()  # a folder without records is not locked, which would make it
        with self.sweeping():
            for path in self.paths():
                if RECORD.is_current(path):
                    current += 1
                else:
                    _migrate(path)
                    done += 1
        return done, current

    def _lock_path(self, run: str) -> Path:
        return self._locks / f"{run}.lock"


def _migrate(path: Path) -> None:
    record = Record.read(path)
    there = path.with_name(f"{record.id}.json")
    if there.exists() and RECORD.is_current(there):
        known = Record.read(there).environment.get("id_of_version_1")
        if known != record.environment["id_of_version_1"]:
            raise GraceError(
                f"{path} should be the only record of run {record.id}. Found {there.name} too. Keep one of them."
            )
    record.write(path.parent)
    if there != path:
        remove(path)


def _present(path: Path) -> Record | None:
    """A record, or None where there is none, or another process has removed it since somebody looked."""
    try:
        return Record.read(path) if path.exists() else None
    except GraceError:
        if path.exists():
            raise
        return None


def _is_free(path: Path) -> bool:
    """Whether nobody holds a lock. It looks with a shared one, which others who look can have at the same time."""
    import fcntl

    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return True  # it is gone
    try:
        return _lock(handle, fcntl.LOCK_SH, path)
    finally:
        os.close(handle)


def _lock(handle: int, kind: int, path: Path) -> bool:
    """Try to have a lock on an open file.

    Raises:
        GraceError: The file system has none.
    """
    import fcntl

    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise GraceError(
            f"{path} should lie on a file system with locks (flock), as several processes write there. Found: "
            f"{error.strerror}. Choose a folder on another file system."
        ) from None
    return True


@contextmanager
def _locked(path: Path, tries: int = 1) -> Iterator[bool]:
    """Try to hold an advisory lock on a file; yields whether it was had. The system drops it when the process dies."""
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        mine = _lock(handle, fcntl.LOCK_EX, path)
        while not mine and (tries := tries - 1):  # `status` may be looking, for an instant
            time.sleep(INSTANT)
            mine = _lock(handle, fcntl.LOCK_EX, path)
        yield mine
    finally:
        os.close(handle)
