"""What advice is: what was raced, what is to be expected, what to train, and what is not known."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from grace.advice.rule import Expected
from grace.core.stats import Estimate
from grace.formats import Format

ADD, ALONE, UNDECIDED = "add", "alone", "undecided"
"""Add a second task; train the first one alone; what was seen decides neither."""

FORMAT = Format("advice", 1)
"""A file of races (:class:`grace.advice.fleet_race.FleetRace`): what they are ``of``, their ``laps`` and ``labels``, and the
seconds ``spent``; for readers the ``name`` of the data, the ``unit`` of RUL, how the ways stand (``standing``) and their
``course``, which files of before do not have."""


@dataclass(frozen=True)
class Label:
    """What is known of a task's label before anything is raced.

    Attributes:
        name: Of the task.
        known: Share of the rows in which it is known.
        suspended: Share of these that belong to suspended units.
        given_rul: What RUL says of it: R2, or of classes the explained share of the entropy; NaN where that cannot be seen.
        rho: Cosine of its gradient and RUL's, in words with its interval; empty where it was not measured.
    """

    name: str
    known: float
    suspended: float
    given_rul: float
    rho: str = ""


@dataclass(frozen=True)
class Raced:
    """One way in the race.

    Attributes:
        name: Of the way.
        laps: How often it was trained.
        error: Its RMSE out of fold, in the unit of RUL, or the mean of what ``evaluate`` gave.
        seen: Change against the reference as the race saw it, a logarithm, with its interval; None of a way that stands in for
            the reference.
        expected: What is to be expected on units that nobody has seen; None where no rule says so.
    """

    name: str
    laps: int
    error: float
    seen: Estimate | None = None
    expected: Expected | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; changes are in per cent."""
        return asdict(self) | {"seen": _seen(self.seen), "expected": _expected(self.expected)}


@dataclass(frozen=True)
class Advice:
    """An answer.

    Attributes:
        name: What was asked about.
        verdict: :data:`ADD`, :data:`ALONE` or :data:`UNDECIDED`.
        best: The way to train: what is expected to be best, however sure that is.
        reference: The way of RUL alone that it is held against, the best in the race.
        raced: All ways, references first.
        labels: Of a fleet, what is known of each label.
        answer: What to train and what to expect, in one line.
        unknown: What is not known, in one line.
        command: What trains it, options alone; empty of a user's own network.
        seconds: What it took.
        unit: Unit of the errors.
    """

    name: str
    verdict: str
    best: str
    reference: str
    raced: tuple[Raced, ...]
    labels: tuple[Label, ...]
    answer: str
    unknown: str
    command: tuple[str, ...] = ()
    seconds: float = 0.0
    unit: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; changes are in per cent."""
        values = asdict(self) | {"command": list(self.command)}
        values["raced"] = [one.to_json() for one in self.raced]
        values["labels"] = [asdict(label) for label in self.labels]
        return values

    def __str__(self) -> str:
        return f"{self.answer}\n{self.unknown}"


def per_cent(change: float) -> float:
    """A logarithm of a ratio as a change in per cent."""
    return 100 * math.expm1(min(change, 700.0))


def _seen(seen: Estimate | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {"change": per_cent(seen.mean), "low": per_cent(seen.low), "high": per_cent(seen.high), "units": seen.n}


def _expected(expected: Expected | None) -> dict[str, Any] | None:
    if expected is None:
        return None
    ends = {name: per_cent(getattr(expected, name)) for name in ("mean", "low", "high")}
    return ends | {"helps": expected.helps, "hurts": expected.hurts}
