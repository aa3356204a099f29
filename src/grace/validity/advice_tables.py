"""The study of advice as text: what second tasks did, what predicted it, and what following the advice costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from grace.advice.advice import per_cent
from grace.bench.tables import markdown
from grace.core.stats import RATE, Estimate, Family, Span
from grace.validity.advice_goals import ELSEWHERE, FLOOR, goals, worst_group
from grace.validity.advice_judge import (
    ORACLE,
    Areas,
    Coverage,
    Regret,
    ahead,
    at_windows,
    base_rates,
    brier,
    by_group,
    in_common,
    named,
    oracles,
    raced,
)
from grace.validity.advice_study import (
    GIVEN,
    HELPS,
    HURTS,
    KINDS,
    RULE,
    UNRESOLVED,
    WINDOWS,
    WORDS,
    AdviceStudy,
    Outcome,
)
from grace.validity.advice_words import (
    ADVICE,
    AFRESH,
    LAPS,
    OWN,
    RHO,
    TUNED,
    by_label,
    change,
    in_short,
    number,
    span,
    whole_races,
)

UNSEEN = "least expected, no given-rul"
SHRUNK = "shrunk"
"""The predictor of the plan's candidate."""
POLICY_WORDS = {
    "alone": "RUL alone, suspended units ignored, wide trunk",
    TUNED: "RUL alone, its best configuration in the race",
    "first label": "always the world's first second label",
    ELSEWHERE: "the second task that did best in the other groups",
    ADVICE: "`grace advise`: what the rule expects the least error of",
    UNSEEN: "the same by the rule that does not read how far RUL predicts the labels",
    OWN: "`grace advise` after one lap, judged by the networks of that lap; two draws a world",
    AFRESH: "the same, judged by networks trained afresh",
    "likelier than not": "the second task that `shrunk` expects the least error of, where that is a gain",
    "advice": "the same, only where its whole 90 % interval is a gain: the candidate of the plan",
    FLOOR: "the oracle against itself, chosen by half of the draws",
}
"""Policies in words; those by a single predictor have its name."""
IN_SHORT = {ADVICE: "`grace advise`", TUNED: "RUL alone in the race"}


def report(study: AdviceStudy) -> str:
    """The whole study in Markdown."""
    worlds = len({one.world for one in study.outcomes})
    return "\n".join(
        (
            in_short(study),
            f"**What {len(study.outcomes)} cases in {worlds} worlds and {len(study.groups)} groups of data came to**: change of "
            "the RMSE on units that were never trained on, by training the second task in the configuration of its case, against "
            "RUL alone tuned as well; last column: to RUL alone in the same configuration (first 16 draws); number of cases\n",
            verdicts(study),
            words_on_all(study) + words_at_windows(study) + "\n",
            "**By how far RUL predicts the label** (`given-rul`, mean over draws; cuts chosen after the outcomes): number of "
            "cases; random classes and identities, which nobody would add, are among those of less than 10 %\n",
            labels(study),
            "**What predicted it**: area under the ROC curve, one draw's units at a time, of resolved cases; 95 % "
            "bootstrap over groups; Brier score of *helps* with each group predicted from the others\n",
            predictors(study),
            "**What following the advice costs**: change of RMSE over an oracle that chooses by the other draws, and over RUL "
            "alone tuned by the other draws, per cent; rules fitted on the other groups; 95 % bootstrap over groups\n",
            policies(study) + "\n" + _in_common(study),
            _ahead(study) + "\n",
            "**The same by group of data**: change of RMSE over RUL alone tuned by the other draws, per cent; 95 % intervals "
            "over draws of these worlds (other fleets of a kind differ more), not adjusted for the number of groups\n",
            groups(study),
            "**How often intervals hold**: 90 % intervals of what the rule expects, fitted on the other groups, with the error "
            "that the outcome is known with; outcomes are against RUL alone tuned by the other draws\n",
            coverage(study),
            levels(study) + "\n",
            "**Goals of the plan, and where they stand**, on groups of data that nothing was fitted on; the rule was chosen "
            "among others on these same cases (see the deviations)\n",
            goals(study),
        )
    )


