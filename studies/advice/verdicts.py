"""What a case came to: helps, hurts, nothing or unresolved, by the interval over draws and a test of equivalence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from grace.advice.rule import INDIFFERENT
from grace.core.stats import Estimate, student
from grace.validity.advice_study import HELPS, HURTS, NOTHING, UNRESOLVED

ALPHA = 0.0294
"""Of each of two looks at the same mean, which keep 5 % in all (Pocock 1977, table 1)."""


@dataclass(frozen=True)
class Verdict:
    """An effect and what it is called.

    Attributes:
        effect: Mean logarithm of the ratio of RMSE over draws, with Student's interval at 1 - :data:`ALPHA`.
        word: ``helps`` or ``hurts`` where the whole interval lies beyond -2 or +2 %, ``nothing`` where two one-sided tests at
            :data:`ALPHA` put it within (Schuirmann 1987), else ``unresolved``.
    """

    effect: Estimate
    word: str

    @classmethod
    def of(cls, changes: Sequence[float]) -> Verdict:
        """Of the changes of a case by draw; fewer than two draws resolve nothing."""
        plain, n = student(list(changes)), len(changes)
        if n < 2:
            return cls(plain, UNRESOLVED)
        error, low, high = float(np.std(changes, ddof=1)) / np.sqrt(n), np.log1p(-INDIFFERENT), np.log1p(INDIFFERENT)
        half = float(stats.t.ppf(1 - ALPHA / 2, n - 1)) * error
        effect = replace(plain, low=plain.mean - half, high=plain.mean + half)
        if effect.high < low:
            return cls(effect, HELPS)
        if effect.low > high:
            return cls(effect, HURTS)
        one_sided = float(stats.t.ppf(1 - ALPHA, n - 1)) * error
        inside = low < effect.mean - one_sided and effect.mean + one_sided < high
        return cls(effect, NOTHING if inside else UNRESOLVED)
