"""Numbers that no change of the code may move unless it means to.

Bit for bit would hold on one machine alone: a product of matrices adds up in an order that depends on the processor, and
training multiplies what differs. After so few steps a relative change of 1e-15 of the initial weights moves the numbers in double
precision by less than 1e-11, and one of 2e-7 those in single precision by less than 1e-3. What is exact within one machine is
tested as exact: a run that is resumed, rows that stay on the disk.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from scipy.special import stdtrit

from tests.golden import runs

GOLDEN = json.loads(runs.FILE.read_text())
# Student's quantile is off by 2e-11 of its value before SciPy 1.17 (Python 3.10 has none newer than 1.15), and with it the ends
# of rho's intervals; 12.706204736174705 is right
ABSOLUTE = 1e-12 if abs(stdtrit(1, 0.975) - 12.706204736174705) < 1e-12 else 1e-10


def flat(value: Any, name: str = "") -> Iterator[tuple[str, float | None]]:
    """The numbers of a tree, each with its place."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flat(part, f"{name}/{key}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from flat(part, f"{name}/{index}")
    else:
        yield name, value


def assert_near(found: Any, expected: Any, relative: float, absolute: float) -> None:
    mine, theirs = dict(flat(found)), dict(flat(expected))
    assert mine.keys() == theirs.keys()
    for place, value in mine.items():
        other = theirs[place]
        if value is None or other is None:
            assert value is other, place
        elif math.isfinite(value) or math.isfinite(other):
            assert value == pytest.approx(other, rel=relative, abs=absolute), place


def test_every_run_is_pinned() -> None:
    assert list(GOLDEN) == list(runs.DOUBLE | runs.SINGLE)


@pytest.mark.parametrize("name", runs.DOUBLE)
def test_in_double_precision(name: str) -> None:
    assert_near(runs.numbers(name), GOLDEN[name], 1e-10, ABSOLUTE)


@pytest.mark.parametrize("name", runs.SINGLE)
def test_in_single_precision(name: str) -> None:
    assert_near(runs.numbers(name), GOLDEN[name], 1e-3, 1e-3)


def test_a_resumed_run_and_rows_on_the_disk_have_the_very_same_numbers() -> None:
    assert runs.train_resumed() == runs.numbers("single")
    assert runs.train_table(cached=True) == runs.train_table(cached=False)
