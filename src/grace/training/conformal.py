r"""Prediction intervals with a coverage that holds for new engines, as wide as the prediction is uncertain: CV+, by engine.

Of ``K`` members (networks of an ensemble) each was trained without some engines, and predicts them. With :math:`\mu_k` the RUL
of member ``k`` and :math:`s_k` the expected size of an error at that RUL, learned from the errors of the other members on the
engines that they hold out, the score of a window ``i`` of a held-out engine is
:math:`r_i = |y_i - \mu_{k(i)}(x_i)| / s_{k(i)}(x_i)`, and the interval of a new window ``x`` runs between the quantiles

.. math::
    q^-_{\alpha} \{ \mu_{k(i)}(x) - r_i\, s_{k(i)}(x) \}, \quad q^+_{1 - \alpha} \{ \mu_{k(i)}(x) + r_i\, s_{k(i)}(x) \}

(CV+: Barber, Candes, Ramdas & Tibshirani, "Predictive inference with the jackknife+", Ann. Statist. 49, 2021). Windows of one
engine are not exchangeable with those of another one by one, engines are: every one of ``E`` engines weighs
:math:`1 / (E + 1)`, shared among its windows, and a new engine counts as one at infinity (Lee, Barber & Willett,
"Distribution-free inference with hierarchical data", 2023). With one size for all windows a coverage of :math:`1 - 2 \alpha` is
guaranteed, and :math:`1 - \alpha` usual. The sizes bend the guarantee a little, as the members that they are learned from were
trained on the scored engines: what they cover is measured (docs/training.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError

LEVEL = 0.9
"""Coverage of the intervals that every run has."""
KNOTS = 9
"""Predicted RULs, from 0 to the cap, at which the expected size of an error is kept; between them it is linear."""

PRIOR = 5.0
"""Windows that all errors together stand for beside those near a knot."""
TINY = 1e-6  # cycles, so that scores stay finite
PARTS = 5
CHUNK = 1 << 18
"""Scores around predictions that are sorted at once."""

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Interval:
    """What intervals of a coverage of ``level`` are made from.

    Attributes:
        level: Wanted coverage, in (0, 1).
        cap: Largest RUL, cycles.
        size: Expected size of an error of each member at :data:`KNOTS` predicted RULs, cycles ``[K, KNOTS]``.
        member: Member that predicted each window of a held-out engine, int64 ``[M]``.
        score: Its error over the expected size, ``[M]``.
        weight: Its weight; all of them sum to ``E / (E + 1)``, ``[M]``.
    """

    level: float
    cap: float
    size: Values
    member: NDArray[np.int64]
    score: Values
    weight: Values

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise GraceError(f"`level` should be in (0, 1). Found {self.level}.")

    @classmethod
    def of(
        cls,
        level: float,
        cap: float,
        predicted: Sequence[Values],
        true: Sequence[Values],
        engine: Sequence[NDArray[np.int64]],
    ) -> Interval:
        """From each member's predictions, capped RUL and engines of its held-out windows; no engine is held out twice.

        The engines of a single network are taken in :data:`PARTS` parts, as if each were held out by a member.
        """
        counts = [np.unique(part, return_inverse=True, return_counts=True)[1:] for part in engine]
        engines = sum(len(count) for _, count in counts)
        weight = np.concatenate([1 / ((engines + 1) * count[index]) for index, count in counts])
        member = np.repeat(np.arange(len(predicted)), [len(part) for part in predicted])
        if len(predicted) == 1:
            member = counts[0][0] % PARTS
        rul = np.concatenate(predicted).astype(np.float64)
        error = np.abs(rul - np.concatenate(true))
        size = np.stack([_size_of_errors(rul, error, member != k, cap, level) for k in range(member.max() + 1)])
        found = cls(level, cap, size, member, error, weight)
        return replace(found, score=error / found.size_at(rul, member))

    def ends(self, predicted: Values) -> tuple[Values, Values]:
        """Lower and upper ends, cycles ``[N]`` within 0 and the cap, of every network's predictions ``[K, N]``.

        An upper end at the cap stands for "the cap or more". NaN where there are too few engines for the level, see
        :func:`engines_needed`.
        """
        count, scores = predicted.shape[1], self._in_runs()
        every = np.broadcast_to(predicted.T, (count, len(self.size))).astype(np.float64)
        found, sizes = np.empty((2, count)), self.size_at(every, np.arange(len(self.size)))
        width = max(1, CHUNK // max(len(self.score), 1))
        for start in range(0, count, width):
            part = slice(start, start + width)
            rul, around = every[part, scores.member], scores.score * sizes[part, scores.member]
            found[:, part] = -scores._quantile(around - rul), scores._quantile(around + rul)
        found[~np.isfinite(found)] = np.nan
        low, high = np.clip(found, 0, self.cap)
        return low, high

    def survival(self, predicted: Values, edges: Values, without: int = -1) -> NDArray[np.float64]:
        """Probability that the RUL is above each edge, ``[N, K + 1]``, of every network's predictions ``[K, N]``.

        Each end of an interval, by each held-out window's score, is a possible RUL: half of the window's weight to either side.
        Edges should be well below the cap: RUL ends there, and at it nothing is left of units that live on. ``without``: the
        member whose scores are left out, for windows that it holds out; the predictions are then its own, ``[1, N]``.
        """
        every = np.broadcast_to(predicted, (len(self.size), predicted.shape[1])).astype(np.float64)
        below, total = np.zeros((every.shape[1], len(edges) - 1)), 0.0
        for member, rul in enumerate(every):
            own = self.member == member
            if member == without or not own.any():
                continue
            order = np.argsort(self.score[own])
            score, weight = self.score[own][order], np.concatenate([[0.0], np.cumsum(self.weight[own][order])])
            apart = (edges[1:] - rul[:, None]) / self.size_at(rul, np.full(len(rul), member))[:, None]
            above, under = np.searchsorted(score, apart, "right"), np.searchsorted(score, -apart, "left")
            below += (weight[above] + weight[-1] - weight[under]) / 2
            total += float(weight[-1])
        return np.column_stack([np.ones(len(below)), np.clip(1 - below / total, 0.0, 1.0)])

    def _in_runs(self) -> Interval:
        """The same with the scores of each member in ascending order: a stable sort of them around any prediction has but to
        merge a run a member, which takes a tenth of the time."""
        order = np.lexsort((self.score, self.member))
        parts = {name: getattr(self, name)[order] for name in ("member", "score", "weight")}
        return replace(self, **parts)

    def half_width(self, held: Sequence[Values]) -> float:
        """Mean half width over the held-out windows that each member predicted, cycles, before ends are cut at 0 and the cap.

        Infinite where there are too few engines for the level.
        """
        rul = np.concatenate(held).astype(np.float64)
        return float(self._quantile(self.score[None])[0]) * float(self.size_at(rul, self.member).mean())

    def _quantile(self, values: Values) -> Values:
        """Of each row of ``values [N, M]`` the smallest such that it and all below weigh ``level``, ``[N]``; infinite where all
        weigh less."""
        if not values.shape[1]:
            return np.full(len(values), math.inf)
        order, rows = np.argsort(values, axis=1, kind="stable"), np.arange(len(values))
        place = (np.cumsum(self.weight[order], axis=1) < self.level - 1e-12).sum(1)
        last = np.minimum(place, values.shape[1] - 1)
        return np.where(place == last, values[rows, order[rows, last]], math.inf)

    def size_at(self, rul: Values, member: NDArray[np.int64]) -> Values:
        """Expected size of an error at predicted RULs of members, of shapes that broadcast."""
        place = np.nan_to_num(np.clip(rul / self.cap, 0, 1)) * (KNOTS - 1)
        left = np.minimum(place.astype(np.int64), KNOTS - 2)
        share = place - left
        size: Values = (1 - share) * self.size[member, left] + share * self.size[member, left + 1]
        return size


def _size_of_errors(rul: Values, error: Values, others: NDArray[np.bool_], cap: float, level: float) -> Values:
    """Expected size of an error at :data:`KNOTS` predicted RULs, from the errors of other members than the one it serves.

    The quantile of the errors near each knot (triangular weights), and a little of all of them, which decides where few are near.
    """
    if not others.any():
        return np.ones(KNOTS)
    knots = np.linspace(0, cap, KNOTS)
    near = np.clip(1 - np.abs(rul - knots[:, None]) / (knots[1] - knots[0]), 0, None) + PRIOR / others.sum()
    order = np.argsort(error, kind="stable")
    reached = np.cumsum((near * others)[:, order], axis=1)
    place = (reached < level * reached[:, -1:]).sum(1)
    size: Values = np.maximum(error[order][np.minimum(place, len(order) - 1)], TINY)
    return size


def engines_needed(level: float) -> int:
    """Fewest held-out engines for an interval, ``level / (1 - level)``: the new engine counts as one at infinity."""
    return math.ceil(level / (1 - level) - 1e-9)


def constant(level: float, cap: float, half_width: float) -> Interval:
    """The interval of one half width, cycles, of files before version 3; infinite where there is none."""
    known = math.isfinite(half_width)
    score = np.array([half_width] if known else [])
    return Interval(level, cap, np.ones((1, KNOTS)), np.zeros(len(score), np.int64), score, np.ones(len(score)))
