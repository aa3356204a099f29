"""Every command that writes, with a disk that fails or a process that stops at each step in turn, and the same command again."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from tests.faults.forks import Done, Forks, parts
from tests.faults.layer import HOWS, STOP, STOPPED, Faults, steps_of
from tests.faults.verdict import Tally

RESUMED, REFUSED, WENT_ON = "stopped, then made", "refused, then made", "went on"
VERDICTS = (RESUMED, REFUSED, WENT_ON)
SELDOM_SAME = ("seconds", "environment", "spent")
"""What differs between two runs that nothing disturbed."""

Found = dict[str, Any]
"""Finished results by name, in values that can be compared bit for bit."""


@dataclass(frozen=True)
class Work:
    """A command that writes.

    Attributes:
        name: What the table calls it.
        command: Its arguments, for a folder.
        found: The finished results in a folder, read without GRACE.
        kept: Number of the results that have to be there after some steps were done.
    """

    name: str
    command: Callable[[Path], list[object]]
    found: Callable[[Path], Found]
    kept: Callable[[list[tuple[str, str]]], int]


# what is found, by readers of these tests


def _json(path: Path) -> Any:
    """The body of a file of GRACE; none under a checksum that does not fit."""
    values = json.loads(path.read_text())
    text = json.dumps(_plain(values["body"]), sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == values["sha256"], path
    return values["body"]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _without(value: Any) -> Any:
    """Without wall time."""
    if isinstance(value, dict):
        return {key: _without(one) for key, one in value.items() if key not in SELDOM_SAME}
    return [_without(one) for one in value] if isinstance(value, list) else value


def _records(folder: Path) -> Found:
    return {path.name: _without(_json(path)) for path in sorted(folder.glob("sweep/records/*.json"))}


def _models(folder: Path) -> Found:
    found: Found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "np") as file:
            tensors = {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118
            found[path.name] = tensors, _without(json.loads(file.metadata()["tree"]))
    return found


def _laps(folder: Path) -> Found:
    path = folder / "race.json"
    laps = _json(path)["laps"] if path.exists() else {}
    return {f"{way} {number}": lap for way, some in laps.items() for number, lap in some.items()}


def _pages(folder: Path) -> Found:
    return {path.name: path.read_bytes() for path in folder.glob("*.html")}


def _renamed(name: str, steps: Iterable[tuple[str, str]]) -> int:
    """Renamings to a name, or to any file of an ending, that were done."""
    return sum(
        kind == "rename" and (path == name or (name.startswith("*") and path.endswith(name[1:])))
        for kind, path in steps
    )


SMALL = ("--size", "statistics", "--schedule", "tiny")
GRID = ("--datasets", "simulated", "--methods", "rul-only,grace,ridge", "--seeds", 1, *SMALL)


def works(base: Path) -> tuple[Work, ...]:
    """The commands; what some of them read lies in a folder that nothing disturbs."""
    table = _table(base / "engines.csv")
    roles = ("--table", table, "--engine", "id", "--time", "t", "--task", "soh", "--size", "tiny")
    return (
        Work("bench run", lambda to: ["bench", "run", *GRID, "--jobs", 1, "--to", to / "sweep"], _records,
             partial(_renamed, "*.json")),
        Work("train", lambda to: ["train", "simulated", *SMALL, "--folds", 0, "--method", "rul-only", "--to",
                                  to / "net.safetensors"], _models, partial(_renamed, "net.safetensors")),
        Work("report", lambda to: ["report", base / "truth bench run" / "sweep", "-o", to / "page.html"], _pages,
             partial(_renamed, "page.html")),
        Work("advise", lambda to: ["advise", *roles, "--json", "--jobs", 1, "--to", to / "race.json", "--budget", "1h"], _laps,
             lambda steps: max(0, _renamed("race.json", steps) - 1)),
    )  # fmt: skip


def _table(path: Path) -> Path:
    """A few engines with a health that is known."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "t", "a", "b", "soh"])
        for engine in range(6):
            life = int(rng.integers(20, 30))
            for time in range(life):
                a, b, health = np.array([time, -time, -time]) / life + 0.1 * rng.normal(size=3)
                rows.writerow([engine, time, *np.round([a, b, 1 + health], 3)])
    return path


