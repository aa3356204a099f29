"""Which engines are trained on, chosen on and reported on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grace.clock import part
from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.draws import BOUND, Draw, drawn_apart, draws_beside
from grace.data.fleet import Fleet
from grace.data.prepare import check_training, suspension
from grace.data.windows import MIN_CUT, ManyWindows, Windows, first_cut, training_windows
from grace.errors import GraceError
from grace.models.units import HAZARD, statistics_of
from grace.survival.landmarks import Landmarks
from grace.training.spec import RunSpec

MAX_LANDMARKS = 5000
"""Rows at which survival is scored, over all folds."""


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
        suspension: What is said of suspended engines of the whole fleet, :func:`~grace.data.prepare.suspension`.
        every: Windows of all engines of ``train``, by whose statistics a network standardises its input; None: ``train``.
        beside: Windows that other losses than RUL's are taken on: the bound's, and those of tasks that are known on others.
        landmarks: Of a fold the windows of its engines, failed and suspended, at random rows after which there was something to
            see; else None.
        followed: What was seen after them.

    RUL is chosen and scored on engines that failed; that of suspended ones is not known. A single split holds none of them out
    but those of a group; folds hold out each once, so that survival can be scored on them. On the side of ``train`` the
    conditioner reads their rows, and their windows standardise the statistics of a network. They are trained on where
    ``spec.suspended`` is ``bound`` or ``hazard``, and what
    the engine ran is a lower bound in the RUL loss (:class:`grace.models.losses.Losses`); where it is ``ignore``, in no RUL loss,
    and only if a task is known of them.
    """

    train: Windows | ManyWindows
    validation: Windows
    test: Windows | None
    conditioner: Conditioner
    chosen: bool = True
    suspension: str = ""
    every: Windows | ManyWindows | None = None
    beside: tuple[Draw, ...] = ()
    landmarks: Windows | None = None
    followed: Landmarks | None = None

    @classmethod
    def of(cls, spec: RunSpec, fleet: Fleet, test: Fleet | None) -> Split:
        """Split a fleet as the spec's protocol says.

        Raises:
            GraceError: The fleet cannot be trained on, or ``source`` is asked for without test engines.
        """
        _check(spec, fleet)
        said = _said(spec, fleet)
        if spec.protocol == "honest":
            sides = fleet.split(spec.validation_share, spec.seed)
            return replace(cls._made(spec, *sides, test, losses_apart(spec, fleet)), suspension=said)
        if test is None:
            raise GraceError("The protocol `source` should have test engines. Found none. Use --protocol honest.")
        return replace(cls._made(spec, fleet, None, test, losses_apart(spec, fleet)), suspension=said)

    @classmethod
    def folds(cls, spec: RunSpec, fleet: Fleet, test: Fleet | None) -> list[Split]:
        """``spec.folds`` splits, or one an engine where fewer failed: each holds out its fold of the engines that did, which are
        drawn, and of those that were suspended; of a fleet with groups, of the groups in which one failed, and of the others.

        Raises:
            GraceError: The fleet cannot be trained on.
        """
        _check(spec, fleet)
        parts = fold_parts(spec, fleet)
        said, found = _said(spec, fleet), []
        landmarks, apart = landmark_rows(fleet, spec), losses_apart(spec, fleet)
        for number in parts:
            held = fleet.select(number)
            split = cls._made(
                spec, fleet.select(np.setdiff1d(np.arange(len(fleet.engines)), number)), held, test, apart
            )
            rows = rows_of(fleet, held, number, landmarks)
            windows, seen = landmarks_at(held, rows, split.conditioner, spec.conventions)
            found.append(replace(split, chosen=False, suspension=said, landmarks=windows, followed=seen))
        return found

    @classmethod
    @part("conditions, scaling, split")
    def _made(
        cls,
        spec: RunSpec,
        training: Fleet,
        held: Fleet | None,
        test: Fleet | None,
        apart: Sequence[tuple[str, ...]],
    ) -> Split:
        """Trained on ``training``, and chosen or scored on ``held``, or on the test engines where there is none; ``apart`` are
        the losses that have draws of their own."""
        conventions, plan = spec.conventions, spec.schedule
        conditioner = Conditioner.fit(training, conventions, timed=statistics_of(spec.size) is not None)
        tested = None if test is None else _tested(spec, test, conditioner)
        if held is not None and len(held.failures) < len(held.engines):
            held = held.select(held.failures)
        validation = tested if held is None else _cut(spec, held, conditioner, spec.seed)
        assert validation is not None
        rows = conditioner.transform(training)
        chosen = (training, rows, conventions, plan.min_history, plan.max_train_rul)
        every = training_windows(*chosen)
        whole = len(training.failures) == len(training.engines) or spec.suspended == HAZARD
        train = every if whole else training_windows(*chosen, training.failures)
        if not len(train):  # of a table: shorter ones may be among those that failed
            raise GraceError(
                f"{training.name} should hold an engine to train on that failed with a window of rows. Found none beside those "
                "held out. Lower --window."
            )
        others = training_windows(*chosen, np.setdiff1d(np.arange(len(training.engines)), training.failures))
        beside = draws_beside(apart, every, train, others, conventions)
        return cls(train, validation, tested, conditioner, every=None if whole else every, beside=beside)


