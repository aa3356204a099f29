"""What a reader should know before believing the figures of a training."""

from __future__ import annotations

import numpy as np

from grace.data.windows import Windows
from grace.training.evaluate import Predictions
from grace.training.replica import Replica

FEW_ENGINES = 5
COLLAPSED = 0.1
"""Standard deviation of the predictions as a share of that of the labels, below which all engines get one prediction."""


def concerns(replica: Replica, chosen: Predictions, validation: Windows) -> list[str]:
    """One line for each doubt about a run that has come to its end; none where there is none.

    Args:
        replica: The run.
        chosen: Its predictions of the validation windows in the epoch that was kept.
        validation: These windows.
    """
    found, spec, epochs = [], replica.spec, len(replica.history)
    rul, labels = chosen.rul.astype(float), validation.rul.astype(float)
    error, spread = float(np.sqrt(np.mean((rul - labels) ** 2))), float(labels.std())
    if spec.trains("rul") and spread > 0:
        if rul.std() < COLLAPSED * spread:
            found.append(
                f"The network says nearly the same of every engine: its predictions have a standard deviation of "
                f"{rul.std():.1f}, the labels of {spread:.1f}. Train longer (--epochs), or begin anew (--seed)."
            )
        elif error >= spread:
            found.append(
                f"The validation RMSE of {error:.1f} is no better than that of the mean of the labels, {spread:.1f}. "
                "Train longer (--epochs), or begin anew (--seed)."
            )
    if replica.best_epoch == epochs - 1 and epochs > 1:
        found.append(f"The best epoch is the last: more may be better (--epochs {2 * epochs}).")
    engines = len(np.unique(validation.engine))
    if engines < FEW_ENGINES:
        found.append(
            f"Chosen on {engines} validation engine{'s' * (engines != 1)}: another split would give other figures."
        )
    return found
