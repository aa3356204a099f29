"""The page that ``grace demo`` leaves: a card a dial, before beside after, and one of few failures, named as in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from grace.alignment.decide import SOURCE
from grace.bench.ways import Way
from grace.cli.render_demo import dial_name, dial_setup, dial_words, few_failures_setup, way_words
from grace.core.stats import Estimate, Interval
from grace.demos import few_failures
from grace.demos.dial import Outcome, Setup
from grace.html import Bar, beside, card, document, intervals, said


def demo_page(outcomes: Sequence[Outcome], setup: Setup, ways: Sequence[Way], few_setup: few_failures.Setup) -> str:
    """The page as HTML."""
    found: list[list[Interval | Estimate]] = [[o.diagnosis.rho for o in outcomes], [o.difference for o in outcomes]]
    ends = [[end for one in side for end in (one.low, one.high)] for side in found]
    few = [_difference(way.name, way.difference) for way in ways if way.difference is not None]
    return document(
        "Does a second task help? Diagnosed before, then trained",
        said(*dial_setup(outcomes, setup), kind="dim"),
        *(_of_dial(outcome, ends) for outcome in outcomes),
        card(
            "Few failures: what inspections and the bound bring",
            said(*(way_words(way) for way in ways), kind="answer"),
            intervals(few, "difference to RUL alone, cycles of test RMSE, 95 % over fleets; below 0 is better"),
            said(*few_failures_setup(ways, few_setup), kind="dim"),
        ),
    )


def _of_dial(outcome: Outcome, ends: Sequence[Sequence[float]]) -> str:
    """The diagnosis beside what training showed; all cards have the same axes."""
    rho = outcome.diagnosis.rho
    before = Bar("rho", rho.mean, rho.low, rho.high, f"{rho.mean:+.2f} [{rho.low:+.2f}, {rho.high:+.2f}]")
    after = _difference("both tasks", outcome.difference)
    bands = ", ".join(f"{edge:+.2f}" for edge in SOURCE.edges())
    return card(
        dial_name(outcome),
        said(dial_words(outcome), kind="answer"),
        beside(
            intervals(
                [before],
                f"before: rho, 95 % over initialisations; edges of the source: {bands}",
                SOURCE.edges(),
                ends[0],
            ),
            intervals([after], "after: difference to RUL alone, cycles of test RMSE, 95 % over fleets", within=ends[1]),
        ),
        said(f"RUL alone {outcome.alone.mean():.1f} cycles, both tasks {outcome.together.mean():.1f}.", kind="dim"),
    )


def _difference(name: str, found: Estimate) -> Bar:
    low, high = (end if math.isfinite(end) else math.nan for end in (found.low, found.high))
    return Bar(name, found.mean, low, high, found.text(2, "+"), found.verdict)
