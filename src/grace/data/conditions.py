"""Operating conditions: found by k-means on the settings, and features scaled within each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grace.data.conventions import Conventions
from grace.data.fleet import MISSING, SETTINGS, Fleet, missing
from grace.data.seen import Seen
from grace.data.stored import StoredRows

SAMPLE_ROWS = 800
MAX_PERMUTED = 1 << 24  # rows whose permutation still fits; of more, a sample is drawn
SCALING_CHUNK = 1 << 14  # rows that are scaled at once: their double precision is small beside the result
EVEN = 0.01  # share of the typical step that evenly spaced rows may be off by
Moments = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
Points = Callable[[NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Conditioner:
    """Conditions and scaling, fitted on training engines.

    Attributes:
        features: Names of the ``F`` scaled columns.
        unit: What each setting is divided by before distances are taken, ``[D]``.
        centres: Centres of the ``k`` conditions in divided settings, ``[k, D]``.
        mean: Mean of each feature in each condition, ``[k, F]``.
        scale: Population standard deviation, 1 where a feature does not vary within a condition, ``[k, F]``.
        settings: Names of the ``D`` settings; none means one condition.
        step: Typical time between two rows, in the unit of RUL; 0 where the rows count and not their times. Above 0 a row has a
            further column, the time since the row before in such steps, 0 at its engine's first row.
        seen: Ranges of the training engines; None: not known, of a file of before.
    """

    features: tuple[str, ...]
    unit: NDArray[np.float64]
    centres: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    settings: tuple[str, ...] = SETTINGS
    step: float = 0.0
    seen: Seen | None = None

    @classmethod
    def fit(cls, fleet: Fleet, conventions: Conventions, timed: bool = False) -> Conditioner:
        """Find the operating conditions and scale within each, on the engines of ``fleet`` alone.

        The settings are divided by their standard deviations and clustered by k-means on a sample of 800 rows; the number of
        clusters is that of the largest silhouette (of half of the sample) if it is above 0.75, else 1. Then one Lloyd step on
        all rows. ``timed`` asks for the times of the rows, which are left out where the rows are evenly spaced.

        Raises:
            GraceError: More conditions are asked for than distinct settings exist.
        """
        names, chunks = conventions.settings, list(fleet.chunks())
        spread = _merged(_moments_of(fleet.taken(rows, names)) for rows in chunks)[2]
        largest = np.max([np.abs(fleet.taken(rows, names)).max(axis=0) for rows in chunks], axis=0)
        unit = np.where(spread > 1e-12 * largest, spread, np.inf)  # a constant setting counts nothing

        def points(rows: NDArray[np.int64]) -> NDArray[np.float64]:
            return fleet.taken(rows, names) / unit

        centres = np.zeros((1, 0))
        if names:
            centres = _centres(points, len(fleet.values), chunks, conventions.conditions)
        mean, scale = _scaling(fleet, conventions.features, lambda rows: _nearest(points(rows), centres), len(centres))
        found = cls(conventions.features, unit, centres, mean, scale, names, uneven_step(fleet) if timed else 0.0)
        return replace(found, seen=Seen.of(fleet, found.scaled, len(found.features), conventions.window))

    @property
    def columns(self) -> int:
        """Columns of a scaled row: ``F``, and one more with a ``step``."""
        return len(self.features) + (self.step > 0)

    def assign(self, settings: NDArray[np.float64]) -> NDArray[np.int64]:
        """Condition of each row, ``[R, D] -> [R]``: the nearest centre."""
        return _nearest(settings / self.unit, self.centres)

    def scaled(self, fleet: Fleet, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scaled features of some rows, ``[N] ->`` float32 ``[N, columns]``; what was not read yet is 0, the training mean."""
        here = self.assign(fleet.taken(rows, self.settings))
        values = _features(fleet, rows, self.features)
        scaled = np.empty((len(rows), self.columns), dtype=np.float32)
        for feature in range(values.shape[1]):  # rows lie column by column
            condition = self._condition_of_reading(fleet, rows, self.features[feature], here)
            centred = values[:, feature] - self.mean[condition, feature]
            with np.errstate(over="ignore"):  # what single precision does not hold is infinite
                scaled[:, feature] = centred / self.scale[condition, feature]
        if self.step:
            scaled[:, -1] = fleet.gaps_at(rows) / self.step
        return np.nan_to_num(scaled, copy=False) if set(map(missing, self.features)) & set(fleet.columns) else scaled

    def _condition_of_reading(
        self, fleet: Fleet, rows: NDArray[np.int64], name: str, here: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Condition in which the values of a feature were read, ``[N]``: of their rows, or of those they are carried from."""
        if len(self.centres) == 1 or missing(name) not in fleet.columns:
            return here
        ago = fleet.taken(rows, (missing(name),))[:, 0].astype(np.int64)
        return self.assign(fleet.taken(np.maximum(rows - ago, 0), self.settings))

    def constant(self, fleet: Fleet) -> set[str]:
        """Features that do not vary inside any condition."""
        every = np.arange(len(fleet.values))
        label, values = self.assign(fleet.taken(every, self.settings)), fleet.taken(every, self.features)
        parts = [values[label == k] for k in np.unique(label)]
        some = np.any([_varies(part.mean(axis=0), part.std(axis=0)) for part in parts], axis=0)
        return {name for name, real in zip(self.features, some, strict=True) if not real}

    def transform(self, fleet: Fleet) -> Rows:
        """Scaled features of each row, float32 ``[R, columns]``; rows that stay on the disk are scaled when they are read."""
        if isinstance(fleet.values, StoredRows):
            return _ScaledRows(fleet, self)
        scaled = np.empty((len(fleet.values), self.columns), dtype=np.float32)
        for rows in fleet.chunks(SCALING_CHUNK):
            scaled[rows[0] : rows[-1] + 1] = self.scaled(fleet, rows)
        return scaled


@dataclass(frozen=True, eq=False)
class _ScaledRows:
    """Scaled features of a stored fleet, float32 ``[R, columns]``, made when they are asked for."""

    fleet: Fleet
    conditioner: Conditioner

    @property
    def shape(self) -> tuple[int, int]:
        """``(R, columns)``."""
        return len(self.fleet.values), self.conditioner.columns

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows at ``rows`` (int64, any shape), float32 ``[*rows.shape, columns]``."""
        return self.conditioner.scaled(self.fleet, rows.reshape(-1)).reshape(*rows.shape, -1)


Rows = NDArray[np.float32] | _ScaledRows
"""Scaled features ``[R, columns]``, in memory or made when they are asked for."""


def uneven_step(fleet: Fleet) -> float:
    """The median engine's median time between two rows, in the unit of RUL; 0 where every step is within :data:`EVEN` of it."""
    if fleet.time is None:
        return 0.0
    steps = fleet.steps()
    least, middle, largest = (side[np.isfinite(side)] for side in steps.T)
    step = float(np.median(middle)) if len(middle) else 0.0
    even = not len(middle) or max(largest.max() - step, step - least.min()) <= EVEN * step
    return 0.0 if even else step


def _features(fleet: Fleet, rows: NDArray[np.int64], names: tuple[str, ...]) -> NDArray[np.float64]:
    """Features of some rows, ``[N, F]``; of how many rows ago another was read, whether it was before this row: 0 or 1."""
    values = fleet.taken(rows, names)
    for index, name in enumerate(names):
        if name.endswith(MISSING):
            values[:, index] = np.minimum(values[:, index], 1.0)
    return values


def _readings(fleet: Fleet, rows: NDArray[np.int64], names: tuple[str, ...]) -> NDArray[np.float64]:
    """As :func:`_features`; NaN what was not read in its own row."""
    values = _features(fleet, rows, names)
    for index, name in enumerate(names):
        if missing(name) in fleet.columns:
            values[fleet.taken(rows, (missing(name),))[:, 0] > 0, index] = np.nan
    return values


def _centres(points: Points, total: int, chunks: Iterable[NDArray[np.int64]], count: int) -> NDArray[np.float64]:
    centres = np.zeros((1, 0)) if count == 1 else _of_sample(points, total, count)
    found: list[list[Moments]] = [[] for _ in centres]
    for rows in chunks:  # one Lloyd step on all rows, in a fixed order: clusters this far apart move no further
        part = points(rows)
        label = _nearest(part, centres)
        for k in np.unique(label):
            found[k].append(_moments_of(part[label == k]))
    return np.array([_merged(moments)[1] for moments in found if moments])


def _of_sample(points: Points, total: int, count: int) -> NDArray[np.float64]:
    from grace.data.clusters import cluster  # k-means takes most of a second to import

    rng = np.random.default_rng(0)
    permuted = total <= MAX_PERMUTED
    sample = rng.permutation(total)[:SAMPLE_ROWS] if permuted else rng.choice(total, SAMPLE_ROWS, replace=False)
    return cluster(points(sample), count)


def _nearest(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    from scipy.cluster.vq import vq

    if len(centres) == 1:
        return np.zeros(len(points), dtype=np.int64)
    label, _ = vq(points, centres, check_finite=False)
    return np.asarray(label, dtype=np.int64)


def _scaling(
    fleet: Fleet, features: tuple[str, ...], condition: Callable[[NDArray[np.int64]], NDArray[np.int64]], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found: list[list[Moments]] = [[] for _ in range(count)]
    for rows in fleet.chunks():
        label = condition(rows)
        for k in np.unique(label):
            part = _readings(fleet, rows[label == k], features)
            found[k].append(_moments_of(np.ascontiguousarray(part)))  # one order of sums, however the rows lie
    mean, scale = np.zeros((count, len(features))), np.ones((count, len(features)))
    for k in range(count):
        _, mean[k], spread = _merged(found[k])
        scale[k] = np.where(_varies(mean[k], spread), spread, 1.0)
    return mean, scale


def _varies(mean: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether columns vary by more than the rounding of a constant's mean, ``[F] -> [F]``."""
    return np.asarray(spread > 1e-9 * np.maximum(np.abs(mean), 1e-3))


def _moments_of(part: NDArray[np.float64]) -> Moments:
    """Count, mean and standard deviation of each column, ``[F]``; NaN is not counted, and a column of nothing else has 0."""
    gone = np.isnan(part)
    if not gone.any():
        return np.full(part.shape[1], len(part)), part.mean(axis=0), part.std(axis=0)
    count = (~gone).sum(axis=0)
    mean = np.where(gone, 0, part).sum(axis=0) / np.maximum(count, 1)
    return count, mean, np.sqrt(np.square(np.where(gone, 0, part - mean)).sum(axis=0) / np.maximum(count, 1))


def _merged(parts: Iterable[Moments]) -> Moments:
    """Count, mean and standard deviation of several parts together; those of a single one as they are."""
    counts, means, spreads = (np.array(values) for values in zip(*parts, strict=True))
    if len(counts) == 1:
        return counts[0], means[0], spreads[0]
    share = counts / np.maximum(counts.sum(axis=0), 1)
    mean = (share * means).sum(axis=0)
    return counts.sum(axis=0), mean, np.sqrt((share * (spreads**2 + (means - mean) ** 2)).sum(axis=0))
