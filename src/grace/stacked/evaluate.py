"""Predictions of all replicas of a stack, and the figures that an epoch is judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grace.core.metrics import macro_f1, nasa_score, rmse
from grace.data.windows import Windows
from grace.stacked.network import StackedNetwork
from grace.stacked.windows import StackedWindows
from grace.training.spec import RunSpec

BATCH = 256  # windows of each replica at once: a stack of 35 networks of full size then takes some 3 GiB


@torch.no_grad()
def predict(
    network: StackedNetwork,
    p: Mapping[str, Tensor],
    statistics: Mapping[str, Tensor],
    windows: StackedWindows,
    part_of: Tensor,
    cap: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """RUL ``[R, N]`` in cycles, at most the cap, and most probable health state ``[R, N]``, in evaluation mode.

    Args:
        network: The function.
        p: Parameters ``[R, ...]``.
        statistics: Running statistics ``[R, ...]``.
        windows: Windows of ``S`` splits; ``N`` is the number of the largest.
        part_of: Split of each replica, int64 ``[R]``.
        cap: Largest RUL, cycles.
    """
    rul, health = [], []
    for index in windows.in_order(BATCH):
        x, _, _ = windows.batch(index)
        found, logits = network(x[part_of], p, statistics, training=False)
        rul.append(found.float().clamp(max=float(cap)))
        health.append(logits.argmax(-1))
    return torch.cat(rul, 1).cpu().numpy(), torch.cat(health, 1).cpu().numpy()


def entries(
    specs: Sequence[RunSpec],
    windows: Sequence[Windows],
    found: tuple[NDArray[np.float32], NDArray[np.int64]],
    side: str,
) -> list[dict[str, Any]]:
    """What the history says of one side (``validation`` or ``test``) of each replica; the figures of separate runs.

    Args:
        specs: What was trained.
        windows: The side's windows of each replica.
        found: RUL and health states, see :func:`predict`.
        side: Which side.
    """
    made = []
    for spec, mine, rul, health in zip(specs, windows, *found, strict=True):
        predicted = rul[: len(mine)]
        entry = {f"{side}_rmse": rmse(predicted, mine.rul)}
        if side == "test":
            share = len(np.unique(mine.engine)) / len(mine)
            entry["test_score"] = share * nasa_score(predicted, mine.rul)
        elif not spec.trains("rul"):
            entry["validation_f1"] = macro_f1(health[: len(mine)], mine.label)
        made.append(entry)
    return made
