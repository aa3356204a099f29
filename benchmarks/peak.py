"""Peak memory of this process, from ``/proc``: ``ru_maxrss`` of a new process begins with that of the one which started it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_mib() -> float:
    """Largest resident memory since the start or since :func:`mark`, MiB; NaN where the system does not tell."""
    if not STATUS.exists():
        return float("nan")
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def mark() -> float:
    """Forget earlier peaks where the system lets us, and return the peak from which to count, MiB."""
    with suppress(OSError):
        RESET.write_text("5")
    return peak_mib()
