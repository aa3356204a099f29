"""From raw measurements to what ships: outcomes, scores of the predictors, and what ``grace diagnose`` says of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from grace.alignment.decide import SOURCE, Evidence, decide
from grace.alignment.study import EDGES, Study, Verdicts
from grace.core.stats import HIGHER, LOWER, UNCLEAR, bootstrap
from grace.validity.judge import spearman
from grace.validity.power import Power
from grace.validity.study import ALONE, FIGURES, METHODS, CaseResult, ValidityStudy, families_of
from studies.measurements import Measured
from studies.predictors import SCORERS, cosine, predictors
from studies.trainings import EPOCHS, SEEDS, STEPS


def study_of(cases: Sequence[Measured]) -> ValidityStudy:
    """What stands in ``grace/validity/cases.json``."""
    training = EPOCHS * STEPS
    found = tuple(result_of(case) for case in cases)
    return ValidityStudy(found, predictors(), training, training * len(METHODS) * len(SEEDS))


def result_of(found: Measured) -> CaseResult:
    """One case: figures of the runs that finished, and the score of every predictor."""
    outcomes = {
        method: {seed: {name: figures[name] for name in FIGURES} for seed, figures in seeds.items() if figures}
        for method, seeds in found.outcomes.items()
    }
    scores = {scorer.name: scorer.of(found) for scorer in SCORERS}
    return CaseResult(found.case, outcomes, scores, tuple(source_rule(found, seed) for seed in sorted(found.probes)))


def source_rule(found: Measured, seed: int) -> str:
    """The method that the source's procedure prescribes from one untrained network."""
    raw, family = found.probes[seed], found.case.family
    gram = np.array(raw["published"]["gramian"])
    norm = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    rho = float(np.clip(np.nanmean(cosine(gram)), -1, 1))
    ratio = float(np.median(norm.max(1) / norm.min(1)))
    several = family in ("FD002", "FD004") or family.startswith("sim-6")
    evidence = Evidence(rho, rho, rho, max(ratio, 1.0), raw["near_failure_share"], 6 if several else 1)
    method = decide(evidence, SOURCE).method
    return method if method in METHODS else ALONE[0]


def in_brief(study: ValidityStudy) -> Study:
    """What stands in ``grace/alignment/study.json``."""
    rho, effects = study.rho_and_effect()
    verdicts = np.array([case.effect("grace").verdict for case in study.cases])

    def counts(mine: NDArray[np.bool_]) -> Verdicts:
        lower, higher, unclear = (int((verdicts[mine] == word).sum()) for word in (LOWER, HIGHER, UNCLEAR))
        return lower, higher, unclear

    families = families_of(study.cases)
    found, cost = bootstrap(spearman, rho, -effects, families=families), Power.of(study.cases, "grace").effect
    return Study(
        cases=len(study.cases),
        families=len(set(families.tolist())),
        correlation=tuple(round(value, 3) for value in (found.value, found.low, found.high)),
        cost=tuple(round(value, 2) for value in (cost.value, cost.low, cost.high)),
        networks=tuple(sorted({(found.case.size, found.case.window) for found in study.cases})),
        sides={name: (counts(rho <= edge), counts(rho > edge)) for name, edge in EDGES.items()},
    )
