"""Survival curves of units from a landmark on: the one form in which every model says when a unit will fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError

Values = NDArray[np.float64]
ROUNDING = 1e-9
"""Share of a time that the last edge of a curve may miss it by: 0.3 - 0.1 is a little less than 0.2."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Survival of ``N`` units: the probability that each has not failed a time after its landmark.

    Attributes:
        edges: Times after the landmark, the first 0, ascending, in the unit of RUL, float64 ``[K + 1]``; or each unit's own,
            ``[N, K + 1]``, as :meth:`after` makes them of curves that end.
        values: Survival at the edges, 1 at the first and never rising, float64 ``[N, K + 1]``; between edges it is linear, as
            failures are uniform within an interval.
        goes_on: Whether the curves are told beyond the last edge, where the hazard of the last interval stays: of a hazard.
    """

    edges: Values
    values: Values
    goes_on: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def at(self, index: NDArray[Any]) -> Curves:
        """Those of some units."""
        return Curves(self.edges if self.edges.ndim == 1 else self.edges[index], self.values[index], self.goes_on)

    def edge(self, k: NDArray[np.int64]) -> Values:
        """Edges number ``k [N, T]`` of each unit, ``[N, T]``."""
        return self.edges[k] if self.edges.ndim == 1 else np.take_along_axis(self.edges, k, axis=1)

    def interval(self, times: Values) -> NDArray[np.int64]:
        """Number of the interval that each time lies in, of those beyond the edges the nearest, ``[N, T] -> [N, T]``."""
        if self.edges.ndim == 1:
            passed = np.searchsorted(self.edges, times, side="right")
        else:
            passed = np.zeros(times.shape, dtype=np.int64)
            for edge in self.edges.T:  # all at once would be K + 1 times the memory
                passed += edge[:, None] <= times
        return np.clip(passed - 1, 0, self.edges.shape[-1] - 2)

    def survival(self, times: Values) -> Values:
        """Survival at some times after the landmarks, ``[T] -> [N, T]``, or each unit's own, ``[N, T] -> [N, T]``.

        Of curves with edges of their own that end it is NaN beyond the last edge of each.

        Raises:
            GraceError: A time is beyond the last edge that all curves have, and they end there.
        """
        times = np.asarray(times, dtype=np.float64)
        last = self.edges[..., -1:]
        if times.size and not self.goes_on and self.edges.ndim == 1 and times.max() > last[0]:
            raise GraceError(
                f"A time after the landmark should be at most {last[0]:g}. Found {times.max():g}. Beyond it only a hazard tells "
                "survival."
            )
        each = np.broadcast_to(times, (len(self), times.shape[-1]))
        inside = np.clip(each, 0.0, last)
        k, rows = self.interval(inside), np.arange(len(self))[:, None]
        left = self.edge(k)
        share = (inside - left) / (self.edge(k + 1) - left)
        found = (1 - share) * self.values[rows, k] + share * self.values[rows, k + 1]
        width = last - self.edges[..., -2:-1]
        found = found * self._kept() ** (np.maximum(each - last, 0.0) / width)
        return np.asarray(np.where(self.goes_on | (each <= last * (1 + ROUNDING)), found, np.nan))

    def tells(self, waited: Values) -> NDArray[np.bool_]:
        """Whether each curve says anything of what comes after a time, ``[N] -> [N]``: those that end do so before their end."""
        return self.goes_on | (waited < self.edges[..., -1])

    def after(self, waited: Values) -> Curves:
        """Survival from some times after the landmarks on, ``[N]``, of units that live then: ``S(w + t) / S(w)``.

        Of curves that end each has edges of its own, up to where it is told, so that no unit depends on the others.

        Raises:
            GraceError: A curve has ended by then, see :meth:`tells`.
        """
        if not (told := self.tells(waited)).all():
            raise GraceError(
                f"A time that units live on should be before the end of their curves. Found {waited[~told][0]:g}. Leave out "
                "those whose curve has ended."
            )
        edges, size = self.edges, self.edges.shape[-1]
        if not self.goes_on and waited.any():
            edges = (self.edges[..., -1] - waited)[:, None] * np.linspace(0.0, 1.0, size)
        times = waited[:, None] + edges
        alive = Curves(self.edges, self.values, True).survival(np.column_stack([waited, times]))
        values = np.divide(alive[:, 1:], alive[:, :1], out=np.zeros_like(times), where=alive[:, :1] > 0)
        return Curves(edges, np.column_stack([np.ones(len(self)), values[:, 1:]]), self.goes_on)

    def _kept(self) -> Values:
        """Share of the units that outlives the last interval, ``[N, 1]``."""
        before, after = self.values[:, -2:-1], self.values[:, -1:]
        return np.divide(after, before, out=np.zeros_like(after), where=before > 0)

    def mean(self) -> Values:
        """Mean time to failure, or to the last edge, the area under each curve, ``[N]``."""
        areas = (self.values[:, 1:] + self.values[:, :-1]) / 2 * np.diff(self.edges)
        return np.asarray(areas.sum(axis=1))
