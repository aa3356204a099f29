"""The inner axis: how samples are weighted inside the RUL loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grace.errors import GraceError


def _mse_loss(y_pred: Tensor, y_true: Tensor, max_rul: float = 125.0) -> Tensor:
    """Plain mean squared error, cycles^2; ``max_rul`` is taken so that both inner losses are called alike."""
    _check(y_pred, y_true, max_rul)
    return (y_pred - y_true).square().mean()


def moderate_weighted_mse_loss(
    y_pred: Tensor, y_true: Tensor, max_rul: float = 125.0, floor: float = 1.0, ceiling: float = 2.0
) -> Tensor:
    r"""Failure-biased mean squared error: an error near failure counts up to twice.

    .. math::
        L = \frac{1}{B} \sum_b s(y_b) (\hat y_b - y_b)^2, \qquad
        s(y) = f + (c - f) \, \mathrm{clip}(1 - y / y_{max}, 0, 1)

    with floor ``f = 1`` and ceiling ``c = 2`` as in the GRACE text (14.1). A plain mean: it is not divided by the sum
    of the weights.

    Args:
        y_pred: Predicted RUL ``[B]``, cycles.
        y_true: True RUL ``[B]``, cycles.
        max_rul: RUL at and above which an error has the weight ``floor``, cycles.
        floor: Weight at ``max_rul`` and above.
        ceiling: Weight at failure (RUL 0).

    Returns:
        Scalar, cycles^2.

    Raises:
        GraceError: The shapes differ, the batch is empty, ``max_rul`` is not positive or not
            ``0 <= floor <= ceiling``.
    """
    _check(y_pred, y_true, max_rul)
    if not 0 <= floor <= ceiling:
        raise GraceError(
            f"Parameters should hold 0 <= `floor` <= `ceiling`. Found `floor = {floor}`, `ceiling = {ceiling}`."
        )
    weight = _near_failure(y_true, max_rul, floor, ceiling)
    return (weight * (y_pred - y_true).square()).mean()


INNER: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "mse": _mse_loss,
    "weighted_mse": moderate_weighted_mse_loss,
}
"""The inner axis by name."""

WEIGHT: dict[str, Callable[[Tensor, float], Tensor]] = {
    "mse": lambda y_true, max_rul: torch.ones_like(y_true),
    "weighted_mse": lambda y_true, max_rul: _near_failure(y_true, max_rul, 1.0, 2.0),
}
"""Weight of each sample ``[B]`` in the inner loss of that name, for losses that are no squared error; of RUL ``[B]``."""


def _near_failure(y_true: Tensor, max_rul: float, floor: float, ceiling: float) -> Tensor:
    return floor + (ceiling - floor) * (1 - y_true / max_rul).clamp(0, 1)


def _check(y_pred: Tensor, y_true: Tensor, max_rul: float) -> None:
    # ``[B, 1]`` against ``[B]`` would silently be broadcast
    if y_pred.shape != y_true.shape:
        raise GraceError(
            f"`y_pred` and `y_true` should have one shape. Found {list(y_pred.shape)} and {list(y_true.shape)}. "
            "Squeeze the prediction's last dimension, perhaps."
        )
    if y_pred.numel() == 0:
        raise GraceError("`y_pred` should hold at least one prediction. Found an empty batch.")
    if not max_rul > 0:
        raise GraceError(f"Parameter `max_rul` should be positive, in cycles. Found `max_rul = {max_rul}`.")
