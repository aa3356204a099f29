"""How long and how fast a network is trained, as named schedules."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from grace.data.conventions import Conventions
from grace.errors import GraceError, check_one_of


@dataclass(frozen=True)
class Schedule:
    """Optimiser, learning rate, averaging and stopping; AdamW throughout.

    Attributes:
        epochs: Most epochs.
        steps: Optimiser steps of an epoch, or 0 for one pass over all windows.
        batch_size: Windows in a batch.
        learning_rate: Peak learning rate.
        weight_decay: AdamW's decoupled weight decay.
        warmup: Epochs of linear warm-up from a tenth of the learning rate.
        decay: ``plateau``: halved when the validation RMSE has not fallen for ``plateau_patience`` epochs. ``cosine``: to 0
            over all epochs, in every step. ``none``: kept.
        plateau_patience: Epochs of the plateau.
        min_lr: Smallest learning rate of the plateau.
        clip: Largest norm of the whole gradient.
        ema_decay: Memory of the moving average of the weights that is evaluated, a step; 0 evaluates the weights themselves.
        early_stopping_patience: Epochs without a lower validation RMSE after which training stops; 0 never stops early.
        min_history: Shortest history that a training window needs, in cycles; what is missing is padded at the front, as for
            the short engines of a test. 0 takes full windows only.
        max_train_rul: Largest RUL of a training window, cycles; 0 trains on all. An engine in its first cycles is recognised
            by its padding, and all of those that ran to failure had a long life before them: a test engine need not.
        full_epochs: Whether every epoch makes its ``steps``, going through the windows again where they hold fewer batches, so
            that a small fleet is trained as long as a large one.
        offset: Standard deviation of a random constant that is added to each feature of each training window, in standard
            deviations of the feature: engines leave the factory with offsets of their own, which a network otherwise learns
            by heart. 0 adds nothing.

    Raises:
        GraceError: A field is out of its range.
    """

    epochs: int
    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: int
    decay: str
    plateau_patience: int = 30
    min_lr: float = 5e-6
    clip: float = 1.0
    ema_decay: float = 0.999
    early_stopping_patience: int = 0
    min_history: int = 0
    max_train_rul: int | float = 0
    offset: float = 0.0
    full_epochs: bool = False

    def __post_init__(self) -> None:
        for name, low in MINIMUM.items():
            if (value := getattr(self, name)) < low:
                raise GraceError(f"`{name}` should be at least {low}. Found {value}.")
        for name in ("learning_rate", "clip"):
            if not (value := getattr(self, name)) > 0:
                raise GraceError(f"`{name}` should be positive. Found {value}.")
        check_one_of("decay", self.decay, DECAYS)
        if not 0 <= self.offset < math.inf:
            raise GraceError(f"`offset` should be at least 0. Found {self.offset}.")
        if not 0 <= self.ema_decay < 1:
            raise GraceError(f"`ema_decay` should be in [0, 1). Found {self.ema_decay}.")

    @classmethod
    def named(cls, name: str, cap: float = Conventions.cap) -> Schedule:
        """Look up a schedule; its largest RUL is as many times ``cap`` as it is the default one.

        Raises:
            GraceError: An unknown name.
        """
        check_one_of("schedule", name, SCHEDULES)
        plan = SCHEDULES[name]
        return replace(plan, max_train_rul=horizon(plan.max_train_rul, cap))


def horizon(rul: float, cap: float) -> int | float:
    """A largest RUL that is meant beside the default cap, beside another one; whole where that is."""
    found = rul * cap / Conventions.cap
    return round(found) if isinstance(cap, int) else found


DECAYS = ("plateau", "cosine", "none")
MINIMUM = {"epochs": 1, "batch_size": 2}
MINIMUM |= dict.fromkeys(("steps", "warmup", "early_stopping_patience", "min_history", "max_train_rul"), 0)
CUSTOM = "custom"

_STATISTICS = Schedule(8, 50, 256, 2e-3, 1e-2, 1, "cosine", ema_decay=0.99, min_history=20, full_epochs=True)

SCHEDULES = {
    # for a network on statistics, chosen out of fold: docs/training.md
    "statistics": _STATISTICS,
    "quantiles": replace(_STATISTICS, min_history=2),  # of tables, whose units are predicted from their second row on
    # the source's recipe, section 7 of its text; it stops early without a figure: twice the plateau's patience
    "paper": Schedule(500, 0, 256, 1e-3, 1e-4, 10, "plateau", ema_decay=0.999, early_stopping_patience=60),
    # for two CPU cores, chosen from learning curves on validation engines: docs/training.md
    "compact": Schedule(
        12, 100, 128, 1e-3, 1e-4, 1, "cosine", ema_decay=0.99, min_history=20, max_train_rul=150, offset=0.4
    ),
    # for tests and demonstrations
    "tiny": Schedule(3, 20, 32, 2e-3, 1e-4, 1, "cosine", ema_decay=0.9, min_history=20),
}
"""The schedules by name."""


class Rate:
    """The learning rate as a share of its peak, given the validation RMSE after every epoch; all state in ``state_dict``."""

    def __init__(self, schedule: Schedule, steps_per_epoch: int) -> None:
        self._schedule, self._per_epoch = schedule, steps_per_epoch
        self._factor, self._best, self._bad = 1.0, float("inf"), 0

    def at(self, step: int, peak: float) -> float:
        """Rate of this step, from 0, of parameters with this peak: warm-up times decay."""
        plan, warm = self._schedule, self._schedule.warmup * self._per_epoch
        share = min(1.0, 0.1 + 0.9 * step / warm) if warm else 1.0
        if plan.decay == "cosine":
            share = share * 0.5 * (1 + math.cos(math.pi * step / (plan.epochs * self._per_epoch)))
        else:
            share *= self._factor
        least = plan.min_lr if plan.decay == "plateau" else 0.0
        return max(peak * max(share, 0.0), min(least, peak))

    def after_epoch(self, validation: float) -> None:
        """Tell the validation RMSE: the plateau halves the rate when it has not fallen for ``plateau_patience`` epochs."""
        if validation < self._best:
            self._best, self._bad = validation, 0
        else:
            self._bad += 1
        if self._schedule.decay == "plateau" and self._bad > self._schedule.plateau_patience:
            self._factor, self._bad = self._factor / 2, 0

    def state_dict(self) -> dict[str, float]:
        """Factor, best value and epochs since."""
        return {"factor": self._factor, "best": self._best, "bad": self._bad}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from a saved state."""
        self._factor, self._best, self._bad = state["factor"], state["best"], int(state["bad"])
