"""The table of faults, ``python -m tests.faults``, or a part of it: ``python -m tests.faults kills 100``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults import disk, kills
from tests.faults.downloads import DOWNLOADS
from tests.faults.forks import forks
from tests.faults.subjects import SUBJECTS
from tests.faults.verdict import Tally
from tests.faults.verdict import judged as judged_files

Rows = Iterator[tuple[str, Tally]]


def _files(count: int, base: Path) -> Rows:
    """So many mutants of each thing that is read."""
    for subject in (*SUBJECTS, *DOWNLOADS):
        with TemporaryDirectory(dir=base) as folder:
            yield f"{subject.name}, damaged", judged_files(subject, range(count), Path(folder))


def _disk(count: int, base: Path) -> Rows:
    """Faults at every step of each command, or at the first ones."""
    with forks() as run:
        for work in disk.works(base):
            trial = disk.Trial(work, run, base)
            yield (
                f"{work.name}, a step that goes wrong",
                disk.judged(trial, islice(disk.every_case(trial), count or None)),
            )


def _kills(count: int, base: Path) -> Rows:
    for victim, tally in kills.judged(count, base):
        yield f"kill of {victim}", tally


PARTS: dict[str, tuple[Callable[[int, Path], Rows], int]] = {
    "files": (_files, 600),
    "disk": (_disk, 0),
    "kills": (_kills, 100),
}
"""What makes rows, and how many faults by default."""


def main(parts: dict[str, int]) -> int:
    """Print the table, and every failure; the exit code is 1 where there is one."""
    failures: list[str] = []
    print("| what | faults | verdicts | failures |\n|---|---:|---|---:|")
    for part, count in parts.items():
        with TemporaryDirectory(prefix="faults-") as base:
            for name, tally in PARTS[part][0](count, Path(base)):
                ends = ", ".join(f"{number} {end}" for end, number in sorted(tally.counts.items()) if end != "failure")
                print(f"| {name} | {tally.counts.total()} | {ends} | {len(tally.failures)} |", flush=True)
                failures += tally.failures
    print(*failures, sep="\n", file=sys.stderr)
    return int(bool(failures))


if __name__ == "__main__":
    usual = {name: many for name, (_, many) in PARTS.items()}
    if asked := sys.argv[1:]:
        usual = {asked[0]: int(asked[1]) if asked[1:] else usual[asked[0]]}
    sys.exit(main(usual))
