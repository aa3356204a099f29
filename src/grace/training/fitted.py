"""What the spec of a baseline says: which model it is, and one value for every field that means nothing for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from grace.controllers.fixed import Fixed
from grace.errors import GraceError
from grace.models.baselines import BASELINES
from grace.training.schedule import Schedule

NETWORK = "network"
MODELS = (NETWORK, *BASELINES)
"""What can be trained: a network by a method, or a baseline, which is fitted to RUL alone."""

_FIELDS = {
    "outer": "fixed",
    "inner": "mse",
    "options": (("weights", (1.0, 0.0)),),
    "start": 0,
    "size": "statistics",
    "rul_scale": "cycles",
    "measure_every": Fixed.measure_every,
    "watch_test": True,
    "precision": "float32",
    "suspended": "ignore",
}
_SCHEDULE = Schedule(1, 0, 2, 1.0, 0.0, 0, "none", ema_decay=0.0)


def fitted(model: str, schedule: Schedule) -> dict[str, Any]:
    """Fields of the spec of a baseline, none of a network's; of a schedule counts which windows it is fitted on."""
    if model not in BASELINES:
        return {}
    windows = {name: getattr(schedule, name) for name in ("min_history", "max_train_rul")}
    return _FIELDS | {"schedule": replace(_SCHEDULE, **windows)}


def model_of(model: str, method_name: str | None, *axes: object) -> str:
    """The model that is asked for: by its name, or by that of a baseline where a method stands elsewhere.

    Raises:
        GraceError: A baseline with a method, an axis or options of one.
    """
    if model == NETWORK and method_name in BASELINES:
        model = str(method_name)
    if model != NETWORK and (method_name not in (None, model) or any(axes)):
        raise GraceError(
            f"`model` {model} should stand without a method, its axes and options. Found {method_name or 'some of them'}. "
            "Leave them out, or take `model` network."
        )
    return model
