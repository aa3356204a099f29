"""How well predictors and expectations of the study of advice came true; spans are over groups of data, drawn whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.linear_model import LogisticRegression

from grace.advice.rule import LEVEL, Expected
from grace.core.stats import Estimate, Span, bootstrap, mean, quantile
from grace.validity.advice_study import HELPS, HURTS, WINDOWS, AdviceStudy, Choice, Outcome, Said, Seen
from grace.validity.judge import area

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ORACLE = "oracle"
"""The policy that regret is over: of all ways the one that is best in the other draws."""


@dataclass(frozen=True)
class Areas:
    """How well a predictor tells.

    Attributes:
        helps: Area under the ROC curve for *helps* against *nothing* and *hurts*, of resolved cases, each in each draw.
        hurts: For *hurts* against the others.
        within: As ``helps``, one group at a time: mean over the groups that hold both; NaN where none does.
        brier: Brier score of the probability of *helps* by logistic regression, each group predicted from the others.
        n: Cases in draws.
    """

    helps: Span
    hurts: Span
    within: float
    brier: float
    n: int

    @classmethod
    def of(cls, seen: Seen) -> Areas:
        """Of what a predictor said of resolved cases."""
        helps, hurts = seen.word == HELPS, seen.word == HURTS
        inside = [_plain(seen.score[at], helps[at]) for at in (seen.group == one for one in np.unique(seen.group))]
        known = [value for value in inside if math.isfinite(value)]
        return cls(
            bootstrap(area, seen.score, helps, families=seen.group),
            bootstrap(area, seen.safe, ~hurts, families=seen.group),
            float(np.mean(known)) if known else math.nan,
            brier(chances(seen, helps), helps),
            len(seen.score),
        )


def _plain(score: Floats, positive: Bools) -> float:
    return float(area(score, positive, np.ones(len(score))))


def chances(seen: Seen, happened: Bools) -> Floats:
    """Probability of something by logistic regression on a score, each group predicted from the others; NaN without others."""
    found = np.full(len(happened), np.nan)
    for group in np.unique(seen.group):
        mine, kept = seen.group == group, seen.group != group
        if not kept.any():
            continue
        if len(np.unique(happened[kept])) < 2:
            found[mine] = happened[kept].mean()
            continue
        centre, scale = seen.score[kept].mean(), seen.score[kept].std() or 1.0
        x = ((seen.score - centre) / scale)[:, None]
        fitted = LogisticRegression(solver="newton-cholesky").fit(x[kept], happened[kept])
        found[mine] = fitted.predict_proba(x[mine])[:, 1]
    return found


def base_rates(group: NDArray[np.str_], happened: Bools) -> Floats:
    """How often it happened in the other groups."""
    return np.array([happened[group != one].mean() if (group != one).any() else np.nan for one in group])


def brier(chance: Floats, happened: Bools) -> float:
    """Mean squared error of probabilities."""
    known = np.isfinite(chance)
    return float(np.square(chance[known] - happened[known]).mean()) if known.any() else math.nan


def holds(one: Outcome, said: Expected) -> bool:
    """Whether the 90 % interval of what was expected holds the effect, with the error that this is known with."""
    half = float(ndtri((1 + LEVEL) / 2)) * math.hypot(said.sd, one.error)
    return abs(one.effect.mean - said.mean) <= half


Rows = Sequence[tuple[Outcome, Said]]
"""Cases, each in a draw in which it was raced."""


def raced(outcomes: Sequence[Outcome]) -> Rows:
    """Every case in every draw in which it was raced."""
    return [(one, said) for one in outcomes for said in one.said if said.expected is not None]


def named(outcomes: Sequence[Outcome]) -> Rows:
    """Of each world and draw the second task of which the least error is expected, where it is less than that of RUL alone: what
    a user sees named."""
    best: dict[tuple[str, int], tuple[Outcome, Said]] = {}
    for one, said in raced([one for one in outcomes if one.size != WINDOWS]):
        other = best.get((one.world, said.draw))
        if other is None or _mean_of(said) < _mean_of(other[1]):
            best[one.world, said.draw] = one, said
    return [(one, said) for one, said in best.values() if _mean_of(said) < 0]


def _mean_of(said: Said) -> float:
    return said.after[0] if said.after is not None else math.inf


@dataclass(frozen=True)
class Coverage:
    """How often 90 % intervals held.

    Attributes:
        share: That did, with the error that the effect is known with.
        expected: Mean logarithm that was expected.
        came: Mean effect.
        wrong: SD of the difference.
        n: Cases in draws.
    """

    share: Span
    expected: float
    came: float
    wrong: float
    n: int

    @classmethod
    def of(cls, rows: Rows) -> Coverage:
        """Of what was expected and came."""
        found = [
            (holds(one, said.expected), said.expected.mean, one.effect.mean, one.group)
            for one, said in rows
            if said.expected is not None
        ]
        if not found:
            return cls(Span(math.nan, math.nan, math.nan), math.nan, math.nan, math.nan, 0)
        held, expected, came, group = (np.array(column) for column in zip(*found, strict=True))
        share = bootstrap(mean, held.astype(float), families=group)
        return cls(share, float(expected.mean()), float(came.mean()), float((came - expected).std()), len(found))


@dataclass(frozen=True)
class Regret:
    """What a policy loses, logarithms of RMSE.

    Attributes:
        policy: Its name.
        regret: Over an oracle that chooses by the other draws.
        user: The same in the user's part.
        loss: Over RUL alone tuned as well by the other draws.
        worst: Upper end of the interval of :func:`by_group` of the loss in the group where that is largest, and the group.
        n: Draws of worlds.
    """

    policy: str
    regret: Span
    user: Span
    loss: Span
    worst: tuple[float, str]
    n: int

    @classmethod
    def every(cls, choices: Sequence[Choice]) -> list[Regret]:
        """Of all policies, in their order."""
        return [cls.of(name, choices) for name in dict.fromkeys(one.policy for one in choices)]

    @classmethod
    def of(cls, policy: str, choices: Sequence[Choice]) -> Regret:
        """Of one."""
        mine = [one for one in choices if one.policy == policy]
        losses = [(one.loss, one.group) for one in mine if one.loss is not None]
        ends = {
            group: found.high if math.isfinite(found.high) else math.inf
            for group, found in by_group(policy, choices).items()
        }
        worst = max(ends, key=ends.__getitem__, default="")
        return cls(
            policy,
            _mean([(one.regret, one.group) for one in mine]),
            _mean([(one.regret, one.group) for one in mine if one.user]),
            _mean(losses),
            (ends.get(worst, math.nan), worst),
            len(mine),
        )


def in_common(choices: Sequence[Choice]) -> list[Choice]:
    """Choices in the draws in which every policy chose."""
    draws: dict[str, set[tuple[str, int]]] = {}
    for one in choices:
        draws.setdefault(one.policy, set()).add((one.world, one.draw))
    shared = set.intersection(*draws.values()) if draws else set()
    return [one for one in choices if (one.world, one.draw) in shared]


def alike(outcomes: Sequence[Outcome]) -> Span:
    """Mean logarithm of the RMSE of cases over that of RUL alone with the same trunk and word on suspended units."""
    return _mean([(one.alike.mean, one.group) for one in outcomes if one.alike is not None])


def at_windows(study: AdviceStudy) -> tuple[Span, int]:
    """Mean logarithm of the RMSE of cases at ``compact`` over that of the same cases on statistics, and how many there are."""
    of = {_task(one): one for one in study.outcomes if one.size != WINDOWS and not one.user}
    pairs = [(one, of[_task(one)]) for one in study.outcomes if one.size == WINDOWS and _task(one) in of]
    return _mean([(one.effect.mean - other.effect.mean, one.group) for one, other in pairs]), len(pairs)


def _task(one: Outcome) -> tuple[str, str, float, str]:
    return one.world, one.label, one.weight, one.suspended


def by_group(policy: str, choices: Sequence[Choice]) -> dict[str, Estimate]:
    """What a policy loses over RUL alone tuned as well, by group of data; Student's 95 % interval over draws of these worlds,
    which differ from each other: draws spread about the mean of their world, ``sum (n_w - 1)`` degrees of freedom in all."""
    found: dict[str, dict[str, list[float]]] = {}
    for one in choices:
        if one.policy == policy and one.loss is not None:
            found.setdefault(one.group, {}).setdefault(one.world, []).append(one.loss)
    return {group: _stratified(list(worlds.values())) for group, worlds in found.items()}


def _stratified(worlds: Sequence[Sequence[float]]) -> Estimate:
    every = np.concatenate(worlds)
    value, n, freedom = float(every.mean()), len(every), len(every) - len(worlds)
    if not freedom:
        return Estimate(value, math.nan, math.nan, n)
    spread = sum(float(np.square(np.array(one) - np.mean(one)).sum()) for one in worlds) / freedom
    half = quantile(freedom) * math.sqrt(spread / n)
    return Estimate(value, value - half, value + half, n)


def oracles(policy: str, choices: Sequence[Choice]) -> list[Choice]:
    """The oracle's own choices in the draws of a policy: that policy's loss less its regret."""
    return [
        replace(one, policy=ORACLE, regret=0.0, loss=one.loss - one.regret)
        for one in choices
        if one.policy == policy and one.loss is not None
    ]


def ahead(study: AdviceStudy, policy: str, other: str) -> Span:
    """Mean logarithm of the RMSE of a policy over that of another one, in the same draws."""
    of = {(one.world, one.draw): one.regret for one in study.choices if one.policy == other}
    mine = [
        (one, of[one.world, one.draw]) for one in study.choices if one.policy == policy and (one.world, one.draw) in of
    ]
    return _mean([(one.regret - theirs, one.group) for one, theirs in mine])


def _mean(rows: Sequence[tuple[float, str]]) -> Span:
    if not rows:
        return Span(math.nan, math.nan, math.nan)
    values, groups = zip(*rows, strict=True)
    return bootstrap(mean, np.array(values, float), families=np.array(groups))
