"""What a command takes of this machine."""

from __future__ import annotations

import torch

from grace.core.pools import available_cores
from grace.errors import GraceError


def is_gpu(device: str) -> bool:
    """Whether a device is something else than the CPU.

    Raises:
        GraceError: It is not there.
    """
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError):
        raise GraceError(
            f"`--device` should be cpu, or cuda where torch finds a GPU. Found {device!r}. Use --device cpu."
        ) from None
    return device != "cpu"


def set_threads(threads: int) -> None:
    """Threads of torch in this process; small networks are not faster with more than one.

    Raises:
        GraceError: A negative number.
    """
    if threads < 0:
        raise GraceError(f"`--threads` should be at least 1, or 0 for all cores. Found {threads}.")
    torch.set_num_threads(threads or available_cores())
