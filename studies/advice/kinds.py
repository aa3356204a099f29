"""The kinds of ways that means differ by, of the study's ways."""

from __future__ import annotations

from grace.advice.rule import RUL_ALONE, Kind, kind_of
from grace.data.tasks import CLASS, REGRESSION
from studies.advice.cases import NUMBERS, Way


def kind(way: Way) -> Kind:
    """Of a way."""
    if not way.label:
        return Kind(RUL_ALONE, way.suspended)
    return kind_of(REGRESSION if way.label in NUMBERS else CLASS, way.label, way.suspended)
