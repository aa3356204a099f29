"""A sweep survives anything: really killed processes, a second sweep, a full disk, foreign files."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grace.bench.store import Store
from grace.bench.sweep import grid
from grace.errors import GraceError, GraceWarning
from grace.files import write_text
from grace.training.record import Record
from tests.bench.conftest import RUNS, call, command

SAME = (
    "id",
    "spec",
    "status",
    "best_epoch",
    "history",
    "validation",
    "test",
    "source",
    "interval",
    "predictions",
    "steps",
)


def figures(folder: Path) -> dict[str, dict[str, object]]:
    """Everything in the records but wall time and machine."""
    found = {}
    for path in sorted((folder / "records").glob("*.json")):
        values = json.loads(path.read_text())["body"]
        found[values["id"]] = {name: values[name] for name in SAME}
    return found


def test_every_run_has_one_record_and_nothing_is_left_over(whole: Path) -> None:
    assert len(figures(whole)) == RUNS
    assert not list((whole / "checkpoints").glob("*"))
    assert not list(whole.rglob("*.part"))


@pytest.mark.slow
def test_one_process_gives_the_same_numbers_as_two(whole: Path, tmp_path: Path) -> None:
    assert call(tmp_path).returncode == 0
    assert figures(tmp_path) == figures(whole)


def test_what_is_done_is_not_done_again(whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (whole / "records").iterdir()}
    done = call(whole)
    assert done.returncode == 0
    assert f"{RUNS} done" in done.stdout
    assert before == {path: path.stat().st_mtime_ns for path in (whole / "records").iterdir()}


def kill_after(folder: Path, seconds: float, jobs: str = "2") -> int:
    """Begin or go on with the sweep, kill it with signal 9 after a while; its workers have to go with it."""
    process = subprocess.Popen(command(folder, "--jobs", jobs), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait()


def intact(folder: Path) -> int:
    """Every record that is there can be read; returns how many."""
    return len([Record.read(path) for path in (folder / "records").glob("*.json")])


@pytest.mark.system
def test_killed_and_resumed_it_equals_an_undisturbed_sweep(whole: Path, tmp_path: Path) -> None:
    draw, done = random.Random(5), 0
    for _ in range(2):
        kill_after(tmp_path, draw.uniform(3, 6))
        assert intact(tmp_path) >= done
        done = intact(tmp_path)
    wait_for_orphans(tmp_path)
    assert call(tmp_path).returncode == 0
    assert figures(tmp_path) == figures(whole)
    assert not list((tmp_path / "checkpoints").glob("*.safetensors"))


@pytest.mark.slow
def test_thirty_kills_at_random_moments(whole: Path, tmp_path: Path) -> None:
    """The grid holds few seconds of work, so a new folder is begun whenever one is whole."""
    draw, kills, round_ = random.Random(11), 0, 0
    while kills < 30:
        folder, done = tmp_path / str(round_), 0
        while kills < 30 and done < RUNS:
            if kill_after(folder, draw.uniform(2, 7), jobs=draw.choice(["1", "2"])) == -signal.SIGKILL:
                kills += 1
            assert intact(folder) >= done, "a finished run was lost"
            done = intact(folder)
        wait_for_orphans(folder)
        assert call(folder).returncode == 0
        assert figures(folder) == figures(whole)
        round_ += 1


def wait_for_orphans(folder: Path) -> None:
    """Workers of a killed sweep die with it, within a moment."""
    for _ in range(100):
        found = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True).stdout.split()
        if not found:
            return
        time.sleep(0.1)
    raise AssertionError(f"left behind: {found}")


@pytest.mark.system
def test_a_killed_worker_does_not_stop_the_sweep(whole: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(tmp_path, "--jobs", "2"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    killed = False
    while process.poll() is None and not killed:
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        if list((tmp_path / "checkpoints").glob("*.safetensors")):
            for child in children:
                line = Path(f"/proc/{child}/cmdline")
                if line.exists() and b"spawn_main" in line.read_bytes():
                    subprocess.run(["kill", "-9", child], check=False)
                    killed = True
                    break
        time.sleep(0.02)
    out, err = process.communicate(timeout=300)
    assert killed
    assert process.returncode == 0, err
    assert f"{RUNS} done" in out
    assert figures(tmp_path) == figures(whole)


def test_two_sweeps_on_one_folder(tmp_path: Path) -> None:
    with Store(tmp_path).sweeping():
        done = call(tmp_path)
    assert done.returncode == 2
    assert "one sweep at a time" in done.stderr
    assert done.stderr.count("\n") == 1


def limited() -> None:
    """A file may hold 20 kB, as if the disk ended there: a checkpoint of the tiny network needs more."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_full_disk_stops_with_words_and_loses_nothing(whole: Path, tmp_path: Path, jobs: str) -> None:
    assert call(tmp_path, "--methods", "grace").returncode == 0  # one run is whole, two are left
    before = figures(tmp_path)
    assert len(before) == 1
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}  # it writes files too
    done = subprocess.run(
        command(tmp_path, "--jobs", jobs), capture_output=True, text=True, preexec_fn=limited, timeout=300, env=env
    )
    assert done.returncode == 2, done.stderr
    assert "should be writable" in done.stderr
    assert "Traceback" not in done.stderr
    assert before.items() <= figures(tmp_path).items()
    assert not list(tmp_path.rglob("*.part"))
    assert call(tmp_path).returncode == 0
    assert figures(tmp_path) == figures(whole)


