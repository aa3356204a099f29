"""The frontier against the definition, pair by pair."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grace.report.frontier import frontier

FEW = st.integers(0, 4).map(float)  # so that ties are common


def dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a[0] <= b[0] and a[1] <= b[1] and a != b


@given(st.lists(st.tuples(FEW, FEW) | st.tuples(st.floats(0, 1e4), st.floats(0, 1e6)), max_size=12))
def test_the_frontier_is_what_nothing_dominates(points: list[tuple[float, float]]) -> None:
    expected = [i for i, point in enumerate(points) if not any(dominates(other, point) for other in points)]
    found = frontier(points)
    assert sorted(found) == expected
    assert [points[i] for i in found] == sorted(points[i] for i in found)


def test_by_hand() -> None:
    assert frontier([(12.9, 280), (12.8, 293), (13.0, 286), (12.8, 300)]) == [1, 0]
    assert frontier([]) == []
