"""The tables of faults: ``python -m tests.faults``, or a part and how many, ``python -m tests.faults kills 100``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults import disk, kills, long, readers
from tests.faults.downloads import DOWNLOADS
from tests.faults.forks import forks
from tests.faults.saved import SAVED
from tests.faults.tables import TABLES
from tests.faults.verdict import VERDICTS, Tally
from tests.faults.verdict import judged as judged_files

Rows = Iterator[tuple[str, Tally]]
Part = Callable[[int, Path], Rows]


def _files(count: int, base: Path) -> Rows:
    """So many mutants of each thing that is read."""
    for subject in (*TABLES, *SAVED, *DOWNLOADS):
        with TemporaryDirectory(dir=base) as folder:
            yield subject.name, judged_files(subject, range(count), Path(folder))


def _disk(count: int, base: Path) -> Rows:
    """Faults at every step of each command, or at so many."""
    with forks() as run:
        for work in disk.works(base):
            trial = disk.Trial(work, run, base)
            yield f"a step of `grace {work.name}`", disk.judged(trial, islice(disk.every_case(trial), count or None))


def _kills(count: int, base: Path) -> Rows:
    for victim, tally in kills.judged(count, base):
        yield f"kill of {victim}", tally


PARTS: dict[str, tuple[Part, int]] = {
    "files": (_files, 600),
    "disk": (_disk, 0),
    "kills": (_kills, 100),
    "readers": (readers.judged, 10),
    "long": (lambda count, base: long.judged(count), 10_000),
}
"""What makes rows, and how many faults by default; 0 is all."""


def main(parts: dict[str, int]) -> int:
    """Print the tables, and every failure; the exit code is 1 where there is one."""
    failures, begun = list[str](), ""
    for part, count in parts.items():
        verdicts = VERDICTS if part == "files" else ("verdicts",)
        head = f"| what | {'mutants' if part == 'files' else 'faults'} | {' | '.join(verdicts)} | failures |"
        if head != begun:
            print(f"\n{head}\n|---" + "|---:" * (2 + len(verdicts)) + "|")
        begun = head
        with TemporaryDirectory(prefix="faults-") as base:
            for name, tally in PARTS[part][0](count, Path(base)):
                told = [tally.counts[one] for one in VERDICTS] if part == "files" else [_words(tally)]
                row = (name, tally.counts.total(), *told, len(tally.failures))
                print("| " + " | ".join(map(str, row)) + " |", flush=True)
                failures += tally.failures
    print(*failures, sep="\n", file=sys.stderr)
    return int(bool(failures))


def _words(tally: Tally) -> str:
    return "; ".join(f"{number} {end}" for end, number in sorted(tally.counts.items()) if end != "failure")


if __name__ == "__main__":
    usual = {name: many for name, (_, many) in PARTS.items()}
    if asked := sys.argv[1:]:
        usual = {asked[0]: int(asked[1]) if asked[1:] else usual[asked[0]]}
    sys.exit(main(usual))
