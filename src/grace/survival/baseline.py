"""What survival curves are held against, fitted on training units in seconds: by age, and by statistics with the age.

One interface: ``fit`` with all that there is, and ``curves`` of landmarks of other units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError
from grace.survival.curves import Curves
from grace.survival.landmarks import Landmarks
from grace.survival.lives import Lives

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Training:
    """What a baseline is fitted on; each takes what it reads.

    Attributes:
        lives: Of the units.
        landmarks: ``N`` of these units.
        statistics: Of the window before each landmark, float64 ``[N, S]``.
        edges: Times after a landmark at which curves are wanted, the first 0, ascending, ``[K + 1]``.
    """

    lives: Lives
    landmarks: Landmarks
    statistics: Values
    edges: Values


class Baseline(ABC):
    """A fitted baseline."""

    @classmethod
    @abstractmethod
    def fit(cls, training: Training) -> Baseline:
        """Fit on training units.

        Raises:
            GraceError: No unit failed, or a package is not installed.
        """

    @abstractmethod
    def curves(self, age: Values, statistics: Values) -> Curves:
        """Curves at the edges of ``fit``, of landmarks at some ages ``[N]`` with statistics of their windows ``[N, S]``."""


def need_failures(count: int, what: str) -> None:
    """Refuse to fit on none."""
    if not count:
        raise GraceError(f"A survival baseline should have {what} that failed. Found none.")
