"""Runs by what they learn from beside the failures: inspections, and the bound of suspended units; each against RUL alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grace.core.stats import Estimate, paired, student
from grace.data.tasks import BOUND
from grace.formats import rounded
from grace.training.record import Record

ALONE = "RUL alone"
WAYS = (ALONE, "+ inspections", "+ bound", "+ both")
"""Names of the ways, wherever they are shown: with or without a second task by inspections, with or without the bound."""


@dataclass(frozen=True)
class Way:
    """What one way of training gave on several fleets; differences are to RUL alone, paired by fleet."""

    name: str  # one of `WAYS`
    rmse: Estimate  # test RMSE, cycles
    difference: Estimate | None  # of the test RMSE, cycles; below 0 the way helps; None of RUL alone
    change: Estimate | None  # the same in per cent of RUL alone's, fleet by fleet


def way_of(record: Record) -> str:
    """The way that a run was trained."""
    weights = record.spec["options"].get("weights") or [1.0, 1.0]
    return WAYS[bool(any(weights[1:])) + 2 * (record.spec["suspended"] == BOUND)]


def ways(records: Sequence[Record]) -> list[Way]:
    """The ways that records hold, in the order of :data:`WAYS`; a fleet is named by the seed of its runs.

    Figures are taken as files keep them, so that those just made and those read again say the same to the last digit.
    """
    found: dict[str, dict[int, float]] = {}
    for record in records:
        found.setdefault(way_of(record), {})[int(record.spec["seed"])] = rounded(float(record.test["rmse"]))
    return [_way(name, found[name], found.get(ALONE, {})) for name in WAYS if name in found]


def _way(name: str, rmse: dict[int, float], alone: dict[int, float]) -> Way:
    if name == ALONE:
        return Way(name, student(list(rmse.values())), None, None)
    shares = {seed: 100 * (value / alone[seed] - 1) for seed, value in rmse.items() if seed in alone}
    change = student(list(shares.values())) if shares else None
    return Way(name, student(list(rmse.values())), paired(rmse, alone), change)
