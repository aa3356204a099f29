"""What maintenance asks of a trained network: the probability of failure within a time, and when to replace."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from grace.core.stats import Span
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.models.units import HAZARD
from grace.survival.curves import Curves
from grace.survival.policies import best_age, cost_difference, cost_rate, out_of_fold, settled_rate
from grace.survival.replacement import Costs, Plans, expected, plan
from grace.training.model_file import TrainedNetwork
from grace.training.survival import OutOfFold, error_curves, hazard_curves

Values = NDArray[np.float64]
SHARE = 3
"""Decimals of a probability in a file."""
DIGITS = 6
"""Digits of the largest time, or of a cost, in a file."""


@dataclass(frozen=True, eq=False)
class Replacement:
    """When to replace ``N`` units, and what that costs beside a fixed age and run to failure.

    Attributes:
        costs: Of a failure and of a planned replacement.
        plans: Date of each unit and its expected cost until then; NaN of a unit whose curve has ended.
        to_age: Expected saving of each unit beside the best fixed age, ``[N]``: what that costs more than the plan over the same
            time, at the long-run cost rate.
        to_failure: The same beside run to failure.
        age: Best fixed age, in the unit of RUL; inf: none is better than run to failure.
        rates: Long-run cost per unit of time of ``plans``, ``fixed age`` and ``run to failure``, out of fold, with 95 % intervals
            over units.
        less: Cost rate of the plans less that of the fixed age, paired.
        uninspected: Units that have no landmark, of how many: no date was made for them, so that with ``plans`` they run to
            failure, and plans look dearer than they are.
    """

    costs: Costs
    plans: Plans
    to_age: Values
    to_failure: Values
    age: float
    rates: Mapping[str, Span]
    less: Span
    uninspected: tuple[int, int]

    def among(self, told: NDArray[np.bool_]) -> Replacement:
        """The same of ``N`` units, of which these are the ``told`` ones, bool ``[N]``; NaN of the others."""
        plans = Plans(*(_among(told, values) for values in (self.plans.time, self.plans.cost, self.plans.runs)))
        return replace(self, plans=plans, to_age=_among(told, self.to_age), to_failure=_among(told, self.to_failure))

    @property
    def columns(self) -> dict[str, Values]:
        """By name, ``[N]`` each; a date that is not planned is NaN."""
        date = np.where(np.isfinite(self.plans.time), self.plans.time, np.nan)
        found = {"replace_in": date, "expected_cost": self.plans.cost}
        return found | {"saved_to_fixed_age": self.to_age, "saved_to_failure": self.to_failure}


@dataclass(frozen=True, eq=False)
class Ahead:
    """What lies ahead of ``N`` units.

    Attributes:
        within: Probability to fail within each horizon, by horizon in the unit of RUL, ``[N]`` each; NaN where the curve of a
            unit ends before.
        replacement: Where costs were given; else None.
    """

    within: Mapping[float, Values] = field(default_factory=dict)
    replacement: Replacement | None = None

    def untold(self, count: int) -> NDArray[np.bool_]:
        """Which of ``count`` units something asked is not told of, as their curves have ended, bool ``[N]``."""
        asked = [*self.within.values(), *([] if self.replacement is None else [self.replacement.plans.cost])]
        return np.asarray(np.any([np.zeros(count), *map(np.isnan, asked)], axis=0))

    @property
    def columns(self) -> dict[str, Values]:
        """By name, ``[N]`` each."""
        found = {f"fails_within_{written(horizon)}": values for horizon, values in self.within.items()}
        return found | ({} if self.replacement is None else self.replacement.columns)

    def decimals(self, time: int) -> dict[str, int]:
        """Decimals of each column in a file, given those of a time."""
        found = dict.fromkeys(self.columns, SHARE)
        if self.replacement is not None:
            found |= dict.fromkeys(self.replacement.columns, decimals_of(self.replacement.costs.planned))
            found["replace_in"] = time
        return found


def decimals_of(scale: float) -> int:
    """Decimals that make :data:`DIGITS` digits of a number above 0, three at least: of small units none comes to 0."""
    return max(3, DIGITS - 1 - math.floor(math.log10(scale)))


def written(horizon: float) -> str:
    """A horizon with all of its digits, so that no two are called the same."""
    return repr(float(horizon)).removesuffix(".0")


def check_asked(network: TrainedNetwork, within: Sequence[float], costs: Costs | None) -> None:
    """Refuse what a network cannot tell, before anything is predicted.

    Raises:
        GraceError: A horizon is not above 0, or is beyond the cap of a network without hazards; the network has learned no RUL,
            or has neither hazards nor an interval; costs are given to a network that was trained without folds.
    """
    hazard, cap = network.spec.rul_scale == HAZARD, network.conventions.cap
    if within or costs is not None:
        if not network.spec.trains("rul"):
            raise GraceError("A network that tells of failures should be trained on RUL. Found one of health alone.")
        if not hazard and not len(network.interval.score):
            raise GraceError(
                "The probability of failure should come from hazards or from errors on held-out units. Found a network with "
                "neither. Train a network with --suspended hazard."
            )
    for horizon in within:
        if not 0 < horizon < np.inf:
            raise GraceError(f"`--within` should be above 0 {network.conventions.unit}. Found {horizon:g}.")
        if horizon > cap and not hazard:
            raise GraceError(
                f"`--within` should be at most the cap of the network, {cap:g} {network.conventions.unit}. Found {horizon:g}. "
                "Beyond it only hazards tell: train a network with --suspended hazard."
            )
    if costs is not None and network.survival is None:
        raise GraceError(
            "`--costs` should come with a network that was trained in folds, whose survival out of fold tells what a policy "
            "costs. Found none. Train with --folds 10."
        )


def ahead(
    network: TrainedNetwork,
    windows: Sequence[Windows],
    rul: NDArray[np.float32],
    age: Values,
    waited: Values,
    within: Sequence[float],
    costs: Costs | None,
) -> Ahead:
    """What is asked of some windows, as each member of the network reads them.

    Args:
        network: A trained network.
        windows: ``N`` windows for each member.
        rul: Their predictions, ``[K, N]``.
        age: Age of the units at the end of their windows, ``[N]``.
        waited: Time that each unit is known to have lived on since, ``[N]``. Curves that end tell that much less of the unit.
        within: Horizons, in the unit of RUL.
        costs: Of a failure and of a planned replacement; None: no dates.
    """
    if not within and costs is None:
        return Ahead()
    models = [member.model for member in network.members]
    if network.spec.rul_scale == HAZARD:
        curves = hazard_curves(models, windows, network.conventions.cap)
    else:
        curves = error_curves(rul, network.interval)
    if network.survival is not None:
        curves = network.survival.pool.curves(curves)
    told = curves.tells(waited)
    if waited.any():
        curves = curves.at(told).after(waited[told])
    failing = 1 - curves.survival(np.asarray(within, dtype=np.float64)) if within else np.zeros((len(curves), 0))
    dates = None
    if costs is not None and network.survival is not None:
        dates = _replacement(network.survival, curves, (age + waited)[told], costs).among(told)
    return Ahead(dict(zip(within, _among(told, failing).T, strict=True)), dates)


def _among(told: NDArray[np.bool_], values: Values) -> Values:
    """Values of the units that something is told of among all, NaN of the others, ``[M, ...] -> [N, ...]``."""
    found = np.full((len(told), *values.shape[1:]), np.nan)
    found[told] = values
    return found


def _replacement(seen: OutOfFold, curves: Curves, age: Values, costs: Costs) -> Replacement:
    rate = settled_rate(seen.curves, seen.landmarks.unit, seen.landmarks.age, seen.lives, costs)
    fixed = best_age(seen.lives, costs)[0]
    plans = plan(curves, costs, rate)
    own = plans.excess(rate)
    others = (expected(curves, np.maximum(date, 0.0), costs) for date in (fixed - age, np.inf))
    to_age, to_failure = (np.where(other.time == plans.time, 0.0, _less(other.excess(rate), own)) for other in others)
    rates, less = policy_rates(seen, costs)
    units = np.flatnonzero(seen.fold >= 0)
    uninspected = len(np.setdiff1d(units, seen.landmarks.unit)), len(units)
    return Replacement(costs, plans, to_age, to_failure, fixed, rates, less, uninspected)


def _less(other: Values, own: Values) -> Values:
    """What one costs more than the other; NaN where a unit never fails, so that its own excess has no end."""
    known = np.isfinite(own) & np.isfinite(other)
    return np.subtract(other, own, out=np.full_like(own, np.nan), where=known)


def policy_rates(seen: OutOfFold, costs: Costs) -> tuple[dict[str, Span], Span]:
    """Long-run cost per unit of time of plans, of the best fixed age and of run to failure, out of fold; and the plans' less the
    fixed age's, paired by unit."""
    folds = [np.flatnonzero(seen.fold == number) for number in range(int(seen.fold.max()) + 1)]
    plans, fixed = out_of_fold(seen.curves, seen.landmarks.unit, seen.landmarks.age, seen.lives, costs, folds)
    every = {"plans": plans, "fixed age": fixed, "run to failure": seen.lives.at(np.sort(np.concatenate(folds)))}
    return {name: cost_rate(one, costs) for name, one in every.items()}, cost_difference(plans, fixed, costs)


def said_of_failures(network: TrainedNetwork) -> list[str]:
    """What speaks against the probabilities of a network that learned from failed units alone, where others were suspended."""
    seen = network.survival
    if network.spec.rul_scale == HAZARD or seen is None or seen.lives.failed.all():
        return []
    count = int((~seen.lives.failed).sum())
    return [
        f"{count:,} units of its training were suspended, and it learned from failed ones alone, whose lives are the short ones: "
        "it tells too many failures. Train a network with --suspended hazard"
    ]
