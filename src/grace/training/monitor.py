"""Watches rho while a method trains: does what its prescription assumed still hold?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from grace.alignment.decide import SOURCE, Thresholds
from grace.data.tasks import HEALTH, RUL

PATIENCE = 3
"""Measured epochs in a row below the band before the alarm."""


class Monitor:
    """Raises an alarm where rho's interval stays below the band that the method's prescription assumed.

    GRACE was prescribed for rho above ``strong``, every other method that shares a backbone for rho above ``weak``. The
    interval is over the batches of one training: it says nothing of other initialisations. A single task has nothing to watch.

    Args:
        method: What trains.
        outer: Its outer axis.
        thresholds: The bands.
        tasks: Names of the tasks, RUL first. Of more than two rho is that of RUL and the others together, as they are weighted,
            and the alarm says that of each.
    """

    def __init__(
        self, method: str, outer: str, thresholds: Thresholds = SOURCE, tasks: Sequence[str] = (RUL, HEALTH.name)
    ) -> None:
        self.edge = thresholds.strong if method.startswith("grace") else thresholds.weak
        self._silent = method.startswith("rul-only") or method == "health-only"
        self._low, self._others = 0, tasks[1:]
        self.method = method if "+" not in method else outer

    def observe(self, entry: dict[str, Any]) -> str:
        """The alarm after this epoch, or an empty text; given once, and again after a recovery."""
        if self._silent or entry.get("rho_high") is None:
            return ""
        self._low = self._low + 1 if entry["rho_high"] < self.edge else 0
        if self._low != PATIENCE:
            return ""
        return (
            f"rho has stayed below {self.edge:+.2f} for {PATIENCE} epochs, the band that {self.method} assumes. "
            f"{self._who(entry)} not ask for what RUL needs: compare with --method rul-only."
        )

    def _who(self, entry: dict[str, Any]) -> str:
        """The other tasks as a subject and its verb."""
        if len(self._others) < 2:
            return "The second task does"
        each = with_rul(entry, self._others)
        return f"The other tasks together{f' (rho with RUL: {each})' if each else ''} do"


def with_rul(entry: dict[str, Any], others: Sequence[str]) -> str:
    """rho of RUL and each of more than one other task in an epoch, in words; empty where it was not measured."""
    found = entry["pairs"][0][1:] if "pairs" in entry else []
    known = [(name, rho) for name, rho in zip(others, found, strict=False) if not math.isnan(rho)]
    return ", ".join(f"{name} {rho:+.2f}" for name, rho in known)
