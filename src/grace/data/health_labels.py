"""Health states: from remaining useful life, or from a file of the user's own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grace.data.fleet import Fleet
from grace.data.identity import combined
from grace.data.tasks import HEALTH
from grace.errors import GraceError

HEALTHY, DEGRADING, CRITICAL = 0, 1, 2
_CLASSES = ("0", "1", "2")


def rul_to_health_3class(rul: ArrayLike, healthy: float = 70, critical: float = 30) -> NDArray[np.int64]:
    """Health state by RUL: 0 healthy at or above ``healthy``, 2 critical below ``critical``, 1 degrading between.

    Sections of the source use 70/30 (our default), 80/30, 125/50 and 50/15; its NumPy demonstration emits {0, 1, 3}, this
    function always {0, 1, 2}.

    Args:
        rul: Remaining useful life in cycles, any shape; a torch tensor on the CPU may be given too.
        healthy: RUL from which an engine is healthy, cycles.
        critical: RUL below which an engine is critical, cycles.

    Returns:
        int64 array of the shape of ``rul`` (a NumPy array whatever was given).

    Raises:
        GraceError: An RUL is NaN, or not ``healthy > critical > 0``.
    """
    if not healthy > critical > 0:
        raise GraceError(f"Health cuts should be HEALTHY > CRITICAL > 0 cycles. Found {healthy}, {critical}.")
    cycles = np.asarray(rul, dtype=np.float64)
    if np.isnan(cycles).any():
        raise GraceError("`rul` should hold numbers of cycles. Found NaN.")
    return np.where(cycles >= healthy, HEALTHY, np.where(cycles < critical, CRITICAL, DEGRADING)).astype(np.int64)


def with_labels(fleet: Fleet, path: Path) -> Fleet:
    """The fleet with the labels of a file: a line a row, each 0 (healthy), 1 (degrading) or 2 (critical); else refused."""
    try:
        content = path.read_bytes()
        lines = content.decode("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise GraceError(f"{path} should be a readable text file of labels. Found: {error}.") from None
    for number, text in enumerate(lines, start=1):
        if text not in _CLASSES:
            raise GraceError(
                f"{path}, line {number}: a label should be 0, 1 or 2. Found {text[:40]!r}. Correct the line."
            )
    rows = len(fleet.values)
    if len(lines) != rows:
        raise GraceError(f"{path} should hold {rows} labels, one a row of {fleet.name}. Found {len(lines)}.")
    own = hashlib.sha256(content).hexdigest()
    return replace(
        fleet,
        labels={HEALTH.name: np.array(lines, dtype=np.float64)},
        sha256=None if fleet.sha256 is None else combined([fleet.sha256, own]),
    )
