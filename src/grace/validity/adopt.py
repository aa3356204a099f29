"""From the study to what `grace diagnose` says of it: did rho tell what the second task did, and where its edge lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grace.alignment.study import Study
from grace.core.stats import bootstrap
from grace.validity.effects import effect, power
from grace.validity.judge import spearman
from grace.validity.study import Measured, families_of

SHARED = "grace"
"""The method that stands for sharing: the source's own."""


@dataclass(frozen=True)
class Outcome:
    """What training showed in one case.

    Attributes:
        family: Its family.
        rho: What ``grace diagnose`` measured beforehand, mean over initialisations.
        effect: Change of the test RMSE by the second task under :data:`SHARED`, per cent.
    """

    family: str
    rho: float
    effect: float


def outcomes_of(cases: Sequence[Measured]) -> list[Outcome]:
    """rho before training and the effect after it."""
    return [
        Outcome(
            case.case.family,
            float(np.mean([values["rho"] for values in case.diagnoses.values()])),
            effect(case, SHARED).change.mean,
        )
        for case in cases
    ]


def study_of(cases: Sequence[Measured]) -> Study:
    """What stands in ``grace/alignment/study.json``."""
    outcomes, families = outcomes_of(cases), families_of(cases)
    rho, gain = np.array([o.rho for o in outcomes]), -np.array([o.effect for o in outcomes])
    found, cost = bootstrap(spearman, rho, gain, families=families), power(cases, SHARED).effect
    return Study(
        cases=len(cases),
        families=len(set(families.tolist())),
        correlation=tuple(round(value, 3) for value in (found.value, found.low, found.high)),
        cost=tuple(round(value, 2) for value in (cost.value, cost.low, cost.high)),
    )


def edge(outcomes: Sequence[Outcome]) -> float:
    """The edge of rho that splits the effects best: a regression stump, half way between two cases."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.rho)
    rho = np.array([outcome.rho for outcome in ordered])
    effects = np.array([outcome.effect for outcome in ordered])
    cuts = [n for n in range(1, len(rho)) if rho[n] > rho[n - 1]]
    spread = [n * effects[:n].var() + (len(rho) - n) * effects[n:].var() for n in cuts]
    best = cuts[int(np.argmin(spread))]
    return float(rho[best - 1] + rho[best]) / 2


def edge_without(cases: Sequence[Measured]) -> list[float]:
    """The edge fitted without each family in turn."""
    outcomes = outcomes_of(cases)
    return [edge([o for o in outcomes if o.family != family]) for family in sorted({o.family for o in outcomes})]
