"""What a killed process leaves beside a file: nobody reads it, and a later writing of the same file removes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from grace.data.tables.on_disk import _made_whole
from grace.files import LEFT, write_text

WRITE = """
import sys, time
from pathlib import Path
from grace.files import replacing
with replacing(Path(sys.argv[1])) as part:
    part.write_text("half")
    print(flush=True)
    time.sleep(60)
"""


def left_by_a_kill(path: Path) -> Path:
    with subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    (found,) = set(path.parent.glob(".*.part")) - {path}
    return found


def aged(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_later_writing_removes_it_when_nobody_can_write_it_any_more(tmp_path: Path) -> None:
    path, other = tmp_path / "record[1].json", tmp_path / ".another.json.12-ab.part"
    left = left_by_a_kill(path)
    assert not path.exists()
    other.write_text("another file's")
    aged(other, 2 * LEFT)
    aged(left, LEFT / 2)
    write_text(path, "first")
    assert left.read_text() == "half"  # another machine may still write it
    aged(left, 2 * LEFT)
    write_text(path, "second")
    assert path.read_text() == "second"
    assert sorted(tmp_path.iterdir()) == [other, path]


def test_of_a_table_on_the_disk_too(tmp_path: Path) -> None:
    left = tmp_path / ".rows.abc.part"
    (left / "rows").mkdir(parents=True)
    (left / "rows" / "values.npy").write_text("half")
    aged(left, 2 * LEFT)
    with _made_whole(tmp_path / "rows") as part:
        (part / "values.npy").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]
