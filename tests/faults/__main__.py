"""The table of damaged files: ``python -m tests.faults [MUTANTS]``, so many of each thing that is read."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.downloads import DOWNLOADS
from tests.faults.subjects import SUBJECTS
from tests.faults.verdict import VERDICTS, judged


def main(count: int) -> int:
    """Print the table, and every failure; the exit code is 1 where there is one."""
    failures: list[str] = []
    print("| what | mutants | " + " | ".join(VERDICTS) + " | failures |\n|---" + "|---:" * (2 + len(VERDICTS)) + "|")
    for subject in (*SUBJECTS, *DOWNLOADS):
        with TemporaryDirectory() as folder:
            tally = judged(subject, range(count), Path(folder))
        row = (subject.name, count, *(tally.counts[name] for name in VERDICTS), len(tally.failures))
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
        failures += tally.failures
    print("\n".join(failures), file=sys.stderr)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
