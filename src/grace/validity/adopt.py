"""From the study to what `grace diagnose` prints: the outcomes by rho, and the edge between its two bands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grace.alignment.decide import STUDY
from grace.alignment.study import Outcome
from grace.validity.effects import difference, effect, half_width
from grace.validity.outcomes import JOINT
from grace.validity.study import Measured

SHARED = "grace"
"""The method that stands for sharing: the source's own. Its regret is level with AMNL's, the least of those that share."""


def outcomes_of(cases: Sequence[Measured]) -> list[Outcome]:
    """The rows of ``grace/alignment/study.json``."""
    return [_outcome(case) for case in cases]


def _outcome(case: Measured) -> Outcome:
    found = effect(case, SHARED)
    rho = float(np.mean([values["rho"] for values in case.diagnoses.values()]))
    beaten = any(is_better(case, method, STUDY.always) for method in JOINT)
    return Outcome(case.case.name, round(rho, 3), round(found.mean, 2), found.verdict, beaten)


def is_better(case: Measured, method: str, reference: str) -> bool:
    """Whether a method's test RMSE is lower with an interval over seeds that leaves out 0."""
    found = difference(case, method, reference)
    return bool(found.mean() + half_width(found) < 0)


def edge(outcomes: Sequence[Outcome]) -> float:
    """The edge of rho that splits the effects best: a regression stump, half way between two cases."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.rho)
    rho = np.array([outcome.rho for outcome in ordered])
    effects = np.array([outcome.effect for outcome in ordered])
    cuts = [n for n in range(1, len(rho)) if rho[n] > rho[n - 1]]
    spread = [n * effects[:n].var() + (len(rho) - n) * effects[n:].var() for n in cuts]
    best = cuts[int(np.argmin(spread))]
    return float(rho[best - 1] + rho[best]) / 2
