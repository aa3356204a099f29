"""k-means on a sample of points, with the number of clusters found by silhouette."""

from __future__ import annotations

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
    best, centres = MIN_SILHOUETTE, np.asarray(sample.mean(axis=0, keepdims=True))
    with threadpool_limits(1):  # its threads cost far more than they save on a sample
        if count:
            return np.asarray(_fitted(sample, count).cluster_centers_)
        distance = pairwise_distances(sample[:SILHOUETTE_ROWS])
        for k in range(2, min(MAX_CONDITIONS, distinct, len(sample) - 1) + 1):
            found = _fitted(sample, k)
            label = found.labels_[:SILHOUETTE_ROWS]
            if 1 < len(np.unique(label)) < len(label):
                quality = float(silhouette_score(distance, label, metric="precomputed"))
                if quality > best:
                    best, centres = quality, found.cluster_centers_
    return centres


def _fitted(sample: NDArray[np.float64], count: int) -> KMeans:
    return KMeans(count, n_init=1, random_state=0).fit(sample)
