"""A fleet that ran to failure cut to what the field has: few failures, and many units that still run.

A few engines keep their RUL; the others lose the end of their life and are suspended. What is known of the rows that are left,
as labels of tasks, stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import Fleet
from grace.errors import GraceError

LOST = (0.05, 0.6)
"""Share of its life that a suspended engine loses, drawn uniformly between these."""


def suspended(fleet: Fleet, known: int, seed: int) -> Fleet:
    """The fleet with ``known`` of its engines that failed as they are, and of the others a life that is shorter by a uniform
    :data:`LOST` share; they are suspended. Those that were suspended before stay as they are.

    At least the last row of an engine goes and its first one stays. Rows have to be in memory.

    Raises:
        GraceError: ``known`` is above half of the engines that failed: such a fleet has few to suspend, and says nothing of many.
    """
    failures = fleet.failures
    if not 1 <= known <= len(failures) // 2:
        raise GraceError(
            f"`known` should be from 1 to half of the {len(failures)} engines of {fleet.name} that failed. Found {known}. Leave "
            "this cell empty."
        )
    rng = np.random.default_rng(seed)
    cut = np.sort(rng.permutation(failures)[known:])
    lost = rng.uniform(*LOST, len(cut))
    kept = fleet.lengths.copy()
    for engine, share in zip(cut, lost, strict=True):
        kept[engine] = _kept(fleet, int(engine), share)
    failed = np.ones(len(kept), dtype=np.bool_) if fleet.failed is None else fleet.failed.copy()
    failed[cut] = False
    return _of_first_rows(fleet, kept, failed)


def _kept(fleet: Fleet, engine: int, share: float) -> int:
    """Rows of an engine before the last ``share`` of its life; life is the time from its first row to its last."""
    start, stop = fleet.starts[engine : engine + 2]
    time = np.arange(stop - start) if fleet.time is None else np.asarray(fleet.time[np.arange(start, stop)])
    end = time[0] + (1 - share) * (time[-1] - time[0])
    return int(min(max((time <= end).sum(), 1), max(stop - start - 1, 1)))


def _of_first_rows(fleet: Fleet, kept: NDArray[np.int64], failed: NDArray[np.bool_]) -> Fleet:
    """The first ``kept [E]`` rows of each engine; RUL of one that did not fail counts to the last of them."""
    owner = fleet.engine_of_row()
    rows = np.flatnonzero(np.arange(len(owner)) - fleet.starts[owner] < kept[owner])
    last = fleet.starts[:-1] + kept - 1
    cut = kept < fleet.lengths
    beyond = np.where(cut, fleet.rul_at(last), 0)  # what is not known of an engine that was suspended here

    def of_rows(values: Any) -> Any:
        return None if values is None else np.asarray(values[rows])

    return replace(
        fleet,
        starts=np.concatenate([[0], np.cumsum(kept)]),
        values=np.asarray(fleet.values[rows]),
        last_rul=fleet.rul_at(last) - beyond,
        labels={task: of_rows(labels) for task, labels in fleet.labels.items()},
        row_rul=None if fleet.row_rul is None else fleet.rul_at(rows) - beyond[owner[rows]],
        last_time=None if fleet.last_time is None or fleet.time is None else np.asarray(fleet.time[last]),
        sha256=None,
        time=of_rows(fleet.time),
        failed=failed,
        stops=None if fleet.stops is None or fleet.time is None else np.where(cut, fleet.time[last], fleet.stops),
    )
