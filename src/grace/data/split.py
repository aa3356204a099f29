"""Engine-wise splits: windows of one engine never stand on both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError


def split_engines(count: int, share: float = 0.2, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split ``count`` engines at random into training and validation engines.

    Args:
        count: Engines.
        share: Share of validation engines; at least one engine stands on each side.
        seed: Seed of the draw.

    Returns:
        Indices of the training and of the validation engines, each ascending.

    Raises:
        GraceError: Fewer than two engines, or a share outside (0, 1).
    """
    if count < 2:
        raise GraceError(f"A split should have at least two engines. Found {count}.")
    if not 0 < share < 1:
        raise GraceError(f"`share` should be in (0, 1). Found {share}.")
    held = min(max(round(count * share), 1), count - 1)
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])
