"""From recordings to what a network is trained on, checked, with the facts of the data that a decision needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grace.clock import part
from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.draws import BOUND, Draw, drawn_apart, draws_beside
from grace.data.fleet import Fleet
from grace.data.targets import UNKNOWN
from grace.data.windows import ManyWindows, Windows, shortest_history, training_windows
from grace.errors import GraceError

FEW_GROUPS = 4
"""Groups of which each is named where it is said how many failed."""
ALL_FAILED = "every unit is taken as failed; if some still run, name --event"
"""What is said of a table that tells of no event."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Training windows, conditions and scaling to apply to other engines, and facts: operating conditions found, the share of
    windows with an RUL below ``near_failure``, the share in each health state, where engines were suspended the windows of
    all, by whose statistics a network standardises its input, and windows that other losses than RUL's are taken on."""

    windows: Windows | ManyWindows
    conditioner: Conditioner
    conditions: int
    near_failure_share: float
    class_shares: tuple[float, ...]
    every: Windows | ManyWindows | None = None
    beside: tuple[Draw, ...] = ()

    @classmethod
    @part("conditions, scaling, split")
    def of(
        cls,
        fleet: Fleet,
        conventions: Conventions,
        min_history: int = 0,
        timed: bool = False,
        bound: bool = False,
    ) -> Prepared:
        """A training fleet checked, its conditions found, its features scaled and the windows of engines that failed indexed.

        ``min_history`` is that of :func:`~grace.data.windows.training_windows`, ``timed`` of
        :meth:`Conditioner.fit <grace.data.conditions.Conditioner.fit>`; with ``bound`` those of suspended engines are drawn, too.
        """
        check_training(fleet, conventions, min_history)
        conditioner = Conditioner.fit(fleet, conventions, timed)
        rows = conditioner.transform(fleet)
        windows, still = (
            training_windows(fleet, rows, conventions, min_history, of=side)
            for side in (fleet.failures, np.setdiff1d(np.arange(len(fleet.engines)), fleet.failures))
        )
        whole = len(fleet.failures) == len(fleet.engines)
        every = None if whole else training_windows(fleet, rows, conventions, min_history)
        apart = [(BOUND,)] * (bound and not whole) + drawn_apart(fleet, conventions, fleet.failures)
        near, shares = 0, np.zeros(3, dtype=np.int64)
        for piece in windows.pieces():
            near += int((piece.true_rul < conventions.near_failure).sum())
            shares += np.bincount(piece.label[piece.label != UNKNOWN], minlength=3)
        classes = tuple(map(float, shares / len(windows)))
        beside = draws_beside(apart, windows if every is None else every, windows, still, conventions)
        return cls(windows, conditioner, len(conditioner.centres), near / len(windows), classes, every, beside)


def suspension(fleet: Fleet, conventions: Conventions) -> str:
    """How many engines of a fleet failed, how many were suspended, how they differ in age at the end
    (:meth:`Fleet.lives <grace.data.fleet.Fleet.lives>`), and how many were first seen at some age; of a table that tells of no
    event :data:`ALL_FAILED`, and nothing where there is nothing to say.
    """
    table = conventions.table
    if fleet.failed is None or fleet.failed.all():
        told = table is None or table.event or table.target
        return "" if told else ALL_FAILED
    ages = fleet.lives()
    failed, others = (f"{np.median(ages[side]):g}" if side.any() else "-" for side in (fleet.failed, ~fleet.failed))
    return (
        f"{fleet.failed.sum():,} units failed, at a median age of {failed} {conventions.unit}, and {(~fleet.failed).sum():,} "
        f"were suspended, at {others}{_by_group(fleet)}{_late(fleet)}: if suspension tells something of RUL, all figures are "
        "biased"
    )


def _by_group(fleet: Fleet) -> str:
    """How many failed in each of a few groups, or of more in how many all did; nothing where the same share did in all."""
    if fleet.groups is None or fleet.failed is None:
        return ""
    of = {str(name): fleet.failed[fleet.groups == name] for name in np.unique(fleet.groups)}
    shares = [float(failed.mean()) for failed in of.values()]
    if min(shares) == max(shares):
        return ""
    if len(of) <= FEW_GROUPS:
        return "; failed by group: " + ", ".join(f"{name} {side.sum():,} of {len(side):,}" for name, side in of.items())
    return f"; of {len(of):,} groups all failed in {shares.count(1):,}, none in {shares.count(0):,}"


