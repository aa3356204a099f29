"""Judging predictors and policies on cases held out by family: does the advice predict what training then showed?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from grace.alignment.decide import SOURCE, Evidence, decide
from grace.validity.outcomes import ALONE, JOINT, METHODS
from grace.validity.predictors import COMBINATIONS, PREDICTORS, scores
from grace.validity.study import Measured

LEVEL, DRAWS = 0.95, 2000
SHRINKAGE = 1.0

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Span:
    """A value with its 95 % bootstrap interval over cases; NaN where it cannot be had."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Effect:
    """Effect of the auxiliary task in a case: test RMSE of a method minus that of RUL alone, paired by seed.

    Attributes:
        mean: In per cent of the RMSE of RUL alone; below 0 the task helps.
        low: Lower end of the 95 % interval over seeds (Student's t).
        high: Upper end.
        cycles: The mean in cycles.
        score: The mean difference of the NASA score.
        seeds: Seeds.
    """

    mean: float
    low: float
    high: float
    cycles: float
    score: float
    seeds: int

    @property
    def verdict(self) -> str:
        """``helps`` or ``hurts`` where the interval leaves out 0, else ``unclear``."""
        if self.high < 0:
            return "helps"
        return "hurts" if self.low > 0 else "unclear"


def effect(case: Measured, method: str) -> Effect:
    """Paired effect of a method against RUL alone."""
    alone, other = case.outcomes[ALONE], case.outcomes[method]
    seeds = [seed for seed in sorted(alone) if alone[seed] and other.get(seed)]
    difference = np.array([other[s]["rmse"] - alone[s]["rmse"] for s in seeds])
    base = float(np.mean([alone[s]["rmse"] for s in seeds]))
    mean, half = float(difference.mean()), half_width(difference)
    score = float(np.mean([other[s]["score"] - alone[s]["score"] for s in seeds]))
    percent = 100 / base
    return Effect(percent * mean, percent * (mean - half), percent * (mean + half), mean, score, len(seeds))


def half_width(difference: Floats) -> float:
    """Half width of Student's 95 % interval of a mean; infinite with a single value."""
    count = len(difference)
    if count < 2:
        return float("inf")
    return float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * difference.std(ddof=1) / count**0.5)


@dataclass(frozen=True)
class Power:
    """What the study can see.

    Attributes:
        sd: Standard deviation over seeds of a paired difference, per cent of the RMSE: median over cases.
        detectable: Smallest true effect that a case shows with 80 % probability, per cent, by number of seeds.
        helps: Cases whose interval lies below 0.
        hurts: Cases whose interval lies above 0.
        cases: Cases.
    """

    sd: float
    detectable: dict[int, float]
    helps: int
    hurts: int
    cases: int


def power(cases: Sequence[Measured], method: str) -> Power:
    """How large an effect this many seeds can see, and how many cases show one."""
    effects = [effect(case, method) for case in cases]
    spread = []
    for found in effects:
        half = (found.high - found.low) / 2
        spread.append(half * found.seeds**0.5 / stats.t.ppf((1 + LEVEL) / 2, found.seeds - 1))
    sd = float(np.median(spread))
    detectable = {seeds: sd * _detectable(seeds) for seeds in (3, 5, 10)}
    verdicts = [found.verdict for found in effects]
    return Power(sd, detectable, verdicts.count("helps"), verdicts.count("hurts"), len(cases))


def _detectable(seeds: int) -> float:
    """Effect in SDs that a two-sided t test at 5 % finds with probability 0.8 (noncentral t, by bisection)."""
    critical = stats.t.ppf((1 + LEVEL) / 2, seeds - 1)
    low, high = 0.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        found = stats.nct.sf(critical, seeds - 1, middle * seeds**0.5)
        low, high = (low, middle) if found > 0.8 else (middle, high)
    return high


@dataclass(frozen=True)
class Judged:
    """How well one predictor tells.

    Attributes:
        name: Name of the predictor.
        correlation: Spearman's rank correlation of score and gain, all cases.
        auc: Area under the ROC curve for ``helps`` against ``hurts``, among the cases with a verdict.
        harm_auc: Area for ``hurts`` against all others.
        calibration: Mean squared error of the predicted probability of harm (Brier score), fitted on the other families.
        steps: Cost in training steps.
    """

    name: str
    correlation: Span
    auc: Span
    harm_auc: Span
    calibration: float
    steps: float


