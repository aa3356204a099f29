"""What a user loses by following an advice, or a fixed habit, against the method that other seeds show to be best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.core.stats import Span, bootstrap, mean
from grace.validity.judge import all_scores
from grace.validity.study import ALONE, JOINT, METHODS, CaseResult, ValidityStudy, families_of

Floats = NDArray[np.float64]

SOURCE_RULE = "source's rule"
SIMPLEST = "rul-only-weighted"
"""The fixed method with the least regret over all cases; not over those of the tuned recipe."""

PERMUTATIONS = 200


@dataclass(frozen=True)
class Policy:
    """What a user loses by a policy."""

    name: str
    regret: Span  # mean regret, per cent of RMSE, against the method that is best on the *other* seeds: _regrets
    to_source: Span  # its paired difference to the source's rule
    to_simplest: Span  # its paired difference to always SIMPLEST
    hindsight: Span  # mean regret against the best of six methods in hindsight: too large by about noise_floor

    @classmethod
    def every(cls, study: ValidityStudy, figure: str = "rmse") -> list[Policy]:
        """Regret of fixed policies, of picking at random, of the source's rule and of every predictor's advice.

        A predictor's advice: a joint method where its score exceeds a threshold, RUL alone (with either inner axis) below; both
        methods and the threshold are those with the least regret on the other families. The source's rule is asked in every
        initialisation that was measured, and its regret is the mean over them.
        """
        cases, families = study.cases, families_of(study.cases)
        values = [_by_seed(case, figure) for case in cases]
        lost, late = np.array([_regrets(v) for v in values]), np.array([_in_hindsight(v) for v in values])
        gain = -np.array([case.effect("baseline", figure).mean for case in cases])
        shares = {f"always {method}": np.eye(len(METHODS))[[i] * len(cases)] for i, method in enumerate(METHODS)}
        shares["random"] = np.full_like(lost, 1 / len(METHODS))
        shares[SOURCE_RULE] = np.mean([_one_hot(picked) for picked in _prescribed(cases)], axis=0)
        shares |= {name: _advised(score, lost, families) for name, score in all_scores(study, gain).items()}
        rows = {name: ((share * lost).sum(1), (share * late).sum(1)) for name, share in shares.items()}
        source, simplest = rows[SOURCE_RULE][0], rows[f"always {SIMPLEST}"][0]

        def over_cases(loss: Floats) -> Span:
            return bootstrap(mean, loss, families=families)

        return [
            cls(name, over_cases(loss), over_cases(loss - source), over_cases(loss - simplest), over_cases(hindsight))
            for name, (loss, hindsight) in rows.items()
        ]


def _by_seed(case: CaseResult, figure: str = "rmse") -> Floats:
    """A figure of every method on the seeds that all of them have, ``[methods, seeds]``, cycles."""
    found = [case.values(method, figure) for method in METHODS]
    seeds = sorted(set.intersection(*(set(values) for values in found)))
    return np.array([[values[seed] for seed in seeds] for values in found])


def _regrets(values: Floats) -> Floats:
    """Regret of each method ``[methods]``, per cent, against an oracle that the noise of a seed cannot flatter.

    For each seed the oracle takes the method that is best on average over the *other* seeds; what it takes is judged on this one.
    A regret below 0 is possible: the method was better than the oracle's choices.

    Args:
        values: ``[methods, seeds]``, two seeds or more.
    """
    count = values.shape[1]
    others = (values.sum(1, keepdims=True) - values) / (count - 1)
    oracle = values[others.argmin(0), np.arange(count)].mean()
    found: Floats = 100 * (values.mean(1) / oracle - 1)
    return found


def _in_hindsight(values: Floats) -> Floats:
    """Regret of each method against the least of the methods' means: noise alone makes it positive for all."""
    means = values.mean(1)
    found: Floats = 100 * (means / means.min() - 1)
    return found


def noise_floor(cases: Sequence[CaseResult], figure: str = "rmse") -> Span:
    """Regret in hindsight that every fixed method would show if all six were equal.

    Each method's deviations from its own mean, widened for the mean that was fitted, are given the methods at random within each
    seed, :data:`PERMUTATIONS` times.
    """
    rng = np.random.default_rng(0)
    floors = np.array([_floor(_by_seed(case, figure), rng) for case in cases])
    return bootstrap(mean, floors, families=families_of(cases))


def _floor(values: Floats, rng: np.random.Generator) -> float:
    count = values.shape[1]
    deviations = (values - values.mean(1, keepdims=True)) * (count / (count - 1)) ** 0.5
    drawn = values.mean() + rng.permuted(np.tile(deviations, (PERMUTATIONS, 1, 1)), axis=1)
    means = drawn.mean(2)
    return float((100 * (means.mean(1) / means.min(1) - 1)).mean())


def _prescribed(cases: Sequence[CaseResult]) -> list[tuple[str, ...]]:
    """What the source's procedure prescribes in each case, once for every initialisation that all of them were measured in."""
    return list(zip(*(case.prescribed for case in cases), strict=False))


def source_losses(cases: Sequence[CaseResult], figure: str = "rmse") -> list[float]:
    """Mean regret in hindsight of the source's rule, once for every initialisation."""
    late = np.array([_in_hindsight(_by_seed(case, figure)) for case in cases])
    return [float((_one_hot(picked) * late).sum(1).mean()) for picked in _prescribed(cases)]


def _one_hot(picked: Sequence[str]) -> Floats:
    return np.eye(len(METHODS))[[METHODS.index(name) for name in picked]]


def _advised(score: Floats, regret: Floats, families: NDArray[np.str_]) -> Floats:
    """What following a score picks, as a share of each method ``[cases, methods]``; chosen on the other families."""
    share = np.zeros_like(regret)
    for family in np.unique(families):
        out = families == family
        share[out] = _followed(_best_rule(score[~out], regret[~out]), score[out])
    return share


@dataclass(frozen=True)
class _Rule:
    """Column ``joint`` where the score exceeds the threshold, column ``alone`` below, or where it is undefined."""

    alone: int
    joint: int
    threshold: float


def _followed(rule: _Rule, score: Floats) -> Floats:
    """What a rule picks, as a share of each method ``[cases, methods]``."""
    share = np.nan_to_num(score, nan=-np.inf) > rule.threshold
    return np.eye(len(METHODS))[np.where(share, rule.joint, rule.alone)]


def _best_rule(score: Floats, regret: Floats) -> _Rule:
    """The rule with the least mean regret; among equals the one that shares least."""
    values = np.nan_to_num(score, nan=-np.inf)
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    # sharing in the first n cases, n = 0 .. N, is a threshold where the score falls after the n-th
    falls = np.concatenate([[True], ranked[:-1] > ranked[1:], [bool(np.isfinite(ranked[-1]))]])
    edges = np.concatenate([[np.inf], (ranked[:-1] + ranked[1:]) / 2, [-np.inf]])
    best, lowest = _Rule(0, len(ALONE), np.inf), np.inf
    for alone in map(METHODS.index, ALONE):
        for joint in map(METHODS.index, JOINT):
            change = (regret[:, joint] - regret[:, alone])[order]
            total = regret[:, alone].sum() + np.concatenate([[0.0], np.cumsum(change)])
            n = int(np.argmin(np.where(falls, total, np.inf)))
            if total[n] < lowest - 1e-12:
                best, lowest = _Rule(alone, joint, float(edges[n])), total[n]
    return best