def _late(fleet: Fleet) -> str:
    """How many engines were first seen at an age above their first step of time; of a single row 0 is the step."""
    first = fleet.starts[:-1]
    second = np.minimum(first + 1, fleet.starts[1:] - 1)
    step = np.ones(len(first)) if fleet.time is None else fleet.time[second] - fleet.time[first]
    late = int((fleet.entries() > step).sum())
    return f"; {late:,} were first seen at some age" if late else ""


def check_training(fleet: Fleet, conventions: Conventions, min_history: int = 0, folds: int = 0) -> None:
    """Refuse a fleet of fewer than two engines that failed, without a feature, with one of them shorter than ``min_history``
    (0: a window), with a constant sensor, or for ``folds``, whose survival is told by age, with a time below 0.

    Of a table two engines that failed have to be long enough: the others are not trained on (:func:`too_short`). A constant
    setting is fine (one operating condition); a constant sensor carries nothing and is mostly a fault of the export, so it has
    to be left out by name.
    """
    fleet.need(conventions.features)
    if len(fleet.engines) < 2:
        raise GraceError(
            f"{fleet.name} should hold at least two training engines. Found one. Engines are what is split and counted."
        )
    if len(fleet.failures) < 2:
        found = f"{len(fleet.failures) or 'no'} failed and {len(fleet.engines) - len(fleet.failures)} suspended"
        raise GraceError(
            f"{fleet.name} should hold at least two training engines that failed. Found {found}. RUL is learned from failures: "
            "wait for more, or correct the column of events."
        )
    if fleet.groups is not None and len(fleet.together()) < 2:
        raise GraceError(
            f"{fleet.name} should hold failures in at least two groups. Found one, {fleet.groups[fleet.failures[0]]}. Whole "
            "groups are held out: name smaller ones with --group."
        )
    _check_lengths(fleet, conventions, min_history)
    _check_sensors(fleet, conventions)
    if folds:
        _check_ages(fleet)


def too_short(fleet: Fleet, conventions: Conventions, min_history: int) -> str:
    """How many units of a table failed with fewer rows than a training window needs; empty if none did."""
    lengths, needed = fleet.lengths[fleet.failures], shortest_history(conventions, min_history)
    count = int((lengths < needed).sum())
    named = f"{count:,} of {len(lengths):,} units that failed have fewer than {needed} rows"
    return f"{named}: they are not trained on, and predicted with their first row repeated" if count else ""


def _check_lengths(fleet: Fleet, conventions: Conventions, min_history: int) -> None:
    lengths, needed = fleet.lengths[fleet.failures], shortest_history(conventions, min_history)
    if conventions.table is None and lengths.min() < needed:
        least = int(fleet.failures[np.argmin(lengths)])
        raise GraceError(
            f"{fleet.name}, engine {fleet.engines[least]} (line {fleet.starts[least] + 1}): should have at least {needed} "
            f"cycles, one window. Found {fleet.lengths[least]}. Remove it or lower --window."
        )
    if (long := int((lengths >= needed).sum())) < 2:
        raise GraceError(
            f"{fleet.name} should hold at least two engines that failed with {needed} rows or more, one window. Found {long}. "
            "Lower --window."
        )


def _check_ages(fleet: Fleet) -> None:
    entries = fleet.entries()
    if (entries < 0).any():
        first = int(np.argmin(entries))
        raise GraceError(
            f"{fleet.name}, engine {fleet.engines[first]}: a time should be an age of 0 or more, by which survival out of fold "
            f"is told. Found {entries[first]:g}. Count it from new, write dates, or use --folds 0."
        )


def _check_sensors(fleet: Fleet, conventions: Conventions) -> None:
    names = tuple(name for name in conventions.features if name not in conventions.settings)
    first = fleet.taken(np.zeros(1, dtype=np.int64), names)[0]
    constant = np.ones(len(names), dtype=np.bool_)
    for rows in fleet.chunks():
        constant &= (fleet.taken(rows, names) == first).all(axis=0)
    if constant.any():
        name, value = names[int(np.argmax(constant))], first[int(np.argmax(constant))]
        remedy = f"with --without {name}" if conventions.table is None else "of --features"
        raise GraceError(
            f"{fleet.name}: {name} should vary. Found {value:g} in every row. Correct the file, or leave the sensor out {remedy}."
        )
