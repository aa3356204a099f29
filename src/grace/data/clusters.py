"""k-means on a sample of points, with the number of clusters found by silhouette."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances, silhouette_score
from threadpoolctl import threadpool_limits

from grace.data.conventions import MAX_CONDITIONS
from grace.errors import GraceError

SILHOUETTE_ROWS = 400
MIN_SILHOUETTE = 0.75
"""Clusters of settings reach 0.95 and more; one cloud of settings stays under 0.6."""


def cluster(sample: NDArray[np.float64], count: int = 0) -> NDArray[np.float64]:
    """Centres of ``count`` clusters of some points, ``[N, D] -> [k, D]``; 0: as many as the largest silhouette (of the first
    :data:`SILHOUETTE_ROWS` points) says if it is above :data:`MIN_SILHOUETTE`, else one. More than the distinct points
    are refused."""
    distinct = len(np.unique(sample, axis=0))
    if count > distinct:
        raise GraceError(
            f"`conditions` should be at most the {distinct} distinct settings. Found {count}. Let 0 find them."
        )
    candidates = [count] if count else range(2, min(MAX_CONDITIONS, distinct, len(sample) - 1) + 1)
    best, centres = MIN_SILHOUETTE, np.asarray(sample.mean(axis=0, keepdims=True))
    for found, quality in _clusterings(sample, candidates, judged=not count):
        if quality > best:
            best, centres = quality, found
    return centres


def _clusterings(
    sample: NDArray[np.float64], candidates: Iterable[int], judged: bool
) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Centres of the sample with each number of clusters, and their silhouette; infinite where nobody asks."""
    with threadpool_limits(1):  # its threads cost far more than they save on a sample
        distance = pairwise_distances(sample[:SILHOUETTE_ROWS]) if judged else None
        for k in candidates:
            fitted = KMeans(k, n_init=1, random_state=0).fit(sample)
            label = fitted.labels_[:SILHOUETTE_ROWS]
            if distance is None:
                yield fitted.cluster_centers_, float("inf")
            elif 1 < len(np.unique(label)) < len(label):
                yield fitted.cluster_centers_, float(silhouette_score(distance, label, metric="precomputed"))
