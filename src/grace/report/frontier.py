"""The Pareto frontier: which methods no other beats in both figures."""

from __future__ import annotations

from collections.abc import Sequence


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other dominates, ascending in the first figure; smaller is better in both.

    A point dominates another if it is no worse in both figures and better in one. Equal points do not dominate each other.
    """
    kept: list[int] = []
    least = float("inf")
    best: tuple[float, float] | None = None
    for index in sorted(range(len(points)), key=lambda i: points[i]):
        if points[index][1] < least or points[index] == best:
            kept.append(index)
            least, best = points[index][1], points[index]
    return kept
