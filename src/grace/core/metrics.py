"""Errors of RUL predictions, one value a data set: never averaged across data sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def rmse(predicted: ArrayLike, true: ArrayLike) -> float:
    """Root mean squared error over engines, cycles."""
    return float(np.sqrt(np.mean(np.square(_errors(predicted, true)))))


def nasa_score(predicted: ArrayLike, true: ArrayLike) -> float:
    """Asymmetric score of the PHM08 challenge, a sum over engines; 0 is perfect, late predictions cost more.

    ``exp(-d / 13) - 1`` for ``d < 0`` and ``exp(d / 10) - 1`` for ``d >= 0``, ``d = predicted - true`` in cycles
    (Saxena, Goebel, Simon & Eklund, PHM08).
    """
    error = _errors(predicted, true)
    return float(np.sum(np.expm1(np.where(error < 0, -error / 13, error / 10))))


def _errors(predicted: ArrayLike, true: ArrayLike) -> np.ndarray:
    return np.asarray(predicted, dtype=np.float64) - np.asarray(true, dtype=np.float64)


def macro_f1(predicted: ArrayLike, true: ArrayLike) -> float:
    """Mean over the classes that occur in either of ``2 hits / (predicted + true)``, their F1."""
    found, wanted = np.asarray(predicted), np.asarray(true)
    classes = np.union1d(found, wanted)[:, None]
    counts = (found == classes).sum(1) + (wanted == classes).sum(1)
    return float(np.mean(2 * ((found == classes) & (wanted == classes)).sum(1) / counts))
