"""What a trained network predicts, and the figures of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from grace.core.metrics import macro_f1, nasa_score, rmse
from grace.data.health_labels import rul_to_health_3class
from grace.data.resident import ResidentWindows
from grace.data.windows import Windows
from grace.training.spec import RunSpec

BATCH = 1024


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of ``N`` windows.

    Attributes:
        rul: RUL, float32 ``[N]``, cycles.
        health: Most probable health state, int64 ``[N]``.
    """

    rul: NDArray[np.float32]
    health: NDArray[np.int64]


@torch.no_grad()
def predict(model: nn.Module, windows: ResidentWindows, spec: RunSpec) -> Predictions:
    """Predict all windows, in evaluation mode, RUL at most the cap as the targets; the model's mode is restored.

    A network that was trained on RUL alone has a health head that never learned: its health states follow from its RUL by the
    cuts of the conventions.
    """
    training = model.training
    model.eval()
    parts = [model(x) for x, _, _ in windows.in_order(BATCH)]
    model.train(training)
    rul = torch.cat([rul for rul, _ in parts]).float().clamp(max=float(spec.conventions.cap)).cpu().numpy()
    if not spec.trains("health") and np.isfinite(rul).all():
        return Predictions(rul, rul_to_health_3class(rul, *spec.conventions.health_cuts))
    return Predictions(rul, torch.cat([logits.argmax(-1) for _, logits in parts]).cpu().numpy())


def figures(predicted: Predictions, windows: Windows) -> dict[str, float]:
    """RMSE (cycles) and NASA score against capped and uncapped labels, and the macro-F1 of the health states.

    With ``N`` windows of ``E`` engines the score is summed over windows and divided by ``N / E``: on one window an engine
    it is the plain sum.
    """
    share = len(np.unique(windows.engine)) / len(windows)
    return {
        "rmse": rmse(predicted.rul, windows.rul),
        "score": share * nasa_score(predicted.rul, windows.rul),
        "rmse_uncapped": rmse(predicted.rul, windows.true_rul),
        "score_uncapped": share * nasa_score(predicted.rul, windows.true_rul),
        "macro_f1": macro_f1(predicted.health, windows.label),
    }
