"""Landmarks: rows of units from which on a prediction is made, with what came after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Landmarks:
    """``N`` landmarks, one or several a unit; times in the unit of RUL.

    Attributes:
        time: Follow-up: time from the landmark until the unit failed or was suspended, more than 0, float64 ``[N]``.
        event: Whether it failed then, bool ``[N]``.
        unit: Which unit each belongs to, by number or name, ``[N]``.
        age: Age of the unit at the landmark, float64 ``[N]``.

    Raises:
        GraceError: The lengths differ, or a time is not a number above 0.
    """

    time: Values
    event: NDArray[np.bool_]
    unit: NDArray[Any]
    age: Values

    def __post_init__(self) -> None:
        kinds = {"time": np.float64, "event": np.bool_, "unit": None, "age": np.float64}
        for name, kind in kinds.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        lengths = {name: len(getattr(self, name)) for name in kinds}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise GraceError(f"Landmarks should have one time, event, unit and age each. Found lengths {found}.")
        wrong = ~(np.isfinite(self.time) & (self.time > 0))
        if wrong.any():
            raise GraceError(
                f"The follow-up of a landmark should be more than 0. Found {self.time[wrong][0]:g} of unit "
                f"{self.unit[wrong][0]}. Leave out last rows, after which nothing is left to predict."
            )

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def together(cls, parts: Sequence[Landmarks]) -> Landmarks:
        """Of several parts, one after the other."""
        names = ("time", "event", "unit", "age")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def at(self, index: NDArray[Any]) -> Landmarks:
        """Some of them."""
        return Landmarks(self.time[index], self.event[index], self.unit[index], self.age[index])

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Number of each landmark's unit among the ``U`` that are here, in order of their names, int64 ``[N]``."""
        return np.asarray(np.unique(self.unit, return_inverse=True)[1], dtype=np.int64)

    def by_unit(self, values: Values) -> Values:
        r"""What each unit says of a mean over landmarks, ``[N] -> [U]``; their mean is that mean, their spread its error.

        With ``U`` units, :math:`\bar x + (U / N) \sum_{i \in u} (x_i - \bar x)`; where all units have as many landmarks it is the
        mean of the unit's. The landmarks of a unit are not independent, units are.
        """
        mean, units = values.mean(), int(self.place.max()) + 1
        return np.asarray(mean + units / len(self) * np.bincount(self.place, values - mean))
