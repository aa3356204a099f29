r"""How often of two landmarks the one with the higher risk fails first.

A pair is comparable where it is known which of the two failed first: the one that failed has the shorter follow-up, or the same
and the other was suspended then. Half of a pair of equal risk counts. Harrell's concordance (Harrell et al., JAMA 247, 1982) is
the share of comparable pairs in the right order; it depends on who was suspended. Uno's (Uno et al., Stat. Med. 30, 2011) counts
pairs whose first failure comes before ``tau``, each divided by the square of the probability :math:`\hat G` not to have been
suspended by then, and so estimates what it would be without suspensions.

Landmarks of one unit are no pair: its age alone puts them in order (scikit-survival, which knows no units, counts them).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.survival.landmarks import Landmarks
from grace.survival.product_limit import ProductLimit

Values = NDArray[np.float64]
CHUNK = 256
"""Landmarks whose pairs are looked at together: some MB for 10,000."""
TIED = 1e-8
"""Risks that differ by less are equal."""


def concordance(
    risk: Values, landmarks: Landmarks, tau: float = math.inf, censoring: ProductLimit | None = None
) -> tuple[float, float]:
    """Harrell's concordance and Uno's, 0.5 by chance and 1 in perfect order; NaN without a comparable pair.

    Args:
        risk: Higher where failure is expected sooner, for example the mean time to failure with its sign turned, ``[N]``.
        landmarks: ``N`` of them.
        tau: Time from which on failures do not count for Uno's, in the unit of RUL.
        censoring: Of suspensions; None: that of the landmarks. Where it is 0, failures do not count for Uno's.
    """
    first, right, pairs = _pairs(np.asarray(risk, dtype=np.float64), landmarks)
    censoring = censoring_of(landmarks) if censoring is None else censoring
    time = landmarks.time[first]
    left = censoring.survival(time)
    inverse = np.divide(1, left, out=np.zeros_like(left), where=(left > 0) & (time < tau))
    return _ratio(right.sum(), pairs.sum()), _ratio(inverse**2 @ right, inverse**2 @ pairs)


def censoring_of(landmarks: Landmarks) -> ProductLimit:
    """Probability not to have been suspended up to a time after the landmark."""
    return ProductLimit.of_censoring(landmarks.time, landmarks.event)


def _pairs(risk: Values, landmarks: Landmarks) -> tuple[NDArray[np.int64], Values, Values]:
    """Landmarks that failed, by time, with the number of their comparable pairs in the right order, and of all."""
    order = np.argsort(landmarks.time, kind="stable")
    failed = order[landmarks.event[order]]
    found = [_of_chunk(failed[i : i + CHUNK], order, risk, landmarks) for i in range(0, len(failed), CHUNK)]
    right, pairs = np.concatenate(found, axis=1) if found else np.zeros((2, 0))
    return failed, right, pairs


def _of_chunk(
    chunk: NDArray[np.int64], order: NDArray[np.int64], risk: Values, landmarks: Landmarks
) -> tuple[Values, Values]:
    """As :func:`_pairs`, of some landmarks that failed, by time; ``order`` puts all in order of time."""
    time, event, place = landmarks.time, landmarks.event, landmarks.place
    others = order[np.searchsorted(time, time[chunk[0]], sorter=order) :]
    mine, theirs = time[chunk, None], time[others]
    pairs = (theirs > mine) | ((theirs == mine) & ~event[others])
    pairs &= place[chunk, None] != place[others]
    ahead = risk[chunk, None] - risk[others]
    right = (ahead > TIED) + 0.5 * (np.abs(ahead) <= TIED)
    return (right * pairs).sum(axis=1), pairs.sum(axis=1)


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole > 0 else math.nan
