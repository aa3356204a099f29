"""Differences of every two methods: those of the table, in both directions, each two once."""

from __future__ import annotations

import pytest

from grace.bench.summary import summarise
from grace.core.stats import RATE
from grace.report.differences import LETTER, differences
from tests.report.records import sweep

RUNS = [
    *sweep("A", {"baseline": (12.0, 12.5, 11.8), "grace": (11.0, 11.4, 10.9), "rul-only": (12.1, 12.4, 11.9)}),
    *sweep("B", {"baseline": (20.0, 21.0, 22.0), "grace": (20.5, 20.4, 22.9), "rul-only": (25.1,)}),
]


@pytest.mark.parametrize("reference", ["baseline", "grace", "rul-only"])
def test_they_are_those_of_the_table(reference: str) -> None:
    found = differences(RUNS)["honest"]
    for place, metric in enumerate(("rmse", "score")):
        for row in summarise(RUNS, metric, reference=reference):
            of = found[row.dataset]
            if row.difference is None:
                assert row.method == reference
                continue
            forward = row.method in of and reference in of[row.method]
            mean, low, high, n, *verdicts = (of[row.method][reference] if forward else of[reference][row.method])[place]
            sign = 1 if forward else -1
            assert sign * mean == pytest.approx(row.difference.mean, rel=1e-3)
            assert n == row.difference.n
            if n == 1:
                assert (low, high) == (None, None)
            else:
                assert sorted((sign * low, sign * high)) == pytest.approx(
                    [row.difference.low, row.difference.high], rel=1e-3
                )
            verdict = row.verdict if row.adjusted <= RATE else "unclear"
            assert verdicts[not forward] == LETTER[verdict]


def test_each_two_are_held_once() -> None:
    of = differences(RUNS)["honest"]["A"]
    held = [{first, second} for first, others in of.items() for second in others]
    assert len(held) == 3 == len({frozenset(pair) for pair in held})
