"""The diagnosis before training: measured alignment, facts of the data and what follows, as one report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from grace.alignment.decide import PRECEDENCE, Evidence, Prescription
from grace.alignment.interval import Interval, over_initialisations
from grace.alignment.probe import Trace
from grace.alignment.recipes import Recipe
from grace.alignment.study import Alike, alike

REFERENCE_EPOCHS = 500  # the source's full training
BACKWARD_COST = 2.0  # operations of a backward pass in forward passes: gradients of activations and of weights
CURVE_BINS = 6


@dataclass(frozen=True)
class Ratio:
    """Largest over smallest gradient norm: medians over initialisations of the medians over batches.

    Attributes:
        median: With the RUL loss in cycles^2, the source's unit.
        low: Smallest median of an initialisation.
        high: Largest median of an initialisation.
        larger: The task with the larger gradient in that unit.
        unit: The unit that ``median`` depends on.
        in_cap_units: The same with RUL in units of the cap: its gradient norm is cap^2 times smaller.
        unit_free: The same for the gradients of the losses' logarithms, ``|g| / L``, which no unit changes.
    """

    median: float
    low: float
    high: float
    larger: str
    unit: str
    in_cap_units: float
    unit_free: float


@dataclass(frozen=True)
class Cost:
    """What the diagnosis cost.

    Attributes:
        forward_backward: Forward plus backward passes of one batch, all initialisations together.
        forwards: The forward passes among them.
        backwards: The backward passes among them.
        share_of_training: Operations as a share of one training of 500 epochs of the same network and windows, a
            backward pass counted as two forward passes.
        seconds: Wall time.
    """

    forward_backward: int
    forwards: int
    backwards: int
    share_of_training: float
    seconds: float


@dataclass(frozen=True)
class CurvePoint:
    """rho of the measurements in one stretch of optimiser steps, with its interval over initialisations."""

    first_step: int
    last_step: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Diagnosis:
    """The whole answer; ``to_json`` gives the object that the command line prints.

    Attributes:
        dataset: Name of the fleet.
        recipe: How rho was measured.
        rho: rho with its interval over initialisations.
        redrawn: Initialisations thrown away because a task had no gradient at the start (a dead final ReLU).
        undefined: Share of measurements without a rho although the start was alive.
        ratio: Ratio of gradient norms.
        near_failure_share: Share of windows with RUL below ``near_failure``.
        conditions: Operating conditions found.
        curve: rho along the steps; one point unless the recipe is ``joint``.
        settled: Whether rho no longer changes between the last two stretches of the curve (the paired difference's
            interval holds 0); None where there is no curve.
        prescription: What follows, by the rule that was asked for.
        source_prescription: What follows by the source's rule.
        cost: What it cost.
        conventions: Everything that moves a number.
    """

    dataset: str
    recipe: Recipe
    rho: Interval
    redrawn: int
    undefined: float
    ratio: Ratio
    near_failure_share: float
    conditions: int
    curve: tuple[CurvePoint, ...]
    settled: bool | None
    prescription: Prescription
    source_prescription: Prescription
    cost: Cost
    conventions: dict[str, object]

    @property
    def study(self) -> Alike | None:
        """How cases with such a rho came out in the validity study; None for a recipe that it was not calibrated with."""
        return alike(self.rho.mean) if self.recipe.name == "joint" else None

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        prescription = self.prescription
        return {
            "dataset": self.dataset,
            "recipe": self.recipe.name,
            "rho": asdict(self.rho) | {"redrawn": self.redrawn, "undefined_share": self.undefined},
            "ratio": asdict(self.ratio),
            "near_failure_share": self.near_failure_share,
            "conditions": self.conditions,
            "curve": [asdict(point) for point in self.curve],
            "settled": self.settled,
            "prescription": {
                "method": prescription.method,
                "decided": prescription.decided,
                "strength": prescription.strength,
                "reasons": prescription.reasons,
                "answers": [asdict(answer) for answer in prescription.answers],
                "crossed_edges": list(prescription.crossed),
                "precedence": PRECEDENCE,
            },
            "source_prescription": {
                "method": self.source_prescription.method,
                "decided": self.source_prescription.decided,
            },
            "study": None if self.study is None else asdict(self.study) | {"words": self.study.words},
            "cost": asdict(self.cost),
            "conventions": self.conventions,
        }


def rho_of(trace: Trace) -> NDArray[np.float64]:
    """Cosine of the first two tasks at each measurement ``[M]``; NaN where a gradient is zero."""
    size = np.sqrt(np.diagonal(trace.gramian, axis1=1, axis2=2))
    product = size[:, 0] * size[:, 1]
    return np.where(product > 0, trace.gramian[:, 0, 1] / np.where(product > 0, product, 1), np.nan).clip(-1, 1)


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


def curve_of(traces: Sequence[Trace], bins: int = CURVE_BINS) -> tuple[tuple[CurvePoint, ...], bool | None]:
    """rho in equal stretches of steps, and whether the last two agree within their paired interval."""
    steps = traces[0].step
    rho = np.array([rho_of(trace) for trace in traces])
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
    forwards = sum(trace.forwards for trace in traces)
    backwards = sum(trace.backwards for trace in traces)
    paid = min(batch_size, windows) * (forwards + BACKWARD_COST * backwards)
    training = REFERENCE_EPOCHS * windows * (1 + BACKWARD_COST)
    return Cost(forwards + backwards, forwards, backwards, paid / training, seconds)


def evidence_of(rho: Interval, ratio: Ratio, near_failure_share: float, conditions: int, recipe: Recipe) -> Evidence:
    """What the decision is made from; the published recipe is decided on its mean and marked as unreliable."""
    return Evidence(
        rho=rho.mean,
        low=rho.low,
        high=rho.high,
        ratio=ratio.median,
        near_failure_share=near_failure_share,
        conditions=conditions,
        reliable=not recipe.single,
        inits=rho.inits,
        recipe=recipe.name,
    )
