"""Download C-MAPSS: several mirrors, resume, and nothing kept that does not match its SHA-256."""

from __future__ import annotations

import lzma
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import IO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from grace.data.cmapss.checksums import MIRRORS, SUMS
from grace.data.identity import sha256
from grace.errors import GraceError
from grace.files import replacing

PART = ".CMAPSSData.zip.part"
BLOCK, TIMEOUT, TRIES, PAUSE = 1 << 16, 30.0, 4, 1.0
LARGEST = 1 << 26
"""Bytes of the largest archive and of the largest file in one; C-MAPSS has 12 and 10 MB."""
DEADLINE, LEAST_RATE = 3600.0, 4096.0
"""Seconds for all tries of one source, and bytes a second that are waited for, after :data:`TIMEOUT` seconds."""
DAMAGED = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
"""What reading a damaged zip archive raises, whatever it is packed with; bzip2 raises an OSError without a number."""
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes in all (0 if unknown)."""


def fetch(
    folder: Path,
    sources: Sequence[str] = MIRRORS,
    on_progress: Progress | None = None,
    sums: Mapping[str, str] = SUMS,
    pause: float = PAUSE,
) -> list[str]:
    """Bring the files whose names and SHA-256 are ``sums`` into ``folder``, and name those that were written.

    Files that are there and right stay untouched; a file that is there and differs is never written over. A broken download
    is resumed where it stopped, also in a later call. Sources, addresses of zip archives or paths of local ones, are tried in
    order, each again after ``pause`` seconds, then twice as long.

    Raises:
        GraceError: No source gave the files (with each one's reason), a file differs, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = _missing(folder, sums)
        if not missing:
            return []
        return _from_first(folder, sources, on_progress or (lambda here, total: None), missing, pause)
    except OSError as error:
        reason = error.strerror or error
        raise GraceError(
            f"{folder} should be a folder that can be written. Found: {reason}. Free or name another."
        ) from None


def _missing(folder: Path, sums: Mapping[str, str]) -> dict[str, str]:
    missing = {}
    for name, expected in sums.items():
        if not (folder / name).exists():
            missing[name] = expected
        elif (found := sha256(folder / name)) != expected:
            raise GraceError(
                f"{folder / name} should have SHA-256 {expected[:12]}... Found {found[:12]}... "
                "It is not written over: move it away, or fetch into another folder."
            )
    return missing


def _from_first(
    folder: Path, sources: Sequence[str], report: Progress, missing: Mapping[str, str], pause: float
) -> list[str]:
    reasons = []
    for source in sources:
        try:
            if "://" not in source:
                return _extract(Path(source), folder, missing)
            part = folder / PART
            _download(source, part, report, pause)
            try:
                return _extract(part, folder, missing)
            finally:
                part.unlink()  # right or wrong, it is not worth resuming
        except _SourceError as error:
            reasons.append(f"{source}: {_line(str(error))}")
    raise GraceError(
        f"C-MAPSS should be had from one of {len(sources)} sources. Found: {'; '.join(reasons)}. "
        "Download the zip by hand and give it: grace data fetch --from FILE.zip."
    )


def _line(text: str) -> str:
    """A server's words as a short line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


class _SourceError(Exception):
    """Why one source gave nothing; the next one is tried."""


def _download(url: str, part: Path, report: Progress, pause: float) -> None:
    until = time.monotonic() + DEADLINE
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            return _resume(url, part, report, until)
        except (OSError, HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, HTTPError) else error
            if isinstance(error, OSError) and error.filename is not None and not isinstance(error, HTTPError):
                raise  # the disk, not the network
    raise _SourceError(f"{reason} ({TRIES} tries)")


def _resume(url: str, part: Path, report: Progress, until: float) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = _within(TIMEOUT, lambda: urlopen(request, timeout=TIMEOUT))
    except HTTPError as error:
        error.close()
        if error.code != RANGE_NOT_SATISFIABLE:
            raise
        part.unlink()  # longer than the file there: another file's rest
        raise ConnectionError("the part did not fit the archive") from None
    with answer:
        resumed = answer.status == PARTIAL_CONTENT
        expected = int(answer.headers.get("Content-Length") or 0)
        have = have if resumed else 0
        total = have + expected if expected else 0
        _refuse_large(total, part)
        with part.open("ab" if resumed else "wb") as file:
            begin, began = have, time.monotonic()
            while block := answer.read1(BLOCK):  # what is here, however little
                file.write(block)
                have += len(block)
                report(have, total)
                _refuse_large(have, part)
                _refuse_slow(have - begin, time.monotonic() - began, until)
    if total and have < total:
        raise ConnectionError(f"the connection broke at {have} of {total} bytes")


def _within(seconds: float, ask: Callable[[], HTTPResponse]) -> HTTPResponse:
    """What ``ask`` returns, for which it has so long in all: a header that comes byte by byte meets every other limit."""
    found: list[HTTPResponse | Exception] = []

    def run() -> None:
        try:
            found.append(ask())
        except Exception as error:
            found.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds + 1)
    if not found:
        raise ConnectionError(f"no answer in {seconds:g} s")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def _refuse_large(size: int, part: Path) -> None:
    if size > LARGEST:
        part.unlink(missing_ok=True)
        raise _SourceError(f"more than {LARGEST:,} bytes")


def _refuse_slow(count: int, seconds: float, until: float) -> None:
    if seconds > TIMEOUT and count < LEAST_RATE * seconds:
        raise ConnectionError(f"less than {LEAST_RATE:g} bytes a second")
    if time.monotonic() > until:
        raise ConnectionError(f"not here after {DEADLINE:g} s")


def _extract(archive: Path, folder: Path, missing: Mapping[str, str]) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened)
            if not set(missing) <= set(members) and "CMAPSSData.zip" in members:
                with _opened(opened, members["CMAPSSData.zip"]) as inner, zipfile.ZipFile(inner) as nested:
                    return _write(nested, folder, missing)
            return _write(opened, folder, missing)
    except DAMAGED as error:
        raise _SourceError(f"no usable zip archive ({error})") from None
    except FileNotFoundError:
        raise _SourceError("no such file") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _SourceError(f"no usable zip archive ({error})") from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Members by their file name; an archive that points outside its folder is refused whole."""
    for info in archive.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
            raise GraceError(
                f"The archive should hold paths inside its folder only. Found {info.filename!r}. Do not use it."
            )
    return {PurePosixPath(info.filename).name: info for info in archive.infolist() if not info.is_dir()}


def _write(archive: zipfile.ZipFile, folder: Path, missing: Mapping[str, str]) -> list[str]:
    members = _members(archive)
    absent = sorted(set(missing) - set(members))
    if absent:
        raise _SourceError(f"the archive lacks {', '.join(absent)}")
    for name, expected in missing.items():
        with _opened(archive, members[name]) as content, replacing(folder / name) as part:
            with part.open("wb") as file:
                while block := _block(content):
                    file.write(block)
            if (found := sha256(part)) != expected:
                raise _SourceError(f"{name} should have SHA-256 {expected[:12]}..., found {found[:12]}...")
    return list(missing)


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """A member to read, which gives no more bytes than it says it has."""
    if member.file_size > LARGEST:
        raise _SourceError(f"{PurePosixPath(member.filename).name} has more than {LARGEST:,} bytes")
    return archive.open(member)


def _block(content: IO[bytes]) -> bytes:
    """The next bytes of a member; an error of bzip2 as one of :data:`DAMAGED`, as it is none of the disk."""
    try:
        return content.read(BLOCK)
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(str(error)) from None
