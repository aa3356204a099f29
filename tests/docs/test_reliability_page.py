"""The table of damaged files in docs/reliability.md."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

from tests.faults.kills import VICTIMS
from tests.faults.tables import TABLES
from tests.faults.test_fuzz import EVERY
from tests.faults.verdict import VERDICTS, judged

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def rows() -> dict[str, list[int]]:
    lines = PAGE.read_text().partition("| what | mutants |")[2].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[: len(EVERY)]]
    return {name: [int(count) for count in counts] for name, *counts in cells}


def test_the_table_is_of_all_that_is_read_and_has_no_failure() -> None:
    found = rows()
    assert [*found] == [subject.name for subject in EVERY]
    assert sum(counts[0] for counts in found.values()) > 10_000
    assert all(counts[-1] == 0 and counts[0] == sum(counts[1:]) for counts in found.values())


def test_a_row_is_what_the_command_prints(tmp_path: Path) -> None:
    (subject,) = (one for one in TABLES if one.name == "units.csv")
    count, *told = rows()[subject.name]
    counts = judged(subject, range(count), tmp_path).counts
    assert [*(counts[name] for name in VERDICTS), counts["failure"]] == told


def test_the_table_of_faults_is_of_all_that_it_says_and_has_no_failure() -> None:
    lines = PAGE.read_text().partition("| what | faults |")[2].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    found = {
        name: (int(count), int(failures)) for name, count, _, failures in takewhile(lambda row: len(row) == 4, cells)
    }
    assert not any(failures for _, failures in found.values())
    assert {f"kill of {victim}" for victim in VICTIMS} <= found.keys()
    assert sum(count for name, (count, _) in found.items() if name.startswith("kill of")) == 100
    assert {f"a step of `grace {name}`" for name in ("bench run", "train", "report", "advise")} <= found.keys()
    assert (found["trainings in one process"][0], found["runs of a sweep in one process"][0]) == (10_000, 1_000)
