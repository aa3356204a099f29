"""Which engines are trained on, chosen on and reported on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grace.clock import part
from grace.data.conditions import Conditioner
from grace.data.fleet import Fleet
from grace.data.prepare import check_training
from grace.data.windows import ManyWindows, Windows, training_windows
from grace.errors import GraceError
from grace.models.rul_problem import statistics_of
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
        chosen: Whether the epoch is chosen on ``validation``; of a fold, which is scored, nothing is.
    """

    train: Windows | ManyWindows
    validation: Windows
    test: Windows | None
    conditioner: Conditioner
    chosen: bool = True

    @classmethod
    def of(cls, spec: RunSpec, fleet: Fleet, test: Fleet | None) -> Split:
        """Split a fleet as the spec's protocol says.

        Raises:
            GraceError: The fleet cannot be trained on, or ``source`` is asked for without test engines.
        """
        _check(spec, fleet)
        if spec.protocol == "honest":
            return cls._made(spec, *fleet.split(spec.validation_share, spec.seed), test)
        if test is None:
            raise GraceError("The protocol `source` should have test engines. Found none. Use --protocol honest.")
        return cls._made(spec, fleet, None, test)

    @classmethod
    def folds(cls, spec: RunSpec, fleet: Fleet, test: Fleet | None) -> list[Split]:
        """``spec.folds`` splits, or one an engine where there are fewer: each holds out its fold of the engines, which are drawn.

        Raises:
            GraceError: The fleet cannot be trained on.
        """
        _check(spec, fleet)
        order = np.random.default_rng(spec.seed).permutation(len(fleet.engines))
        parts = np.array_split(order, min(spec.folds, len(order)))
        sides = [(np.setdiff1d(order, part), np.sort(part)) for part in parts]
        made = (cls._made(spec, fleet.select(others), fleet.select(held), test) for others, held in sides)
        return [replace(split, chosen=False) for split in made]

    @classmethod
    @part("conditions, scaling, split")
    def _made(cls, spec: RunSpec, training: Fleet, held: Fleet | None, test: Fleet | None) -> Split:
        """Trained on ``training``, and chosen or scored on ``held``, or on the test engines where there is none."""
        conventions, plan = spec.conventions, spec.schedule
        conditioner = Conditioner.fit(training, conventions, timed=statistics_of(spec.size) is not None)
        tested = None if test is None else _tested(spec, test, conditioner)
        validation = tested if held is None else _cut(spec, held, conditioner, spec.seed)
        assert validation is not None
        rows = conditioner.transform(training)
        train = training_windows(training, rows, conventions, plan.min_history, plan.max_train_rul)
        return cls(train, validation, tested, conditioner)


def _check(spec: RunSpec, fleet: Fleet) -> None:
    check_training(fleet, spec.conventions, spec.schedule.min_history)


def _tested(spec: RunSpec, test: Fleet, conditioner: Conditioner) -> Windows:
    """Last window of each test engine; of a table whose test engines ran to failure, windows at random cuts as in validation."""
    if spec.conventions.table is None or test.last_rul.any():
        return Windows.last(test, conditioner.transform(test), spec.conventions)
    return _cut(spec, test, conditioner, 0)  # the same cuts for every seed and method


def _cut(spec: RunSpec, fleet: Fleet, conditioner: Conditioner, seed: int) -> Windows:
    """Windows at random cuts."""
    rows, cuts = conditioner.transform(fleet), np.random.default_rng(seed)
    return Windows.after_cuts(fleet, rows, spec.conventions, spec.validation_cuts, cuts, spec.max_validation_rul)
