"""Damaged files of everything that is read: the same numbers, refused in one line, or changed and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.downloads import DOWNLOADS
from tests.faults.saved import SAVED
from tests.faults.tables import TABLES
from tests.faults.verdict import SAME, Subject, judged

EVERY = (*TABLES, *SAVED, *DOWNLOADS)
FAST, SLOW = 67, 800  # mutants of each: 1,139 and 13,600 in all


@pytest.mark.parametrize("subject", EVERY, ids=lambda subject: subject.name)
def test_no_damage_is_believed(subject: Subject, tmp_path: Path) -> None:
    tally = judged(subject, range(FAST), tmp_path)
    assert tally.failures == []
    assert tally.counts.total() == FAST


@pytest.mark.slow
@pytest.mark.parametrize("subject", EVERY, ids=lambda subject: subject.name)
def test_no_damage_is_believed_in_ten_thousand_files(subject: Subject, tmp_path: Path) -> None:
    assert judged(subject, range(1_000_000, 1_000_000 + SLOW), tmp_path).failures == []


def test_there_are_enough_mutants() -> None:
    assert len(EVERY) * FAST >= 1000
    assert len(EVERY) * SLOW >= 10_000


def test_the_judge_knows_a_sound_file_a_silent_change_and_a_traceback(tmp_path: Path) -> None:
    def subject(found: object) -> Subject:
        return Subject("test", lambda rng, folder: folder, lambda path: (found, []), lambda path, one: one == 1)

    assert judged(subject(1), range(3), tmp_path).counts == {SAME: 3}
    assert judged(subject(2), range(1), tmp_path).failures == ["test, seed 0: other numbers than the file's"]
    broken = Subject("test", lambda rng, folder: folder, lambda path: 1 / 0, lambda path, one: True)  # type: ignore[arg-type, return-value]
    assert "ZeroDivisionError" in judged(broken, range(1), tmp_path).failures[0]
