"""What can be known of a label before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import Fleet
from grace.data.tasks import CLASS, HEALTH
from grace.data.windows import Windows
from grace.models.second_tasks import Head

BINS, PARTS = 10, 4
"""Quantiles of RUL that a label is read off, and parts of the failed units that this is tried on."""


def coverage(fleet: Fleet, label: str) -> float:
    """Share of the rows with the label that belong to suspended units; of a label that all rows have, of all rows. Health states
    by RUL are those of failed units alone."""
    if label == HEALTH.name and label not in fleet.labels:
        return 0.0
    still = np.ones(len(fleet.engines), dtype=np.bool_)
    still[fleet.failures] = False
    owner = fleet.engine_of_row()
    known = ~np.isnan(np.asarray(fleet.labels[label])) if label in fleet.labels else np.ones(len(owner), dtype=np.bool_)
    return float(still[owner[known]].mean())


def given_rul(windows: Windows, head: Head) -> float:
    """What capped RUL says of the label, on units that it was not learned from: R2, or of classes the explained share of the
    entropy. A label of which nothing is known on failed units has NaN."""
    label, units = windows.labels[:, head.columns], np.unique(windows.engine)
    part = np.searchsorted(units, windows.engine) % min(PARTS, len(units))
    edges = np.quantile(windows.rul, np.linspace(0, 1, BINS + 1)[1:-1])
    place = np.searchsorted(edges, windows.rul)
    found = [_explained(label[:, column], place, part, head) for column in range(label.shape[1])]
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def _explained(label: NDArray[Any], place: NDArray[Any], part: NDArray[Any], head: Head) -> float:
    known = ~np.isnan(label)
    before = after = 0.0
    for number in np.unique(part):
        seen, asked = known & (part != number), known & (part == number)
        if not seen.any() or not asked.any():
            continue
        for one in np.unique(place[asked]):
            alike = seen & (place == one)
            alike = alike if alike.any() else seen
            mine = label[asked & (place == one)]
            if head.kind == CLASS:
                before += _surprise(label[seen], mine, head.outputs)
                after += _surprise(label[alike], mine, head.outputs)
            else:
                before += float(np.square(mine - label[seen].mean()).sum())
                after += float(np.square(mine - label[alike].mean()).sum())
    return 1 - after / before if before > 0 else float("nan")


def _surprise(seen: NDArray[Any], asked: NDArray[Any], classes: int) -> float:
    """Negative log likelihood of classes by their shares, each counted once more than it was seen."""
    count = np.bincount(seen.astype(int), minlength=classes) + 1.0
    return float(-np.log(count / count.sum())[asked.astype(int)].sum())