class Trial:
    """A command, what it makes undisturbed, and what becomes of it with a fault."""

    def __init__(self, work: Work, run: Forks, base: Path) -> None:
        self.work, self.run, self.base = work, run, base
        to = base / f"truth {work.name}"
        log = base / f"{work.name}.log"
        done = self._grace(to, Faults(str(to), log=str(log)))
        assert done.code == 0, done.err
        self.truth, self.steps = work.found(to), steps_of(log)
        _refuse_unflushed(self.steps)

    def _grace(self, to: Path, faults: Faults | None = None) -> Done:
        to.mkdir(exist_ok=True)
        return self.run.grace(*self.work.command(to), faults=faults)

    def verdict(self, step: int, how: str) -> str:
        """What became of a fault at a step, one of :data:`VERDICTS`; empty where there are fewer steps."""
        to, log = self.base / f"{self.work.name} {step} {how}", self.base / f"{self.work.name} {step} {how}.log"
        done = self._grace(to, Faults(str(to), step, how, str(log)))
        steps = steps_of(log)
        if len(steps) < step:
            return ""
        now = self.work.found(to)
        stamps = {path: path.stat().st_mtime_ns for path in to.rglob("*") if path.name in now}
        self._believed(now)
        kept = self.work.kept(steps[: step - 1])
        assert len(now) >= kept, f"{kept} results were finished, {len(now)} are there"
        verdict = self._ended(done, how, to, now)
        again = self._grace(to)
        assert again.code == 0, f"the same command again: {again.code} {again.err[-300:]}"
        after = self.work.found(to)
        self._believed(after)
        assert now.keys() <= after.keys()
        assert after.keys() == self.truth.keys()
        if self.work.name == "bench run":
            assert {path: path.stat().st_mtime_ns for path in stamps} == stamps, "a finished run was made again"
        return verdict

    def _believed(self, found: Found) -> None:
        for name, value in found.items():
            assert self.truth[name] == value, f"{name} differs from an undisturbed one"

    def _ended(self, done: Done, how: str, to: Path, now: Found) -> str:
        if how == STOP:
            assert done.code == STOPPED, f"{done.code} {done.err[-300:]}"
            return RESUMED
        assert not parts(to), "something half-written is left"
        assert "Traceback" not in done.err, done.err[-300:]
        if done.code == 0:
            assert now.keys() == self.truth.keys()
            return WENT_ON
        last = done.err.splitlines()[-1] if done.err else ""
        assert done.code == 2, f"{done.code} {done.err[-300:]}"
        assert last.startswith("error: "), last
        return REFUSED


def _refuse_unflushed(steps: list[tuple[str, str]]) -> None:
    """Whatever is renamed was flushed to the disk after its last write, so that a power cut leaves no empty file of its name."""
    state = dict[str, str]()
    for kind, path in steps:
        folder, _, name = path.rpartition("/")
        beside = [one for one in state if one.startswith(f"{folder}/.{name}.".lstrip("/"))] if kind == "rename" else []
        assert kind != "rename" or state[beside[-1]] == "flush", f"{path} was renamed before it was flushed"
        for one in beside:
            del state[one]
        if kind in ("create", "write", "flush") and path.endswith(".part"):
            state[path] = kind


def judged(trial: Trial, cases: Iterable[tuple[int, str]]) -> Tally:
    """The verdicts of some cases; those beyond the last step are none."""
    tally = Tally()
    for step, how in cases:
        try:
            verdict = trial.verdict(step, how)
        except (AssertionError, OSError, ValueError) as error:
            tally.counts["failure"] += 1
            tally.failures.append(f"{trial.work.name}, step {step}, {how}: {' '.join(str(error).split())[:300]}")
            continue
        if verdict:
            tally.counts[verdict] += 1
    return tally


def every_case(trial: Trial) -> list[tuple[int, str]]:
    """All faults at all steps of the undisturbed command."""
    return [(step, how) for step in range(1, len(trial.steps) + 1) for how in HOWS]
