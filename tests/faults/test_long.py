"""Many trainings and runs in one process hold no more memory, open files and temporary files than a few."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import long


def test_growth_is_told_in_words() -> None:
    before = long.State(100.0, 7, 1)
    assert long.State(100.0 + long.MEGABYTES, 7, 0).grown(before) == ""
    assert long.State(200.0, 9, 2).grown(before) == "100 MiB more, 2 open files more, temporary files are left"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks the kernel for open files")
def test_a_file_that_is_left_open_at_each_step_is_a_failure(tmp_path: Path) -> None:
    held = []

    def steps() -> Iterator[None]:
        for _ in range(20):
            held.append((tmp_path / "a").open("a"))
            yield

    try:
        # not always 18: a file of another test may be closed meanwhile
        (failure,) = long.watched(steps(), 20, 1).failures
        assert re.fullmatch(r"long, after 20:.* \d+ open files more.*", failure)
    finally:
        for one in held:
            one.close()


@pytest.mark.slow
def test_a_thousand_trainings_are_flat() -> None:
    for _, tally in long.judged(1000):
        assert tally.failures == []
