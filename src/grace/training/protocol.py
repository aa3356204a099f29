"""Which engines are trained on, chosen on and reported on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grace.core.clock import part
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

    @classmethod
    @part("conditions, scaling, split")
    def of(cls, spec: RunSpec, fleet: Fleet, test: Fleet | None) -> Split:
        """Split a fleet as the spec's protocol says.

        Raises:
            GraceError: The fleet cannot be trained on, or ``source`` is asked for without test engines.
        """
        conventions, plan, training = spec.conventions, spec.schedule, fleet
        check_training(fleet, conventions, min(plan.min_history, conventions.window))
        if spec.protocol == "honest":
            training, held = fleet.split(spec.validation_share, spec.seed)
        conditioner = Conditioner.fit(training, conventions)
        tested = None if test is None else _tested(spec, test, conditioner)
        if spec.protocol == "honest":
            chosen_on = _cut(spec, held, conditioner, spec.seed)
        elif tested is not None:
            chosen_on = tested
        else:
            raise GraceError("The protocol `source` should have test engines. Found none. Use --protocol honest.")
        rows = conditioner.transform(training)
        train = training_windows(training, rows, conventions, plan.min_history, plan.max_train_rul)
        return cls(train, chosen_on, tested, conditioner)


def _tested(spec: RunSpec, test: Fleet, conditioner: Conditioner) -> Windows:
    """Last window of each test engine; of a table whose test engines ran to failure, windows at random cuts as in validation."""
    if spec.conventions.table is None or test.last_rul.any():
        return Windows.last(test, conditioner.transform(test), spec.conventions)
    return _cut(spec, test, conditioner, 0)  # the same cuts for every seed and method


def _cut(spec: RunSpec, fleet: Fleet, conditioner: Conditioner, seed: int) -> Windows:
    """Windows at random cuts."""
    rows, cuts = conditioner.transform(fleet), np.random.default_rng(seed)
    return Windows.after_cuts(fleet, rows, spec.conventions, spec.validation_cuts, cuts, spec.max_validation_rul)
