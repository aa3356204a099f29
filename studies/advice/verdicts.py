"""What a case came to: helps, hurts, nothing or unresolved, by the interval over draws and a test of equivalence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from grace.core.stats import Estimate, student

HELPS, HURTS, NOTHING, UNRESOLVED = "helps", "hurts", "nothing", "unresolved"
INDIFFERENT = 0.02
"""Change of the RMSE, either way, that nobody would pay for or mind."""


@dataclass(frozen=True)
class Verdict:
    """An effect and what it is called.

    Attributes:
        effect: Mean logarithm of the ratio of RMSE over draws, with Student's 95 % interval.
        word: ``helps`` or ``hurts`` where the whole interval lies beyond -2 or +2 %, ``nothing`` where two one-sided tests at 5 %
            put it within (Schuirmann 1987: the 90 % interval lies inside), else ``unresolved``.
    """

    effect: Estimate
    word: str

    @classmethod
    def of(cls, changes: Sequence[float]) -> Verdict:
        """Of the changes of a case by draw; fewer than two draws resolve nothing."""
        effect = student(list(changes))
        low, high = np.log1p(-INDIFFERENT), np.log1p(INDIFFERENT)
        if len(changes) < 2:
            return cls(effect, UNRESOLVED)
        if effect.high < low:
            return cls(effect, HELPS)
        if effect.low > high:
            return cls(effect, HURTS)
        half = float(stats.t.ppf(0.95, len(changes) - 1)) * float(np.std(changes, ddof=1)) / np.sqrt(len(changes))
        inside = low < effect.mean - half and effect.mean + half < high
        return cls(effect, NOTHING if inside else UNRESOLVED)
