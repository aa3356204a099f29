"""Judging predictors on cases held out by family: does the advice tell what training then showed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from grace.core.stats import Span, bootstrap
from grace.errors import GraceError
from grace.validity.effects import effect
from grace.validity.predictors import COMBINATIONS, costs, scores
from grace.validity.study import Measured, families_of

SHRINKAGE = 1.0

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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


def judge(cases: Sequence[Measured], method: str = "baseline", figure: str = "rmse") -> list[Judged]:
    """Judge all predictors and combinations by the effect of the second task under one method."""
    effects = [effect(case, method, figure) for case in cases]
    gain = -np.array([found.change.mean for found in effects])
    helps = np.array([found.verdict == "helps" for found in effects])
    hurts = np.array([found.verdict == "hurts" for found in effects])
    families = families_of(cases)
    steps = costs()
    return [
        Judged(
            name,
            correlation=bootstrap(spearman, score[known], gain[known], families=families[known]),
            auc=bootstrap(area, score[told], helps[told], families=families[told]),
            harm_auc=bootstrap(area, score[known], ~hurts[known], families=families[known]),
            calibration=brier(score, hurts, families),
            steps=steps[name],
        )
        for name, score in all_scores(cases, gain).items()
        for known in (np.isfinite(score),)
        for told in (known & (helps | hurts),)
    ]


def all_scores(cases: Sequence[Measured], gain: Floats) -> dict[str, Floats]:
    """Scores of the predictors, and of combinations fitted on the other families.

    Raises:
        GraceError: There is one family alone, and so nothing to fit on.
    """
    single = scores(cases)
    families = families_of(cases)
    if len(np.unique(families)) < 2:
        raise GraceError(
            f"A study should hold cases of two families or more. Found {families[0]} alone. Go on with `grace validity run`."
        )
    combined = {
        name: _held_out(np.stack([single[part] for part in parts], 1), gain, families)
        for name, parts in COMBINATIONS.items()
    }
    return single | combined


def spearman(score: Floats, gain: Floats, weights: Floats) -> Floats:
    """Rank correlation of cases that count ``weights`` ``[..., cases]`` times; NaN where one of the two does not vary."""
    one, other = (_ranks(values, weights) for values in (score, gain))
    total = weights.sum(-1, keepdims=True)
    one, other = (ranks - (weights * ranks).sum(-1, keepdims=True) / total for ranks in (one, other))
    size = np.sqrt((weights * one**2).sum(-1) * (weights * other**2).sum(-1))
    product = (weights * one * other).sum(-1)
    found: Floats = np.divide(product, size, out=np.full_like(product, np.nan), where=size > 1e-9)
    return found


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Mid-ranks of cases that count several times, ``[..., cases]``."""
    below = (values[:, None] > values) + 0.5 * (values[:, None] == values)
    ranks: Floats = weights @ below.T
    return ranks


def area(score: Floats, positive: Bools, weights: Floats) -> Floats:
    """Area under the ROC curve (Mann and Whitney), cases counted ``weights`` ``[..., cases]`` times; NaN without a pair."""
    yes, no = weights * positive, weights * ~positive
    pairs = yes.sum(-1) * no.sum(-1)
    wins = (yes * _ranks(score, no)).sum(-1)
    found: Floats = np.divide(wins, pairs, out=np.full_like(wins, np.nan), where=pairs > 0)
    return found


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
        fitted = LogisticRegression(solver="newton-cholesky").fit(((score[kept] - mean) / scale)[:, None], hurts[kept])
        mine = out & there
        if mine.any():
            chance[mine] = fitted.predict_proba(((score[mine] - mean) / scale)[:, None])[:, 1]
    return float(np.nanmean((chance - hurts) ** 2))


def base_rate(hurts: Bools, families: NDArray[np.str_]) -> float:
    """Brier score of saying, for every case, how often the second task hurt in the other families: what needs no predictor."""
    chance = np.array([hurts[families != family].mean() for family in families])
    return float(((chance - hurts) ** 2).mean())


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
