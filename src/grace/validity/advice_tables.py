"""The study of advice as text: what second tasks did, what told so beforehand, and what following it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from grace.advice.advice import per_cent
from grace.bench.tables import markdown
from grace.core.stats import RATE, Family, Span
from grace.validity.advice_judge import Areas, Coverage, Regret, ahead, base_rates, brier
from grace.validity.advice_study import HELPS, HURTS, KINDS, UNRESOLVED, WORDS, AdviceStudy, Outcome

ADVICE, ELSEWHERE = "least expected", "fixed elsewhere"
PLANNED = 16
"""Draws of every case in the plan."""
POLICY_WORDS = {
    "alone": "RUL alone, suspended units ignored, wide trunk",
    "alone, tuned": "RUL alone, the best of its ways in the race",
    "first label": "always the world's first second label",
    ELSEWHERE: "the second task that did best in the other groups",
    ADVICE: "`grace advise`: what the rule expects the least error of",
    "likelier than not": "the second task that `shrunk` expects the least error of, where that is a gain",
    "advice": "the same, where its 90 % interval is a gain: the candidate of the plan",
    "noise floor": "the oracle against itself, chosen by half of the draws",
}
"""Policies in words; those by a single predictor have its name."""


def report(study: AdviceStudy) -> str:
    """The whole study in Markdown."""
    worlds = len({one.world for one in study.outcomes})
    return "\n".join(
        (
            in_short(study),
            f"**What {len(study.outcomes)} cases in {worlds} worlds and {len(study.groups)} groups of data came to**: change of "
            "the RMSE on units that nobody has seen, by a second task, against RUL alone tuned as well; number of cases\n",
            verdicts(study),
            words_on_all(study) + "\n",
            "**What told so beforehand**: area under the ROC curve, one draw's units at a time, of resolved cases; 95 % "
            "bootstrap over groups; Brier score of *helps* with each group predicted from the others\n",
            predictors(study),
            "**What following it costs**: change of RMSE over an oracle that chooses by the other draws, and over RUL alone "
            "tuned by the other draws, per cent; rules fitted on the other groups; 95 % bootstrap over groups\n",
            policies(study),
            _ahead(study) + "\n",
            "**Whether intervals hold**: 90 % intervals of what the rule expects, fitted on the other groups\n",
            coverage(study),
            levels(study) + "\n",
        )
    )


def in_short(study: AdviceStudy) -> str:
    """What it comes to, in a few sentences."""
    draws = sorted(one.effect.n for one in study.outcomes)
    effects = np.array([per_cent(one.effect.mean) for one in study.outcomes])
    low, high = np.quantile(effects, (0.25, 0.75))
    told = Areas.of(study.seen("rule").resolved)
    advice, alone = (Regret.of(name, study.choices) for name in (ADVICE, "alone, tuned"))
    user = Coverage.of([one for one in study.outcomes if one.user])
    lines = [
        f"A second task changed the RMSE by {effects.min():+.0f} to {effects.max():+.0f} %, in the middle half of the cases by "
        f"{low:+.0f} to {high:+.0f} %: whether it pays has to be found out.",
        f"A race with the rule tells what helps from the rest with an area under the ROC curve of {_span(told.helps)}, and "
        f"what hurts with {_span(told.hurts)}, on groups of data that it was not fitted on.",
        f"Following `grace advise` costs {_change(advice.regret)} % of RMSE over an oracle, RUL alone as a race tunes it "
        f"{_change(alone.regret)} %; against RUL alone tuned by an oracle `grace advise` changes it by {_change(advice.loss)} %.",
        f"Of its 90 % intervals {_span(user.share)} hold in the part that was drawn as users have fleets.",
    ]
    if draws[len(draws) // 2] < PLANNED:
        lines.append(
            f"**The study is not complete**: {draws[0]} to {draws[-1]} of {PLANNED} draws of each case are measured so far. "
            "Figures will move."
        )
    return "\n".join(f"- {line}" for line in lines) + "\n"


def verdicts(study: AdviceStudy) -> str:
    """Counts of verdicts and mean effects, by kind of label and what suspended units say."""
    rows = []
    for kind in KINDS:
        for said in ("ignore", "bound"):
            mine = [one for one in study.outcomes if (one.kind, one.suspended) == (kind, said)]
            if mine:
                rows.append((kind, said, str(len(mine)), *_counts(mine), _mean(mine)))
    rows.append(("all", "", str(len(study.outcomes)), *_counts(study.outcomes), _mean(study.outcomes)))
    return markdown(("second label", "suspended units", "cases", *WORDS, "mean change, %"), rows)


def _counts(outcomes: Sequence[Outcome]) -> list[str]:
    return [str(sum(one.word == word for one in outcomes)) for word in WORDS]


def _mean(outcomes: Sequence[Outcome]) -> str:
    return f"{per_cent(sum(one.effect.mean for one in outcomes) / len(outcomes)):+.1f}"


def words_on_all(study: AdviceStudy) -> str:
    """How many draws there were, what Benjamini and Hochberg leave, and how large effects are."""
    effects, family = [one.effect for one in study.outcomes], Family.of([one.effect for one in study.outcomes])
    draws = sorted(effect.n for effect in effects)
    large = sum(abs(per_cent(effect.mean)) > 10 for effect in effects)
    return (
        f"{draws[0]} to {draws[-1]} draws a case, half of them {draws[len(draws) // 2]} or more. {family.remaining} of "
        f"{family.looked_at} effects differ from 0 after Benjamini-Hochberg at {RATE:.0%}; {large} are larger than "
        "10 % either way."
    )


def predictors(study: AdviceStudy) -> str:
    """A row a predictor."""
    rows = []
    for name in study.predictors:
        found, cost = Areas.of(study.seen(name).resolved), study.cost.get(name)
        seconds = "" if cost is None else f"{cost[0]:.1f}"
        passes = "" if cost is None or not cost[1] else f"{cost[1]:,.0f}"
        spans = (_span(found.helps), _span(found.hurts))
        rows.append((name, *spans, _number(found.within), _number(found.brier, 3), str(found.n), seconds, passes))
    header = ("predictor", "helps", "hurts", "helps, within groups", "Brier", "n", "s", "passes")
    return markdown(header, rows) + _base(study)


def _base(study: AdviceStudy) -> str:
    """The Brier score of the base rate, of the predictor that says most."""
    if not study.predictors:
        return ""
    seen = max((study.seen(name).resolved for name in study.predictors), key=lambda one: len(one.score))
    found = [brier(base_rates(seen.group, seen.word == word), seen.word == word) for word in (HELPS, HURTS)]
    return f"\nSaying for every case how often it happened in the other groups has a Brier score of {found[0]:.3f} (helps).\n"


def policies(study: AdviceStudy) -> str:
    """A row a policy."""
    rows = []
    for one in Regret.every(study):
        worst = "" if not one.worst[1] else f"{per_cent(one.worst[0]):+.1f} ({one.worst[1]})"
        spans = [_change(span) for span in (one.regret, one.user, one.loss)]
        rows.append((POLICY_WORDS.get(one.policy, one.policy), *spans, worst))
    return markdown(("policy", "regret", "regret, user's part", "over RUL alone", "worst group, upper end"), rows)


def _ahead(study: AdviceStudy) -> str:
    found = ahead(study, ADVICE, ELSEWHERE)
    return f"`grace advise` against the second task that did best in the other groups: {_change(found)} % of RMSE."


def coverage(study: AdviceStudy) -> str:
    """How often intervals held, in the user's part and in all."""
    rows = []
    parts: list[tuple[str, Callable[[Outcome], bool]]] = [
        ("user's part", lambda one: one.user),
        ("all", lambda one: True),
        ("all at compact, raced on statistics", lambda one: one.size == "compact"),
    ]
    for name, kept in parts:
        found = Coverage.of([one for one in study.outcomes if kept(one)])
        if found.n:
            rows.append((name, _span(found.share), f"{100 * found.wrong:.1f}", str(found.n)))
    return markdown(("cases", "share of intervals that hold", "SD of the error, %", "n"), rows)


def levels(study: AdviceStudy) -> str:
    """Standard deviations of the hierarchical model in one sentence."""
    if not study.levels:
        return ""
    each = ", ".join(f"{name} {100 * value:.1f} %" for name, value in study.levels.items())
    unresolved = sum(one.word == UNRESOLVED for one in study.outcomes)
    return f"Standard deviations of the effect by level: {each}. {unresolved} of {len(study.outcomes)} cases stay unresolved."


def _span(span: Span) -> str:
    if not math.isfinite(span.value):
        return ""
    ends = f" [{span.low:.2f}, {span.high:.2f}]" if math.isfinite(span.low) else ""
    return f"{span.value:.2f}{ends}"


def _change(span: Span) -> str:
    """A mean logarithm in per cent."""
    if not math.isfinite(span.value):
        return ""
    value, low, high = (per_cent(end) for end in (span.value, span.low, span.high))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]" if math.isfinite(span.low) else f"{value:+.1f}"


def _number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else ""
