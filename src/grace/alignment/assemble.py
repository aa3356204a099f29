"""From traces to the report: what every diagnosis says, whatever network it was taken of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grace.alignment.decide import SOURCE, Thresholds, decide
from grace.alignment.diagnosis import Cost, Diagnosis, Ratio
from grace.alignment.measures import curve_of, evidence_of, groups_of, pairs_of, rho_of
from grace.alignment.probe import Trace
from grace.alignment.recipes import Recipe
from grace.core.stats import over_initialisations
from grace.errors import GraceError


def assemble(
    dataset: str,
    tasks: tuple[str, ...],
    recipe: Recipe,
    traces: Sequence[Trace],
    batches: int,
    *,
    ratio: Ratio,
    near_failure_share: float | None,
    conditions: int | None,
    thresholds: Thresholds,
    cost: Cost,
    conventions: dict[str, object],
) -> Diagnosis:
    """The report; ``batches`` measurements at the end of each trace are its reading, see :class:`Diagnosis` for the rest.

    Raises:
        GraceError: rho is undefined in every initialisation.
    """
    reading = np.array([rho_of(trace, recipe.weights)[-batches:] for trace in traces])
    rho = over_initialisations(reading)
    if rho.inits == 0:
        raise GraceError(
            "rho should be defined in some initialisation. Found a zero gradient in all of them (a dead final ReLU). "
            "Use more initialisations, or the recipe `joint`."
        )
    curve, settled = curve_of(traces, recipe.weights)
    evidence = evidence_of(rho, ratio, near_failure_share, conditions, recipe, len(tasks))
    return Diagnosis(
        dataset=dataset,
        tasks=tasks,
        recipe=recipe,
        rho=rho,
        pairs=pairs_of(traces, tasks, batches),
        groups=groups_of(traces, tasks, batches, thresholds),
        redrawn=sum(trace.redrawn for trace in traces),
        undefined=float(np.isnan(reading).mean()),
        ratio=ratio,
        near_failure_share=near_failure_share,
        conditions=conditions,
        curve=curve,
        settled=settled,
        prescription=decide(evidence, thresholds),
        source_prescription=decide(evidence, SOURCE),
        thresholds=thresholds,
        cost=cost,
        conventions=conventions,
    )
