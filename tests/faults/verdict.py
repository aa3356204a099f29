"""What became of damaged files: the same numbers, a refusal in one line, a change that is said; all else is a failure."""

from __future__ import annotations

import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from types import FrameType
from typing import Any

import numpy as np

from grace.errors import GraceError, GraceWarning
from tests.faults.mutate import Rng

SAME, REFUSED, SAID = "same numbers", "refused", "changed and said"
VERDICTS = (SAME, REFUSED, SAID)
PATIENCE = 20  # seconds until a mutant counts as one that hangs
GIGABYTE = 1 << 20  # of getrusage, in kilobytes


@dataclass(frozen=True)
class Subject:
    """Something that is read.

    Attributes:
        name: What it is called in the table.
        damage: A damaged one in a folder, by seed: the path.
        read: What GRACE makes of it, and the lines that it says.
        true: Whether that is what the file holds, by a reader of its own or by the undamaged content; without what is said to be
            left out.
    """

    name: str
    damage: Callable[[Rng, Path], Path]
    read: Callable[[Path], tuple[Any, Iterable[str]]]
    true: Callable[[Path, Any], bool]


@dataclass
class Tally:
    """What became of many faults, and what did not end well, in words."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def judged(subject: Subject, seeds: Iterable[int], folder: Path) -> Tally:
    """The verdicts of some mutants."""
    tally, before = Tally(), getrusage(RUSAGE_SELF).ru_maxrss
    subject.damage(np.random.default_rng(0), folder)  # the sound files are made once, which takes its time
    for seed in seeds:
        try:
            with _in_time():
                verdict = _verdict(subject, subject.damage(np.random.default_rng(seed), folder))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            where = traceback.extract_tb(error.__traceback__)[-1]
            verdict = f"{type(error).__name__} {str(error)[:120]} at {Path(where.filename).name}:{where.lineno}"
        tally.counts[verdict if verdict in VERDICTS else "failure"] += 1
        if verdict not in VERDICTS:
            tally.failures.append(f"{subject.name}, seed {seed}: {verdict}")
    if getrusage(RUSAGE_SELF).ru_maxrss - before > GIGABYTE:
        tally.failures.append(f"{subject.name}: more than a gigabyte")
    return tally


def _verdict(subject: Subject, path: Path) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found, lines = subject.read(path)
        except GraceError as error:
            words = str(error)
            return REFUSED if words and "\n" not in words and len(words) < 1000 else f"no line: {words[:100]!r}"
    if other := [str(one.message) for one in caught if not issubclass(one.category, GraceWarning)]:
        return f"a warning of others: {other[0][:100]}"
    if not subject.true(path, found):
        return "other numbers than the file's"
    return SAID if caught or list(lines) else SAME


@contextmanager
def _in_time() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"nothing after {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
