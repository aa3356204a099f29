"""The study of advice in sentences: what it comes to, for its page and the README; and how figures are written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import fill

import numpy as np

from grace.advice.advice import per_cent
from grace.advice.rule import IGNORE
from grace.core.stats import Span
from grace.data.tasks import BOUND
from grace.validity.advice_judge import Areas, Coverage, Regret, alike, named, raced
from grace.validity.advice_study import HELPS, HURTS, RULE, UNRESOLVED, WORDS, AdviceStudy, Outcome

ADVICE, TUNED = "least expected", "alone, tuned"
"""Policies: what ``grace advise`` names, and RUL alone as a race tunes it."""
OWN, AFRESH = "one lap, its own networks", "one lap, trained afresh"
"""What it names after one lap, judged by the networks of that lap, and by others."""
RHO = ("rho-init", "rho-warmup", "rho-joint", "rho-held")
"""Predictors that are the cosine of the gradients of RUL and the second task."""
BOUND_RHO = "rho-bound"
"""The cosine of the gradients of the second task and the bound."""
LAPS = ("race-1", "race-2", "race-3")
LABELS = {"less than 10 %": (0.0, 0.1), "10 to 50 %": (0.1, 0.5), "50 % or more": (0.5, math.inf)}
"""Cases by how far RUL predicts the label."""
CHANCE = 0.5
"""Area of a predictor that says nothing."""


def in_short(study: AdviceStudy) -> str:
    """What it comes to, in a few sentences."""
    found = Short.of(study)
    lines = [
        f"With a second task, in the one configuration of its case, the RMSE changed by {found.range} % against the best of four "
        f"configurations of RUL alone, in the middle half of the cases by {found.middle} %: whether it pays has to be found out "
        "for each fleet.",
        *([found.alike] if found.alike else []),
        f"Of the {found.resolved} resolved cases a race with the rule separates those that help from the others with an area "
        f"under the ROC curve of {found.helps}, and those that hurt with {found.hurts}, on groups of data that the rule was not "
        f"fitted on, though it was chosen among variants on these cases{found.after_all_laps}.{found.undrawn}",
        *([found.by_label] if found.by_label else []),
        *([found.rho] if found.rho else []),
        f"Training what `grace advise` names costs {found.regret} % of RMSE over an oracle; RUL alone, as a race tunes it, costs "
        f"{found.alone} %. Against RUL alone tuned by an oracle, `grace advise` changes the RMSE by {found.change} %."
        f"{found.afresh}",
        f"{found.covered} of its 90 % intervals hold the outcome, in the part that was drawn as users have fleets.",
    ]
    if found.unfinished:
        lines.append(f"**The study is not complete**: {found.unfinished} Figures will change.")
    return "\n".join(f"- {line}" for line in lines) + "\n"


def readme(study: AdviceStudy) -> dict[str, str]:
    """The lines of the README that state this study, by their marks."""
    found = Short.of(study)
    cases, fleets = len(study.outcomes), len({one.fleet for one in study.outcomes})
    left = f"; {study.left:,} of {study.planned:,} trainings left" if study.left else ""
    labels = f"{found.by_label} " if found.by_label else ""
    lines = {
        "found": f"**With few failures a second task can help or hurt, and short trainings are a guide.** In {cases} cases on "
        f"{fleets} fleets the error changed by {found.range} % to the best RUL alone{found.alike_in_short}. {labels}"
        f"Of {found.resolved} resolved, short trainings tell those that help with an AUC of {found.helps}, those that hurt with "
        f"{found.hurts}{found.undrawn_in_brackets}. Their choice costs {found.regret} % over an oracle, RUL alone "
        f"{found.alone} %.",
        "sure": f"{found.covered} of the 90 % intervals of `grace advise` held, in the cases drawn as users have them"
        f"{found.named}. {cases - found.resolved} of {cases} cases show neither a change of more than 2 % nor its "
        f"absence{left}.",
    }
    return {name: fill(line, 141, initial_indent="- ", subsequent_indent="  ") + "\n" for name, line in lines.items()}


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
    after_all_laps: str
    by_label: str
    undrawn: str
    undrawn_in_brackets: str
    named: str
    afresh: str
    alike: str
    alike_in_short: str

    @classmethod
    def of(cls, study: AdviceStudy) -> Short:
        """From the study; ``unfinished`` is empty where all draws are there."""
        least, low, high, most = np.quantile([per_cent(one.effect.mean) for one in study.outcomes], (0, 0.25, 0.75, 1))
        areas = Areas.of(study.seen(RULE).resolved)
        advice, alone = (Regret.of(name, study.choices) for name in (ADVICE, TUNED))
        left = f"{study.left:,} of the {study.planned:,} trainings of the plan are still to be made."
        return cls(
            f"{least:+.0f} to {most:+.0f}",
            f"{low:+.0f} to {high:+.0f}",
            span(areas.helps),
            span(areas.hurts),
            change(advice.regret),
            change(advice.loss),
            change(alone.regret),
            share(Coverage.of(raced([one for one in study.outcomes if one.user])).share),
            sum(one.word != UNRESOLVED for one in study.outcomes),
            left if study.left else "",
            _of_rho(study),
            _of_whole_races(study),
            _of_labels(study),
            *_undrawn(study),
            _of_named(study),
            _trained_afresh(study),
            *_of_alike(study),
        )


def whole_races(study: AdviceStudy) -> AdviceStudy:
    """The study in the draws that were raced with all laps alone."""
    kept = (
        replace(one, said=tuple(said for said in one.said if set(LAPS) <= set(said.scores))) for one in study.outcomes
    )
    return replace(study, outcomes=tuple(kept))


def _of_whole_races(study: AdviceStudy) -> str:
    """What areas are after all laps, as the end of a sentence; empty where no race had all of them."""
    seen = whole_races(study).seen(RULE).resolved
    if not len(seen.score):
        return ""
    areas = Areas.of(seen)
    return f"; most draws were raced with one lap: after three laps these areas are {span(areas.helps)} and {span(areas.hurts)}"


def _undrawn(study: AdviceStudy) -> tuple[str, str]:
    """Areas without the groups that one generator drew, as a sentence and in brackets; empty where there are no such groups."""
    kept = tuple(one for one in study.outcomes if not one.simulated)
    groups = len({one.group for one in kept})
    seen = replace(study, outcomes=kept).seen(RULE).resolved
    if groups in (0, len(study.groups)) or len(np.unique(seen.word)) < len(WORDS) - 1:
        return "", ""
    areas = Areas.of(seen)
    return (
        f" Without the simulators, whose physics one generator drew, they are {span(areas.helps)} and {span(areas.hurts)}, over "
        f"{groups} groups, too few for such intervals to be wide enough.",
        f" (without the drawn simulators {areas.helps.value:.2f} and {areas.hurts.value:.2f})",
    )


def _trained_afresh(study: AdviceStudy) -> str:
    """What it changes that a race is judged by its own networks, as a sentence; empty where nobody trained afresh."""
    own, fresh = (Regret.of(name, study.choices) for name in (OWN, AFRESH))
    if math.isnan(fresh.regret.value):
        return ""
    return (
        " These figures judge what a race chose by the networks of that race. After one lap, in two draws a world, it costs "
        f"{change(own.regret)} % judged in this way, and {change(fresh.regret)} % by networks trained afresh; against RUL alone "
        f"the RMSE changes by {change(own.loss)} and {change(fresh.loss)} %."
    )


def _of_alike(study: AdviceStudy) -> tuple[str, str]:
    """What the second task itself does, as a sentence and in short; empty where no case has RUL alone trained alike."""
    known = [(one, one.alike.mean) for one in study.outcomes if one.alike is not None]
    if not known:
        return "", ""
    least, most = (per_cent(end(value for _, value in known)) for end in (min, max))
    words, whole = Counter(one.alike_word for one, _ in known), f"{change(alike([one for one, _ in known]))} %"
    means = {}
    for said in (BOUND, IGNORE):
        mine = [(one.effect.mean, value) for one, value in known if one.suspended == said]
        means[said] = " to ".join(f"{per_cent(float(value)):+.1f}" for value in np.mean(mine, 0)) if mine else ""
    return (
        "A part of this is not the second task but its configuration. Against RUL alone with the same trunk, suspended units "
        f"bounded or ignored alike (not in the plan; first 16 draws), {len(known)} cases come to {least:+.0f} to {most:+.0f} %, "
        f"{whole} in the mean; {words[HELPS]} help and {words[HURTS]} hurt. By this comparison the mean goes from "
        f"{means[BOUND]} % where suspended units are bounded, and from {means[IGNORE]} % where they are ignored.",
        f", by {least:+.0f} to {most:+.0f} % (mean {whole}) to RUL alone trained alike",
    )


def _of_named(study: AdviceStudy) -> str:
    """What second tasks that were named were expected to change and did, in brackets; empty where none was."""
    found = Coverage.of(named(study.outcomes))
    if not found.n:
        return ""
    return f" (named second tasks: {per_cent(found.expected):+.1f} % expected, {per_cent(found.came):+.1f} % came)"


def by_label(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Cases by how far RUL predicts their label, in words."""
    found: dict[str, list[Outcome]] = {name: [] for name in LABELS}
    for one in outcomes:
        for name, (least, most) in LABELS.items():
            if least <= one.given_rul < most:
                found[name].append(one)
    return found


