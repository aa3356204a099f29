"""The device that a command is asked to use."""

from __future__ import annotations

import torch

from grace.errors import GraceError


def is_gpu(device: str) -> bool:
    """Whether a device is something else than the CPU; refused where it is not there."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError):
        raise GraceError(
            f"`--device` should be cpu, or cuda where torch finds a GPU. Found {device!r}. Use --device cpu."
        ) from None
    return device != "cpu"
