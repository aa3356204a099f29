"""The kinds of ways that means differ by, of the study's ways."""

from __future__ import annotations

import math

from grace.advice.rule import RUL_ALONE, Kind, kind_of
from grace.data.tasks import CLASS, REGRESSION
from grace.validity.advice_study import NUMBERS
from studies.advice.cases import Way


def kind(way: Way, given: float = math.nan) -> Kind:
    """Of a way, with what RUL says of its label."""
    if not way.label:
        return Kind(RUL_ALONE, way.suspended)
    return kind_of(REGRESSION if way.label in NUMBERS else CLASS, way.label, way.suspended, given)
