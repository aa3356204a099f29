r"""Numbers of predicted survival curves at landmarks: concordance, Brier score, calibration.

The Brier score at a time ``t`` is the mean over landmarks of the squared difference of what happened, the unit lives at ``t``
or not, and the predicted survival ``S(t)`` (Graf et al., Stat. Med. 18, 1999). Of a unit that was suspended before ``t`` neither
is known; those that are known weigh by the inverse of the probability :math:`\hat G` to be known (Gerds & Schumacher, Biom. J.
48, 2006):

.. math::
    \mathrm{BS}(t) = \overline{\;S(t)^2\, \frac{1[T \le t, \text{failed}]}{\hat G(T)}
    + (1 - S(t))^2\, \frac{1[T > t]}{\hat G(t)}\;}

The integrated score is its mean over a grid of times by the trapezoidal rule; 0 is perfect. Means are over landmarks; their
intervals are over units. The weights need suspensions that do not tell of failures: a unit that is taken out because it is
worn biases the score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from grace.core.stats import Estimate, student
from grace.survival.calibration import Fifth, calibration, largest_gap
from grace.survival.concordance import censoring_of, concordance
from grace.survival.curves import Curves
from grace.survival.landmarks import Landmarks
from grace.survival.product_limit import ROUNDING, ProductLimit

Values = NDArray[np.float64]
POINTS = 50
"""Times of a grid."""
KNOWN = 0.1
"""Share of the landmarks that a grid leaves at risk, and least probability not to have been suspended in it."""


def grid(landmarks: Landmarks, cap: float) -> Values:
    r"""Times at which the Brier score is taken, the same for all methods, evenly spaced from ``end / 50`` to ``end``, ``[50]``.

    ``end`` is the last follow-up that a tenth of the landmarks reach, and until which at least a tenth are
    not suspended, :math:`\hat G \ge 0.1`: beyond it few landmarks with large weights would make the score. It is at most
    ``cap``, the end of the curves. None where not even the first follow-up is so, ``[0]``.
    """
    curve = ProductLimit.of(landmarks.time, landmarks.event)
    least = KNOWN - ROUNDING
    enough = curve.at_risk >= least * len(landmarks)
    enough &= censoring_of(landmarks).survival(curve.times) >= least
    times = curve.times[enough]
    return min(cap, float(times[-1])) * (np.arange(1, POINTS + 1) / POINTS) if len(times) else np.zeros(0)


def brier(curves: Curves, landmarks: Landmarks, times: Values, censoring: ProductLimit | None = None) -> Values:
    """Brier score at some times, ``[T] -> [T]``; arguments as of :func:`integrated_brier`."""
    terms = _terms(curves, landmarks, times, censoring)
    return np.asarray(terms.mean(axis=0))


def integrated_brier(
    curves: Curves, landmarks: Landmarks, times: Values, censoring: ProductLimit | None = None
) -> Values:
    """Integrated Brier score as each unit has it, ``[U]``; that of the fleet is their mean (:meth:`Landmarks.by_unit`).

    :func:`grace.core.stats.student` of them gives its interval over units, and of the differences of two models' that of the
    difference. The interval takes the weights as known.

    Args:
        curves: Of ``N`` landmarks.
        landmarks: Those.
        times: Grid, ascending, ``[T]``, two or more.
        censoring: Of suspensions; None: that of the landmarks.
    """
    return landmarks.by_unit(over_grid(_terms(curves, landmarks, times, censoring), times))


def over_grid(terms: Values, times: Values) -> Values:
    """Mean over a grid by the trapezoidal rule, ``[N, T] -> [N]``."""
    areas = ((terms[:, 1:] + terms[:, :-1]) / 2) @ np.diff(times)
    return np.asarray(areas / (times[-1] - times[0]))


def brier_difference(one: Curves, other: Curves, landmarks: Landmarks, times: Values) -> Estimate:
    """Integrated Brier score of ``one`` less that of ``other``, paired by unit, with Student's interval; below 0: better."""
    return student(integrated_brier(one, landmarks, times) - integrated_brier(other, landmarks, times))


def _terms(curves: Curves, landmarks: Landmarks, times: Values, censoring: ProductLimit | None) -> Values:
    """Weighted squared error of each landmark at each time, ``[N, T]``; where nobody is left to be known it is 0."""
    weights, lives = known(landmarks, times, censoring)
    return np.asarray(weights * np.square(lives - curves.survival(times)))


def known(
    landmarks: Landmarks, times: Values, censoring: ProductLimit | None = None
) -> tuple[Values, NDArray[np.bool_]]:
    """Weight of each landmark at each time, 0 where it is not known whether the unit lives, and whether it does, ``[N, T]``."""
    censoring = censoring_of(landmarks) if censoring is None else censoring
    time = landmarks.time[:, None]
    lives, failed = time > times, landmarks.event[:, None] & (time <= times)
    weights = failed * _inverse(censoring.survival(time)) + lives * _inverse(censoring.survival(times))
    return np.asarray(weights), lives


def _inverse(probability: Values) -> Values:
    return np.divide(1, probability, out=np.zeros_like(probability), where=probability > 0)


def survival_figures(
    curves: Curves, landmarks: Landmarks, horizons: Sequence[float], times: Values | None = None
) -> dict[str, float]:
    """All numbers of predicted curves by name; what the landmarks do not tell is left out, so that each is a finite number.

    ``harrell`` and ``uno`` (up to the end of the grid) are concordances of the mean time to failure up to the end of the curves,
    ``ibs`` the integrated Brier score with ``ibs_low`` and ``ibs_high``, a 95 % interval over units. For each horizon ``H``
    ``within_H_gap`` is the largest gap of the calibration in a fifth of 30 landmarks or more, and ``within_H_1_predicted``,
    ``_observed``, ``_low``, ``_high`` and ``_landmarks`` are the first fifth, and so on.

    Args:
        curves: Of ``N`` landmarks.
        landmarks: Those.
        horizons: Times after the landmark, in the unit of RUL, within which failure is predicted.
        times: Grid of the Brier score; None: ``grid(landmarks, END)`` with the end of the curves. Give the same to every method.

    Raises:
        GraceError: A horizon, or a time of the grid, is beyond curves that end.
    """
    times = grid(landmarks, float(curves.edges[-1])) if times is None else times
    found: dict[str, float] = {
        "landmarks": len(landmarks),
        "units": len(np.unique(landmarks.unit)),
        "events": int(landmarks.event.sum()),
    }
    found["harrell"], found["uno"] = concordance(-curves.mean(), landmarks, tau=float(times.max(initial=0)))
    if len(times):
        score = student(integrated_brier(curves, landmarks, times))
        found |= {"ibs": score.mean, "ibs_low": score.low, "ibs_high": score.high, "grid_end": float(times[-1])}
    for horizon in horizons:
        predicted = 1 - curves.survival(np.array([horizon]))[:, 0]
        found |= _named(f"within_{horizon:g}", calibration(predicted, landmarks, horizon))
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _named(name: str, fifths: Sequence[Fifth]) -> dict[str, float]:
    found = {f"{name}_gap": largest_gap(fifths)}
    for number, fifth in enumerate(fifths, 1):
        found |= {f"{name}_{number}_{key}": value for key, value in vars(fifth).items()}
    return found
