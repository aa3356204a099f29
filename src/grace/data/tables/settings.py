"""Which columns set the operating condition, where nobody says so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grace.data.conventions import MAX_CONDITIONS

MIN_CLUSTERED = 0.99
"""Share of a column's variance between its groups; a cloud cut at its gaps stays far below."""
MAX_DRIFT = 0.02
"""Share of a column's variance inside groups and an engine that a straight line over its life explains."""
MIN_EFFECT = 0.5
"""Share of some other column's variance that the groups explain."""
MIN_GAIN = 0.02
"""What a further column has to explain of all columns' variance, on average."""
MIN_NESTED = 0.99
"""Share of rows whose group follows from the condition."""


def find_settings(
    values: NDArray[np.float64], life: NDArray[np.float64], owner: NDArray[np.int64], names: tuple[str, ...]
) -> tuple[str, ...]:
    """The columns that take a few clustered values, do not drift as engines age, and move other columns.

    Of these the fewest that explain the other columns make the conditions; with them go all whose groups follow from the
    conditions, such as a sensor that only reports the altitude. Given are rows of some engines, ``values [R, C]``, each row's
    share of its engine's recorded ``life [R]`` in [0, 1], its engine ``owner [R]``, and the columns' names.
    """
    candidates: dict[int, NDArray[np.int64]] = {}
    for index in range(len(names)):
        group = groups_of(values[:, index])
        others = np.delete(values, index, axis=1)
        if not group.any() or not others.shape[1] or _drift(values[:, index], life, owner, group) > MAX_DRIFT:
            continue
        if _explained(others, group).max() >= MIN_EFFECT:
            candidates[index] = group
    joint = _joint(values, list(candidates.values()))
    return tuple(names[index] for index, group in candidates.items() if _follows(group, joint))


def _joint(values: NDArray[np.float64], candidates: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The condition of each row: groups are crossed one by one as long as that explains more."""
    joint, reached = np.zeros(len(values), dtype=np.int64), 0.0
    while True:
        crossed = [np.unique(joint * MAX_CONDITIONS + group, return_inverse=True)[1] for group in candidates]
        gains = [
            float(_explained(values, group).mean()) - reached if group.max() < MAX_CONDITIONS else 0.0
            for group in crossed
        ]
        if not gains or max(gains) < MIN_GAIN:
            return joint
        best = int(np.argmax(gains))
        joint, reached = crossed[best], reached + gains[best]


def _follows(group: NDArray[np.int64], joint: NDArray[np.int64]) -> bool:
    kept = sum(int(np.bincount(group[joint == k]).max()) for k in np.unique(joint))
    return kept >= MIN_NESTED * len(group)


def groups_of(column: NDArray[np.float64]) -> NDArray[np.int64]:
    """Group of each value ``[R]``, cut at the fewest largest gaps (at most seven) that explain the column; all 0 if none do."""
    order = np.sort(column)
    gaps = np.diff(order)
    widest = np.argsort(-gaps, kind="stable")[: MAX_CONDITIONS - 1]
    for count in range(1, len(widest) + 1):
        if not gaps[widest[count - 1]] > 0:
            break
        cuts = np.sort(order[widest[:count]])
        group = np.searchsorted(cuts, column, side="left")
        if _explained(column[:, None], group)[0] >= MIN_CLUSTERED:
            return np.asarray(group, dtype=np.int64)
    return np.zeros(len(column), dtype=np.int64)


def _explained(values: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each column's variance between the groups, ``[C]``; 0 of a constant."""
    total = values.var(axis=0)
    within = np.zeros(values.shape[1])
    for k in np.unique(group):
        within += (group == k).mean() * values[group == k].var(axis=0)
    real = total > 1e-18 * np.square(values).mean(axis=0)
    return np.where(real, 1 - within / np.where(real, total, 1), 0.0)


def _drift(
    column: NDArray[np.float64], life: NDArray[np.float64], owner: NDArray[np.int64], group: NDArray[np.int64]
) -> float:
    """How much of a column goes with age; the larger of two shares of its variance in an engine.

    Inside the groups: the mean of the squared correlation with life, beyond what noise gives. Engine by engine, since two faults
    may pull one sensor in opposite directions. Of the groups themselves: the squared mean of the correlation. An engine that
    stays long in one condition has a large one by chance, but not of one sign in all engines.
    """
    left = column.copy()
    for k in np.unique(group):
        part = left[group == k]
        spread = part.std()
        flat = spread <= 1e-9 * max(float(np.abs(part).max()), 1e-12)
        left[group == k] = 0.0 if flat else (part - part.mean()) / spread
    engines = [owner == engine for engine in np.unique(owner)]
    inside = [_correlation(left[own], life[own]) ** 2 - 1 / max(own.sum() - 1, 1) for own in engines]
    whole = [_correlation(column[own], life[own]) for own in engines]
    return max(float(np.mean(inside)), float(np.mean(whole)) ** 2)


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Correlation of two columns; 0 where one does not vary."""
    scale = float(np.abs(x).max())
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if np.sqrt(x @ x) > 1e-9 * scale * np.sqrt(len(x)) and norm > 0 else 0.0
