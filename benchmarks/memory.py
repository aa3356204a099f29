"""Peak memory of this process."""

from __future__ import annotations

import resource
from pathlib import Path


def peak_mib() -> float:
    """Largest resident memory so far, MiB.

    From ``/proc`` where it is: a new process's ``ru_maxrss`` begins with that of the process which started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
