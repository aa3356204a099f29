"""Judging predictors on cases held out by family: does the advice tell what training then showed?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegression

from grace.core.stats import HIGHER, LOWER, Span, bootstrap
from grace.errors import GraceError
from grace.validity.study import Predictor, ValidityStudy, families_of

SHRINKAGE = 1.0
"""Of the ridge regression that combines predictors, in standardised ranks."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _Judged:
    """How well one predictor predicts: the fields are the columns of the table, spans over families.

    ``correlation``: Spearman's of score and gain, all cases. ``auc``: area under the ROC curve for ``helps`` against ``hurts``,
    among the cases with a verdict. ``harm_auc``: for ``hurts`` against all others. ``calibration``: Brier score of the predicted
    probability of harm, fitted on the other families.
    """

    predictor: Predictor
    correlation: Span
    auc: Span
    harm_auc: Span
    calibration: float


def judge(study: ValidityStudy, method: str = "baseline", figure: str = "rmse") -> list[_Judged]:
    """Judge all predictors and combinations by the effect of the second task under one method."""
    effects = [case.effect(method, figure) for case in study.cases]
    gain = -np.array([found.mean for found in effects])
    helps, hurts = (np.array([found.verdict == way for found in effects]) for way in (LOWER, HIGHER))
    families = families_of(study.cases)
    scores = all_scores(study, gain)
    found = []
    for predictor in study.predictors:
        score = scores[predictor.name]
        known = np.isfinite(score)
        decided = known & (helps | hurts)
        found.append(
            _Judged(
                predictor,
                correlation=bootstrap(spearman, score[known], gain[known], families=families[known]),
                auc=bootstrap(area, score[decided], helps[decided], families=families[decided]),
                harm_auc=bootstrap(area, score[known], ~hurts[known], families=families[known]),
                calibration=_brier(score, hurts, families),
            )
        )
    return found


def all_scores(study: ValidityStudy, gain: Floats) -> dict[str, Floats]:
    """Score of every predictor on every case, ``[cases]``; combinations are fitted on the other families.

    Raises:
        GraceError: There is one family alone, and so nothing to fit on.
    """
    families = families_of(study.cases)
    if len(np.unique(families)) < 2:
        raise GraceError(
            f"A study should hold cases of two families or more. Found {families[0]} alone. Go on with `python -m studies run`."
        )
    found: dict[str, Floats] = {}
    for predictor in study.predictors:
        name, parts = predictor.name, predictor.parts
        found[name] = (
            _held_out(np.stack([found[part] for part in parts], 1), gain, families)
            if parts
            else np.array([case.scores[name] for case in study.cases])
        )
    return found


def edge(rho: Floats, effects: Floats) -> float:
    """The edge of rho that splits the effects best: a regression stump, half way between two cases."""
    order = np.argsort(rho, kind="stable")
    rho, effects = rho[order], effects[order]
    cuts = [n for n in range(1, len(rho)) if rho[n] > rho[n - 1]]
    spread = [n * effects[:n].var() + (len(rho) - n) * effects[n:].var() for n in cuts]
    best = cuts[int(np.argmin(spread))]
    return float(rho[best - 1] + rho[best]) / 2


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


def _brier(score: Floats, hurts: Bools, families: NDArray[np.str_]) -> float:
    """Brier score of the probability of harm by logistic regression, each family predicted from the others."""
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
