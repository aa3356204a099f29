"""Operating conditions: found by k-means on the settings, and features scaled within each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.data.conventions import Conventions
from grace.data.fleet import SETTINGS, Fleet
from grace.errors import GraceError

SEEN, MOST_CONDITIONS = 800, 8
SILHOUETTE = 0.75  # clusters of settings reach 0.95 and more; one cloud of settings stays under 0.6


@dataclass(frozen=True, eq=False)
class Conditioner:
    """Conditions and scaling, fitted on training engines.

    Attributes:
        features: Names of the ``F`` scaled columns.
        unit: What each setting is divided by before distances are taken, ``[3]``.
        centres: Centres of the ``k`` conditions in divided settings, ``[k, 3]``.
        mean: Mean of each feature in each condition, ``[k, F]``.
        scale: Population standard deviation, 1 where a feature does not vary within a condition, ``[k, F]``.
    """

    features: tuple[str, ...]
    unit: NDArray[np.float64]
    centres: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    def assign(self, settings: NDArray[np.float64]) -> NDArray[np.int64]:
        """Condition of each row, ``[R, 3] -> [R]``: the nearest centre."""
        return _nearest(settings / self.unit, self.centres)

    def transform(self, fleet: Fleet) -> NDArray[np.float32]:
        """Scaled features of each row, float32 ``[R, F]``."""
        condition = self.assign(_columns(fleet, SETTINGS))
        scaled = np.empty((len(fleet.values), len(self.features)), dtype=np.float32)
        for index, name in enumerate(self.features):  # one column at a time keeps the peak of memory low
            column = fleet.values[:, fleet.columns.index(name)]
            scaled[:, index] = (column - self.mean[condition, index]) / self.scale[condition, index]
        return scaled


def fit_conditions(fleet: Fleet, conventions: Conventions) -> Conditioner:
    """Find the conditions and fit the per-condition z-score, on the engines given and no others.

    The number of conditions is the convention's, or, where that is 0, the one with the best silhouette on a sample of
    800 rows, if that is clear (over 0.75), else 1. Rounding the settings instead would split one of C-MAPSS' six.

    Raises:
        GraceError: More conditions are asked for than distinct settings exist.
    """
    settings = _columns(fleet, SETTINGS)
    spread = settings.std(axis=0)
    unit = np.where(spread > 1e-12 * np.abs(settings).max(axis=0), spread, np.inf)  # a constant setting counts nothing
    centres = find_centres(settings / unit, conventions.conditions)
    condition = _nearest(settings / unit, centres)
    mean, scale = _moments(fleet, conventions.features, condition, len(centres))
    return Conditioner(conventions.features, unit, centres, mean, scale)


def find_centres(points: NDArray[np.float64], count: int = 0) -> NDArray[np.float64]:
    """Centres of the clusters of ``points``, ``[R, D] -> [k, D]``; ``count`` 0 finds their number.

    Raises:
        GraceError: ``count`` exceeds the number of distinct points.
    """
    sample = points[np.random.default_rng(0).permutation(len(points))[:SEEN]]
    distinct = len(np.unique(sample, axis=0))
    if count > distinct:
        raise GraceError(
            f"`conditions` should be at most the {distinct} distinct settings. Found {count}. Let 0 find them."
        )
    candidates = [count] if count else range(2, min(MOST_CONDITIONS, distinct - 1) + 1)
    best, centres = SILHOUETTE, points.mean(axis=0, keepdims=True)
    distance = None if count else _distances(sample)
    for found, label in _clusterings(sample, candidates):
        quality = np.inf if distance is None else silhouette(distance, label)
        if quality > best:
            best, centres = quality, found
    return _refined(points, centres)


def _clusterings(
    sample: NDArray[np.float64], candidates: Iterable[int]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Centres and labels of the sample with each number of clusters."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # its threads cost far more than they save on a sample
        for k in candidates:
            fitted = KMeans(k, n_init=3, random_state=0).fit(sample)
            yield fitted.cluster_centers_, fitted.labels_


def _distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    square = np.square(points).sum(axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square - 2 * points @ points.T, 0))
    np.fill_diagonal(distance, 0)
    return np.asarray(distance)


def silhouette(distance: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    r"""Mean silhouette of clustered points (Rousseeuw, 1987), 0 with a single cluster.

    .. math:: s_i = \frac{b_i - a_i}{\max(a_i, b_i)}

    with :math:`a_i` the mean distance to the others of the own cluster and :math:`b_i` the least mean distance to those of
    another one; 0 for a point that is alone. From distances that are taken once: scikit-learn's takes them, checks and sorts
    anew for every number of clusters.

    Args:
        distance: Between all pairs of points ``[R, R]``.
        label: Cluster of each point from 0, int64 ``[R]``.
    """
    member = np.eye(label.max() + 1)[label]  # [R, k]
    size = member.sum(axis=0)
    if len(size) < 2:
        return 0.0
    total = distance @ member
    own = np.arange(len(label)), label
    inside = total[own] / np.maximum(size[label] - 1, 1)
    mean = total / size
    mean[own] = np.inf
    outside = mean.min(axis=1)
    scores = np.where(size[label] > 1, (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-300), 0.0)
    return float(scores.mean())


def _refined(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """One Lloyd step on all rows, in a fixed order: clusters this far apart move no further."""
    label = _nearest(points, centres)
    kept = np.unique(label)
    return np.array([points[label == k].mean(axis=0) for k in kept])


def _nearest(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    best = np.full(len(points), np.inf)
    label = np.zeros(len(points), dtype=np.int64)
    for index, centre in enumerate(centres):  # never all distances at once
        distance = np.square(points - centre).sum(axis=1)
        closer = distance < best
        best[closer], label[closer] = distance[closer], index
    return label


def _moments(
    fleet: Fleet, features: tuple[str, ...], condition: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, scale = np.zeros((count, len(features))), np.ones((count, len(features)))
    columns = [fleet.columns.index(name) for name in features]
    for k in range(count):
        part = fleet.values[condition == k][:, columns]
        mean[k], spread = part.mean(axis=0), part.std(axis=0)
        varies = spread > 1e-9 * np.maximum(np.abs(mean[k]), 1e-3)  # more than the rounding of a constant's mean
        scale[k] = np.where(varies, spread, 1.0)
    return mean, scale


def _columns(fleet: Fleet, names: tuple[str, ...]) -> NDArray[np.float64]:
    return fleet.values[:, [fleet.columns.index(name) for name in names]]
