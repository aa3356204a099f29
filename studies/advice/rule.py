"""The rule of `grace advise`, fitted on cases: priors of kinds of labels, the noise of a race, how wide intervals have to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import ndtri

from grace.advice.rule import LEVEL, Expected, Prior, Rule, kind_of_label
from grace.data.tasks import CLASS, REGRESSION
from grace.validity.advice_study import NUMBERS
from studies.advice.cases import WEIGHTS, Case
from studies.advice.judged import Seen
from studies.advice.records import RACES

ANY = "any"
FEW = 6
"""Cases of a kind below which its spread is that of all."""
LEAST_SD = 0.01


@dataclass(frozen=True)
class LeftOut:
    """A case in one draw, and what a rule that never saw its group expects: before a race, and after its laps."""

    seen: Seen
    before: Expected
    after: Expected | None


def kind(case: Case) -> str:
    """Of the case's prior."""
    name = case.way.label
    return kind_of_label(REGRESSION if name in NUMBERS else CLASS, name, case.way.suspended)


def fitted(observed: Sequence[Seen], wider: float = 1.0) -> Rule:
    """The rule of these cases."""
    cases = {one.case: one for one in observed}
    of: dict[str, list[Case]] = {ANY: list(cases)}
    for case in cases:
        of.setdefault(kind(case), []).append(case)
    everything = _prior(cases, of[ANY], None)
    priors = {name: _prior(cases, some, everything if len(some) < FEW else None) for name, some in of.items()}
    per_unit, per_lap = _noise(observed)
    failures = [one.failures for one in observed]
    return Rule(
        priors,
        per_unit,
        per_lap,
        wider,
        (min(failures), max(failures)),
        RACES,
        (min(WEIGHTS), max(WEIGHTS)),
        {"cases": len(cases), "groups": len({case.world.group for case in cases})},
    )


def _prior(cases: dict[Case, Seen], some: Sequence[Case], spread: Prior | None) -> Prior:
    """Mean and SD of the effects of some cases, without the noise that each is known with; the mean of a kind with few is drawn
    to that of all."""
    effects = np.array([cases[case].verdict.effect.mean for case in some])
    noise = np.array([cases[case].error ** 2 for case in some])
    if spread is not None:
        share = len(some) / (len(some) + FEW)
        return Prior(float(share * effects.mean() + (1 - share) * spread.mean), spread.sd, len(some))
    variance = float(effects.var(ddof=1) - noise.mean()) if len(some) > 1 else 0.0
    return Prior(float(effects.mean()), max(variance, LEAST_SD**2) ** 0.5, len(some))


def _noise(observed: Sequence[Seen]) -> tuple[float, float]:
    """Variance of a race: least squares of what it was wrong by, on one over units and one over laps, relative to its size."""
    rows, wrong = [], []
    for one in observed:
        for laps, race in one.races.items():
            rows.append((1 / race.n, 1 / laps))
            wrong.append((race.mean - one.verdict.effect.mean) ** 2 - one.error**2)
    x, y = np.array(rows), np.array(wrong)
    weight = 1 / x.sum(1)
    found, _ = nnls(x * weight[:, None], y * weight)
    return float(found[0]), float(found[1])


def left_out(observed: Sequence[Seen]) -> list[LeftOut]:
    """Every case in every draw under the rule of the other groups, whose width is set by leaving out each of *these* in turn."""
    return [one for group in groups(observed) for one in _of_group(observed, group)]


def groups(observed: Sequence[Seen]) -> list[str]:
    """Names of the groups."""
    return sorted({one.case.world.group for one in observed})


def _of_group(observed: Sequence[Seen], group: str) -> Iterator[LeftOut]:
    others = [one for one in observed if one.case.world.group != group]
    rule = fitted(others, width(others))
    for one in observed:
        if one.case.world.group == group:
            yield LeftOut(one, rule.expected(kind(one.case)), expected(rule, one))


def expected(rule: Rule, one: Seen) -> Expected | None:
    """After all laps of its race; None of a case that was not raced."""
    if not one.races:
        return None
    laps = max(one.races)
    return rule.expected(kind(one.case), one.races[laps].n, laps, one.races[laps].mean)


def width(observed: Sequence[Seen]) -> float:
    """By what SDs are multiplied so that 90 % intervals of the effect hold in 90 % of the cases of groups that were left out."""
    ratios: list[float] = []
    for group in groups(observed):
        rule = fitted([one for one in observed if one.case.world.group != group])
        ratios += [
            abs(one.verdict.effect.mean - found.mean) / (found.sd**2 + one.error**2) ** 0.5
            for one in observed
            if one.case.world.group == group and (found := expected(rule, one)) is not None
        ]
    return max(1.0, float(np.quantile(ratios, LEVEL)) / float(ndtri((1 + LEVEL) / 2))) if ratios else 1.0


def covered(found: Sequence[LeftOut]) -> NDArray[np.bool_]:
    """Whether the 90 % interval of each case that was raced holds its effect, with the noise that this is known with."""
    held = []
    for one in found:
        if one.after is None:
            continue
        half = float(ndtri((1 + LEVEL) / 2)) * (one.after.sd**2 + one.seen.error**2) ** 0.5
        held.append(abs(one.seen.verdict.effect.mean - one.after.mean) <= half)
    return np.array(held, dtype=np.bool_)
