"""What a user loses by following an advice, or a fixed habit, against the best method in hindsight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.alignment.decide import SOURCE, STUDY, Evidence, decide
from grace.validity.effects import effect
from grace.validity.judge import all_scores, families_of
from grace.validity.outcomes import ALONE, JOINT, METHODS
from grace.validity.predictors import cosine
from grace.core.stats import Span, bootstrap, mean
from grace.validity.study import Measured

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Policy:
    """What a user loses by a policy, against the best method in hindsight.

    Attributes:
        name: Name.
        regret: Mean regret, per cent of the best method's RMSE.
        to_source: Its paired difference to the source's rule.
        to_simplest: Its paired difference to always RUL alone with weighted MSE, the best fixed method.
        best: Share of the cases where it picks the method that was best in hindsight.
    """

    name: str
    regret: Span
    to_source: Span
    to_simplest: Span
    best: float


SOURCE_RULE = "source's rule"


def policies(cases: Sequence[Measured], figure: str = "rmse") -> list[Policy]:
    """Regret of fixed policies, of picking at random, of the source's rule and of every predictor's advice.

    A predictor's advice: a joint method where its score exceeds a threshold, RUL alone (with either inner axis) below; both
    methods and the threshold are those with the least regret on the other families. The best method in hindsight is the
    least of six noisy means, so that all regrets are somewhat too large, and alike.
    """
    values = np.array([[mean_rmse(case, method, figure) for method in METHODS] for case in cases])
    regret = 100 * (values / values.min(axis=1, keepdims=True) - 1)
    gain = -np.array([effect(case, "baseline", figure).mean for case in cases])
    losses: dict[str, Floats] = {f"always {method}": regret[:, i] for i, method in enumerate(METHODS)}
    losses["random"] = regret.mean(axis=1)
    picked = [METHODS.index(source_rule(case)) for case in cases]
    losses[SOURCE_RULE] = regret[np.arange(len(cases)), picked]
    families = families_of(cases)
    for name, score in all_scores(cases, gain).items():
        losses[name] = advised(score, regret, families)
    simplest = losses[f"always {STUDY.always}"]
    return [_policy(name, loss, losses[SOURCE_RULE], simplest) for name, loss in losses.items()]


def _policy(name: str, loss: Floats, source: Floats, simplest: Floats) -> Policy:
    return Policy(
        name,
        regret=bootstrap(mean, loss),
        to_source=bootstrap(mean, loss - source),
        to_simplest=bootstrap(mean, loss - simplest),
        best=float((loss == 0).mean()),
    )


def mean_rmse(case: Measured, method: str, figure: str = "rmse") -> float:
    """Mean test RMSE over seeds, cycles."""
    return float(np.mean([figures[figure] for figures in case.outcomes[method].values() if figures]))


def source_rule(case: Measured) -> str:
    """The method that the source's procedure prescribes from one untrained network."""
    raw = case.probes[min(case.probes)]
    gram = np.array(raw["published"]["gramian"])
    norm = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    rho = float(np.clip(np.nanmean(cosine(gram)), -1, 1))
    ratio = float(np.median(norm.max(1) / norm.min(1)))
    several = case.case.family in ("FD002", "FD004") or case.case.family.startswith("sim-6")
    evidence = Evidence(rho, rho, rho, max(ratio, 1.0), raw["near_failure_share"], 6 if several else 1)
    method = decide(evidence, SOURCE).method
    return method if method in METHODS else ALONE[0]


def advised(score: Floats, regret: Floats, families: NDArray[np.str_]) -> Floats:
    """Regret of following a score, methods and threshold chosen on the other families."""
    loss = np.empty(len(score))
    for family in np.unique(families):
        out = families == family
        rule = best_rule(score[~out], regret[~out])
        loss[out] = followed(rule, score[out], regret[out])
    return loss


@dataclass(frozen=True)
class Rule:
    """Column ``joint`` where the score exceeds the threshold, column ``alone`` below, or where it is undefined."""

    alone: int
    joint: int
    threshold: float


def followed(rule: Rule, score: Floats, regret: Floats) -> Floats:
    """Regret of every case under a rule."""
    share = np.nan_to_num(score, nan=-np.inf) > rule.threshold
    return np.where(share, regret[:, rule.joint], regret[:, rule.alone])


def best_rule(score: Floats, regret: Floats) -> Rule:
    """The rule with the least mean regret; among equals the one that shares least."""
    values = np.nan_to_num(score, nan=-np.inf)
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    # sharing in the first n cases, n = 0 .. N, is a threshold where the score falls after the n-th
    falls = np.concatenate([[True], ranked[:-1] > ranked[1:], [bool(np.isfinite(ranked[-1]))]])
    edges = np.concatenate([[np.inf], (ranked[:-1] + ranked[1:]) / 2, [-np.inf]])
    best, lowest = Rule(0, len(ALONE), np.inf), np.inf
    for alone in map(METHODS.index, ALONE):
        for joint in map(METHODS.index, JOINT):
            change = (regret[:, joint] - regret[:, alone])[order]
            total = regret[:, alone].sum() + np.concatenate([[0.0], np.cumsum(change)])
            n = int(np.argmin(np.where(falls, total, np.inf)))
            if total[n] < lowest - 1e-12:
                best, lowest = Rule(alone, joint, float(edges[n])), total[n]
    return best
