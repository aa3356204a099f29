"""The study of advice as text: what second tasks did, what predicted it, and what following the advice costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from textwrap import fill

import numpy as np

from grace.advice.advice import per_cent
from grace.bench.tables import markdown
from grace.core.stats import RATE, Family, Span
from grace.validity.advice_judge import Areas, Coverage, Regret, ahead, base_rates, brier
from grace.validity.advice_study import HELPS, HURTS, KINDS, UNRESOLVED, WORDS, AdviceStudy, Outcome

ADVICE, ELSEWHERE, FLOOR = "least expected", "fixed elsewhere", "noise floor"
HELPED, HURT, LOST, COVER = 0.95, 0.90, 0.02, (0.85, 0.95)
"""Goals that were registered."""
WILD = 1000
"""Upper end, %, from which on a number says no more than that two draws tell nothing."""
RHO = ("rho-init", "rho-warmup", "rho-joint", "rho-held")
"""Predictors that are the cosine of the gradients of RUL and the second task."""
LAPS = ("race-1", "race-2", "race-3")
CHANCE = 0.5
"""Area of a predictor that says nothing."""
PLANNED = 16
"""Draws of every case in the plan."""
POLICY_WORDS = {
    "alone": "RUL alone, suspended units ignored, wide trunk",
    "alone, tuned": "RUL alone, its best configuration in the race",
    "first label": "always the world's first second label",
    ELSEWHERE: "the second task that did best in the other groups",
    ADVICE: "`grace advise`: what the rule expects the least error of",
    "likelier than not": "the second task that `shrunk` expects the least error of, where that is a gain",
    "advice": "the same, only where its whole 90 % interval is a gain: the candidate of the plan",
    FLOOR: "the oracle against itself, chosen by half of the draws",
}
"""Policies in words; those by a single predictor have its name."""


def report(study: AdviceStudy) -> str:
    """The whole study in Markdown."""
    worlds = len({one.world for one in study.outcomes})
    return "\n".join(
        (
            in_short(study),
            f"**What {len(study.outcomes)} cases in {worlds} worlds and {len(study.groups)} groups of data came to**: change of "
            "the RMSE on units that were never trained on, by a second task, against RUL alone tuned as well; number of cases\n",
            verdicts(study),
            words_on_all(study) + "\n",
            "**What predicted it**: area under the ROC curve, one draw's units at a time, of resolved cases; 95 % "
            "bootstrap over groups; Brier score of *helps* with each group predicted from the others\n",
            predictors(study),
            "**What following the advice costs**: change of RMSE over an oracle that chooses by the other draws, and over RUL "
            "alone tuned by the other draws, per cent; rules fitted on the other groups; 95 % bootstrap over groups\n",
            policies(study),
            _ahead(study) + "\n",
            "**How often intervals hold**: 90 % intervals of what the rule expects, fitted on the other groups\n",
            coverage(study),
            levels(study) + "\n",
            "**Goals of the plan, and where they stand**, on groups of data that nothing was fitted on\n",
            goals(study),
        )
    )


def in_short(study: AdviceStudy) -> str:
    """What it comes to, in a few sentences."""
    found = Short.of(study)
    lines = [
        f"A second task changed the RMSE by {found.range} %, in the middle half of the cases by {found.middle} %: whether it "
        "pays has to be found out for each fleet.",
        f"A race with the rule separates the cases in which it helps from all others with an area under the ROC curve of "
        f"{found.helps}, and those in which it hurts with {found.hurts}, on groups of data that the rule was not fitted on.",
        *([found.rho] if found.rho else []),
        f"Training what `grace advise` names costs {found.regret} % of RMSE over an oracle; RUL alone, as a race tunes it, costs "
        f"{found.alone} %. Against RUL alone tuned by an oracle, `grace advise` changes the RMSE by {found.change} %.",
        f"{found.covered} of its 90 % intervals hold the outcome, in the part that was drawn as users have fleets.",
    ]
    if found.unfinished:
        lines.append(f"**The study is not complete**: {found.unfinished} Figures will change.")
    return "\n".join(f"- {line}" for line in lines) + "\n"


def readme(study: AdviceStudy) -> dict[str, str]:
    """The lines of the README that state this study, by their marks."""
    found = Short.of(study)
    cases, fleets = len(study.outcomes), len({one.world for one in study.outcomes})
    draws = f" {found.unfinished} The figures will change." if found.unfinished else ""
    lines = {
        "found": f"**With few failures a second task can help or hurt, and short trainings are a guide.** In {cases} cases on "
        f"{fleets} fleets it changed the error by {found.range} %. Among the {found.resolved} cases with a verdict, short "
        f"trainings separate those in which it helps from the rest with an AUC of {found.helps}, and those in which it hurts "
        f"with {found.hurts}. Following `grace advise` costs {found.regret} % over an oracle; RUL alone, tuned by the same short "
        f"trainings, costs {found.alone} %.",
        "sure": f"{found.covered} of the 90 % intervals of `grace advise` held what training then showed, in the cases drawn as "
        f"users have them. {cases - found.resolved} of all {cases} cases are not resolved: neither a change of more than 2 % nor "
        f"its absence is shown.{draws}",
    }
    return {name: fill(line, 128, initial_indent="- ", subsequent_indent="  ") + "\n" for name, line in lines.items()}


@dataclass(frozen=True)
class Short:
    """The figures that sum the study up, as texts; changes in per cent of RMSE, with 95 % intervals where they have some."""

    range: str
    middle: str
    helps: str
    hurts: str
    regret: str
    change: str
    alone: str
    covered: str
    resolved: int
    unfinished: str
    rho: str

    @classmethod
    def of(cls, study: AdviceStudy) -> Short:
        """From the study; ``unfinished`` is empty where all draws are there."""
        draws = sorted(one.effect.n for one in study.outcomes)
        least, low, high, most = np.quantile([per_cent(one.effect.mean) for one in study.outcomes], (0, 0.25, 0.75, 1))
        areas = Areas.of(study.seen("rule").resolved)
        advice, alone = (Regret.of(name, study.choices) for name in (ADVICE, "alone, tuned"))
        left = f"{draws[0]} to {draws[-1]} of {PLANNED} draws of each case are measured so far."
        return cls(
            f"{least:+.0f} to {most:+.0f}",
            f"{low:+.0f} to {high:+.0f}",
            _span(areas.helps),
            _span(areas.hurts),
            _change(advice.regret),
            _change(advice.loss),
            _change(alone.regret),
            _share(Coverage.of([one for one in study.outcomes if one.user]).share),
            sum(one.word != UNRESOLVED for one in study.outcomes),
            left if draws[len(draws) // 2] < PLANNED else "",
            _of_rho(study),
        )


def _of_rho(study: AdviceStudy) -> str:
    """What rho was good for, by the recipe with the largest area, in a sentence; empty before anybody has looked at it."""
    areas = {name: Areas.of(study.seen(name).resolved).helps for name in RHO if name in study.predictors}
    if not areas:
        return ""
    best = max(areas, key=lambda name: areas[name].value)
    regret = Regret.of("rho-joint", study.choices).regret
    followed = (
        f"; adding the second task with the largest rho (`rho-joint`) costs {_change(regret)} % of RMSE over an oracle"
    )
    words = "cannot be distinguished from chance, 0.5" if areas[best].low <= CHANCE else "is above chance, 0.5"
    return (
        f"The largest area that rho, the gradients' cosine, has for those in which it helps, measured in {len(areas)} ways, "
        f"{words}: {_span(areas[best])} (`{best}`){'' if math.isnan(regret.value) else followed}."
    )


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
    return markdown(header, rows) + _base(study) + _laps(study)


def _laps(study: AdviceStudy) -> str:
    """Whether further laps of a race say more, on the draws that have all of them."""
    if not set(LAPS) <= set(study.predictors):
        return ""
    kept = (
        replace(one, said=tuple(said for said in one.said if set(LAPS) <= set(said.scores))) for one in study.outcomes
    )
    whole = replace(study, outcomes=tuple(kept))
    found = [Areas.of(whole.seen(name).resolved) for name in LAPS]
    helps, hurts = (
        ", ".join(map(_span, spans)) for spans in ([one.helps for one in found], [one.hurts for one in found])
    )
    return (
        f"\nOn the same draws (n = {found[0].n}) races of one, two and three laps have areas of {helps} for helps, and of "
        f"{hurts} for hurts.\n"
    )


def _base(study: AdviceStudy) -> str:
    """The Brier score of the base rate, on the cases of the predictor that has most of them."""
    if not study.predictors:
        return ""
    seen = max((study.seen(name).resolved for name in study.predictors), key=lambda one: len(one.score))
    found = [brier(base_rates(seen.group, seen.word == word), seen.word == word) for word in (HELPS, HURTS)]
    return (
        f"\nPredicting the frequency of the other groups for every case has a Brier score of {found[0]:.3f} (helps).\n"
    )


def policies(study: AdviceStudy) -> str:
    """A row a policy."""
    rows = []
    for one in Regret.every(study):
        spans = [_change(span) for span in (one.regret, one.user, one.loss)]
        rows.append((POLICY_WORDS.get(one.policy, one.policy), *spans, _worst(one.worst)))
    return markdown(("policy", "regret", "regret, user's part", "over RUL alone", "worst group, upper end"), rows)


def _worst(found: tuple[float, str]) -> str:
    """Upper end and group; empty where nothing is known."""
    high = per_cent(found[0])
    shown = f"{high:+.1f}" if high < WILD else f"over +{WILD}"
    return f"{shown} ({found[1]})" if found[1] else ""


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


def goals(study: AdviceStudy) -> str:
    """A row a goal that was registered: what was found of it, and whether it is met."""
    areas, fixed = Areas.of(study.seen("rule").resolved), ahead(study, ADVICE, ELSEWHERE)
    held = Coverage.of([one for one in study.outcomes if one.user]).share
    worst, floor = (Regret.of(name, study.choices).worst for name in (ADVICE, FLOOR))
    rows = [
        (f"area for helps at least {HELPED:.2f}", _span(areas.helps), areas.helps.value >= HELPED),
        (f"area for hurts at least {HURT:.2f}", _span(areas.hurts), areas.hurts.value >= HURT),
        ("`grace advise` below the fixed policy, %: the interval below 0", _change(fixed), fixed.high < 0),
        (
            f"loss over RUL alone below {100 * LOST:+.0f} % in every group: its upper end in the worst",
            _worst(worst) + (f"; of the oracle itself {_worst(floor)}" if floor[1] else ""),
            math.exp(worst[0]) - 1 < LOST,
        ),
        (
            f"{COVER[0]} to {COVER[1]} of the 90 % intervals hold, in the user's part",
            _span(held),
            COVER[0] <= held.value <= COVER[1],
        ),
    ]
    return markdown(("goal", "found", "met"), [(goal, found, "yes" if met else "no") for goal, found, met in rows])


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


def _share(span: Span) -> str:
    """In per cent."""
    return f"{100 * span.value:.0f} % [{100 * span.low:.0f}, {100 * span.high:.0f}]"
