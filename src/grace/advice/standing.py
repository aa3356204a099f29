"""How the ways of a race stand: what the rule expects of each from the laps that were run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grace.advice.race import Lap, change
from grace.advice.rule import RUL_ALONE, TOGETHER, Expected, Kind, Posterior, Rule, kind_of
from grace.advice.ways import Way

Laps = Mapping[Way, Mapping[int, Lap]]


@dataclass(frozen=True)
class Standing:
    """Ways of a race, by the error that is expected of them.

    Attributes:
        rule: The rule.
        ways: All, RUL alone first.
        kinds: Of each.
        raced: Change that the race shows of each against the first, by number.
        units: Failed units, or groups of them, that laps are judged on.
        posterior: What is expected of all.
        alone: RUL alone, those that ran, the least error first.
        tasks: Second tasks likewise, whether or not they ran.
    """

    rule: Rule
    ways: list[Way]
    kinds: list[Kind]
    raced: dict[int, float]
    units: int
    posterior: Posterior
    alone: list[Way]
    tasks: list[Way]

    @classmethod
    def of(
        cls,
        rule: Rule,
        kinds: Mapping[str, str],
        given: Mapping[str, float],
        references: Sequence[Way],
        tasks: Sequence[Way],
        laps: Laps,
    ) -> Standing:
        """From the laps that each way shares with the first; of tasks by name their ``kinds``, and how far RUL predicts their
        labels, ``given``, NaN where nobody knows."""
        ways, first = [*references, *tasks], laps.get(references[0], {})
        raced = {}
        for number, way in enumerate(ways[1:], 1):
            if shared := sorted(laps.get(way, {}).keys() & first.keys()):
                raced[number] = change(laps[way], first, shared)
        units = len(next(iter(first.values()))) if first else 0
        of_ways = [_kind(way, kinds, given) for way in ways]
        posterior = rule.posterior(of_ways, raced, units)
        mean = dict(zip(ways, posterior.mean.tolist(), strict=True))
        alone = sorted((way for way in references if laps.get(way)), key=mean.__getitem__)
        return cls(rule, ways, of_ways, raced, units, posterior, alone, sorted(tasks, key=mean.__getitem__))

    @property
    def best_alone(self) -> Way:
        """RUL alone of the least expected error; before any ran, the first."""
        return self.alone[0] if self.alone else self.ways[0]

    def expected(self, way: Way) -> Expected:
        """Change by a way against the best of RUL alone."""
        return self.posterior.change(self.ways.index(way), self.ways.index(self.best_alone))

    def needed(self, way: Way) -> int | None:
        """Failed units that would decide a way, if they showed the same; None where they would not, or nothing was shown."""
        if not self.raced:
            return None
        at, against = self.ways.index(way), self.ways.index(self.best_alone)
        return self.rule.units_needed(self.kinds, self.raced, self.units, at, against)


def _kind(way: Way, kinds: Mapping[str, str], given: Mapping[str, float]) -> Kind:
    """Of several tasks the kinds of all, with the mean of how far RUL predicts their labels."""
    if not way.tasks:
        return Kind(RUL_ALONE, way.suspended)
    known = [max(share, 0.0) for name in way.tasks if not math.isnan(share := given.get(name, math.nan))]
    says = sum(known) / len(known) if known else math.nan
    labels = [kind_of(kinds[name], name, way.suspended).label for name in way.tasks]
    return Kind(TOGETHER.join(labels), way.suspended, says)
