"""Watches rho while a method trains: does what its prescription assumed still hold?"""

from __future__ import annotations

from typing import Any

from grace.alignment.decide import SOURCE, Thresholds

PATIENCE = 3
"""Measured epochs in a row below the band before the alarm."""


class Monitor:
    """Raises an alarm where rho's interval stays below the band that the method's prescription assumed.

    GRACE was prescribed for rho above ``strong``, every other method that shares a backbone for rho above ``weak``. The
    interval is over the batches of one training: it says nothing of other initialisations. A single task has nothing to watch.
    """

    def __init__(self, method: str, outer: str, thresholds: Thresholds = SOURCE) -> None:
        self.edge = thresholds.strong if method.startswith("grace") else thresholds.weak
        self._silent = method.startswith("rul-only") or method == "health-only"
        self._low = 0
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
            "The second task does not ask for what RUL needs: compare with --method rul-only."
        )
