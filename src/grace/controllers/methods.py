"""The table of methods: an outer axis and an inner axis by name. GRACE is one row of it."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grace.controllers.controller import Controller
from grace.controllers.dwa import DWA
from grace.controllers.fixed import Fixed, LossNormalised
from grace.controllers.gaba import GABA
from grace.controllers.gradnorm import GradNorm
from grace.controllers.torchjd import PREFIX, TorchJDScalarizer, TorchJDWeighting, scalarizers
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
    """A fresh controller by name.

    Args:
        name: One of :data:`OUTER`, ``torchjd:NAME`` for a weighting or scalarizer of TorchJD, or ``package.module:Class`` for a
            :class:`Controller` of your own, in a package that is installed or in the current folder.
        tasks: Number of tasks ``K``.
        replicas: Leading dimensions.
        options: Parameters of the controller.

    Raises:
        GraceError: An unknown name, an option that this controller does not have, or one out of its range.
    """
    if name.startswith(PREFIX):
        inner = name.removeprefix(PREFIX)
        kind = TorchJDScalarizer if inner in scalarizers() else TorchJDWeighting
        return kind(tasks, inner, replicas=replicas, **options)
    known = inspect.signature(found := _class_of(name)).parameters
    mine = [n for n in known if n not in ("tasks", "replicas")]
    for option in options:
        if option not in mine:
            raise GraceError(f"An option of {name} should be one of {', '.join(mine) or '(none)'}. Found {option!r}.")
    if not {"tasks", "replicas"} <= set(known):
        raise GraceError(f"{name} should take `tasks` and `replicas`. Found {', '.join(known) or 'no parameters'}.")
    return found(tasks, replicas=replicas, **options)


def _class_of(name: str) -> type[Controller]:
    if name in OUTER:
        return OUTER[name]
    path, _, attribute = name.partition(":")
    if not attribute:
        raise GraceError(
            f"`outer` should be one of {', '.join(OUTER)}, {PREFIX}NAME or package.module:Class. Found {name!r}."
        )
    here = os.getcwd()
    sys.path.append(here)  # as `python -m` has it
    try:
        found = getattr(importlib.import_module(path), attribute, None)
    except ImportError as error:
        raise GraceError(
            f"`outer` {name} should be importable. Found: {error}. Look at the path and the folder."
        ) from None
    finally:
        sys.path.remove(here)
    if not (inspect.isclass(found) and issubclass(found, Controller)):
        raise GraceError(f"`outer` {name} should be a class that extends grace.Controller. Found {found!r}.")
    return found


def method(name: str) -> Method:
    """Look up a method by name, or make one of ``OUTER+INNER``: an outer axis as in :func:`build_outer`, and an inner one.

    Raises:
        GraceError: An unknown name.
    """
    outer, pair, inner = name.rpartition("+")
    if name not in METHODS and not pair:
        raise GraceError(f"`method` should be one of {', '.join(METHODS)}, or OUTER+INNER. Found {name!r}.")
    return METHODS.get(name) or Method(outer, inner)
