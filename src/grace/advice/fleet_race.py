"""The race of a fleet: who runs next, what it says so far, and a file that an interrupted one goes on from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from grace.advice.advice import ADD, ALONE, FORMAT, UNDECIDED, Label, Raced
from grace.advice.race import Lap, estimate
from grace.advice.rule import Rule
from grace.advice.standing import Laps, Standing
from grace.advice.ways import FOLDS, Way, alone, beside
from grace.core.stats import Estimate
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.errors import GraceError
from grace.formats import DamagedError, checksum, rounded
from grace.models.cnn_bilstm_attention import NARROW

KEPT = 2
"""Ways of RUL alone that run on after the first lap, beside the first, which changes are against."""
UNLIKELY = 0.1
"""Probability of a gain that nothing is added for."""
SLOWER = 3.0
"""Time of a wide trunk, in times of a narrow one."""

Entry = tuple[Way, int]
"""A way and the number of its lap."""


@dataclass
class FleetRace:
    """A race in the state that it is in.

    Attributes:
        fleet: Training units.
        conventions: How they are read, with the tasks that race; each has a weight.
        size: Size of the network that is to be trained.
        rule: What turns a race into an expectation.
        file: Where the state is kept after every lap; None keeps none.
        laps: Laps by way.
        labels: What is known of the labels.
        spent: Seconds so far, of all sessions.
        pace: Seconds of a lap of a narrow trunk, with as many processes as there were; NaN: nobody knows yet.
        skipped: Ways of RUL alone that the budget has no time for.
        refused: Ways that could not be trained, with the reason; they have no further laps.
        course: How a second task stood after each of its laps, in the order in which they ran, and the seconds ``spent`` by then.
    """

    fleet: Fleet
    conventions: Conventions
    size: str
    rule: Rule
    file: Path | None = None
    laps: dict[Way, dict[int, Lap]] = field(default_factory=dict)
    labels: tuple[Label, ...] = ()
    spent: float = 0.0
    pace: float = math.nan
    skipped: set[Way] = field(default_factory=set)
    refused: dict[Way, str] = field(default_factory=dict)
    course: list[dict[str, Any]] = field(default_factory=list)

    @property
    def some_suspended(self) -> bool:
        """Whether there are suspended units."""
        return len(self.fleet.failures) < len(self.fleet.engines)

    @property
    def unlike(self) -> list[str]:
        """Labels that no suspended unit has although there are some: those of the study told what units that still run are like,
        which is where what RUL says of a label counts."""
        return [label.name for label in self.labels if self.some_suspended and not label.suspended]

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of what is raced: the data, how they are read, the tasks and the size."""
        return checksum(self._of)[:12]

    @cached_property
    def _of(self) -> dict[str, Any]:
        return {
            "data": self.fleet.digest(),
            "conventions": self.conventions.to_json(),
            "size": self.size,
            "folds": FOLDS,
        }

    @cached_property
    def references(self) -> list[Way]:
        """RUL alone."""
        return alone(self.size, self.some_suspended)

    @property
    def candidates(self) -> list[Way]:
        """Second tasks, on the trunk that RUL alone is expected to be best with after its first lap; without those that never
        could be trained."""
        first = {way: {0: self.laps[way][0]} for way in self.references if 0 in self.laps.get(way, {})}
        size = self._standing([], first).best_alone.size if first else self.size
        every = beside(self.conventions.tasks, size, self.some_suspended)
        return [way for way in every if way not in self.refused or self.laps.get(way)]

    def rounds(self) -> list[list[Entry]]:
        """What is still to be run, in rounds: RUL alone, every second task once; then the better half of the tasks and the best
        ways of RUL alone until all laps are run; then the others (successive halving, Jamieson and Talwalkar 2016)."""
        first = self._missing([way for way in self.references if way not in self.skipped], [0])
        if first:
            return [first]
        standing, more = self.now, range(1, self.rule.laps)
        second = self._missing(standing.tasks, [0])
        if second:
            return [second]
        kept = dict.fromkeys([self.references[0], *standing.alone[:KEPT]])
        better = standing.tasks[: math.ceil(len(standing.tasks) / 2)]
        found = [self._missing([*kept, *better], [lap]) for lap in more]
        found += [self._missing(standing.tasks, [lap]) for lap in more]
        return [some for some in found if some]

    def too_dear(self, entries: Sequence[Entry], left: float) -> bool:
        """Whether these are ways of RUL alone that have not run and would leave no time to run each second task once, on a narrow
        trunk; they are skipped then."""
        ways = {way for way, lap in entries if lap == 0}
        dear = sum(map(self.cost, entries)) + len(self.candidates) > left
        if dear and len(ways) == len(entries) and ways <= set(self.references[1:]):
            self.skipped |= ways
            return True
        return False

    def cost(self, entry: Entry) -> float:
        """Time of a lap, in laps of a narrow trunk."""
        return 1.0 if entry[0].size.endswith(NARROW) else SLOWER

    def add(self, entry: Entry, lap: Lap) -> None:
        """Keep a lap."""
        way, number = entry
        self.laps.setdefault(way, {})[number] = lap
        if way.tasks:
            self.course.append(self._said(way, self.now) | {"spent": self.spent})
        self.save()

    def refuse(self, way: Way, reason: str) -> None:
        """Keep that a way could not be trained.

        Raises:
            GraceError: All changes are against this way and it has no lap, or no second task is left.
        """
        self.refused[way] = reason
        if (way == self.references[0] and not self.laps.get(way)) or not self.candidates:
            raise GraceError(reason)
        self.save()

    def reference(self) -> Way | None:
        """The way of RUL alone, of those that ran, of which the least error is expected; None where none has run."""
        return next(iter(self.now.alone), None)

    def seen(self, way: Way) -> Estimate | None:
        """What the race says of a way, over the laps that it shares with the reference."""
        best = self.reference()
        return None if best is None else self._seen(way, best)

    def standing(self) -> tuple[Raced, ...]:
        """All ways as they stand, references first, then second tasks by what is to be expected of them."""
        standing = self.now
        ran = [way for way in self.references if self.laps.get(way)]
        return tuple(self._row(way, standing) for way in (*ran, *standing.tasks))

    def verdict(self) -> str:
        """What follows so far."""
        return self._verdict(self.now)

    def _verdict(self, standing: Standing) -> str:
        expected = [standing.expected(way) for way in standing.tasks if self.laps.get(way)]
        if not expected or not standing.alone:
            return UNDECIDED
        if min(one.high for one in expected) < 0:
            return ADD
        every = len(expected) == len(standing.tasks)
        return ALONE if every and max(one.helps for one in expected) < UNLIKELY else UNDECIDED

    def best_task(self) -> Way | None:
        """Of an added one the way of least expected error; else the one of all."""
        standing = self.now
        if self._verdict(standing) == ADD:
            return next(way for way in standing.tasks if self.laps.get(way) and standing.expected(way).high < 0)
        return next(iter(standing.tasks), None)

    @property
    def now(self) -> Standing:
        """How all ways stand."""
        return self._standing(self.candidates, self.laps)

    def _standing(self, tasks: Sequence[Way], laps: Laps) -> Standing:
        kinds = {task.name: task.kind for task in self.conventions.tasks}
        given = {label.name: math.nan if label.name in self.unlike else label.given_rul for label in self.labels}
        return Standing.of(self.rule, kinds, given, self.references, tasks, laps)

    def save(self) -> None:
        """Write the state, whole or not at all."""
        if self.file is None:
            return
        laps = {_key(way): {str(number): lap for number, lap in laps.items()} for way, laps in self.laps.items()}
        labels = [asdict(label) for label in self.labels]
        for label in labels:  # NaN is no JSON
            label["given_rul"] = None if math.isnan(label["given_rul"]) else label["given_rul"]
        now = self.now
        ran = [way for way in self.references if self.laps.get(way)]
        standing = [self._said(way, now) for way in (*ran, *now.tasks)]
        seen = {"name": self.fleet.name, "unit": self.conventions.unit} | rounded(
            {"standing": standing, "course": self.course}
        )
        refused = {"refused": {_key(way): reason for way, reason in self.refused.items()}}
        spent = {"spent": round(self.spent, 1), "pace": None if math.isnan(self.pace) else round(self.pace, 3)}
        FORMAT.write(self.file, {"of": self._of, "laps": laps, "labels": labels} | refused | spent | seen)

    def resume(self) -> None:
        """Go on from the file, where there is one.

        Raises:
            GraceError: It is damaged, or of another race.
        """
        if self.file is None or not self.file.exists():
            return
        body = FORMAT.read(self.file)
        if checksum(body.get("of")) != checksum(self._of):
            raise GraceError(
                f"{self.file} should be the race of these data, tasks and options. Found that of others. Name another file, or "
                "remove it to begin anew."
            )
        try:
            self.laps = {_way(key): _laps(laps) for key, laps in body["laps"].items()}
            self.labels = tuple(Label(**label | {"given_rul": _number(label["given_rul"])}) for label in body["labels"])
            self.spent, pace = float(body["spent"]), _number(body.get("pace"))
            self.pace = pace if pace > 0 else math.nan
            self.course = list(body.get("course", []))
            self.refused = {_way(key): str(reason) for key, reason in body.get("refused", {}).items()}
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(self.file, f"{type(error).__name__} {error}") from None

    def _missing(self, ways: Sequence[Way], laps: Sequence[int]) -> list[Entry]:
        ways = [way for way in ways if way not in self.refused]
        return [(way, lap) for lap in laps for way in ways if lap not in self.laps.get(way, {})]

    def _error(self, way: Way, laps: Sequence[int]) -> float:
        """RMSE out of fold over failed units, pooled over laps, in the unit of RUL."""
        squared = [value for lap in laps for value in self.laps[way][lap].values()]
        return math.sqrt(sum(squared) / (len(laps) * self._units))

    @cached_property
    def _units(self) -> int:
        return len(self.fleet.failures)

    def _seen(self, way: Way, best: Way) -> Estimate | None:
        shared = sorted(self.laps.get(way, {}).keys() & self.laps.get(best, {}).keys()) if way != best else []
        return estimate(self.laps[way], self.laps[best], shared) if shared else None

    def _said(self, way: Way, standing: Standing) -> dict[str, Any]:
        """How a way stands as JSON values; a second task with the ``kind`` that the rule takes it for."""
        row = self._row(way, standing).to_json()
        return row | ({"kind": standing.kinds[standing.ways.index(way)].name} if way.tasks else {})

    def _row(self, way: Way, standing: Standing) -> Raced:
        laps, best = sorted(self.laps.get(way, {})), next(iter(standing.alone), None)
        error = self._error(way, laps) if laps else math.nan
        if best is None or way == best:
            return Raced(way.name, len(laps), error)
        return Raced(way.name, len(laps), error, self._seen(way, best), standing.expected(way))


def _key(way: Way) -> str:
    return f"{way.size} {way.suspended} {','.join(way.tasks)}"


def _way(key: str) -> Way:
    size, suspended, tasks = key.split(" ")
    return Way(size, suspended, tuple(filter(None, tasks.split(","))))


def _laps(laps: Mapping[str, Mapping[str, float]]) -> dict[int, Lap]:
    return {int(number): {str(unit): float(value) for unit, value in lap.items()} for number, lap in laps.items()}


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