def test_a_folder_that_cannot_be_written() -> None:
    done = call(Path("/proc/grace"))
    assert done.returncode == 2
    assert "/proc/grace" in done.stderr
    assert done.stderr.count("\n") == 1


def copied(whole: Path, folder: Path) -> Path:
    """A whole sweep in another folder; its first record."""
    for path in (whole / "records").iterdir():
        write_text(folder / "records" / path.name, path.read_text())
    return min((folder / "records").iterdir())


def test_a_record_of_a_newer_version_stops_the_sweep(whole: Path, tmp_path: Path) -> None:
    target = copied(whole, tmp_path)
    text = target.read_text().replace('"version":2', '"version":99', 1)
    target.write_text(text)
    done = call(tmp_path)
    assert done.returncode == 2
    assert str(target) in done.stderr
    assert "version 2 or older. Found version 99, written by GRACE" in done.stderr
    assert target.read_text() == text


@pytest.mark.system
@pytest.mark.parametrize(("where", "jobs"), [("records", "1"), ("checkpoints", "2")])
def test_a_damaged_file_is_set_aside_and_its_run_begins_anew(
    whole: Path, tmp_path: Path, where: str, jobs: str
) -> None:
    record = copied(whole, tmp_path)
    target, half = record, record.read_bytes()[:1000]
    if where == "checkpoints":
        record.unlink()
        target = Store(tmp_path).checkpoint(record.stem)
        target.parent.mkdir()
    target.write_bytes(half)
    done = subprocess.run(command(tmp_path, "--jobs", jobs), capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.count("was set aside as") == 1
    assert done.stderr.startswith("note: ")
    assert f"{RUNS} done" in done.stdout
    assert target.with_name(f"{target.name}.damaged").read_bytes() == half
    assert figures(tmp_path) == figures(whole)


def test_every_damaged_record_is_set_aside(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_text(tmp_path / "records" / f"{name}.json", "{")
    with pytest.warns(GraceWarning, match="was set aside as") as said:
        Store(tmp_path).mend(name for name in ("a", "b"))
    assert len(said) == 2
    assert sorted(path.name for path in (tmp_path / "records").iterdir()) == ["a.json.damaged", "b.json.damaged"]


def test_records_of_an_older_version_are_not_run_again(tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "formats" / "version_1" / "7ab0fb4ec813.json"
    write_text(tmp_path / "records" / old.name, old.read_text())
    done = call(tmp_path)
    assert done.returncode == 2
    assert "1 of an older one. Run `grace bench migrate" in done.stderr


@pytest.mark.system
def test_a_replaced_file_is_another_run(tmp_path: Path) -> None:
    """Own data in the text format, under one name: what was trained on the first file says nothing of the second."""
    data, folder = tmp_path / "data", tmp_path / "sweep"
    found = {}
    for seed in ("1", "2"):
        made = subprocess.run(
            [sys.executable, "-m", "grace.cli.main", "data", "simulate", str(data), "--seed", seed],
            capture_output=True, text=True,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        (name,) = (path.stem.removeprefix("train_") for path in data.glob("train_*.txt"))
        grid = ["--datasets", name, "--methods", "rul-only", "--data", str(data), "--epochs", "1"]
        done = call(folder, *grid, "--jobs", "1")
        assert done.returncode == 0, done.stderr
        found[seed] = {record.id: record for record in Store(folder).all_records()}
        status = call(folder, *grid, verb="status")
        assert "1 done, 0 running, 0 failed, 0 waiting" in status.stdout
        for path in data.iterdir():
            path.unlink()
    assert len(found["1"]) == 1
    assert len(found["2"]) == 2
    first, second = found["2"].values()
    assert first.test != second.test
    assert first.spec["train_sha256"] != second.spec["train_sha256"]


def test_failed_runs_are_retried_on_request_alone(whole: Path, tmp_path: Path) -> None:
    path = copied(whole, tmp_path)
    failed = replace(Record.read(path), status="failed", reason="losses should be finite. Found nan")
    failed.write(path.parent)
    done = call(tmp_path)
    assert done.returncode == 0
    assert "1 failed" in done.stdout
    assert "losses should be finite" in done.stdout
    again = call(tmp_path, "--retry-failed")
    assert f"{RUNS} done" in again.stdout
    assert figures(tmp_path) == figures(whole)


@pytest.mark.system
def test_status_while_it_runs(tmp_path: Path) -> None:
    long = ("--epochs", "200")  # so that two runs are on the way whenever we look
    process = subprocess.Popen(command(tmp_path, *long), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = ""
    while process.poll() is None and "2 running" not in seen:
        seen = call(tmp_path, *long, verb="status").stdout
    process.kill()
    process.wait()
    assert "2 running" in seen
    assert "running  " in seen


def test_a_grid_is_every_combination_once() -> None:
    specs = grid()
    assert len(specs) == 9 * 4 * 5
    assert len({spec.id for spec in specs}) == len(specs)
    with pytest.raises(GraceError, match="every run once"):
        grid(["FD001"], ["grace", "grace"])
    with pytest.raises(GraceError, match="at least one"):
        grid([], ["grace"])