def judge(cases: Sequence[Measured], method: str = "baseline") -> list[Judged]:
    """Judge all predictors and combinations by the effect of one method."""
    effects = [effect(case, method) for case in cases]
    gain = -np.array([found.mean for found in effects])
    helps = np.array([found.verdict == "helps" for found in effects])
    hurts = np.array([found.verdict == "hurts" for found in effects])
    families = families_of(cases)
    costs = {predictor.name: predictor.cost for predictor in PREDICTORS}
    return [
        Judged(
            name,
            correlation=_span(spearman, score, gain),
            auc=_span(area, score, helps, hurts),
            harm_auc=_span(area, score, ~hurts, hurts),
            calibration=brier(score, hurts, families),
            steps=costs.get(name) or sum(costs[part] for part in COMBINATIONS[name]),
        )
        for name, score in all_scores(cases, gain).items()
    ]


def all_scores(cases: Sequence[Measured], gain: Floats) -> dict[str, Floats]:
    """Scores of the predictors, and of combinations fitted on the other families."""
    single = scores(cases)
    families = families_of(cases)
    combined = {
        name: _held_out(np.stack([single[part] for part in parts], 1), gain, families)
        for name, parts in COMBINATIONS.items()
    }
    return single | combined


def families_of(cases: Sequence[Measured]) -> NDArray[np.str_]:
    """Family of each case: what is held out together."""
    return np.array([case.case.family for case in cases])


def spearman(score: Floats, gain: Floats) -> float:
    """Rank correlation; NaN where one of them does not vary."""
    there = np.isfinite(score)
    if there.sum() < 3 or len(np.unique(score[there])) < 2 or len(np.unique(gain[there])) < 2:
        return float("nan")
    ranks = stats.rankdata(score[there]), stats.rankdata(gain[there])
    return float(np.corrcoef(*ranks)[0, 1])


def area(score: Floats, positive: Bools, negative: Bools) -> float:
    """Area under the ROC curve: the share of pairs in the right order, ties counted half; NaN without a pair."""
    there = np.isfinite(score)
    above, below = score[positive & there], score[negative & there]
    if not len(above) or not len(below):
        return float("nan")
    wins = (above[:, None] > below).mean() + 0.5 * (above[:, None] == below).mean()
    return float(wins)


def brier(score: Floats, hurts: Bools, families: NDArray[np.str_]) -> float:
    """Brier score of the probability of harm by logistic regression, each family predicted from the others."""
    from sklearn.linear_model import LogisticRegression

    there = np.isfinite(score)
    chance = np.full(len(score), np.nan)
    for family in np.unique(families):
        out = families == family
        kept = ~out & there
        if len(np.unique(hurts[kept])) < 2:
            chance[out] = hurts[kept].mean() if kept.any() else np.nan
            continue
        mean, scale = score[kept].mean(), score[kept].std() or 1.0
        fitted = LogisticRegression().fit(((score[kept] - mean) / scale)[:, None], hurts[kept])
        mine = out & there
        if mine.any():
            chance[mine] = fitted.predict_proba(((score[mine] - mean) / scale)[:, None])[:, 1]
    return float(np.nanmean((chance - hurts) ** 2))


def _held_out(features: Floats, gain: Floats, families: NDArray[np.str_]) -> Floats:
    """Ridge regression of the gain on standardised ranks, each family predicted from the others."""
    ranks = np.apply_along_axis(stats.rankdata, 0, np.nan_to_num(features)) / len(features) - 0.5
    predicted = np.empty(len(gain))
    for family in np.unique(families):
        out = families == family
        x, y = ranks[~out], gain[~out]
        centre, level = x.mean(0), y.mean()
        gram = (x - centre).T @ (x - centre) + SHRINKAGE * np.eye(x.shape[1])
        weight = np.linalg.solve(gram, (x - centre).T @ (y - level))
        predicted[out] = level + (ranks[out] - centre) @ weight
    return predicted


@dataclass(frozen=True)
class Policy:
    """What a user loses by a policy, against the best method in hindsight.

    Attributes:
        name: Name.
        regret: Mean regret, per cent of the best method's RMSE.
        to_source: Its paired difference to the source's rule.
        best: Share of the cases where it picks the method that was best in hindsight.
    """

    name: str
    regret: Span
    to_source: Span
    best: float


