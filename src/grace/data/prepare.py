"""From recordings to what a network is trained on, with the facts of the data that a decision needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grace.data.checks import check_training
from grace.data.conditions import Conditioner, fit_conditions
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.windows import ManyWindows, Windows, training_windows


@dataclass(frozen=True, eq=False)
class Prepared:
    """Training windows and facts.

    Attributes:
        windows: Training windows.
        conditioner: Conditions and scaling, to be applied to other engines.
        conditions: Operating conditions found.
        near_failure_share: Share of windows with an RUL below ``near_failure``.
        class_shares: Share of windows in each health state.
    """

    windows: Windows | ManyWindows
    conditioner: Conditioner
    conditions: int
    near_failure_share: float
    class_shares: tuple[float, ...]


def prepare_training(fleet: Fleet, conventions: Conventions) -> Prepared:
    """Check, find conditions, scale and index the windows of a training fleet.

    Raises:
        GraceError: See :func:`grace.data.checks.check_training`.
    """
    check_training(fleet, conventions)
    conditioner = fit_conditions(fleet, conventions)
    windows = training_windows(fleet, conditioner.transform(fleet), conventions)
    near, shares = 0, np.zeros(3, dtype=np.int64)
    for part in windows.pieces():
        near += int((part.true_rul < conventions.near_failure).sum())
        shares += np.bincount(part.label, minlength=3)
    classes = tuple(map(float, shares / len(windows)))
    return Prepared(windows, conditioner, len(conditioner.centres), near / len(windows), classes)
