"""Downloads against a real server on this machine that resumes, breaks, lies and points outside."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from grace.data.cmapss.fetch import PART, fetch
from grace.errors import GraceError

FILES = {f"{kind}_FD00{n}.txt": os.urandom(30_000) for kind in ("train", "RUL") for n in (1, 2)}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


GOOD = zipped(FILES)


class Server(ThreadingHTTPServer):
    """Serves one archive; ``breaks`` counts the answers to cut in half, ``errors`` the ones to refuse."""

    daemon_threads = True
    content = GOOD
    breaks = errors = 0
    ranges = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/CMAPSSData.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        if server.errors > 0:
            server.errors -= 1
            self.send_error(503)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.ranges else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.breaks > 0:
            server.breaks -= 1
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.shutdown(2)
            return
        self.wfile.write(body)


@contextmanager
def serving(**settings: object) -> Iterator[Server]:
    with Server() as server:
        for name, value in settings.items():
            setattr(server, name, value)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def bring(folder: Path, *sources: str, progress: Callable[[int, int], None] | None = None) -> list[str]:
    return fetch(folder, sources, progress, SUMS, pause=0.001)


def complete(folder: Path) -> bool:
    return {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def test_fetch_and_again(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with serving() as server:
        assert sorted(bring(tmp_path / "new", server.url, progress=lambda h, t: seen.append((h, t)))) == sorted(FILES)
        stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "new").iterdir()}
        assert bring(tmp_path / "new", server.url) == []
        assert len(server.asked) == 1
    assert complete(tmp_path / "new")
    assert seen[-1] == (len(GOOD), len(GOOD))
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_a_broken_connection_is_resumed(tmp_path: Path) -> None:
    with serving(breaks=2) as server:
        bring(tmp_path, server.url)
        half = len(GOOD) // 2
        assert server.asked[:2] == [None, f"bytes={half}-"]
    assert complete(tmp_path)


def test_a_later_call_resumes(tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(GOOD[:1000])
    with serving() as server:
        bring(tmp_path, server.url)
        assert server.asked == ["bytes=1000-"]
    assert complete(tmp_path)


def test_a_server_without_ranges_starts_over(tmp_path: Path) -> None:
    with serving(breaks=1, ranges=False) as server:
        bring(tmp_path, server.url)
    assert complete(tmp_path)


def test_a_part_that_does_not_fit_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(b"x" * (len(GOOD) + 5))
    with serving() as server:
        bring(tmp_path, server.url)
    assert complete(tmp_path)


def test_errors_are_tried_again_then_the_next_mirror(tmp_path: Path) -> None:
    with serving(errors=2) as server:
        bring(tmp_path / "a", server.url)
    with serving(errors=99) as bad, serving() as good:
        bring(tmp_path / "b", bad.url, good.url)
        assert len(bad.asked) == 4
    assert complete(tmp_path / "a")
    assert complete(tmp_path / "b")


@pytest.mark.parametrize(
    "content",
    [
        b"<html>sign in</html>",
        GOOD[: len(GOOD) // 2],
        zipped({"other.txt": b"x"}),
        zipped(FILES | {"RUL_FD001.txt": b"wrong"}),
    ],
)
def test_a_wrong_archive_is_not_kept(tmp_path: Path, content: bytes) -> None:
    with serving(content=content) as bad, serving() as good:
        bring(tmp_path, bad.url, good.url)
    assert complete(tmp_path)


def test_all_mirrors_fail_in_one_line(tmp_path: Path) -> None:
    with serving(content=b"no") as a, serving(errors=9) as b:
        with pytest.raises(GraceError, match=r"--from FILE\.zip") as caught:
            bring(tmp_path, a.url, b.url)
        assert a.url in str(caught.value)
        assert b.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_nested_archive_and_local_file(tmp_path: Path) -> None:
    outer = tmp_path / "outer.zip"
    outer.write_bytes(zipped({"6. Turbofan/CMAPSSData.zip": GOOD, "6. Turbofan/readme.md": b"x"}))
    bring(tmp_path / "to", str(outer))
    assert complete(tmp_path / "to")
    assert outer.exists()


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:/evil.txt"])
def test_paths_outside_the_target_are_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "bad.zip"
    archive.write_bytes(zipped(FILES | {name: b"x"}))
    with pytest.raises(GraceError, match="inside its folder"):
        bring(tmp_path / "to", str(archive))
    assert list((tmp_path / "to").iterdir()) == []


def test_a_file_of_the_users_is_never_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "train_FD001.txt"
    mine.write_text("mine")
    with serving() as server, pytest.raises(GraceError, match="not written over"):
        bring(tmp_path, server.url)
    assert mine.read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(GraceError, match="can be written"):
        bring(tmp_path / "taken", "x.zip")


def test_a_missing_local_archive(tmp_path: Path) -> None:
    with pytest.raises(GraceError, match="no such file"):
        bring(tmp_path, str(tmp_path / "none.zip"))


class Slow(Handler):
    """Hands out the archive a kilobyte at a time."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        self.send_response(200)
        self.send_header("Content-Length", str(len(GOOD)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(GOOD), 1024):
                self.wfile.write(GOOD[start : start + 1024])
                time.sleep(0.02)


def test_a_killed_download_leaves_no_half_file_and_is_resumed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from grace.data.cmapss.fetch import fetch; "
        "fetch(Path(sys.argv[1]), [sys.argv[2]])"
    )
    with serving(RequestHandlerClass=Slow) as server:
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), server.url])
        part = tmp_path / PART
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size > 4096) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        assert process.wait() == -9
        assert [path.name for path in tmp_path.iterdir()] == [PART]
    kept = part.stat().st_size
    assert GOOD.startswith(part.read_bytes())
    with serving() as server:
        bring(tmp_path, server.url)
        assert server.asked == [f"bytes={kept}-"]
    assert complete(tmp_path)