SOURCE_RULE = "source's rule"


def policies(cases: Sequence[Measured]) -> list[Policy]:
    """Regret of fixed policies, of picking at random, of the source's rule and of every predictor's advice.

    A predictor's advice: a joint method where its score exceeds a threshold, RUL alone below; method and threshold
    are those with the least regret on the other families. The best method in hindsight is the least of five noisy
    means, so that all regrets are somewhat too large, and alike.
    """
    values = np.array([[mean_rmse(case, method) for method in METHODS] for case in cases])
    regret = 100 * (values / values.min(axis=1, keepdims=True) - 1)
    gain = -np.array([effect(case, "baseline").mean for case in cases])
    losses: dict[str, Floats] = {f"always {method}": regret[:, i] for i, method in enumerate(METHODS)}
    losses["random"] = regret.mean(axis=1)
    picked = [METHODS.index(source_rule(case)) for case in cases]
    losses[SOURCE_RULE] = regret[np.arange(len(cases)), picked]
    families = families_of(cases)
    for name, score in all_scores(cases, gain).items():
        losses[name] = advised(score, regret, families)
    return [_policy(name, loss, losses[SOURCE_RULE]) for name, loss in losses.items()]


def _policy(name: str, loss: Floats, source: Floats) -> Policy:
    return Policy(
        name,
        regret=_span(_mean, loss),
        to_source=_span(_mean, loss - source),
        best=float((loss == 0).mean()),
    )


def mean_rmse(case: Measured, method: str) -> float:
    """Mean test RMSE over seeds, cycles."""
    return float(np.mean([figures["rmse"] for figures in case.outcomes[method].values() if figures]))


def source_rule(case: Measured) -> str:
    """The method that the source's procedure prescribes from one untrained network."""
    raw = case.probes[min(case.probes)]
    gram = np.array(raw["published"]["gramian"])
    norm = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    rho = float(np.clip(np.nanmean(gram[:, 0, 1] / (norm[:, 0] * norm[:, 1])), -1, 1))
    ratio = float(np.median(norm.max(1) / norm.min(1)))
    several = case.case.family in ("FD002", "FD004") or case.case.family.startswith("sim-6")
    evidence = Evidence(rho, rho, rho, max(ratio, 1.0), raw["near_failure_share"], 6 if several else 1)
    method = decide(evidence, SOURCE).method
    return method if method in METHODS else ALONE


def advised(score: Floats, regret: Floats, families: NDArray[np.str_]) -> Floats:
    """Regret of following a score, threshold and joint method chosen on the other families."""
    loss = np.empty(len(score))
    for family in np.unique(families):
        out = families == family
        method, threshold = best_rule(score[~out], regret[~out])
        joint = np.nan_to_num(score[out], nan=-np.inf) > threshold
        loss[out] = np.where(joint, regret[out, method], regret[out, 0])
    return loss


def best_rule(score: Floats, regret: Floats) -> tuple[int, float]:
    """Joint method (its column) and threshold with the least mean regret; RUL alone (column 0) below the threshold."""
    known = np.unique(score[np.isfinite(score)])
    middles = (known[1:] + known[:-1]) / 2
    best = (float("inf"), 1, float("inf"))
    for method in range(1, 1 + len(JOINT)):
        for threshold in (-np.inf, *middles, np.inf):
            joint = np.nan_to_num(score, nan=-np.inf) > threshold
            mean = float(np.where(joint, regret[:, method], regret[:, 0]).mean())
            if mean < best[0] - 1e-12:
                best = (mean, method, float(threshold))
    return best[1], best[2]


def _mean(values: Floats) -> float:
    return float(values.mean())


def _span(statistic: Callable[..., float], *columns: NDArray[Any]) -> Span:
    """A statistic of columns over cases, and its bootstrap interval: cases are drawn with replacement."""
    rng, count = np.random.default_rng(0), len(columns[0])
    draws = rng.integers(0, count, (DRAWS, count))
    drawn = np.array([statistic(*(column[draw] for column in columns)) for draw in draws])
    value = statistic(*columns)
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or len(known) < DRAWS / 2:
        return Span(value, float("nan"), float("nan"))
    low, high = np.percentile(known, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Span(value, float(low), float(high))
