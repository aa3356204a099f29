"""A diagnosis as a card of a notebook."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from grace.alignment.show import in_short, title
from grace.html import Bar, card, intervals, said, table

if TYPE_CHECKING:
    from grace.alignment.diagnosis import Diagnosis


def card_of(result: Diagnosis) -> str:
    """The answer, rho with its interval and along the steps, the questions and what they are worth."""
    rho, prescription = result.rho, result.prescription
    bars = [_bar("rho", rho.mean, rho.low, rho.high)] if rho.inits > 1 else [Bar("rho", rho.mean, math.nan, math.nan)]
    if len(result.curve) > 1:
        bars += [_bar(f"steps {p.first_step} to {p.last_step}", p.mean, p.low, p.high) for p in result.curve]
    if len(result.tasks) > 2:
        bars += [_bar(f"{p.first}, {p.second}", p.rho.mean, p.rho.low, p.rho.high) for p in result.pairs]
    marks = {True: "yes", False: "no", None: ""}
    rows = [(a.question, a.text, a.measured, marks[a.passed], a.reason) for a in prescription.answers]
    spread = f"rho {rho.mean:+.3f}, mean of {rho.inits} initialisations of {rho.batches} batches each"
    return card(
        title(result),
        said(in_short(result), kind="answer"),
        intervals(bars, "rho, 95 % interval over initialisations; dashed: edges", result.thresholds.edges()),
        table(("", "question", "measured", "", "what follows"), rows),
        said(prescription.next_step),
        said(
            f"{spread}; {result.cost.forward_backward:,} forward and backward passes, {result.cost.seconds:.0f} s.",
            kind="dim",
        ),
    )


def _bar(label: str, mean: float, low: float, high: float) -> Bar:
    return Bar(label, mean, low, high, f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]")
