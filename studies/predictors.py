"""Predictors of whether an auxiliary task helps, all through one interface: from raw measurements to one number a case.

A larger score says "helps". Every predictor names its cost in training steps (a forward and a backward pass of one batch),
summed over its initialisations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.validity.study import Predictor
from studies import probes
from studies.measurements import Measured

RUL, NEAR, HEALTH = 0, 1, -1
"""Rows of the Gramians of :mod:`studies.probes`; those of the source's recipes have no row for near failure."""

MEASURED_STEP, LOOK, HELD_LOOK = 5 / 3, 5 / 3, 4.0
"""Costs in training steps: of a joint step that measures two gradients (one more backward pass), of a look-ahead (two backward
passes and two forward ones), and of one on the validation engines, of which up to two batches are looked at."""

Score = Callable[[dict[str, Any]], float]


@dataclass(frozen=True)
class Scorer:
    """How a predictor's score is computed.

    Attributes:
        name: Name in tables.
        title: What it is, in words.
        score: From the raw measurements of one initialisation.
        steps: Its cost a initialisation, training steps.
        inits: Initialisations that are averaged.
        measured: Which measurements of a case it reads: ``probes`` or ``diagnoses``.
        run: What is run for it; predictors of one run share its cost.
    """

    name: str
    title: str
    score: Score
    steps: float
    inits: int = len(probes.SEEDS)
    measured: str = "probes"
    run: str = "joint"

    @property
    def cost(self) -> float:
        """Cost in training steps, all initialisations."""
        return self.steps * self.inits

    def of(self, case: Measured) -> float:
        """Score of a case: mean over its first initialisations, NaN where it is undefined in all of them."""
        raw = getattr(case, self.measured)
        values = np.array([self.score(raw[seed]) for seed in sorted(raw)[: self.inits]])
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def cosine(gram: NDArray[np.float64], row: int = RUL, column: int = HEALTH) -> NDArray[np.float64]:
    """Cosine of two tasks in every measurement, ``[M, K, K] -> [M]``; NaN where a gradient is zero."""
    product = np.sqrt(gram[:, row, row] * gram[:, column, column])
    return np.where(product > 0, gram[:, row, column] / np.where(product > 0, product, 1), np.nan)


def rho(part: str, row: int = RUL, column: int = HEALTH) -> Score:
    """Mean cosine over the batches of an untrained (or warmed) network."""
    return lambda raw: _mean(cosine(np.array(raw[part]["gramian"]), row, column))


def rho_between(first: int, last: int, row: int = RUL) -> Score:
    """Mean cosine over joint steps ``first <= step < last``."""
    return lambda raw: _mean(cosine(_joint(raw)[first:last], row))


def pull(first: int, last: int, weights: tuple[float, float]) -> Score:
    r"""What the weighted health gradient adds to the descent of the RUL loss, as a share of the RUL gradient's own.

    :math:`w_2 \langle g_1, g_2 \rangle / (w_1 |g_1|^2)`: rho together with the weight that the method gives the task.
    """

    def score(raw: dict[str, Any]) -> float:
        gram = _joint(raw)[first:last]
        return float(weights[1] * gram[:, RUL, HEALTH].mean() / (weights[0] * gram[:, RUL, RUL].mean()))

    return score


def drag(first: int, last: int) -> Score:
    """Minus the size of the health gradient that does not point along the RUL gradient, in RUL gradients.

    What a shared backbone is asked for besides: ``-(|g_2| sqrt(1 - rho^2)) / |g_1|`` at equal weights, as a logarithm.
    """

    def score(raw: dict[str, Any]) -> float:
        gram = _joint(raw)[first:last].mean(axis=0)
        along = gram[RUL, HEALTH] ** 2 / gram[RUL, RUL]
        return float(-0.5 * np.log(max(gram[HEALTH, HEALTH] - along, 1e-30) / gram[RUL, RUL]))

    return score


def log_ratio(first: int, last: int) -> Score:
    """Minus log of ``(|g_2| / L_2) / (|g_1| / L_1)``: gradient norms of the losses' logarithms, which no unit changes."""

    def score(raw: dict[str, Any]) -> float:
        gram, losses = _joint(raw)[first:last], np.array(raw["joint"]["losses"])[first:last]
        size = np.sqrt(np.diagonal(gram, axis1=1, axis2=2)) / np.maximum(losses, 1e-12)
        return -float(np.median(np.log(size[:, HEALTH] / size[:, RUL])))

    return score


def looks(column: str, first: int, last: int) -> Score:
    """Median of a column of :func:`studies.probes.look_ahead` over joint steps ``first <= step < last``.

    ``affinity`` is the share by which a health step lowers the RUL loss (TAG, arXiv 2109.04617, equation 1).
    """
    return lambda raw: _median_look(raw, column, first, last)


def held_class_loss(first: int, last: int) -> Score:
    """Minus the health loss on engines that are not trained on: learned by heart, labels read worse than chance there."""
    return lambda raw: -_median_look(raw, "held_health", first, last)


def linearised(first: int, last: int) -> Score:
    """The same to first order, ``<g_1, g_2> / L_1`` (Grad-TAG, arXiv 2409.06091): no look ahead is made."""

    def score(raw: dict[str, Any]) -> float:
        gram, losses = _joint(raw)[first:last], np.array(raw["joint"]["losses"])[first:last]
        return float(np.mean(gram[:, RUL, HEALTH] / np.maximum(losses[:, RUL], 1e-12)))

    return score