def losses_apart(spec: RunSpec, fleet: Fleet) -> list[tuple[str, ...]]:
    """Names of the losses of a run that have draws of their own, those with one draw together; :func:`drawn_apart`."""
    rul = np.arange(len(fleet.engines)) if spec.suspended == HAZARD else fleet.failures
    bound = [(BOUND,)] if spec.suspended == BOUND and len(fleet.failures) < len(fleet.engines) else []
    trained = [task for task in spec.conventions.tasks if spec.trains(task.name)]
    return bound + drawn_apart(fleet, replace(spec.conventions, tasks=tuple(trained)), rul)


def _said(spec: RunSpec, fleet: Fleet) -> str:
    """What :func:`~grace.data.prepare.suspension` says; and that a bound was asked for and there is nothing to bound."""
    if spec.suspended == BOUND and len(fleet.failures) == len(fleet.engines):
        return f"no unit of {fleet.name} was suspended: `suspended` {BOUND} has nothing to bound, and is as ignore"
    return suspension(fleet, spec.conventions)


def _check(spec: RunSpec, fleet: Fleet) -> None:
    check_training(fleet, spec.conventions, spec.schedule.min_history, spec.folds)


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
    how = spec.validation_cuts, cuts, spec.max_validation_rul, _shortest(spec)
    return Windows.after_cuts(fleet, rows, spec.conventions, *how)


def _shortest(spec: RunSpec) -> int:
    """Rows from which on units are predicted: as they are trained on, unless on full windows alone."""
    return spec.schedule.min_history or MIN_CUT


def fold_parts(spec: RunSpec, fleet: Fleet) -> list[NDArray[np.int64]]:
    """Indices of the engines that each fold holds out: of those that failed first, so that every fold has some, then of the
    others, each drawn; whole groups where there are any."""
    rng = np.random.default_rng(spec.seed)
    alone = fleet.together()
    count = min(spec.folds, len(alone))
    others = fleet.apart(np.concatenate(alone))
    drawn = np.array_split(rng.permutation(len(alone)), count)
    beside = np.array_split(rng.permutation(len(others)), count)[::-1]  # the last folds have fewer that failed
    return [
        np.sort(np.concatenate([*(alone[i] for i in some), *(others[i] for i in more)]))
        for some, more in zip(drawn, beside, strict=True)
    ]


def landmarks_at(
    fleet: Fleet, rows: NDArray[np.int64], conditioner: Conditioner, conventions: Conventions
) -> tuple[Windows, Landmarks]:
    """The windows of a fleet that end at some rows, and what was seen after them."""
    found = Windows.ending_at(fleet, conditioner.transform(fleet), rows, conventions)
    failed = np.ones(len(rows), dtype=np.bool_) if found.suspended is None else ~found.suspended
    return found, Landmarks(found.true_rul, failed, fleet.engines[found.engine], fleet.age_at(rows))


def rows_of(fleet: Fleet, part: Fleet, number: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of some rows of a fleet those of its engines at ``number``, ascending, as rows of ``part``, which is those engines."""
    engine = fleet.engine_at(rows)
    mine = np.isin(engine, number)
    return np.asarray(rows[mine] + (part.starts[:-1] - fleet.starts[number])[np.searchsorted(number, engine[mine])])


def landmark_rows(fleet: Fleet, spec: RunSpec, most: int = MAX_LANDMARKS) -> NDArray[np.int64]:
    """Rows at which survival is scored: at most ``most``, drawn from all after which there is something to see, int64 ``[N]``.

    Every row is as likely as any other, so that a unit has landmarks in proportion to its rows. As many for every unit, which
    looks simpler, would look ahead: units of short life would stand for more of those that are alive at an age than they are, and
    even a Kaplan-Meier curve by age would be found to promise too much.
    """
    first = np.minimum(fleet.lengths, first_cut(spec.conventions, _shortest(spec))) - 1
    counts = np.maximum(fleet.rows_above(0) - first, 0)
    ends = np.cumsum(counts)
    if not ends[-1]:
        return np.zeros(0, dtype=np.int64)
    drawn = np.sort(np.random.default_rng(0).choice(ends[-1], min(most, int(ends[-1])), replace=False))
    engine = np.searchsorted(ends, drawn, side="right")
    return np.asarray(fleet.starts[engine] + first[engine] + drawn - (ends - counts)[engine], dtype=np.int64)
