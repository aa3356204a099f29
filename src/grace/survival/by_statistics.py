"""Survival from statistics of the window and the age, by scikit-survival's models (extra ``survival``).

Both read at most :data:`MOST` training landmarks, drawn at random. Their follow-up is cut at the last edge and rounded up to
one of :data:`INTERVALS` times, so that memory is small and the fit is about what the curves tell.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.errors import GraceError
from grace.survival.baseline import Baseline, Training, need_failures
from grace.survival.concordance import censoring_of
from grace.survival.curves import Curves
from grace.survival.figures import grid, integrated_brier
from grace.survival.landmarks import Landmarks

Values = NDArray[np.float64]
MOST = 2000
"""Training landmarks: a forest on 200 statistics takes a quarter of a minute with so many."""
INTERVALS = 64
FOLDS = 3
"""Parts of the training units that judge the penalties of a Cox model."""
PENALTIES = np.geomspace(1, 0.005, 20)
"""Shares of the penalty that leaves no statistic in it."""


@dataclass(frozen=True, eq=False)
class Forest(Baseline):
    """A random survival forest (Ishwaran et al., Ann. Appl. Stat. 2, 2008): 100 trees, leaves of 15 landmarks or more.

    Attributes:
        model: scikit-survival's ``RandomSurvivalForest``.
        edges: Of the curves.
    """

    model: Any
    edges: Values

    @classmethod
    def fit(cls, training: Training) -> Forest:
        """Takes landmarks and statistics."""
        forest = _package("ensemble").RandomSurvivalForest(100, min_samples_leaf=15, n_jobs=1, random_state=0)
        landmarks, x = _thinned(training)
        return cls(forest.fit(x, _outcome(landmarks)), training.edges)

    def curves(self, age: Values, statistics: Values) -> Curves:
        """Reads statistics and age."""
        found = self.model.predict_survival_function(_with_age(statistics, age), return_array=True)
        return _at_edges(self.model.unique_times_, found, self.edges)


@dataclass(frozen=True, eq=False)
class Cox(Baseline):
    r"""Proportional hazards (Cox, J. R. Stat. Soc. B 34, 1972), :math:`S(t) = \exp(-H_0(t) e^{x \beta})`.

    The coefficients are an elastic net's, nine parts ridge, as statistics of one window go together; the penalty is that of 20
    with the least integrated Brier score of training units that were left out. The baseline hazard is Breslow's. Statistics are
    standardised, and those outside of the training range are taken to be at its end.

    Attributes:
        scale: Mean, standard deviation, least and largest value of the statistics and the age, ``[4, S + 1]``.
        coefficients: Of the standardised ones, ``[S + 1]``.
        times: Times of the baseline hazard, ``[J]``.
        hazard: Its integral at them, ``[J]``.
        edges: Of the curves.
    """

    scale: Values
    coefficients: Values
    times: Values
    hazard: Values
    edges: Values

    @classmethod
    def fit(cls, training: Training) -> Cox:
        """Takes landmarks and statistics."""
        landmarks, x = _thinned(training)
        spread = x.std(0)
        scale = np.stack([x.mean(0), np.where(spread > 0, spread, 1), x.min(0), x.max(0)])
        z = _standardised(x, scale)
        most = _net(z, landmarks, n_alphas=2, alpha_min_ratio=0.5).alphas_[0]
        penalties = np.maximum(most, np.finfo(float).tiny) * PENALTIES
        chosen = _chosen(z, landmarks, penalties, training.edges)
        coefficients = _path(z, landmarks, penalties[: chosen + 1])[:, -1]
        return cls(scale, coefficients, *_breslow(z @ coefficients, landmarks), training.edges)

    def curves(self, age: Values, statistics: Values) -> Curves:
        """Reads statistics and age."""
        risk = _standardised(_with_age(statistics, age), self.scale) @ self.coefficients
        return _proportional(risk, self.times, self.hazard, self.edges)


def _package(name: str) -> Any:
    """A module of scikit-survival."""
    try:
        return import_module(f"sksurv.{name}")
    except ImportError as error:
        raise GraceError(
            f"The baselines `cox` and `forest` should find scikit-survival installed. Found no module `{error.name}`. "
            "Run pip install 'grace-rul[survival]'."
        ) from None


def _with_age(statistics: Values, age: Values) -> Values:
    return np.column_stack([statistics, age])


def _thinned(training: Training) -> tuple[Landmarks, Values]:
    """Some of the landmarks, their follow-up in intervals and cut at the last edge, and their statistics and age."""
    all_of, last = training.landmarks, float(training.edges[-1])
    index = np.random.default_rng(0).permutation(len(all_of))[:MOST]
    few, event = all_of.at(index), all_of.event[index] & (all_of.time[index] <= last)
    need_failures(int(event.sum()), f"training landmarks of units within {last:g}")
    time = last * np.ceil(np.minimum(few.time, last) * INTERVALS / last) / INTERVALS
    return Landmarks(time, event, few.unit, few.age), _with_age(training.statistics[index], few.age)


def _outcome(landmarks: Landmarks) -> Any:
    return _package("util").Surv.from_arrays(landmarks.event, landmarks.time)


def _at_edges(times: Values, values: Values, edges: Values) -> Curves:
    """Curves in steps, ``[N, J]`` at their times, at other ones."""
    found = np.column_stack([np.ones(len(values)), values])
    return Curves(edges, found[:, np.searchsorted(times, edges, side="right")])


def _standardised(x: Values, scale: Values) -> Values:
    return np.asarray((np.clip(x, scale[2], scale[3]) - scale[0]) / scale[1])


def _net(z: Values, landmarks: Landmarks, **penalties: Any) -> Any:
    net = _package("linear_model").CoxnetSurvivalAnalysis(l1_ratio=0.1, **penalties)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the first penalty leaves none is meant
        return net.fit(z, _outcome(landmarks))


def _path(z: Values, landmarks: Landmarks, penalties: Values) -> Values:
    """Coefficients with each penalty, ``[S + 1, P]``, of the first of them only where the others do not hold them back."""
    while len(penalties) > 1:
        try:
            return np.asarray(_net(z, landmarks, alphas=penalties).coef_)
        except ArithmeticError:
            penalties = penalties[:-1]
    return np.zeros((z.shape[1], 1))


def _breslow(risk: Values, landmarks: Landmarks) -> tuple[Values, Values]:
    """Times ``[J]`` and integral of the baseline hazard at each, where ``risk`` is the logarithm of the ratio of hazards."""
    times, place = np.unique(landmarks.time, return_inverse=True)
    at_risk = np.cumsum(np.bincount(place, np.exp(risk))[::-1])[::-1]
    return times, np.cumsum(np.bincount(place, landmarks.event) / at_risk)


def _proportional(risk: Values, times: Values, hazard: Values, edges: Values) -> Curves:
    return _at_edges(times, np.exp(-np.exp(risk)[:, None] * hazard), edges)


def _chosen(z: Values, landmarks: Landmarks, penalties: Values, edges: Values) -> int:
    """Which penalty has the least integrated Brier score of units left out; that in the middle where none can be judged."""
    part = np.random.default_rng(0).permutation(landmarks.place.max() + 1)[landmarks.place] % FOLDS
    times, censoring = grid(landmarks, float(edges[-1])), censoring_of(landmarks)
    scores = np.zeros(len(penalties))
    for fold in range(FOLDS):
        kept, out = np.flatnonzero(part != fold), np.flatnonzero(part == fold)
        fitted, held = landmarks.at(kept), landmarks.at(out)
        if not fitted.event.any() or not held.event.any() or not len(times):
            continue
        path = _path(z[kept], fitted, penalties)
        found = np.full(len(penalties), np.inf)
        for number, coefficients in enumerate(path.T):
            curves = _proportional(z[out] @ coefficients, *_breslow(z[kept] @ coefficients, fitted), edges)
            found[number] = integrated_brier(curves, held, times, censoring).sum()
        scores += found
    return int(scores.argmin()) if scores.any() else len(penalties) // 2