def class_loss(first: int, last: int) -> Score:
    """Minus the health loss: labels that cannot be learned stay at log 3."""
    return lambda raw: -float(np.array(raw["joint"]["losses"])[first:last, HEALTH].mean())


def class_gap(first: int, last: int) -> Score:
    """Health loss in training minus that on validation engines: how much of the labels is learned by heart."""

    def score(raw: dict[str, Any]) -> float:
        seen = float(np.array(raw["joint"]["losses"])[first:last, HEALTH].mean())
        return seen - _median_look(raw, "held_health", first, last)

    return score


def race(method: str) -> Score:
    """By how much the method is ahead of RUL alone after a training in small, validation RMSE as a share."""

    def score(raw: dict[str, Any]) -> float:
        alone, other = (min(raw["race"][name]["curve"]) for name in ("rul-only", method))
        return float(1 - other / alone)

    return score


_READ, _FIT = probes.READ * MEASURED_STEP, probes.FITTED_ON / probes.BATCH / 3
_RACE = 2 * probes.RACE_EPOCHS * probes.RACE_STEPS

SCORERS: tuple[Scorer, ...] = (
    Scorer("init-1", "rho of one untrained network (the source)", rho("published"), _READ, 1, run="init"),
    Scorer("init", "rho of untrained networks", rho("published"), _READ, run="init"),
    Scorer(
        "warmup",
        "rho after single-task warm-up (the source's text)",
        rho("warmup"),
        100 + _READ,
        run="warmup",
    ),
    Scorer("heads", "rho behind trained heads on the untrained backbone", rho("heads"), _READ + _FIT, run="init"),
    Scorer(
        "closed", "rho behind heads in closed form on the untrained backbone", rho("closed"), _READ + _FIT, run="init"
    ),
    Scorer("joint-50", "rho in joint steps 0-50", rho_between(0, 50), 50 * MEASURED_STEP),
    Scorer("joint-100", "rho in joint steps 50-100", rho_between(50, 100), 50 + 50 * MEASURED_STEP),
    Scorer("joint-150", "rho in joint steps 100-150", rho_between(100, 150), 100 + 50 * MEASURED_STEP),
    Scorer("joint-200", "rho in joint steps 150-200", rho_between(150, 200), 150 + 50 * MEASURED_STEP),
    Scorer(
        "diagnose",
        "rho of `grace diagnose`: all engines, weighted MSE",
        lambda raw: float(raw["rho"]),
        197,
        measured="diagnoses",
    ),
    Scorer("near", "rho of samples near failure, steps 100-150", rho_between(100, 150, NEAR), 100 + 50 * 7 / 3),
    Scorer("pull", "rho with the weights 0.5 / 0.5: share of descent", pull(100, 150, (0.5, 0.5)), 183.0),
    Scorer("drag", "what health asks for besides RUL, steps 100-150", drag(100, 150), 183.0),
    Scorer("ratio", "gradient ratio without units, steps 100-150", log_ratio(100, 150), 183.0),
    Scorer("look-ahead", "look-ahead affinity (TAG), steps 100-150", looks("affinity", 100, 150), 150 + 10 * LOOK),
    Scorer("linearised", "linearised affinity (Grad-TAG), steps 100-150", linearised(100, 150), 183.0),
    Scorer("class-loss", "health loss in steps 100-150", class_loss(100, 150), 150.0),
    Scorer(
        "held-rho", "rho with the RUL gradient of validation engines", looks("held_rho", 100, 150), 150 + 10 * HELD_LOOK
    ),
    Scorer(
        "held-look",
        "look-ahead affinity on validation engines",
        looks("held_affinity", 100, 150),
        150 + 10 * HELD_LOOK,
    ),
    Scorer(
        "held-class", "health loss on validation engines, steps 150-200", held_class_loss(150, 200), 200 + 10 * 2 / 3
    ),
    Scorer(
        "gap", "health loss, training less validation engines, steps 150-200", class_gap(150, 200), 200 + 10 * 2 / 3
    ),
    Scorer("race", "short race, Baseline against RUL alone", race("baseline"), _RACE, run="race"),
    Scorer("race-gaba", "short race, GABA against RUL alone", race("gaba"), _RACE, run="race-gaba"),
)
"""The predictors, in the order of tables."""

COMBINATIONS: dict[str, tuple[str, ...]] = {
    "rho+gap": ("joint-150", "gap"),
    "closed+gap": ("closed", "gap"),
    "rho+race": ("joint-150", "race"),
    "rho+gap+race": ("joint-150", "gap", "race"),
}
"""Combinations: a ridge regression of the true effect on ranked scores, fitted on the other families."""


def predictors() -> tuple[Predictor, ...]:
    """Every predictor and combination with its cost; what several parts read off one run is paid once."""
    single = {scorer.name: scorer for scorer in SCORERS}
    found = [Predictor(scorer.name, scorer.title, scorer.cost) for scorer in SCORERS]
    for name, parts in COMBINATIONS.items():
        by_run: dict[str, float] = {}
        for part in (single[part] for part in parts):
            by_run[part.run] = max(by_run.get(part.run, 0.0), part.cost)
        found.append(Predictor(name, " + ".join(parts), sum(by_run.values()), parts))
    return tuple(found)


def _joint(raw: dict[str, Any]) -> NDArray[np.float64]:
    return np.array(raw["joint"]["gramian"])


def _median_look(raw: dict[str, Any], column: str, first: int, last: int) -> float:
    seen = raw["joint"]["looks"]
    step, values = np.array(seen["step"]), np.array(seen[column])
    return float(np.median(values[(step >= first) & (step < last)]))


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
