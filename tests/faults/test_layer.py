"""The faults themselves, in processes that have them by their environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.layer import BROKEN, FULL, STOP, STOPPED, Faults, steps_of

WRITE = "from pathlib import Path; p = Path({!r}); q = p.with_name('b'); q.write_text('x' * 100); q.replace(p)"


def python(code: str, faults: Faults) -> subprocess.CompletedProcess[str]:
    env = os.environ | faults.to_env()
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("how", "half"), [(FULL, 0), (BROKEN, 100), (STOP, 50)])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_step_goes_wrong(tmp_path: Path, how: str, half: int, step: int) -> None:
    """The first makes the file, the second writes, which Python tries again when it closes it, the third renames, which a full
    disk can."""
    to, log = tmp_path / "to", tmp_path / "log"
    to.mkdir()
    done = python(WRITE.format(str(to / "a")), Faults(str(to), step, how, str(log)))
    can = how == FULL and step == 3
    assert done.returncode == (0 if can else STOPPED if how == STOP else 1)
    assert ("No space left" in done.stderr) == (how == FULL and not can)
    left = [{}, {"b": half}, {"a": 100} if can else {"b": 100}][step - 1]
    assert {path.name: path.stat().st_size for path in to.iterdir()} == left
    assert steps_of(log)[:step] == [("create", "b"), ("write", "b"), ("rename", "a")][:step]


def test_a_renaming_is_seen_late_by_others_and_at_once_by_its_own_process(tmp_path: Path) -> None:
    look = "print(p.exists(), [one.name for one in p.parent.iterdir()], [one.name for one in p.parent.glob('*')])"
    path, faults = tmp_path / "a", Faults(str(tmp_path), late=60)
    assert python(f"{WRITE.format(str(path))}; {look}", faults).stdout == "True ['a'] ['a']\n"
    again = f"from pathlib import Path; p = Path({str(path)!r}); {look}; p.read_text()"
    other = python(again, faults)
    assert other.stdout == "False [] []\n"
    assert "FileNotFoundError" in other.stderr
    time.sleep(0.1)
    assert python(again, Faults(str(tmp_path), late=0.05)).stdout == "True ['a'] ['a']\n"


def test_there_are_no_locks(tmp_path: Path) -> None:
    code = f"import fcntl; fcntl.flock(open({str(tmp_path / 'a')!r}, 'w'), fcntl.LOCK_EX)"
    assert "No locks available" in python(code, Faults(str(tmp_path), locks=False)).stderr
