"""Records of an older version as records of this one."""

from __future__ import annotations

from pathlib import Path

from grace.bench.store import Store
from grace.errors import GraceError
from grace.training.record import RECORD, Record


def migrate(folder: Path) -> tuple[int, int]:
    """Rewrite every record of a sweep that is of an older version; an old file goes when its new one is whole.

    Killed at any moment, the same call goes on.

    Returns:
        Number of records that were rewritten, and of those that were of this version already.

    Raises:
        GraceError: The folder holds no records or is in use, or a record is damaged: those before it are rewritten.
    """
    store, done, current = Store(folder), 0, 0
    with store.sweeping():
        for path in store.paths():
            if RECORD.is_current(path):
                current += 1
                continue
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
                path.unlink()
            done += 1
    return done, current
