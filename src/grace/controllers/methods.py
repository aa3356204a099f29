"""The table of methods: an outer axis and an inner axis by name. GRACE is one row of it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grace.controllers.controller import Controller
from grace.controllers.dwa import DWA
from grace.controllers.fixed import Fixed
from grace.controllers.gaba import GABA
from grace.controllers.gradnorm import GradNorm
from grace.controllers.loss_normalised import LossNormalised
from grace.controllers.torchjd_weighting import PREFIX, TorchJDWeighting
from grace.controllers.uncertainty import Uncertainty
from grace.errors import GraceError

OUTER: dict[str, type[Controller]] = {
    "fixed": Fixed,
    "gaba": GABA,
    "uncertainty": Uncertainty,
    "dwa": DWA,
    "gradnorm": GradNorm,
    "loss-normalised": LossNormalised,
}
"""The outer axis by name."""


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        outer: Name in :data:`OUTER`.
        inner: Name of the RUL loss, see :data:`grace.core.weighted_mse.INNER`.
        options: Parameters of the outer axis that differ from its defaults.
    """

    outer: str
    inner: str
    options: Mapping[str, Any] = field(default_factory=dict)


METHODS: dict[str, Method] = {
    "baseline": Method("fixed", "mse"),
    "amnl": Method("fixed", "weighted_mse"),
    "gaba": Method("gaba", "mse"),
    "grace": Method("gaba", "weighted_mse"),
    "uncertainty": Method("uncertainty", "mse"),
    "dwa": Method("dwa", "mse"),
    "gradnorm": Method("gradnorm", "mse"),
    "rul-only": Method("fixed", "mse", {"weights": (1.0, 0.0)}),
    "rul-only-weighted": Method("fixed", "weighted_mse", {"weights": (1.0, 0.0)}),
    "health-only": Method("fixed", "mse", {"weights": (0.0, 1.0)}),
    "amnl-normalised": Method("loss-normalised", "weighted_mse"),
    "gaba-equal": Method("gaba", "mse", {"floor": 0.0}),
    "grace-equal": Method("gaba", "weighted_mse", {"floor": 0.0}),
}
"""Methods by name: the seven of the source's table, single tasks, and variants."""

SEVEN = ("baseline", "dwa", "gradnorm", "uncertainty", "amnl", "gaba", "grace")
"""The methods of the source's table, in its order."""


def build_outer(name: str, tasks: int = 2, replicas: tuple[int, ...] = (), **options: Any) -> Controller:
    """A fresh controller by name: one of :data:`OUTER`, or ``torchjd:NAME`` for a Gramian weighting of TorchJD.

    Raises:
        GraceError: An unknown name, an option that this controller does not have, or one out of its range.
    """
    if name.startswith(PREFIX):
        return TorchJDWeighting(tasks, name.removeprefix(PREFIX), replicas=replicas, **options)
    if name not in OUTER:
        raise GraceError(f"`outer` should be one of {', '.join(OUTER)} or {PREFIX}NAME. Found {name!r}.")
    known = [n for n in inspect.signature(OUTER[name]).parameters if n not in ("tasks", "replicas")]
    for option in options:
        if option not in known:
            raise GraceError(f"An option of {name} should be one of {', '.join(known) or '(none)'}. Found {option!r}.")
    return OUTER[name](tasks, replicas=replicas, **options)


def measured_every(name: str) -> int:
    """Steps between two Gramians where nobody says otherwise, for an outer axis by name."""
    return TorchJDWeighting.measure_every if name.startswith(PREFIX) else Controller.measure_every


def method(name: str) -> Method:
    """Look up a method by name.

    Raises:
        GraceError: An unknown name.
    """
    if name not in METHODS:
        raise GraceError(f"`method` should be one of {', '.join(METHODS)}. Found {name!r}.")
    return METHODS[name]
