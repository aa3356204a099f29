"""Which engines are trained on, chosen on and reported on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grace.data.conditions import Conditioner
from grace.data.fleet import Fleet
from grace.data.prepare import check_training
from grace.data.windows import ManyWindows, Windows, training_windows
from grace.errors import GraceError
from grace.training.spec import RunSpec


@dataclass(frozen=True, eq=False)
class Split:
    """The three sides of a protocol.

    Attributes:
        train: Windows that gradients are taken on.
        validation: Windows that everything is chosen on: with ``honest`` those of held-out training engines, each cut at
            random cycles; with ``source`` the test windows themselves.
        test: Last window of every test engine, or None where there is no test file; of a table whose test engines ran to failure
            windows at random cuts, since at the last row nothing is left to predict.
        conditioner: Conditions and scaling, fitted on the engines of ``train``.
    """

    train: Windows | ManyWindows
    validation: Windows
    test: Windows | None
    conditioner: Conditioner


def split_for(spec: RunSpec, fleet: Fleet, test: Fleet | None) -> Split:
    """Split a fleet as the spec's protocol says.

    Raises:
        GraceError: The fleet cannot be trained on, or ``source`` is asked for without test engines.
    """
    check_training(fleet, spec.conventions, min(spec.schedule.min_history, spec.conventions.window))
    if spec.protocol == "source":
        return _source(spec, fleet, test)
    training, validation = fleet.split(spec.validation_share, spec.seed)
    conditioner = Conditioner.fit(training, spec.conventions)
    cuts = np.random.default_rng(spec.seed)
    rows = conditioner.transform(validation)
    chosen_on = Windows.after_cuts(
        validation, rows, spec.conventions, spec.validation_cuts, cuts, spec.max_validation_rul
    )
    return Split(_training(spec, training, conditioner), chosen_on, _test(spec, test, conditioner), conditioner)


def _source(spec: RunSpec, fleet: Fleet, test: Fleet | None) -> Split:
    conditioner = Conditioner.fit(fleet, spec.conventions)
    windows = _test(spec, test, conditioner)
    if windows is None:
        raise GraceError("The protocol `source` should have test engines. Found none. Use --protocol honest.")
    return Split(_training(spec, fleet, conditioner), windows, windows, conditioner)


def _training(spec: RunSpec, fleet: Fleet, conditioner: Conditioner) -> Windows | ManyWindows:
    rows, plan = conditioner.transform(fleet), spec.schedule
    return training_windows(fleet, rows, spec.conventions, plan.min_history, plan.max_train_rul)


def _test(spec: RunSpec, test: Fleet | None, conditioner: Conditioner) -> Windows | None:
    """Last window of each test engine; of a table whose test engines ran to failure, windows at random cuts as in validation."""
    if test is None:
        return None
    rows = conditioner.transform(test)
    if spec.conventions.table is None or test.last_rul.any():
        return Windows.last(test, rows, spec.conventions)
    cuts = np.random.default_rng(0)  # the same cuts for every seed and method
    return Windows.after_cuts(test, rows, spec.conventions, spec.validation_cuts, cuts, spec.max_validation_rul)
