"""Fleets as they are in the field, cut from fleets that ran to failure: few failures, and many units that still run.

First a share of the engines that failed is held out, whole groups where some are near replicates; of the rest a few keep their
RUL, and the others lose the end of their life and are suspended (:mod:`grace.data.suspend`). Draws are functions of their seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import Fleet
from grace.data.suspend import LOST as LOST
from grace.data.suspend import suspended as suspended
from grace.errors import GraceError

HELD = 0.3
"""Share of the engines that failed which is held out before any cut."""


def held_out(fleet: Fleet, seed: int, groups: NDArray[Any] | None = None) -> tuple[Fleet, Fleet]:
    """Engines to cut and engines to judge by: :data:`HELD` of those that failed, or of groups of engines, ``groups [E]``, as many
    as it takes to come nearest to that share, at least one on each side; None: the fleet's own groups.

    Raises:
        GraceError: Fewer than two groups have an engine that failed.
    """
    own = fleet.groups if groups is None else groups
    group = np.arange(len(fleet.engines)) if own is None else own
    names = np.unique(group[fleet.failures])
    if len(names) < 2:
        raise GraceError(
            f"{fleet.name} should have failures in at least two groups. Found {len(names)}. Take smaller groups."
        )
    order = np.random.default_rng(seed).permutation(names)
    failures = np.cumsum([int((group[fleet.failures] == name).sum()) for name in order])
    count = 1 + int(np.argmin(np.abs(failures[:-1] - HELD * failures[-1])))
    out = np.isin(group, order[:count])
    judged = fleet.failures[out[fleet.failures]]  # a suspended engine of a held-out group is on no side
    return fleet.select(np.flatnonzero(~out)), fleet.select(judged)
