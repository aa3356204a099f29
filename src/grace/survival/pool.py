r"""A linear pool of a model's survival curves with that of the fleet: how far a model is believed follows from how it did.

Networks on few units are too sure. Out of fold, the share :math:`w` of the model in

.. math:: S(t \mid x) = w\, S_{model}(t \mid x) + (1 - w)\, S_{fleet}(t)

that minimises the integrated Brier score (:mod:`grace.survival.figures`) is known in closed form, as the score is quadratic in
``w``; it is kept within [0, 1]. :math:`S_{fleet}` is the product-limit estimate of the follow-up of the landmarks: what a unit of
this fleet does after a random moment of its life, whatever its sensors say (linear opinion pool: Stone, Ann. Math. Stat. 32,
1961; fitted on held-out predictions as in stacked regressions: Breiman, Mach. Learn. 24, 1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.survival.curves import Curves
from grace.survival.figures import grid, known, over_grid
from grace.survival.landmarks import Landmarks
from grace.survival.product_limit import ProductLimit

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pool:
    """Share of the model, and the fleet's curve.

    Attributes:
        edges: Times at which the curves stand, float64 ``[K + 1]``, see :class:`~grace.survival.curves.Curves`.
        fleet: Survival of the fleet there, float64 ``[K + 1]``.
        share: Weight of the model, in [0, 1].
        goes_on: Whether curves are told beyond the last edge.
    """

    edges: Values
    fleet: Values
    share: float
    goes_on: bool

    @classmethod
    def of(cls, model: Curves, landmarks: Landmarks) -> Pool:
        """Fitted on curves of landmarks whose units the model has not seen; without a time at which enough is known, the model
        alone."""
        fleet = ProductLimit.of(landmarks.time, landmarks.event).survival(model.edges)
        times = grid(landmarks, float(model.edges[-1]))
        if not len(times):
            return cls(model.edges, fleet, 1.0, model.goes_on)
        weights, lives = known(landmarks, times)
        base = Curves(model.edges, fleet[None]).survival(times)
        apart = model.survival(times) - base
        whole = float(over_grid(weights * apart**2, times).sum())
        share = float(over_grid(weights * apart * (lives - base), times).sum()) / whole if whole else 1.0
        return cls(model.edges, fleet, min(max(share, 0.0), 1.0), model.goes_on)

    def curves(self, model: Curves) -> Curves:
        """The pool's curves in place of a model's."""
        return Curves(self.edges, self.share * model.values + (1 - self.share) * self.fleet, self.goes_on)


def out_of_fold(model: Curves, landmarks: Landmarks, folds: Sequence[NDArray[np.int64]]) -> Curves:
    """Curves of landmarks in ``folds``, numbers of each fold's landmarks, each pooled as the *other* folds say."""
    values = np.empty_like(model.values)
    for fold in folds:
        others = np.setdiff1d(np.arange(len(model)), fold)
        pool = Pool.of(model.at(others), landmarks.at(others)) if len(others) else None
        values[fold] = (model.at(fold) if pool is None else pool.curves(model.at(fold))).values
    return Curves(model.edges, values, model.goes_on)
