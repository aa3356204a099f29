"""Lives of units: what baselines by age are fitted on, and what policies of replacement are judged by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lives:
    """Lives of ``U`` units, whole or as a policy ends them; ages in the unit of RUL.

    Attributes:
        entry: Age from which on each was seen, float64 ``[U]``.
        end: Age at which it failed, was replaced or was suspended, float64 ``[U]``.
        failed: Whether it failed then, bool ``[U]``.
        replaced: Whether a planned replacement ended it, bool ``[U]``, by default of none. The others were suspended.

    Raises:
        GraceError: The lengths differ, or an age is not a number of 0 or more.
    """

    entry: Values
    end: Values
    failed: Mask
    replaced: Mask = field(default_factory=lambda: np.zeros((), dtype=np.bool_))

    def __post_init__(self) -> None:
        lengths = {np.size(values) for values in (self.entry, self.end, self.failed)}
        if len(lengths) > 1:
            raise GraceError(f"Lives should have one entry, end and failed each. Found lengths {sorted(lengths)}.")
        kinds = {"entry": np.float64, "end": np.float64, "failed": np.bool_, "replaced": np.bool_}
        for name, kind in kinds.items():
            values: NDArray[Any] = np.asarray(getattr(self, name), dtype=kind)
            object.__setattr__(self, name, np.broadcast_to(values, np.shape(self.end)))
        for ages in (self.entry, self.end):
            wrong = ~(np.isfinite(ages) & (ages >= 0))
            if wrong.any():
                raise GraceError(f"Ages should be numbers of 0 or more. Found {ages[wrong][0]:g}. Count age from new.")

    def __len__(self) -> int:
        return len(self.end)

    def at(self, index: NDArray[Any]) -> Lives:
        """Those of some units."""
        return Lives(self.entry[index], self.end[index], self.failed[index], self.replaced[index])

    def replaced_at(self, age: Values | float) -> Lives:
        """The same units, replaced at an age, ``[U]`` or one for all, unless their lives end before; inf: never.

        At the age of its failure a replacement comes first.
        """
        now = np.asarray(age) <= self.end
        return Lives(self.entry, np.minimum(age, self.end), self.failed & ~now, self.replaced | now)