def verdicts(study: AdviceStudy) -> str:
    """Counts of verdicts and mean effects, by kind of label and what suspended units say."""
    rows = []
    for kind in KINDS:
        for said in ("ignore", "bound"):
            mine = [one for one in study.outcomes if (one.kind, one.suspended) == (kind, said)]
            if mine:
                rows.append((kind, said, str(len(mine)), *_counts(mine), _mean(mine), _alike(mine)))
    every = study.outcomes
    rows.append(("all", "", str(len(every)), *_counts(every), _mean(every), _alike(every)))
    return markdown(("second label", "suspended units", "cases", *WORDS, "mean change, %", "configured alike, %"), rows)


def labels(study: AdviceStudy) -> str:
    """Counts of verdicts and mean effects, by how far RUL predicts the label and what suspended units say."""
    rows = []
    for said in ("ignore", "bound"):
        for name, mine in by_label([one for one in study.outcomes if one.suspended == said]).items():
            if mine:
                rows.append((name, said, str(len(mine)), *_counts(mine), _mean(mine)))
    return markdown(("RUL explains", "suspended units", "cases", *WORDS, "mean change, %"), rows)


def _counts(outcomes: Sequence[Outcome]) -> list[str]:
    return [str(sum(one.word == word for one in outcomes)) for word in WORDS]


def _mean(outcomes: Sequence[Outcome]) -> str:
    return f"{per_cent(sum(one.effect.mean for one in outcomes) / len(outcomes)):+.1f}"


def _alike(outcomes: Sequence[Outcome]) -> str:
    means = [one.alike.mean for one in outcomes if one.alike is not None]
    return f"{per_cent(sum(means) / len(means)):+.1f}" if means else ""


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


def words_at_windows(study: AdviceStudy) -> str:
    """How cases at ``compact`` stand beside the same ones on statistics; empty where there are none."""
    found, n = at_windows(study)
    if not n:
        return ""
    return (
        f" At `{WINDOWS}`, {n} of the cases have an RMSE that differs by {change(found)} % from that on statistics; both are "
        "held against RUL alone on statistics. How much of it is the network's is not known: RUL alone was not trained at "
        f"`{WINDOWS}`."
    )


def predictors(study: AdviceStudy) -> str:
    """A row a predictor."""
    rows = []
    for name in study.predictors:
        found, cost = Areas.of(study.seen(name).resolved), study.cost.get(name)
        seconds = "" if cost is None else f"{cost[0]:.1f}"
        passes = "" if cost is None or not cost[1] else f"{cost[1]:,.0f}"
        spans = (span(found.helps), span(found.hurts))
        rows.append((name, *spans, number(found.within), number(found.brier, 3), str(found.n), seconds, passes))
    header = ("predictor", "helps", "hurts", "helps, within groups", "Brier", "n", "s", "passes")
    return markdown(header, rows) + _base(study) + _laps(study)


