"""From traces to the figures of a diagnosis: rho, pairs, groups, ratio, curve and cost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from grace.alignment.decide import Evidence, Thresholds
from grace.alignment.diagnosis import Cost, CurvePoint, Pair, Ratio
from grace.alignment.groups import Groups, group_tasks
from grace.alignment.probe import Trace
from grace.alignment.recipes import Recipe
from grace.core.stats import Interval, over_initialisations

UNIT_GIVEN = "losses as given"
REFERENCE_EPOCHS = 500  # the source's full training
BACKWARD_COST = 2.0  # operations of a backward pass in forward passes: gradients of activations and of weights
CURVE_BINS = 6


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


def pair_rho(trace: Trace, first: int, second: int) -> NDArray[np.float64]:
    """Cosine of two tasks' gradients at each measurement ``[M]``; NaN where one is zero."""
    size = np.sqrt(np.diagonal(trace.gramian, axis1=1, axis2=2))
    return _cosine(trace.gramian[:, first, second], size[:, first] * size[:, second])


def pairs_of(traces: Sequence[Trace], tasks: Sequence[str], batches: int) -> tuple[Pair, ...]:
    """Every two tasks, in the order of the tasks."""
    return tuple(
        Pair(tasks[a], tasks[b], over_initialisations(np.array([pair_rho(t, a, b)[-batches:] for t in traces])))
        for a, b in combinations(range(len(tasks)), 2)
    )


def summarise_ratio(
    traces: Sequence[Trace], batches: int, scale: float, cap: float, tasks: Sequence[str], unit: str = "cycles"
) -> Ratio:
    """Ratios of the first task's gradient (a squared error in units of ``scale`` cycles) to the second's."""
    per_cycles = np.array([_medians(t, batches, scale) for t in traces])
    in_cycles, unit_free = np.exp(np.nanmedian(per_cycles, axis=0))
    folded = np.maximum(per_cycles[:, 0], -per_cycles[:, 0])
    return Ratio(
        median=_fold(in_cycles),
        low=float(np.exp(np.nanmin(folded))),
        high=float(np.exp(np.nanmax(folded))),
        larger=tasks[0] if in_cycles >= 1 else tasks[1],
        unit=f"RUL loss in {unit}^2",
        in_cap_units=_fold(in_cycles / cap**2),
        unit_free=_fold(unit_free),
    )


def groups_of(traces: Sequence[Trace], tasks: Sequence[str], batches: int, thresholds: Thresholds) -> Groups:
    """Tasks joined by the rule's edge of rho that speaks for sharing."""
    count = len(tasks)
    rho = np.ones((len(traces), count, count))
    for a, b in combinations(range(count), 2):
        for index, trace in enumerate(traces):
            seen = pair_rho(trace, a, b)[-batches:]
            rho[index, a, b] = rho[index, b, a] = np.nan if np.isnan(seen).all() else np.nanmean(seen)
    return group_tasks(rho, tasks, thresholds.weak)


def plain_ratio(traces: Sequence[Trace], batches: int, tasks: Sequence[str]) -> Ratio:
    """Ratios of any tasks, in the units that their losses have."""
    sizes, relative = [], []
    for trace in traces:
        size = np.sqrt(np.diagonal(trace.gramian, axis1=1, axis2=2))[-batches:]
        loss = np.abs(trace.losses[-batches:])
        live = (size > 0).all(axis=1) & (loss > 0).all(axis=1)
        if live.any():
            sizes.append(np.median(np.log(size[live]), axis=0))
            relative.append(np.median(np.log(size[live] / loss[live]), axis=0))
    if not sizes:
        return Ratio(float("nan"), float("nan"), float("nan"), tasks[0], UNIT_GIVEN, None, float("nan"))
    spans = np.exp(np.ptp(np.array(sizes), axis=1))
    middle = np.median(np.array(sizes), axis=0)
    return Ratio(
        median=float(np.exp(np.ptp(middle))),
        low=float(spans.min()),
        high=float(spans.max()),
        larger=tasks[int(np.argmax(middle))],
        unit=UNIT_GIVEN,
        in_cap_units=None,
        unit_free=float(np.exp(np.ptp(np.median(np.array(relative), axis=0)))),
    )


def _medians(trace: Trace, batches: int, scale: float) -> tuple[float, float]:
    """Medians over the reading of log(|g_1| / |g_2|), in cycles^2, and of the same over the losses."""
    size = np.sqrt(np.diagonal(trace.gramian, axis1=1, axis2=2))[-batches:]
    loss = trace.losses[-batches:]
    live = (size > 0).all(axis=1)
    if not live.any():
        return float("nan"), float("nan")
    size, loss = size[live], loss[live]
    log = np.log(size[:, 0] / size[:, 1])
    return float(np.median(log) + np.log(scale**2)), float(np.median(log - np.log(loss[:, 0] / loss[:, 1])))


def _fold(ratio: float) -> float:
    return float(max(ratio, 1 / ratio))


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


def cost_of(traces: Sequence[Trace], batch_size: int, windows: int, seconds: float) -> Cost:
    """Passes paid, and their operations as a share of one full training."""
    return cost_of_steps(traces, REFERENCE_EPOCHS * windows / min(batch_size, windows), seconds)


def cost_of_steps(traces: Sequence[Trace], training_steps: float | None, seconds: float) -> Cost:
    """The same with the length of one training in steps, None if it is not known."""
    forwards = sum(trace.forwards for trace in traces)
    backwards = sum(trace.backwards for trace in traces)
    paid = forwards + BACKWARD_COST * backwards
    share = None if training_steps is None else paid / (training_steps * (1 + BACKWARD_COST))
    return Cost(forwards + backwards, forwards, backwards, share, seconds)


def evidence_of(
    rho: Interval,
    ratio: Ratio,
    near_failure_share: float | None,
    conditions: int | None,
    recipe: Recipe,
    tasks: int = 2,
) -> Evidence:
    """What the decision is made from; the published recipe is decided on its mean and marked as unreliable."""
    return Evidence(
        rho=rho.mean,
        low=rho.low,
        high=rho.high,
        ratio=ratio.median,
        near_failure_share=near_failure_share,
        conditions=conditions,
        tasks=tasks,
        reliable=not recipe.single,
        inits=rho.inits,
        recipe=recipe.name,
    )
