"""Kills at random moments: no finished run is lost, and the same command makes the same numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kills import VICTIMS, judged, killed, whole


@pytest.mark.system
def test_a_sweep_that_is_killed_three_times(tmp_path: Path) -> None:
    gone, words = killed(22, 3, tmp_path, whole(tmp_path / "whole"), far=False)
    assert words == ""
    assert 1 <= len(gone) <= 3


@pytest.mark.slow
def test_a_hundred_kills(tmp_path: Path) -> None:
    found = dict(judged(100, tmp_path, first=1000))
    assert [words for tally in found.values() for words in tally.failures] == []
    assert sum(tally.counts.total() for tally in found.values()) >= 100
    assert all(found[victim].counts.total() for victim in VICTIMS)
