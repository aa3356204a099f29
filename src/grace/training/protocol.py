"""Which engines are trained on, chosen on and reported on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grace.clock import part
from grace.data.conditions import Conditioner
from grace.data.fleet import Fleet
from grace.data.prepare import check_training, suspension
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
        suspension: What :func:`~grace.data.prepare.suspension` says of the whole fleet.
        every: Windows of all engines of ``train``, by whose statistics a network standardises its input; None: ``train``.

    Nothing is chosen or scored on engines that were suspended, whose RUL is not known. All of them are on the side of ``train``,
    but for those of a group that is held out, which are on no side: the conditioner reads their rows, and their windows
    standardise the statistics of a network. They are trained on where ``spec.suspended`` is ``bound`` or ``hazard``, and what
    the engine ran is a lower bound in the RUL loss (:func:`grace.models.rul_problem.task_losses`); where it is ``ignore``, in no
    RUL loss, and only if the fleet has health labels of its own.
    """

    train: Windows | ManyWindows
    validation: Windows
    test: Windows | None
    conditioner: Conditioner
    chosen: bool = True
    suspension: str = ""
    every: Windows | ManyWindows | None = None

    @classmethod
    def of(cls, spec: RunSpec, fleet: Fleet, test: Fleet | None) -> Split:
        """Split a fleet as the spec's protocol says.

        Raises:
            GraceError: The fleet cannot be trained on, or ``source`` is asked for without test engines.
        """
        _check(spec, fleet)
        said = suspension(fleet, spec.conventions)
        if spec.protocol == "honest":
            return replace(cls._made(spec, *fleet.split(spec.validation_share, spec.seed), test), suspension=said)
        if test is None:
            raise GraceError("The protocol `source` should have test engines. Found none. Use --protocol honest.")
        return replace(cls._made(spec, fleet, None, test), suspension=said)

    @classmethod
    def folds(cls, spec: RunSpec, fleet: Fleet, test: Fleet | None) -> list[Split]:
        """``spec.folds`` splits, or one an engine where fewer failed: each holds out its fold of the engines that did, which are
        drawn; of a fleet with groups, of the groups in which one did.

        Raises:
            GraceError: The fleet cannot be trained on.
        """
        _check(spec, fleet)
        alone = fleet.together()
        order = np.random.default_rng(spec.seed).permutation(len(alone))
        drawn = np.array_split(order, min(spec.folds, len(order)))
        parts = [np.sort(np.concatenate([alone[index] for index in fold])) for fold in drawn]
        sides = [(np.setdiff1d(np.arange(len(fleet.engines)), part), part) for part in parts]
        made = (cls._made(spec, fleet.select(others), fleet.select(held), test) for others, held in sides)
        said = suspension(fleet, spec.conventions)
        return [replace(split, chosen=False, suspension=said) for split in made]

    @classmethod
    @part("conditions, scaling, split")
    def _made(cls, spec: RunSpec, training: Fleet, held: Fleet | None, test: Fleet | None) -> Split:
        """Trained on ``training``, and chosen or scored on ``held``, or on the test engines where there is none."""
        conventions, plan = spec.conventions, spec.schedule
        conditioner = Conditioner.fit(training, conventions, timed=statistics_of(spec.size) is not None)
        tested = None if test is None else _tested(spec, test, conditioner)
        if held is not None and len(held.failures) < len(
            held.engines
        ):  # a suspended engine of a group that is held out
            held = held.select(held.failures)
        validation = tested if held is None else _cut(spec, held, conditioner, spec.seed)
        assert validation is not None
        rows = conditioner.transform(training)
        chosen = (training, rows, conventions, plan.min_history, plan.max_train_rul)
        every = training_windows(*chosen)
        whole = len(training.failures) == len(training.engines) or spec.suspended != "ignore"
        whole = whole or (training.labels is not None and spec.trains("health"))
        train = every if whole else training_windows(*chosen, training.failures)
        if not len(train):  # of a table: shorter ones may be among those that failed
            raise GraceError(
                f"{training.name} should hold an engine to train on that failed with a window of rows. Found none beside those "
                "held out. Lower --window."
            )
        return cls(train, validation, tested, conditioner, every=None if whole else every)


def _check(spec: RunSpec, fleet: Fleet) -> None:
    check_training(fleet, spec.conventions, spec.schedule.min_history)


def _tested(spec: RunSpec, test: Fleet, conditioner: Conditioner) -> Windows:
    """Last window of each test engine; of a table whose test engines ran to failure, windows at random cuts as in validation.

    Of engines that were suspended there are none.
    """
    if not len(test.failures):
        raise GraceError(
            f"{test.name} should hold a test engine that failed. Found none: all {len(test.engines)} were suspended. Leave "
            "--test-table out."
        )
    if spec.conventions.table is None or (test.last_rul > test.held)[test.failures].any():
        found = Windows.last(test, conditioner.transform(test), spec.conventions)
    else:
        found = _cut(spec, test, conditioner, 0)  # the same cuts for every seed and method
    return found if found.suspended is None else replace(found.at(np.flatnonzero(~found.suspended)), suspended=None)


def _cut(spec: RunSpec, fleet: Fleet, conditioner: Conditioner, seed: int) -> Windows:
    """Windows at random cuts."""
    rows, cuts = conditioner.transform(fleet), np.random.default_rng(seed)
    return Windows.after_cuts(fleet, rows, spec.conventions, spec.validation_cuts, cuts, spec.max_validation_rul)
