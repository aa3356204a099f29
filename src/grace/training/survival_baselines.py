"""What survival curves of a run are held against, fitted on the training units of each fold and scored at the same landmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from grace.clock import part
from grace.core.stats import Estimate, student
from grace.data.fleet import Fleet
from grace.survival.baseline import Training
from grace.survival.baselines import BASELINES
from grace.survival.curves import Curves
from grace.survival.figures import brier_difference, grid, integrated_brier
from grace.training.baselines import read_of
from grace.training.outcome import Run
from grace.training.protocol import Split, fold_parts, landmark_rows, landmarks_at, rows_of
from grace.training.spec import RunSpec
from grace.training.survival import lives_of_units

BY_AGE = ("kaplan-meier", "weibull")
"""Those that take no time and no extra."""


@part("survival")
def baseline_curves(run: Run, spec: RunSpec, fleet: Fleet, names: Sequence[str] = BY_AGE) -> dict[str, Curves]:
    """Curves of :data:`grace.survival.baselines.BASELINES` at the landmarks of a run in folds on ``fleet``, by name.

    Raises:
        GraceError: A package that one needs is not installed.
    """
    assert run.survival is not None
    edges, found = run.survival.curves.edges, dict[str, list[Curves]]((name, []) for name in names)
    rows = landmark_rows(fleet, spec)
    for split, number in zip(run.splits, fold_parts(spec, fleet), strict=True):
        if split.followed is None or split.landmarks is None or not len(split.followed):
            continue
        training = _training(fleet, np.setdiff1d(np.arange(len(fleet.engines)), number), rows, split, spec, edges)
        statistics = read_of(split.landmarks).double().numpy()
        for name in names:
            found[name].append(BASELINES[name].fit(training).curves(split.followed.age, statistics))
    return {name: Curves(edges, np.concatenate([part.values for part in parts])) for name, parts in found.items()}


def baseline_scores(run: Run, curves: dict[str, Curves]) -> dict[str, tuple[float, Estimate]]:
    """Integrated Brier score of each baseline on the grid of the run, and the run's less it, paired by unit."""
    assert run.survival is not None
    own, landmarks = run.survival.curves, run.survival.landmarks
    times = grid(landmarks, float(own.edges[-1]))
    return {
        name: (student(integrated_brier(one, landmarks, times)).mean, brier_difference(own, one, landmarks, times))
        for name, one in (curves.items() if len(times) else ())
    }


def _training(
    fleet: Fleet,
    number: NDArray[np.int64],
    rows: NDArray[np.int64],
    split: Split,
    spec: RunSpec,
    edges: NDArray[np.float64],
) -> Training:
    """What baselines are fitted on: the lives of the units at ``number``, and those of the landmarks that are theirs."""
    units = fleet.select(number)
    here = rows_of(fleet, units, number, rows)
    windows, landmarks = landmarks_at(units, here, split.conditioner, spec.conventions)
    return Training(lives_of_units(units), landmarks, read_of(windows).double().numpy(), edges)
