r"""How well each task beside RUL is predicted on windows that were held out, where its label is known.

Of ``N`` windows with a label :math:`y`, and of ``D`` features each

.. math::
    R^2 = 1 - \frac{\sum (y - \hat y)^2}{\sum (y - \bar y)^2}, \quad
    loss = \frac{-\frac{1}{N} \sum \log \hat p_y}{-\sum_c p_c \log p_c},

with the mean and the shares of the same windows: no better than these means an R2 of 0 or less, and a loss of 1 or
more. Of ordered classes numerator and denominator are means over the thresholds between them, of the probability to lie above.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from grace.core.metrics import macro_f1, rmse
from grace.data.targets import places
from grace.data.tasks import FUTURE, HEALTH, ORDINAL, REGRESSION, Task
from grace.training.evaluate import Predictions
from grace.training.spec import RunSpec

LEAST = 1e-7
"""Least probability that a logarithm is taken of: networks compute in float32."""
Values = NDArray[np.float64]


def task_figures(
    spec: RunSpec, found: Predictions, labels: NDArray[np.float32], engine: NDArray[np.int64]
) -> dict[str, dict[str, float]]:
    """Figures by task, of those that were trained and have labels of their own; see :func:`figures_of`.

    The health states that are cut from RUL have theirs among those of RUL (:meth:`Predictions.figures`).

    Args:
        spec: The run.
        found: Its predictions of ``N`` windows.
        labels: Labels of all tasks ``[N, D]``, NaN where not known.
        engine: Index of the engine of each window ``[N]``.
    """
    made = {}
    for task in spec.conventions.tasks:
        told = told_of(task, found, spec)
        if told is not None:
            made[task.name] = figures_of(task, told, labels[:, places(spec.conventions)[task.name]], engine)
    return made


def told_of(task: Task, found: Predictions, spec: RunSpec) -> NDArray[np.float32] | None:
    """What was predicted of a task, values or probabilities ``[N, D or C]``; None where not trained or cut from RUL."""
    if task.name == HEALTH.name:
        return found.probability if task.column and spec.trains(task.name) else None
    return found.tasks.get(task.name)


def figures_of(
    task: Task, told: NDArray[np.float32], labels: NDArray[np.float32], engine: NDArray[np.int64]
) -> dict[str, float]:
    """``windows`` and ``units`` with a label, and of these: of a regression ``rmse`` and ``mae`` in units of the label and
    ``r2``; of classes ``accuracy``, ``macro_f1`` and ``loss``; of the features ``r2``, a mean over them, alone.

    A figure is left out where it is not defined: all where no window has a label, and those that compare with the base rates
    where the labels do not differ.
    """
    known = ~np.isnan(labels).all(axis=1)
    counts = {"windows": float(known.sum()), "units": float(len(np.unique(engine[known])))}
    if not known.any():
        return counts
    predicted, true = told[known].astype(np.float64), labels[known].astype(np.float64)
    made = _of_values(predicted, true, task) if task.kind == REGRESSION else _of_classes(predicted, true[:, 0], task)
    return counts | {name: value for name, value in made.items() if np.isfinite(value)}


def no_better(figures: Mapping[str, float]) -> bool:
    """Whether a task is predicted no better than by its mean or its base rates; not so where nothing can be said."""
    return figures.get("r2", 1.0) <= 0 or figures.get("loss", 0.0) >= 1


def _of_values(predicted: Values, true: Values, task: Task) -> dict[str, float]:
    total = np.nansum((true - np.nanmean(true, axis=0)) ** 2, axis=0)
    differs = total > 0
    r2 = 1 - np.nansum((true - predicted)[:, differs] ** 2, axis=0) / total[differs]
    found = {"r2": float(r2.mean())} if differs.any() else {}
    if task.name == FUTURE:
        return found
    return {"rmse": rmse(predicted, true), "mae": float(np.abs(predicted - true).mean())} | found


def _of_classes(probability: Values, true: Values, task: Task) -> dict[str, float]:
    code, most = true.astype(np.int64), probability.argmax(1)
    found = {"accuracy": float((most == code).mean()), "macro_f1": macro_f1(most, code)}
    shares = np.bincount(code, minlength=probability.shape[1])[None] / len(code)
    base = _surprise(shares.repeat(len(code), axis=0), code, task)
    return found | ({"loss": _surprise(probability, code, task) / base} if len(np.unique(code)) > 1 else {})


def _surprise(probability: Values, code: NDArray[np.int64], task: Task) -> float:
    """Mean cross entropy of probabilities ``[N, C]``, nats; of ordered classes over their thresholds."""
    if task.kind != ORDINAL:
        return _nats(probability[np.arange(len(code)), code])
    above = 1 - probability.cumsum(1)[:, :-1]
    return _nats(np.where(code[:, None] > np.arange(above.shape[1]), above, 1 - above))


def _nats(probability: Values) -> float:
    return float(-np.log(probability.clip(LEAST, 1)).mean())
