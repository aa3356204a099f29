"""From traces to a diagnosis: rho, pairs, groups, ratio, curve and cost, whatever network they were taken of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from grace.alignment.decide import SOURCE, Evidence, Thresholds, decide
from grace.alignment.diagnosis import Cost, CurvePoint, Diagnosis, Pair, Ratio
from grace.alignment.groups import Groups
from grace.alignment.probe import Trace
from grace.alignment.problem import Facts
from grace.alignment.recipes import Recipe
from grace.core.stats import over_initialisations
from grace.errors import GraceError

BACKWARD_COST = 2.0  # operations of a backward pass in forward passes: gradients of activations and of weights
CURVE_BINS = 6


def report(
    traces: Sequence[Trace], recipe: Recipe, reads: int, facts: Facts, thresholds: Thresholds, seconds: float
) -> Diagnosis:
    """The report; ``reads`` measurements at the end of each trace are its reading.

    Raises:
        GraceError: rho is undefined in every initialisation.
    """
    tasks, cosines = facts.tasks, np.array([_cosines(trace)[-reads:] for trace in traces])
    reading = np.array([rho_of(trace, recipe.weights)[-reads:] for trace in traces])
    rho = over_initialisations(reading)
    if rho.inits == 0:
        raise GraceError(
            "rho should be defined in some initialisation. Found a zero gradient in all of them (a dead final ReLU). "
            "Use more initialisations, or the recipe `joint`."
        )
    curve, settled = curve_of(traces, recipe.weights)
    ratio = _plain_ratio(traces, reads, tasks) if facts.rul is None else _rul_ratio(traces, reads, tasks, *facts.rul)
    evidence = Evidence(
        rho.mean,
        rho.low,
        rho.high,
        ratio.median,
        facts.near_failure_share,
        facts.conditions,
        len(tasks),
        reliable=not recipe.single,  # the published recipe is decided on its mean
        inits=rho.inits,
        recipe=recipe.name,
    )
    return Diagnosis(
        dataset=facts.name,
        tasks=tasks,
        recipe=recipe,
        rho=rho,
        pairs=_pairs(cosines, tasks),
        groups=_groups(cosines, tasks, thresholds.weak),
        redrawn=sum(trace.redrawn for trace in traces),
        undefined=float(np.isnan(reading).mean()),
        ratio=ratio,
        near_failure_share=facts.near_failure_share,
        conditions=facts.conditions,
        curve=curve,
        settled=settled,
        prescription=decide(evidence, thresholds),
        source_prescription=decide(evidence, SOURCE),
        thresholds=thresholds,
        cost=cost_of(traces, facts.training_steps, seconds),
        conventions=facts.conventions | _measured_as(recipe, facts),
    )


def _measured_as(recipe: Recipe, facts: Facts) -> dict[str, object]:
    over = "initialisations"
    if facts.alike:
        over = "batches and dropout alone, as every initialisation starts from the same values"
    return {
        "recipe_steps": recipe.steps,
        "recipe_weights": list(recipe.weights) if recipe.warm == "joint" else None,
        "mode": "train (dropout and batch statistics on)",
        "interval": f"95 % over {over}, random-effects model, Student's t; batches nested; {facts.data} fixed",
        "reference_training": facts.training,
        "torch": torch.__version__,
    }


def rho_of(trace: Trace, weights: Sequence[float] = (1.0, 1.0)) -> NDArray[np.float64]:
    r"""Cosine of the first task's gradient and the others' at each measurement ``[M]``; NaN where one is zero.

    .. math:: \rho = \cos\bigl(g_1, \textstyle\sum_{j>1} w_j g_j\bigr)

    Args:
        trace: Gramians ``[M, K, K]``.
        weights: ``K`` task weights; the first plays no part, and with two tasks none does.
    """
    others = np.array(weights[1:], dtype=float)
    others = others / others[0] if len(others) == 1 else others
    cross = trace.gramian[:, 0, 1:] @ others
    first = np.sqrt(trace.gramian[:, 0, 0])
    second = np.sqrt(np.einsum("i,mij,j->m", others, trace.gramian[:, 1:, 1:], others).clip(0))
    return _cosine(cross, first * second)


def _cosine(cross: NDArray[np.float64], product: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(product > 0, cross / np.where(product > 0, product, 1), np.nan).clip(-1, 1)


def _cosines(trace: Trace) -> NDArray[np.float64]:
    """Cosine of every two tasks' gradients at each measurement ``[M, K, K]``; NaN where one is zero."""
    size = np.sqrt(np.diagonal(trace.gramian, axis1=1, axis2=2))
    return _cosine(trace.gramian, size[:, :, None] * size[:, None, :])


def _pairs(cosines: NDArray[np.float64], tasks: Sequence[str]) -> tuple[Pair, ...]:
    """Every two tasks, in the order of the tasks, from cosines ``[I, M, K, K]``."""
    return tuple(
        Pair(tasks[a], tasks[b], over_initialisations(np.ascontiguousarray(cosines[:, :, a, b])))
        for a, b in combinations(range(len(tasks)), 2)
    )


