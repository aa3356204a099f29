"""The table of methods: an outer axis and an inner axis by name. GRACE is one row of it."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from torch import Tensor

from grace.controllers.controller import Controller
from grace.controllers.dwa import DWA
from grace.controllers.fixed import Fixed, LossNormalised
from grace.controllers.gaba import GABA
from grace.controllers.gradnorm import GradNorm
from grace.controllers.torchjd import PREFIX, TorchJDScalarizer, TorchJDWeighting
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
    """One row of the table."""

    outer: str  # name in OUTER
    inner: str  # name of the RUL loss, in INNER of weighted_mse.py
    options: Mapping[str, Any] = field(default_factory=dict)  # parameters of the outer axis, defaults left out
    rul_scale: str = ""  # name of the unit that its weights are meant in, in UNITS of rul_problem.py; empty: any

    @staticmethod
    def named(name: str) -> Method:
        """A row by name, or one made of ``OUTER+INNER``: an outer axis as in :func:`build_outer`, and an inner one.

        Raises:
            GraceError: An unknown name.
        """
        outer, pair, inner = name.rpartition("+")
        if name not in METHODS and not pair:
            raise GraceError(f"`method` should be one of {', '.join(METHODS)}, or OUTER+INNER. Found {name!r}.")
        return METHODS.get(name) or Method(outer, inner)

    def resolved(self, tasks: int = 2) -> dict[str, Any]:
        """All options of the outer axis with so many tasks, defaults filled in; of one of TorchJD's those that were given.

        Weights of two tasks are those of RUL and of every other one.
        """
        filled = dict(self.options)
        weights: tuple[float, ...] = filled.get("weights") or ()
        if len(weights) == 2 < tasks:
            filled["weights"] = (weights[0], *[weights[1]] * (tasks - 1))
        controller = build_outer(self.outer, tasks, **filled)
        if not self.outer.startswith(PREFIX):
            for name, parameter in inspect.signature(type(controller)).parameters.items():
                value = filled.get(name, parameter.default)
                # a default that depends on the tasks is read from what it became
                filled[name] = getattr(controller, name, None) if value is None else value
        return {name: _plain(value) for name, value in sorted(filled.items()) if name not in SHAPE}

    def name(self, tasks: int = 2) -> str:
        """Of a row with all its options for so many tasks: its name in the table, or ``OUTER+INNER,OPTION=VALUE``."""
        for name, row in METHODS.items():
            if (
                (row.outer, row.inner) == (self.outer, self.inner)
                and _resolved_row(name, tasks) == self.options
                and self.rul_scale in (row.rul_scale or self.rul_scale, HAZARD)
            ):
                return name
        usual = {} if self.outer.startswith(PREFIX) else Method(self.outer, self.inner).resolved(tasks)
        own = {name: value for name, value in self.options.items() if name not in usual or usual[name] != value}
        return ",".join([f"{self.outer}+{self.inner}", *(f"{name}={_shown(value)}" for name, value in own.items())])


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
    **{f"fixed-{w:g}": Method("fixed", "mse", {"weights": (1.0, w)}, "cap") for w in (0.01, 0.1, 0.5)},
}
"""Methods by name: the seven of the source's table, single tasks, variants, and health with a fixed weight beside an RUL loss of
``mean(error^2) / cap^2``, where it really shares (in cycles^2 it is a few thousandths of the gradient)."""

HAZARD = "hazard"
"""Unit that stands for any: of survival likelihoods, which engines that were suspended ask for."""
SHAPE = ("tasks", "replicas")
"""Parameters that every controller takes; all others are its options."""

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
        kind = TorchJDScalarizer if inner in TorchJDScalarizer.names() else TorchJDWeighting
        return kind(tasks, inner, replicas=replicas, **options)
    known = inspect.signature(found := _class_of(name)).parameters
    mine = [n for n in known if n not in SHAPE]
    for option in options:
        if option not in mine:
            raise GraceError(f"An option of {name} should be one of {', '.join(mine) or '(none)'}. Found {option!r}.")
    if not set(SHAPE) <= set(known):
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


def _plain(value: Any) -> Any:
    """Tensors and lists as tuples, as they are compared and written."""
    value = value.tolist() if isinstance(value, Tensor) else value
    return tuple(value) if isinstance(value, list) else value


@cache
def _resolved_row(name: str, tasks: int) -> dict[str, Any]:
    return METHODS[name].resolved(tasks)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "-".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
