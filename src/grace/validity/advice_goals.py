"""The goals of the study of advice, and where they stand."""

from __future__ import annotations

import math

from grace.advice.advice import per_cent
from grace.bench.tables import markdown
from grace.core.stats import Span
from grace.validity.advice_judge import ORACLE, Areas, Coverage, Regret, ahead, oracles, raced
from grace.validity.advice_study import RULE, WINDOWS, AdviceStudy
from grace.validity.advice_words import ADVICE, AFRESH, LAPS, OWN, change, span, whole_races

ELSEWHERE, FLOOR = "fixed elsewhere", "noise floor"
"""Policies: the second task that did best in the other groups, and the oracle against itself."""
HELPED, HURT, LOST, COVER = 0.95, 0.90, 0.02, (0.85, 0.95)
WITHIN = 60
"""Goals that were registered; seconds."""
SHARE, METHODS, SEEDS = 0.03, 9, 5
"""Of the time of a comparison of so many methods and seeds."""
WAYS, ALL_WAYS = 5, 7
"""Ways that a race of the study runs for a case, and that `grace advise` runs for one task where some units are suspended."""
IN_PLANNED_DRAWS = ", in the two draws that the plan judges predictors in, with three laps"
WILD = 1000
"""Upper end, %, from which on a number says no more than that two draws tell nothing."""


def goals(study: AdviceStudy) -> str:
    """A row a goal that was registered: what was found of it, and whether it is met."""
    every, areas = (Areas.of(one.seen(RULE).resolved) for one in (study, whole_races(study)))
    fixed = ahead(study, ADVICE, ELSEWHERE)
    held = Coverage.of(raced([one for one in study.outcomes if one.user])).share
    best = oracles(ADVICE, study.choices)
    worst, floor = (Regret.of(name, some).worst for name, some in ((ADVICE, study.choices), (ORACLE, best)))
    rows = [
        (
            f"area for helps at least {HELPED:.2f}{IN_PLANNED_DRAWS}",
            _beside(areas.helps, every.helps),
            areas.helps.value >= HELPED,
        ),
        (
            f"area for hurts at least {HURT:.2f}{IN_PLANNED_DRAWS}",
            _beside(areas.hurts, every.hurts),
            areas.hurts.value >= HURT,
        ),
        (
            "`grace advise` below the fixed policy, %: the interval below 0",
            change(fixed) + _afresh(study),
            fixed.high < 0,
        ),
        (
            f"loss over RUL alone below {100 * LOST:+.0f} % in every group: its upper end over draws of its worlds, in the worst",
            worst_group(worst) + (f"; of the oracle itself {worst_group(floor)}" if floor[1] else ""),
            math.exp(worst[0]) - 1 < LOST,
        ),
        (
            f"{COVER[0]} to {COVER[1]} of the 90 % intervals hold, in the user's part",
            span(held),
            COVER[0] <= held.value <= COVER[1],
        ),
        *_time(study),
    ]
    return markdown(("goal", "found", "met"), [(goal, found, "yes" if met else "no") for goal, found, met in rows])


def _time(study: AdviceStudy) -> list[tuple[str, str, bool]]:
    """What a race of one second task costs, in seconds and beside a comparison at ``compact``."""
    if not {LAPS[0], LAPS[-1], WINDOWS} <= set(study.cost):
        return []
    (first, _), (every, _), (training, _) = (study.cost[name] for name in (LAPS[0], LAPS[-1], WINDOWS))
    both = every / 2 * ALL_WAYS / WAYS
    once, whole = (seconds / (METHODS * SEEDS * training) for seconds in (first, every))
    return [
        (
            f"a race of one second task within {WITHIN} s on two cores, all seven ways",
            f"{both:.0f}: from {every:.0f} s of one core for one way and RUL alone in four, as if two cores halved it",
            both <= WITHIN,
        ),
        (
            f"the study's race at most {SHARE:.0%} of {METHODS} methods of {SEEDS} seeds at `{WINDOWS}`, 400 steps each "
            "(not in the plan)",
            f"{whole:.1%} with three laps, {once:.1%} with one",
            whole <= SHARE,
        ),
    ]


def _afresh(study: AdviceStudy) -> str:
    """The same after one lap, judged by the networks that chose and by others; empty where nobody trained afresh."""
    own, fresh = (ahead(study, policy, ELSEWHERE) for policy in (OWN, AFRESH))
    if math.isnan(fresh.value):
        return ""
    return f"; after one lap, in two draws, {change(own)} judged by its own networks and {change(fresh)} by others"


def _beside(planned: Span, every: Span) -> str:
    """An area on the draws of the plan, beside that on all draws."""
    shown = f"{planned.value:.3f} [{planned.low:.3f}, {planned.high:.3f}]"  # so that 0.946 does not look like 0.95
    return f"{shown}; in all draws, most with one lap, {span(every)}"


def worst_group(found: tuple[float, str]) -> str:
    """Upper end and group; empty where nothing is known."""
    high = per_cent(found[0])
    shown = f"{high:+.1f}" if high < WILD else f"over +{WILD}"
    return f"{shown} ({found[1]})" if found[1] else ""
