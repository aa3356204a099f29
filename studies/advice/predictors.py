"""From looks and races to one number a case and draw; a larger one says that the second task helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Raw = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """A number that is read off a look.

    Attributes:
        name: In the plan.
        read: From :func:`studies.advice.looks.looked`; NaN where it is undefined.
        spent: Names of what was measured for it, whose seconds it costs.
    """

    name: str
    read: Callable[[Raw], float]
    spent: tuple[str, ...] = ()

    def within(self, raw: Raw) -> bool:
        """Whether it was measured: a brief look has no gradient."""
        measured: Mapping[str, float] = raw["seconds"]
        return set(self.spent) <= measured.keys()

    def seconds(self, raw: Raw) -> float:
        """What it took."""
        return float(sum(raw["seconds"][name] for name in self.spent))


def _number(value: float | None) -> float:
    """Of a file, where null stands for what is undefined."""
    return float("nan") if value is None else float(value)


def _mean(raw: Raw, part: str, read: Callable[[Raw], float]) -> float:
    """Over initialisations."""
    return float(np.mean([read(one) for one in raw[part]]))


def _rho(part: str, row: int = 0, column: int = 1) -> Callable[[Raw], float]:
    def read(one: Raw) -> float:
        cosine = np.array(one["cosine"])
        return float(cosine[row, column]) if column < len(cosine) else float("nan")

    return lambda raw: _mean(raw, part, read)


def _ratio(one: Raw) -> float:
    """Minus the logarithm of the ratio of gradient norms, the task's over RUL's."""
    gram = np.array(one["gramian"])
    return -0.5 * float(np.log(max(gram[1, 1], 1e-30) / max(gram[0, 0], 1e-30)))


LOOKS = (
    Look("failures", lambda raw: -float(np.log(raw["failures"]))),
    Look("coverage", lambda raw: float(raw["coverage"])),
    Look("given-rul", lambda raw: _number(raw["given_rul"]), ("given-rul",)),
    Look("rho-init", _rho("init"), ("init",)),
    Look("rho-warmup", _rho("warmup"), ("warmup",)),
    Look("rho-joint", _rho("joint"), ("joint",)),
    Look("rho-held", lambda raw: _mean(raw, "joint", lambda one: float(one["rho"])), ("joint",)),
    Look("rho-bound", _rho("joint", 1, 2), ("joint",)),
    Look("ratio", lambda raw: _mean(raw, "joint", _ratio), ("joint",)),
    Look("look-ahead", lambda raw: _mean(raw, "joint", lambda one: float(one["ahead"])), ("joint",)),
    Look("linearised", lambda raw: _mean(raw, "joint", lambda one: float(one["linear"])), ("joint",)),
    Look(
        "label-gap",
        lambda raw: -_mean(raw, "label", lambda one: _number(one["held"]) - _number(one["seen"])),
        ("label",),
    ),
    Look("source", lambda raw: float(np.array(raw["init"][0]["cosine"])[0, 1]), ("init",)),
)
"""Those of the plan that need no training to its end."""
