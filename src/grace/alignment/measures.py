"""What traces show: rho, pairs, ratio, curve and cost, whatever network they were taken of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from grace.core.stats import Interval, over_initialisations

BACKWARD_COST = 2.0  # operations of a backward pass in forward passes: gradients of activations and of weights
CURVE_BINS = 6
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trace:
    """What one initialisation showed, in ``M`` measurements."""

    step: NDArray[np.int64]  # optimiser steps (per task) taken before each measurement, int64 `[M]`
    gramian: Floats  # Gramians of the task gradients, float64 `[M, K, K]`
    losses: Floats  # losses at each measurement, float64 `[M, K]`
    forwards: int  # forward passes paid, measured or not
    backwards: int  # backward passes paid
    redrawn: int = 0  # initialisations thrown away because some task's gradient was exactly zero from the start

    def rho(self, weights: Sequence[float] = (1.0, 1.0)) -> Floats:
        r"""Cosine of the first task's gradient and the others' at each measurement ``[M]``; NaN where one is zero.

        .. math:: \rho = \cos\bigl(g_1, \textstyle\sum_{j>1} w_j g_j\bigr)

        Of the ``K`` weights the first plays no part, and with two tasks none does.
        """
        others = np.array(weights[1:], dtype=float)
        others = others / others[0] if len(others) == 1 else others
        cross = self.gramian[:, 0, 1:] @ others
        first = np.sqrt(self.gramian[:, 0, 0])
        second = np.sqrt(np.einsum("i,mij,j->m", others, self.gramian[:, 1:, 1:], others).clip(0))
        return _cosine(cross, first * second)

    def cosines(self) -> Floats:
        """Cosine of every two tasks' gradients at each measurement ``[M, K, K]``; NaN where one is zero."""
        size = self.norms()
        return _cosine(self.gramian, size[:, :, None] * size[:, None, :])

    def norms(self) -> Floats:
        """Gradient norms ``[M, K]``."""
        return np.sqrt(np.diagonal(self.gramian, axis1=1, axis2=2))

    def live(self, reads: int) -> tuple[Floats, Floats]:
        """Gradient norms and losses' sizes ``[M, K]`` of the last ``reads`` measurements; NaN where a task has none."""
        size, loss = self.norms()[-reads:], np.abs(self.losses[-reads:])
        return np.where(size > 0, size, np.nan), np.where(loss > 0, loss, np.nan)


def mean_of_known(values: Floats) -> Floats:
    """Means over the second axis, ``[I, M, ...] -> [I, ...]``; NaN is left out, and the mean where all are."""
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0).sum(axis=1), known.sum(axis=1)
    means: Floats = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return means


def _median_of_known(values: Floats) -> Floats:
    """Medians over the first axis, ``[M, ...] -> [...]``, likewise."""
    known = ~np.isnan(values).all(axis=0)
    found: Floats = np.full(values.shape[1:], np.nan)
    found[known] = np.nanmedian(values[:, known], axis=0)
    return found


def _cosine(cross: Floats, product: Floats) -> Floats:
    return np.where(product > 0, cross / np.where(product > 0, product, 1), np.nan).clip(-1, 1)


@dataclass(frozen=True)
class Pair:
    """Two tasks and the cosine of their gradients, with its interval over initialisations."""

    first: str
    second: str
    rho: Interval

    @classmethod
    def every(cls, cosines: Floats, tasks: Sequence[str]) -> tuple[Pair, ...]:
        """Every two tasks, in the order of the tasks, from cosines ``[I, M, K, K]``."""
        return tuple(
            cls(tasks[a], tasks[b], over_initialisations(np.ascontiguousarray(cosines[:, :, a, b])))
            for a, b in combinations(range(len(tasks)), 2)
        )


