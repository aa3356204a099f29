"""Standard output that is closed, full, left, or of few characters; and more threads or processes than there is room for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from grace.core.pools import MOST, available_cores
from tests.command import refused
from tests.faults.processes import GRACE

TRAIN = ["train", "simulated", "--size", "tiny", "--schedule", "tiny", "--method", "rul-only", "--to"]
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")


def shell(tail: str, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    """A command by a shell that redirects its streams."""
    line = ["sh", "-c", f'"$@" {tail}', "sh", *GRACE, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, env=os.environ | env, timeout=300, check=False)


@pytest.mark.parametrize("streams", [">&-", ">&- <&-"])
def test_a_closed_standard_output_is_refused_before_anything_is_done(streams: str, tmp_path: Path) -> None:
    done = shell(streams, *TRAIN, tmp_path / "net.safetensors")
    words = "error: Standard output should be open. Found it closed. Send it to a file, or to /dev/null.\n"
    assert (done.returncode, done.stderr) == (2, words)
    assert not list(tmp_path.iterdir())


def test_with_standard_error_closed_too_the_exit_code_tells() -> None:
    assert shell(">&- 2>&-", "--version").returncode == 2


@full
@pytest.mark.parametrize("command", [["--version"], ["bench", "plan"], ["bench", "run", "--help"]], ids=" ".join)
def test_a_full_standard_output_is_one_line(command: list[str]) -> None:
    done = shell("> /dev/full", *command)
    assert done.returncode == 2
    assert done.stderr.startswith("error: Standard output should be writable. Found: No space left on device.")
    assert done.stderr.count("\n") == 1


@pytest.mark.system
@full
def test_a_trained_network_stays_where_its_figures_cannot_be_shown(tmp_path: Path) -> None:
    """And nothing that is said on the way can end it: standard error is full as well."""
    done = shell("> /dev/full 2> /dev/full", *TRAIN, tmp_path / "net.safetensors")
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


@full
@pytest.mark.slow
def test_a_full_standard_error_does_not_end_a_training(tmp_path: Path) -> None:
    done = shell("2> /dev/full", *TRAIN, tmp_path / "net.safetensors")
    assert done.returncode == 0
    assert "net.safetensors" in "".join(done.stdout.split())


@pytest.mark.system
def test_a_terminal_of_ascii_alone_gets_the_same_picture() -> None:
    command = ["diagnose", "simulated", "--size", "tiny", "--inits", 2, "--batches", 5, "--steps", 10, "--jobs", 1]
    plain, drawn = (shell("", *command, PYTHONIOENCODING=coding) for coding in ("ascii", "utf-8"))
    for done in (plain, drawn):
        assert (done.returncode, done.stderr) == (0, "")
    assert plain.stdout.isascii()
    scale = next(line for line in drawn.stdout.splitlines() if "●" in line)
    assert scale.translate(str.maketrans("·├●┤─", ".[o]-")) in plain.stdout.splitlines()


def test_more_threads_than_cores_are_refused(tmp_path: Path) -> None:
    for threads in (100_000, available_cores() + 1):
        said = refused("train", "simulated", "--threads", threads, "--to", tmp_path / "net.safetensors")
        assert f"should be 1 to {available_cores()}, the cores there are, or 0 for all. Found {threads}." in said


@pytest.mark.parametrize("jobs", [100_000, -1])
def test_more_processes_than_there_is_room_for_are_refused(jobs: int, tmp_path: Path) -> None:
    said = refused("bench", "run", "--datasets", "simulated", "--to", tmp_path, "--jobs", jobs)
    assert f"at most {MOST * available_cores()}, {MOST} a core. Found {jobs}." in said
