"""Archives and answers of servers, damaged: the truth is what was packed."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from grace.data.cmapss import fetch
from tests.faults.mutate import Rng, damaged
from tests.faults.verdict import Subject

FILES = {f"train_FD00{n}.txt": " ".join(str(i * n) for i in range(2000)).encode() for n in (1, 2)}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NAMES = (
    "./",
    ".",
    "/",
    "..",
    "../x",
    "a/./b",
    "C:",
    "C:/x",
    "\\",
    "CMAPSSData.zip",
    "CMAPSSData.zip/",
    "train_FD001.txt/",
)
"""Further members of an archive."""


@cache
def archive(method: int, *names: str) -> bytes:
    """The files in a zip archive, packed in a way, with some further empty members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for name, content in FILES.items():
            opened.writestr(name, content)
        for name in names:
            opened.writestr(name, b"")
    return buffer.getvalue()


def _archive(rng: Rng) -> bytes:
    names = (str(rng.choice(NAMES)),) if rng.integers(2) else ()
    content = archive(int(rng.choice(PACKED)), *names)
    return damaged(rng, content) if rng.integers(4) else content


def _damage_archive(rng: Rng, folder: Path) -> Path:
    path = folder / "a.zip"
    path.write_bytes(_archive(rng))
    return path


def _fetched(path: Path, *sources: str) -> tuple[Any, list[str]]:
    to = path.parent / "to"
    rmtree(to, ignore_errors=True)
    fetch.fetch(to, sources or [str(path)], sums=SUMS, pause=0.0)
    return to, []


def _whole(path: Path, to: Path) -> bool:
    return {one.name: one.read_bytes() for one in to.iterdir()} == FILES


def _damage_answer(rng: Rng, folder: Path) -> Path:
    """What a server says: its head, its body, or both damaged; or a length that is not the body's."""
    body = archive(zipfile.ZIP_DEFLATED)
    length = int(rng.choice([len(body), 0, 1, len(body) * 2, 1 << 40, -1]))
    kind = str(rng.choice([f"Content-Length: {length}", "Transfer-Encoding: chunked", "Location: /", "X: y"]))
    head = f"HTTP/1.1 {rng.choice(['200 OK', '206 Partial', '301 Moved', '500 No', '999'])}\r\n{kind}\r\n\r\n".encode()
    parts = [damaged(rng, head) if rng.integers(2) else head, damaged(rng, body) if rng.integers(2) else body]
    path = folder / "answer"
    path.write_bytes(b"".join(parts))
    return path


@contextmanager
def answering(*answers: bytes, drip: float = 0.0) -> Iterator[str]:
    """The address of a server that gives these bytes in turn, the last one ever after, whatever it is asked; then a byte every
    ``drip`` seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        left = list(answers)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client, suppress(OSError):
                        client.recv(65536)
                        client.sendall(left.pop(0) if len(left) > 1 else left[0])
                        while drip:
                            time.sleep(drip)
                            client.sendall(b"H")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/CMAPSSData.zip"
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join(5)


def _asked(path: Path) -> tuple[Any, list[str]]:
    with answering(path.read_bytes()) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "TRIES", 2)
        patch.setattr(fetch, "TIMEOUT", 2.0)
        return _fetched(path, url)


DOWNLOADS = (
    Subject("zip archive", _damage_archive, _fetched, _whole),
    Subject("HTTP answer", _damage_answer, _asked, _whole),
)