@dataclass(frozen=True)
class Ratio:
    """Largest over smallest gradient norm: medians over initialisations of the medians over batches.

    A task counts in the batches in which it has a gradient, and not at all where it never has one.
    """

    median: float  # in `unit`; of RUL and the tasks beside it with the RUL loss in cycles^2, as in the source
    low: float  # smallest median of an initialisation
    high: float  # largest median of an initialisation
    larger: str  # the task with the largest gradient in that unit
    unit: str  # the unit that `median` depends on
    # the same with RUL in units of the cap: its gradient norm is cap^2 times smaller; None of other tasks
    in_cap_units: float | None
    unit_free: float  # the same for the gradients of the losses' logarithms, `|g| / L`, which no unit changes

    @classmethod
    def of_rul(
        cls,
        traces: Sequence[Trace],
        reads: int,
        tasks: Sequence[str],
        scale: float,
        cap: float,
        unit: str,
        bound: bool = False,
    ) -> Ratio:
        """Of an RUL, the first task, and others; its loss, and where the last one is a ``bound`` of it also that, is a square in
        units of ``scale`` cycles."""
        alike = np.array([True] + [False] * (len(tasks) - 1))  # in the unit of the first
        alike[-1] |= bound
        by_init = np.array([_of_first(*trace.live(reads)) for trace in traces])
        by_init[:, 0] += np.where(alike, 0, np.log(scale**2))
        over_each, unit_free = np.exp(_median_of_known(by_init))
        spans = np.exp(_reach(by_init[:, 0]))
        return cls(
            median=_fold(over_each),
            low=float(np.nanmin(spans)),
            high=float(np.nanmax(spans)),
            larger=tasks[int(np.nanargmin(over_each))],
            unit=f"RUL loss in {unit}^2",
            in_cap_units=_fold(np.where(alike, over_each, over_each / cap**2)),
            unit_free=_fold(unit_free),
        )

    @classmethod
    def of_any(cls, traces: Sequence[Trace], reads: int, tasks: Sequence[str]) -> Ratio:
        """Of any tasks, in the units that their losses have."""
        live = [trace.live(reads) for trace in traces]
        sizes = np.array([_median_of_known(np.log(size)) for size, _ in live])
        relative = np.array([_median_of_known(np.log(size / loss)) for size, loss in live])
        spans, middle = np.exp(_reach(sizes)), _median_of_known(sizes)
        return cls(
            median=float(np.exp(_reach(middle))),
            low=float(np.nanmin(spans)),
            high=float(np.nanmax(spans)),
            larger=tasks[int(np.nanargmax(middle))],
            unit="losses as given",
            in_cap_units=None,
            unit_free=float(np.exp(_reach(_median_of_known(relative)))),
        )


def _of_first(size: Floats, loss: Floats) -> Floats:
    """Medians over the reading of log(|g_1| / |g_j|), and of the same over the losses, ``[2, K]``."""
    log = np.log(size[:, :1] / size)
    return np.stack([_median_of_known(log), _median_of_known(log - np.log(loss[:, :1] / loss))])


def _reach(values: Floats) -> Floats:
    """Largest minus smallest known value ``[..., K] -> [...]``."""
    reach: Floats = np.fmax.reduce(values, axis=-1) - np.fmin.reduce(values, axis=-1)
    return reach


def _fold(ratios: Floats) -> float:
    """Largest over smallest known ratio."""
    return float(np.nanmax(ratios) / np.nanmin(ratios))


@dataclass(frozen=True)
class CurvePoint:
    """rho of the measurements in one stretch of optimiser steps, with its interval over initialisations."""

    first_step: int
    last_step: int
    mean: float
    low: float
    high: float

    @classmethod
    def along(
        cls, traces: Sequence[Trace], weights: Sequence[float] = (1.0, 1.0)
    ) -> tuple[tuple[CurvePoint, ...], bool | None]:
        """rho in equal stretches of steps, and whether the last two agree within their paired interval."""
        steps = traces[0].step
        rho = np.array([trace.rho(weights) for trace in traces])
        if steps[-1] == steps[0]:
            whole = over_initialisations(rho)
            return (cls(int(steps[0]), int(steps[0]), whole.mean, whole.low, whole.high),), None
        edges = np.linspace(0, steps[-1] + 1, CURVE_BINS + 1).astype(int)
        inside = [(steps >= first) & (steps < last) for first, last in pairwise(edges)]
        points = []
        for (first, last), here in zip(pairwise(edges), inside, strict=True):
            part = over_initialisations(rho[:, here])
            points.append(cls(int(first), int(last) - 1, part.mean, part.low, part.high))
        change = mean_of_known(rho[:, inside[-1]]) - mean_of_known(rho[:, inside[-2]])
        drift = over_initialisations(change[:, None], bounds=(-2.0, 2.0))
        return tuple(points), drift.low <= 0 <= drift.high if drift.inits else None


@dataclass(frozen=True)
class Cost:
    """What the diagnosis cost."""

    forward_backward: int  # forward plus backward passes of one batch, all initialisations together
    forwards: int  # the forward passes among them
    backwards: int  # the backward passes among them
    # operations as a share of one training of 500 epochs of the same network and windows, a backward pass counted as two
    # forward passes; None where the length of a training is not known
    share_of_training: float | None
    seconds: float  # wall time

    @classmethod
    def of(cls, traces: Sequence[Trace], training_steps: float | None, seconds: float) -> Cost:
        """Passes paid, and their operations as a share of one training of that many steps, None if they are not known."""
        forwards = sum(trace.forwards for trace in traces)
        backwards = sum(trace.backwards for trace in traces)
        paid = forwards + BACKWARD_COST * backwards
        share = None if training_steps is None else paid / (training_steps * (1 + BACKWARD_COST))
        return cls(forwards + backwards, forwards, backwards, share, seconds)
