"""Runs compared by way: values worked by hand, and pairs by fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grace.bench.ways import WAYS, Way, way_of, ways
from grace.training.record import Record
from tests.report.records import record


def of(name: str, seed: int, rmse: float) -> Record:
    """A record of one way on one fleet."""
    place = WAYS.index(name)
    method = "fixed-0.1" if place % 2 else "rul-only"
    found = record("fleet", method, seed, rmse, id=f"way{place}of{seed}")
    weights = [1.0, 0.1 if place % 2 else 0.0]
    return replace(
        found, spec=found.spec | {"options": {"weights": weights}, "suspended": ("ignore", "bound")[place // 2]}
    )


def found(records: list[Record]) -> dict[str, Way]:
    return {way.name: way for way in ways(records)}


@pytest.mark.parametrize("name", WAYS)
def test_a_run_says_its_way(name: str) -> None:
    assert way_of(of(name, 1, 10.0)) == name


def test_a_method_that_weighs_by_itself_learns_from_inspections() -> None:
    one = of("RUL alone", 1, 10.0)
    assert way_of(replace(one, spec=one.spec | {"options": {}})) == "+ inspections"


def test_differences_are_paired_by_fleet_and_not_by_order() -> None:
    records = [of("RUL alone", 1, 10.0), of("RUL alone", 2, 20.0), of("+ bound", 2, 19.0), of("+ bound", 1, 9.0)]
    shown = found(records)["+ bound"]
    assert shown.rmse.mean == 14.0
    assert shown.difference is not None
    assert shown.change is not None
    assert (shown.difference.mean, shown.difference.low, shown.difference.high) == (-1.0, -1.0, -1.0)
    assert shown.change.mean == pytest.approx(-7.5)  # -10 % and -5 %
    # Student's t of one degree of freedom, 12.706, times the standard error, 2.5
    assert shown.change.low == pytest.approx(-7.5 - 12.706205 * 2.5)


def test_a_fleet_without_rul_alone_has_no_difference_but_counts_for_the_rmse() -> None:
    records = [of("RUL alone", 1, 10.0), of("+ both", 1, 8.0), of("+ both", 2, 30.0)]
    shown = found(records)["+ both"]
    assert shown.rmse.mean == 19.0
    assert shown.difference is not None
    assert (shown.difference.mean, shown.difference.n) == (-2.0, 1)
    assert found([of("+ both", 1, 8.0)])["+ both"].difference is None


def test_ways_come_in_their_order_and_rul_alone_has_no_difference() -> None:
    records = [of(name, seed, 10.0 + seed) for name in reversed(WAYS) for seed in (1, 2)]
    assert [way.name for way in ways(records)] == list(WAYS)
    assert ways(records)[0].difference is None
    assert ways([]) == []
