"""Which of many tasks ask the shared parameters for the same: clusters of their cosines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform


@dataclass(frozen=True)
class Groups:
    """A partition of the tasks."""

    members: tuple[tuple[str, ...], ...]  # names of the tasks of each group, in the order of the tasks
    edge: float  # mean rho over which tasks were joined
    agreement: float  # share of the initialisations whose own cosines give the same partition

    @classmethod
    def of(cls, rho: NDArray[np.float64], tasks: Sequence[str], edge: float) -> Groups:
        """Average-linkage clusters: two groups are joined as long as the mean cosine between their tasks is over the edge.

        Args:
            rho: Cosines of each initialisation ``[I, K, K]``; NaN where undefined, taken as the mean of the others, or as 0 where
                all are.
            tasks: ``K`` names.
            edge: See :class:`Groups`.
        """
        known = ~np.isnan(rho)
        mean = np.where(known, rho, 0).sum(axis=0) / known.sum(axis=0).clip(min=1)
        partition = _partition(mean, edge)
        same = [bool((_partition(one, edge) == partition).all()) for one in np.where(known, rho, mean)]
        members = [
            tuple(t for t, g in zip(tasks, partition, strict=True) if g == group) for group in dict.fromkeys(partition)
        ]
        return cls(tuple(members), edge, float(np.mean(same)))


def _partition(rho: NDArray[np.float64], edge: float) -> NDArray[np.int64]:
    """Group of each task, numbered by first appearance."""
    distance = np.clip(1 - rho, 0, 2)
    np.fill_diagonal(distance, 0)
    label = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - edge, "distance")
    seen = {group: number for number, group in enumerate(dict.fromkeys(label))}
    return np.array([seen[group] for group in label])