def _laps(study: AdviceStudy) -> str:
    """Whether further laps of a race say more, on the draws that have all of them."""
    if not set(LAPS) <= set(study.predictors):
        return ""
    whole = whole_races(study)
    known = [name for name in (*LAPS, SHRUNK, RULE) if name in whole.predictors]
    areas = {name: Areas.of(whole.seen(name).resolved) for name in known}
    found, rule = [areas[name] for name in LAPS], areas[RULE]
    helps, hurts = (
        ", ".join(map(span, spans)) for spans in ([one.helps for one in found], [one.hurts for one in found])
    )
    drawn = areas.get(SHRUNK)
    shrunk = f", `shrunk` {span(drawn.helps)} and {span(drawn.hurts)}" if drawn else ""
    return (
        f"\nOn the draws that were raced three times (n = {found[0].n}) one, two and three laps have areas of {helps} for helps, "
        f"and of {hurts} for hurts; the rule after three laps has {span(rule.helps)} and {span(rule.hurts)}{shrunk}.\n"
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
    for one in Regret.every(study.choices):
        spans = [change(span) for span in (one.regret, one.user, one.loss)]
        rows.append((POLICY_WORDS.get(one.policy, one.policy), str(one.n), *spans, worst_group(one.worst)))
    return markdown(("policy", "n", "regret", "regret, user's part", "over RUL alone", "worst group, upper end"), rows)


def _in_common(study: AdviceStudy) -> str:
    """Regrets in the draws in which every policy chose, where that is not all of them; else empty."""
    shared = {one.policy: one for one in Regret.every(in_common(study.choices))}
    told = {name: shared[name] for name in (LAPS[0], LAPS[-1], *RHO, GIVEN, ADVICE, TUNED) if name in shared}
    if not told or len({one.n for one in Regret.every(study.choices)}) < 2:
        return ""
    each = ", ".join(f"{IN_SHORT.get(name, f'`{name}`')} {change(one.regret)}" for name, one in told.items())
    return f"n counts draws of worlds; rows of other n are of other draws. In the {shared[ADVICE].n} that all share: {each} %.\n"


def _ahead(study: AdviceStudy) -> str:
    found, other = (ahead(study, ADVICE, policy) for policy in (ELSEWHERE, UNSEEN))
    unseen = f"; against the rule that does not read how far RUL predicts the labels: {change(other)} %"
    return (
        f"`grace advise` against the second task that did best in the other groups: {change(found)} % of RMSE"
        f"{'' if math.isnan(other.value) else unseen}."
    )


def groups(study: AdviceStudy) -> str:
    """A row a group of data: what its second tasks did, and what the advice, a race of RUL alone and the oracle lose there."""
    policies = (ADVICE, TUNED, ORACLE)
    lost = [by_group(policy, (*study.choices, *oracles(ADVICE, study.choices))) for policy in policies]
    rows = []
    for group in sorted(lost[0], key=_counted):
        mine = [one for one in study.outcomes if one.group == group]
        chosen = [one for one in study.choices if (one.policy, one.group) == (ADVICE, group)]
        counts = [str(sum(one.word == word for one in mine)) for word in (HELPS, HURTS)]
        sizes = [str(len({one.world for one in chosen})), str(len(chosen)), str(len(mine)), *counts]
        rows.append((group, *sizes, *(_estimate(one[group]) if group in one else "" for one in lost)))
    header = ("data", "worlds", "draws", "cases", HELPS, HURTS, "`grace advise`", "RUL alone in the race", "the oracle")
    return markdown(header, rows)


def _counted(name: str) -> tuple[str, int]:
    """So that ``sim10`` follows ``sim9``."""
    letters = name.rstrip("0123456789")
    return letters, int(name[len(letters) :] or 0)


def _estimate(found: Estimate) -> str:
    return change(Span(found.mean, found.low, found.high))


def coverage(study: AdviceStudy) -> str:
    """How often intervals held, in the user's part, in all, and of the second tasks that would have been named."""
    rows = []
    parts = {
        "user's part": raced([one for one in study.outcomes if one.user]),
        "all": raced(study.outcomes),
        f"all at {WINDOWS}, raced on statistics": raced([one for one in study.outcomes if one.size == WINDOWS]),
        "the second task that is named": named(study.outcomes),
    }
    for name, some in parts.items():
        found = Coverage.of(some)
        if found.n:
            means = (f"{per_cent(found.expected):+.1f}", f"{per_cent(found.came):+.1f}")
            rows.append((name, span(found.share), *means, f"{100 * found.wrong:.1f}", str(found.n)))
    header = ("cases", "share of intervals that hold", "expected, %", "came, %", "SD of the error, %", "n")
    return markdown(header, rows)


def levels(study: AdviceStudy) -> str:
    """Standard deviations of the hierarchical model in one sentence."""
    if not study.levels:
        return ""
    each = ", ".join(f"{name} {100 * value:.1f} %" for name, value in study.levels.items())
    unresolved = sum(one.word == UNRESOLVED for one in study.outcomes)
    return f"Standard deviations of the effect by level: {each}. {unresolved} of {len(study.outcomes)} cases stay unresolved."
