"""What advice is: what was raced, what is to be expected, what to train, and what is not known."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict, dataclass
from typing import Any

from grace.advice.rule import Expected
from grace.core.stats import HIGHER, LOWER, UNCLEAR, Estimate
from grace.formats import Body, Format
from grace.html import Bar, card, code, intervals, said, table

_WILD = 1000
"""Upper end of an interval, %, from which on it is not drawn: a lap or two say nothing of it."""
ADD, ALONE, UNDECIDED = "add", "alone", "undecided"
"""Add a second task; train the first one alone; what was seen decides neither."""


def _anew(body: Body) -> Body:
    """In version 1 RUL alone was trained with those tasks of the race that need no label: the race is run again."""
    return {"of": body["of"], "labels": body["labels"], "laps": {}, "spent": 0.0}


FORMAT = Format("advice", 2, {1: _anew})
"""A file of races (:class:`grace.advice.fleet_race.FleetRace`): what they are ``of``, their ``laps`` and ``labels``, the
seconds ``spent`` and the ``pace`` of a lap; for readers the ``name`` of the data, the ``unit`` of RUL, how the ways stand
(``standing``) and their ``course``; ways that were ``refused``, with the reason. Old files do not have all of the latter, nor
the pace."""


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

    def to_json(self, relative: bool = True) -> dict[str, Any]:
        """The fields as JSON values; changes are in per cent, or differences as they are where they are not ``relative``."""
        seen = _seen(self.seen) if relative else _difference(self.seen)
        return asdict(self) | {"seen": seen, "expected": _expected(self.expected)}


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
        """The fields as JSON values; changes are in per cent, and of your own network differences of what ``evaluate`` gave."""
        values = asdict(self) | {"command": list(self.command)}
        values["raced"] = [one.to_json(relative=bool(self.unit)) for one in self.raced]
        values["labels"] = [asdict(label) for label in self.labels]
        return values

    def __str__(self) -> str:
        return f"{self.answer}\n{self.unknown}"

    def _repr_html_(self) -> str:
        bars = [bar for one in self.raced for bar in (_bars(one) if self.unit else _differences(one))]
        caption = f"change against {self.reference}, %: seen in the race (95 %), below it what is expected on other units (90 %)"
        caption = caption if self.unit else f"difference to {self.reference}, paired by seed; lower is better"
        rows = [(one.name, str(one.laps), "" if math.isnan(one.error) else f"{one.error:.4g}") for one in self.raced]
        return card(
            f"{self.name}: what to train",
            said(self.answer, kind="answer"),
            intervals(bars, caption) if bars else "",
            table(("", "laps", f"error, {self.unit}".strip(", ")), rows),
            said(self.unknown, kind="dim"),
            *((said("Options of grace train:"), code(shlex.join(self.command))) if self.command else ()),
        )


def _bars(one: Raced) -> list[Bar]:
    """What a race saw of a way, and what is to be expected of it; of a module's own error, differences as they are."""
    found = []
    if (seen := one.seen) is not None:
        low, high = per_cent(seen.low), per_cent(seen.high)
        sound = seen.n > 1 and high < _WILD
        ends = (low, high) if sound else (math.nan, math.nan)
        text = f"{per_cent(seen.mean):+.0f}" + (f" [{low:+.0f}, {high:+.0f}]" if sound else "")
        found.append(Bar(one.name, per_cent(seen.mean), *ends, f"{text} %", seen.verdict if sound else UNCLEAR))
    if (expected := one.expected) is not None:
        mean, low, high = (per_cent(end) for end in (expected.mean, expected.low, expected.high))
        verdict = LOWER if high < 0 else HIGHER if low > 0 else UNCLEAR
        found.append(Bar("expected" if found else one.name, mean, low, high, expected.text(), verdict))
    return found


def _differences(one: Raced) -> list[Bar]:
    """What a race saw of a method of a module, in the unit of its error."""
    if (seen := one.seen) is None:
        return []
    ends = (seen.low, seen.high) if seen.n > 1 else (math.nan, math.nan)
    text = f"{seen.mean:+.3g}" + (f" [{seen.low:+.3g}, {seen.high:+.3g}]" if seen.n > 1 else "")
    return [Bar(one.name, seen.mean, *ends, text, seen.verdict)]


def per_cent(change: float) -> float:
    """A logarithm of a ratio as a change in per cent."""
    return 100 * math.expm1(min(change, 700.0))


def _seen(seen: Estimate | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {"change": per_cent(seen.mean), "low": per_cent(seen.low), "high": per_cent(seen.high), "units": seen.n}


def _difference(seen: Estimate | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    low, high = (end if math.isfinite(end) else None for end in (seen.low, seen.high))
    return {"difference": seen.mean, "low": low, "high": high, "seeds": seen.n}


def _expected(expected: Expected | None) -> dict[str, Any] | None:
    if expected is None:
        return None
    ends = {name: per_cent(getattr(expected, name)) for name in ("mean", "low", "high")}
    return ends | {"helps": expected.helps, "hurts": expected.hurts}
