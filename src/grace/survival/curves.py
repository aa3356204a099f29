"""Survival curves of units from a landmark on: the one form in which every model says when a unit will fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """Survival of ``N`` units: the probability that each has not failed a time after its landmark.

    Attributes:
        edges: Times after the landmark, the first 0, ascending, in the unit of RUL, float64 ``[K + 1]``.
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
        return Curves(self.edges, self.values[index], self.goes_on)

    def survival(self, times: Values) -> Values:
        """Survival at some times after the landmarks, ``[T] -> [N, T]``, or each unit's own, ``[N, T] -> [N, T]``.

        Raises:
            GraceError: A time is beyond the last edge of curves that end there.
        """
        times = np.asarray(times, dtype=np.float64)
        last = float(self.edges[-1])
        if times.size and not self.goes_on and times.max() > last:
            raise GraceError(
                f"A time after the landmark should be at most {last:g}. Found {times.max():g}. Beyond it only a hazard tells "
                "survival."
            )
        each = np.broadcast_to(times, (len(self), times.shape[-1]))
        inside = np.clip(each, 0.0, last)
        k = np.clip(np.searchsorted(self.edges, inside, side="right") - 1, 0, len(self.edges) - 2)
        rows = np.arange(len(self))[:, None]
        share = (inside - self.edges[k]) / (self.edges[k + 1] - self.edges[k])
        found = (1 - share) * self.values[rows, k] + share * self.values[rows, k + 1]
        width = self.edges[-1] - self.edges[-2]
        return np.asarray(found * self._kept() ** (np.maximum(each - last, 0.0) / width))

    def after(self, waited: Values) -> Curves:
        """Survival from some times after the landmarks on, ``[N]``, of units that live then: ``S(w + t) / S(w)``.

        Curves that end have edges up to where all of them are still told.
        """
        last = float(self.edges[-1])
        edges = self.edges
        if not self.goes_on and len(self) and waited.max() > 0:
            edges = np.linspace(0.0, max(last - float(waited.max()), last / len(edges)), len(edges))
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
        return np.asarray(((self.values[:, 1:] + self.values[:, :-1]) / 2) @ np.diff(self.edges))