def _groups(cosines: NDArray[np.float64], tasks: Sequence[str], edge: float) -> Groups:
    """Tasks joined by the rule's edge of rho that speaks for sharing."""
    known = ~np.isnan(cosines)
    total = np.where(known, cosines, 0).sum(axis=1)
    count = known.sum(axis=1)
    return Groups.of(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0), tasks, edge)


def _rul_ratio(traces: Sequence[Trace], reads: int, tasks: Sequence[str], scale: float, cap: float, unit: str) -> Ratio:
    """Ratios of the first task's gradient (a squared error in units of ``scale`` cycles) to the second's."""
    medians = np.array([_medians(trace, reads, scale) for trace in traces])
    in_cycles, unit_free = np.exp(np.nanmedian(medians, axis=0))
    spans = np.exp(np.abs(medians[:, 0]))
    return Ratio(
        median=_fold(in_cycles),
        low=float(np.nanmin(spans)),
        high=float(np.nanmax(spans)),
        larger=tasks[0] if in_cycles >= 1 else tasks[1],
        unit=f"RUL loss in {unit}^2",
        in_cap_units=_fold(in_cycles / cap**2),
        unit_free=_fold(unit_free),
    )


def _medians(trace: Trace, reads: int, scale: float) -> tuple[float, float]:
    """Medians over the reading of log(|g_1| / |g_2|), in cycles^2, and of the same over the losses."""
    size, loss = _live(trace, reads)
    if not len(size):
        return float("nan"), float("nan")
    log = np.log(size[:, 0] / size[:, 1])
    return float(np.median(log) + np.log(scale**2)), float(np.median(log - np.log(loss[:, 0] / loss[:, 1])))


def _fold(ratio: float) -> float:
    return float(max(ratio, 1 / ratio))


def _plain_ratio(traces: Sequence[Trace], reads: int, tasks: Sequence[str]) -> Ratio:
    """Ratios of any tasks, in the units that their losses have."""
    live = [(size, loss) for size, loss in (_live(trace, reads) for trace in traces) if len(size)]
    nan, unit = float("nan"), "losses as given"
    if not live:
        return Ratio(nan, nan, nan, tasks[0], unit, None, nan)
    sizes = np.array([np.median(np.log(size), axis=0) for size, _ in live])
    relative = np.array([np.median(np.log(size / loss), axis=0) for size, loss in live])
    spans, middle = np.exp(np.ptp(sizes, axis=1)), np.median(sizes, axis=0)
    return Ratio(
        median=float(np.exp(np.ptp(middle))),
        low=float(spans.min()),
        high=float(spans.max()),
        larger=tasks[int(np.argmax(middle))],
        unit=unit,
        in_cap_units=None,
        unit_free=float(np.exp(np.ptp(np.median(relative, axis=0)))),
    )


def _live(trace: Trace, reads: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gradient norms and losses' sizes ``[M, K]`` of the reading, where every task has both."""
    size = np.sqrt(np.diagonal(trace.gramian, axis1=1, axis2=2))[-reads:]
    loss = np.abs(trace.losses[-reads:])
    live = (size > 0).all(axis=1) & (loss > 0).all(axis=1)
    return size[live], loss[live]


def curve_of(
    traces: Sequence[Trace], weights: Sequence[float] = (1.0, 1.0), bins: int = CURVE_BINS
) -> tuple[tuple[CurvePoint, ...], bool | None]:
    """rho in equal stretches of steps, and whether the last two agree within their paired interval."""
    steps = traces[0].step
    rho = np.array([rho_of(trace, weights) for trace in traces])
    if steps[-1] == steps[0]:
        whole = over_initialisations(rho)
        return (CurvePoint(int(steps[0]), int(steps[0]), whole.mean, whole.low, whole.high),), None
    edges = np.linspace(0, steps[-1] + 1, bins + 1).astype(int)
    inside = [(steps >= first) & (steps < last) for first, last in pairwise(edges)]
    points = []
    for (first, last), here in zip(pairwise(edges), inside, strict=True):
        part = over_initialisations(rho[:, here])
        points.append(CurvePoint(int(first), int(last) - 1, part.mean, part.low, part.high))
    change = np.nanmean(rho[:, inside[-1]], axis=1) - np.nanmean(rho[:, inside[-2]], axis=1)
    drift = over_initialisations(change[:, None], bounds=(-2.0, 2.0))
    return tuple(points), drift.low <= 0 <= drift.high


def cost_of(traces: Sequence[Trace], training_steps: float | None, seconds: float) -> Cost:
    """Passes paid, and their operations as a share of one training of that many steps, None if they are not known."""
    forwards = sum(trace.forwards for trace in traces)
    backwards = sum(trace.backwards for trace in traces)
    paid = forwards + BACKWARD_COST * backwards
    share = None if training_steps is None else paid / (training_steps * (1 + BACKWARD_COST))
    return Cost(forwards + backwards, forwards, backwards, share, seconds)
