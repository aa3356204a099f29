"""What the training units have shown of each feature: by how much other readings are beyond it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import Fleet

CHUNK = 1 << 14  # rows looked at at once
Scale = Callable[[Fleet, NDArray[np.int64]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Seen:
    """Ranges of ``F`` scaled features in the rows of training units.

    Attributes:
        low: Smallest reading, and smallest mean of a full window, ``[2, F]``, in standard deviations within a condition from its
            mean, as :class:`~grace.data.conditions.Conditioner` scales; NaN where no unit has a full window.
        high: Largest of both, ``[2, F]``.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, fleet: Fleet, scale: Scale, features: int, window: int) -> Seen:
        """Of all rows of a fleet; ``scale`` gives some of them scaled, the features first."""
        low, high = np.full((2, features), np.inf), np.full((2, features), -np.inf)
        for rows in fleet.chunks(CHUNK):
            every = np.arange(max(rows[0] - window + 1, 0), rows[-1] + 1)
            scaled = scale(fleet, every)[:, :features].astype(np.float64)
            full = rows[rows - fleet.starts[fleet.engine_at(rows)] >= window - 1] - every[0] + 1
            total = np.concatenate([np.zeros((1, features)), np.cumsum(scaled, axis=0)])
            means = (total[full] - total[full - window]) / window
            for kind, values in enumerate((scaled, means)):
                low[kind] = np.minimum(low[kind], values.min(axis=0, initial=np.inf))
                high[kind] = np.maximum(high[kind], values.max(axis=0, initial=-np.inf))
        low[~np.isfinite(low)] = high[~np.isfinite(high)] = np.nan
        return cls(low, high)

    def beyond(self, kind: int, feature: int, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """By how much readings (``kind`` 0) or window means (1) of a feature are above (positive) or below the range, ``[N]``."""
        above = np.maximum(values - self.high[kind, feature], 0.0)
        return np.asarray(above + np.minimum(values - self.low[kind, feature], 0.0))