def _of_labels(study: AdviceStudy) -> str:
    """What labels did that follow RUL, and those that do not, in a sentence; empty where nobody knows which these are."""
    found = by_label([one for one in study.outcomes if one.suspended == IGNORE])
    if not any(found.values()):
        return ""
    little, *_, much = ((name, Counter(one.word for one in some)) for name, some in found.items())
    first, second = ((f"{count[HELPS]}", f"{count[HURTS]} of {count.total()}") for _, count in (much, little))
    return (
        f"With suspended units ignored, labels of which RUL explains {much[0]} helped in {first[0]} and hurt in {first[1]} "
        f"cases, those of {little[0]} in {second[0]} and {second[1]} (cuts chosen afterwards)."
    )


def _of_rho(study: AdviceStudy) -> str:
    """What rho was good for, of all recipes, in a sentence; empty before anybody has looked at it."""
    areas = {name: Areas.of(study.seen(name).resolved).helps for name in RHO if name in study.predictors}
    if not areas:
        return ""
    best = max(areas, key=lambda name: areas[name].value)
    regret = Regret.of("rho-joint", study.choices).regret
    followed = (
        f"; adding the second task with the largest rho (`rho-joint`) costs {change(regret)} % of RMSE over an oracle"
    )
    above = [f"`{name}` with {_precise(area)}" for name, area in areas.items() if area.low > CHANCE]
    distinct = f"above chance, 0.5, before any adjustment for so many looks: {', '.join(above) or 'none'}"
    bound = study.seen(BOUND_RHO).resolved if BOUND_RHO in study.predictors else None
    other = f"; the cosine with the bound's gradient (`{BOUND_RHO}`) has {span(Areas.of(bound).helps)}" if bound else ""
    return (
        f"rho, the cosine of the gradients of RUL and the second task, was measured in {len(areas)} ways: the largest area for "
        f"those that help is {span(areas[best])} (`{best}`); {distinct}{other}"
        f"{'' if math.isnan(regret.value) else followed}."
    )


def _precise(found: Span) -> str:
    """With a third digit, so that an end beside 0.5 does not look like it."""
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def span(found: Span) -> str:
    """A value with its interval; empty where there is none."""
    if not math.isfinite(found.value):
        return ""
    ends = f" [{found.low:.2f}, {found.high:.2f}]" if math.isfinite(found.low) else ""
    return f"{found.value:.2f}{ends}"


def change(span: Span) -> str:
    """A mean logarithm in per cent."""
    if not math.isfinite(span.value):
        return ""
    value, low, high = (per_cent(end) for end in (span.value, span.low, span.high))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]" if math.isfinite(span.low) else f"{value:+.1f}"


def number(value: float, digits: int = 2) -> str:
    """So many digits; empty of what is unknown."""
    return f"{value:.{digits}f}" if math.isfinite(value) else ""


def share(span: Span) -> str:
    """In per cent."""
    return f"{100 * span.value:.0f} % [{100 * span.low:.0f}, {100 * span.high:.0f}]"
