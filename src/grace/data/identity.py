"""What files are, whatever they are called and wherever they lie: SHA-256 of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from grace.errors import GraceError

Stamp = tuple[str, int, int, int]
"""Path, bytes, time of change in nanoseconds and inode of a file: another one at the same path has another stamp."""


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def combined(sums: Iterable[str]) -> str:
    """One sum for several, in their order: a single one stays as it is, of more it is the SHA-256 of their hexadecimal digits."""
    found = list(sums)
    return found[0] if len(found) == 1 else hashlib.sha256("\n".join(found).encode()).hexdigest()


def stamps(paths: Iterable[Path]) -> tuple[Stamp, ...]:
    """Stamps of files, for caches in memory and on the disk; a missing one is refused."""
    found = []
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise GraceError(f"{path} should be readable. Found: {error.strerror}. Check the path.") from None
        found.append((str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(found)
