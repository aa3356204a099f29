"""The figures of a family on docs/fleets.md, from its run in folds and that of a tree (benchmarks/fleets.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from grace.core.metrics import nasa_score, rmse
from grace.core.stats import LEVEL, Estimate, Span
from grace.data.fleet import Fleet
from grace.models.baselines import input_of
from grace.survival.baselines import BASELINES
from grace.survival.concordance import concordance
from grace.survival.curves import Curves
from grace.survival.figures import brier_difference, grid, survival_figures
from grace.survival.landmarks import Landmarks
from grace.survival.policies import cost_difference, cost_rate, out_of_fold
from grace.survival.pool import Pool
from grace.survival.replacement import Costs
from grace.training.conformal import Interval
from grace.training.evaluate import Predictions
from grace.training.outcome import Run
from grace.training.protocol import fold_parts, landmark_rows, landmarks_at, rows_of
from grace.training.spec import RunSpec
from grace.training.survival import OutOfFold, fold_curves
from grace.training.survival_baselines import baseline_curves

COSTS = Costs(failure=5, planned=1)
NETWORK = "network"
INSPECTIONS = 20
KEPT = ("ibs", "harrell", "uno", "grid_end", "within")
"""Figures that the page shows, the fifths of the network alone."""
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """A run in folds on a fleet, and that of a tree on the same folds."""

    run: Run
    spec: RunSpec
    fleet: Fleet
    tree: Run

    @property
    def survival(self) -> OutOfFold:
        """Of the networks."""
        assert self.run.survival is not None
        return self.run.survival

    @property
    def landmarks(self) -> Landmarks:
        """With the group of each unit in its place, where there are groups: intervals are over these."""
        seen = self.survival.landmarks
        return seen if self.fleet.groups is None else replace(seen, unit=self.fleet.groups[seen.unit])

    @cached_property
    def curves(self) -> dict[str, Curves]:
        """Of each model by name."""
        assert self.tree.survival is not None
        theirs = self.tree.survival
        assert (theirs.landmarks.time == self.survival.landmarks.time).all()
        assert (theirs.landmarks.unit == self.survival.landmarks.unit).all()
        by_name = baseline_curves(self.run, self.spec, self.fleet, tuple(BASELINES))
        return {NETWORK: self.survival.curves, **by_name, "tree": theirs.curves}

    @cached_property
    def failed(self) -> tuple[Values, Values, NDArray[Any], list[Values], list[Values]]:
        """RUL up to the cap of the rows at which failed units are cut: predicted by the network that has not seen the unit, true,
        the unit, and the ends of the interval."""
        assert self.run.interval is not None
        every: list[list[Any]] = [[], [], [], [], []]
        for number, (member, split) in enumerate(zip(self.run.members, self.run.splits, strict=True)):
            held = split.validation
            rul = Predictions.of(member.model, input_of(member.model, held), self.spec).rul.astype(float)
            ends = without(self.run.interval, number).ends(np.broadcast_to(rul, (len(self.run.members), len(rul))))
            for values, more in zip(every, (rul, held.rul, number * 10**6 + held.engine, *ends), strict=True):
                values.append(more)
        return tuple(np.concatenate(values) for values in every)  # type: ignore[return-value]


def without(interval: Interval, member: int) -> Interval:
    """The interval that the other folds make, for units of one fold."""
    others = interval.member != member
    whole, weight = float(interval.weight.sum()), interval.weight[others]
    units = whole / (1 - whole)  # weights of U units sum to U / (U + 1)
    left = float(weight.sum()) * (units + 1)
    scaled = weight * (units + 1) / (left + 1)
    return replace(interval, member=interval.member[others], score=interval.score[others], weight=scaled)


def coverage(low: Values, high: Values, true: Values, unit: NDArray[Any]) -> dict[str, float]:
    """Share of the rows within the interval, and of one row a unit, drawn at random, with its exact binomial interval."""
    inside = (low <= true) & (true <= high)
    order = np.random.default_rng(0).permutation(len(unit))
    one = order[np.unique(unit[order], return_index=True)[1]]
    count, trials = int(inside[one].sum()), len(one)
    ends = binomtest(count, trials).proportion_ci(LEVEL, method="exact")
    return {
        "rows": float(inside.mean()),
        "inside": count,
        "units": trials,
        "low": float(ends.low),
        "high": float(ends.high),
    }


def of_failed(found: Found) -> dict[str, float]:
    """RMSE, MAE and score on failed units."""
    rul, true, unit, _, _ = found.failed
    share, cycle = len(np.unique(unit)) / len(unit), found.spec.conventions.cycle
    score = share * nasa_score(rul / cycle, true / cycle)
    return {"rmse": rmse(rul, true), "mae": float(np.abs(rul - true).mean()), "score": score, "rows": len(rul)}


def of_curves(found: Found) -> dict[str, dict[str, Any]]:
    """Figures of each model, and of each other the Brier score of the network less its own."""
    cuts, seen = found.spec.conventions.health_cuts, found.survival.landmarks
    times = grid(seen, float(found.survival.curves.edges[-1]))
    by_name: dict[str, dict[str, Any]] = {}
    for name, curves in found.curves.items():
        order = concordance(-curves.mean(), seen, tau=float(times.max()))
        figures = survival_figures(curves, found.landmarks, cuts, times) | dict(
            zip(("harrell", "uno"), order, strict=True)
        )
        kept = KEPT if name == NETWORK else KEPT[:-1]
        by_name[name] = {key: value for key, value in figures.items() if key.startswith(kept) or key.endswith("_gap")}
        if name != NETWORK:
            by_name[name]["difference"] = _plain(
                brier_difference(found.curves[NETWORK], curves, found.landmarks, times)
            )
    return by_name


def of_policies(found: Found) -> dict[str, Any]:
    """Cost rates out of fold of plans, of the best fixed age and of run to failure, and what plans cost less than either."""
    seen, groups = found.survival, found.fleet.groups
    folds = [np.flatnonzero(seen.fold == number) for number in range(int(seen.fold.max()) + 1)]
    held = np.sort(np.concatenate(folds))
    groups = None if groups is None else groups[held]
    curves, unit, age = inspected(found)
    plans, fixed = out_of_fold(curves, unit, age, seen.lives, COSTS, folds)
    every = {"plans": plans, "best fixed age": fixed, "run to failure": seen.lives.at(held)}
    rates = {name: _plain(cost_rate(lives, COSTS, groups)) for name, lives in every.items()}
    others = list(every.items())[1:]
    less = {name: _plain(cost_difference(plans, lives, COSTS, groups)) for name, lives in others}
    return {"inspections": len(unit), "rates": rates, "less": less}


def inspected(found: Found) -> tuple[Curves, NDArray[np.int64], Values]:
    """Curves at inspections, each by the network that has not seen the unit, pooled as the other folds say; unit and age.

    Landmarks do not do for it: of a fleet of thousands many a unit has none, and would run to failure.
    """
    spec, fleet, interval = found.spec, found.fleet, found.run.interval
    assert interval is not None
    rows, folds = (
        inspections(fleet, spec),
        list(zip(found.run.members, found.run.splits, fold_parts(spec, fleet), strict=True)),
    )
    raw = [
        None if split.landmarks is None else fold_curves(number, member.model, split.landmarks, spec, interval)
        for number, (member, split, _) in enumerate(folds)
    ]
    values, units, ages, edges = [], [], [], found.survival.curves.edges
    for number, (member, split, part) in enumerate(folds):
        held = fleet.select(part)
        windows, seen = landmarks_at(held, rows_of(fleet, held, part, rows), split.conditioner, spec.conventions)
        others = [k for k, curves in enumerate(raw) if curves is not None and k != number]
        theirs = Landmarks.together([one for k in others if (one := folds[k][1].followed) is not None])
        model = Curves(edges, np.concatenate([raw[k].values for k in others]), found.survival.curves.goes_on)
        own = fold_curves(number, member.model, windows, spec, interval)
        values.append(Pool.of(model, theirs).curves(own).values)
        units.append(part[windows.engine])
        ages.append(seen.age)
    return (
        Curves(edges, np.concatenate(values), found.survival.curves.goes_on),
        np.concatenate(units),
        np.concatenate(ages),
    )


def inspections(fleet: Fleet, spec: RunSpec) -> NDArray[np.int64]:
    """At most :data:`INSPECTIONS` rows of each unit, evenly spaced among those after which there is something to see."""
    rows = landmark_rows(fleet, spec, len(fleet.values))
    unit = fleet.engine_at(rows)
    first, count = (
        found[np.searchsorted(np.unique(unit), unit)]
        for found in np.unique(unit, return_index=True, return_counts=True)[1:]
    )
    place = np.arange(len(rows)) - first
    step = np.ceil(count / INSPECTIONS).astype(int)
    return rows[place % step == 0]


def _plain(found: Estimate | Span) -> dict[str, float]:
    return {name: float(value) for name, value in vars(found).items()}


def row_of(found: Found) -> dict[str, Any]:
    """All figures of a family, for results/fleets.json."""
    conventions, fleet, seen = found.spec.conventions, found.fleet, found.survival
    _, true, unit, low, high = found.failed
    return {
        "units": len(fleet.engines),
        "failed": len(fleet.failures),
        "groups": 0 if fleet.groups is None else len(np.unique(fleet.groups[seen.landmarks.unit])),
        "unit": conventions.unit,
        "cap": conventions.cap,
        "cuts": list(conventions.health_cuts),
        "suspended": found.spec.suspended,
        "share": seen.pool.share,
        "landmarks": len(seen.landmarks),
        "seen": len(np.unique(seen.landmarks.unit)),
        "of_failed": of_failed(found),
        "coverage": coverage(low, high, true, unit),
        "models": of_curves(found),
        "policies": of_policies(found),
    }
