"""What to train, and what to expect, before it is paid for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from grace.advice.advice import Advice, Raced
from grace.advice.fleet_race import FleetRace
from grace.advice.of_fleet import advise_fleet
from grace.advice.of_module import advise_module
from grace.alignment.probe import MakeOptimiser, adamw
from grace.controllers.controller import Controller
from grace.core.fit import Losses
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.load import as_fleet
from grace.data.tables.columns import TRAIN
from grace.data.tables.scan import Frame
from grace.data.tasks import Task
from grace.errors import GraceError, ReadingError

Model = TypeVar("Model", bound=nn.Module)
Batch = TypeVar("Batch")


def advise(
    problem: Fleet | Path | str | Frame | Callable[[], Model],
    batches: Iterable[Batch] | None = None,
    losses: Callable[[Model, Batch], Losses] | None = None,
    shared: Callable[[Model], Iterable[Tensor]] | None = None,
    *,
    budget: float = 60.0,
    tasks: Sequence[Task] | None = None,
    conventions: Conventions | None = None,
    size: str | None = None,
    file: Path | None = None,
    executor: Executor | None = None,
    evaluate: Callable[[Model], float | Tensor] | None = None,
    methods: Mapping[str, Callable[[], Controller]] | None = None,
    steps: int | None = None,
    optimiser: MakeOptimiser = adamw,
    measure_every: int | None = None,
    name: str = "your tasks",
    on_lap: Callable[[FleetRace], None] | Callable[[tuple[Raced, ...]], None] | None = None,
) -> Advice:
    """Which tasks to train beside the first one, and what that is expected to change, from short trainings within a budget.

    Of a fleet RUL alone, in every way that is usual, and each task beside it are trained a few times, and judged on failed units
    that they have not seen. What so few failures show is taken together with what such tasks did in the study of advice
    (:mod:`grace.advice.rule`). Of your own network each method is trained with a few seeds, and the better half with more, until
    an interval that holds over all looks decides, or the time is up.

    Args:
        problem: Training units: a :class:`~grace.data.fleet.Fleet`, or a file or a frame with the columns of ``conventions``. Or
            a function that makes one freshly initialised network, as in :func:`grace.diagnose`.
        batches: With such a function: training batches, as in :func:`grace.diagnose`.
        losses: Likewise.
        shared: Likewise.
        budget: Seconds that it may take; a lap that was begun is finished.
        tasks: Of a fleet: the tasks beside RUL in place of those of ``conventions``; a weight of 0.1 unless they have one.
        conventions: Of a fleet: how recordings become windows, targets and labels.
        size: Of a fleet: size of the network that is to be trained; None: the usual one.
        file: Of a fleet: where laps are kept; the same call goes on from there.
        executor: Of a fleet: where laps run; None: here, one after the other.
        evaluate: Of a network: trained model -> a number, lower is better, on data that nothing is trained on.
        methods: Of a network: makers of an outer axis by name, the reference first, as in :func:`grace.compare`.
        steps: Of a network: optimiser steps of each training.
        optimiser: Of a network: model -> optimiser; default AdamW, 1e-3.
        measure_every: Of a network: see :func:`grace.backward`.
        name: Of a network: what the advice is called.
        on_lap: Told after every training: of a fleet the race (:class:`~grace.advice.fleet_race.FleetRace`), of a network its
            rows.

    Raises:
        GraceError: The fleet cannot be trained on, something is missing, or ``file`` is damaged or of another race.
    """
    if callable(problem) and not isinstance(problem, Fleet):
        given = {
            "batches": batches,
            "losses": losses,
            "shared": shared,
            "evaluate": evaluate,
            "methods": methods,
            "steps": steps,
        }
        if missing := [key for key, value in given.items() if value is None]:
            raise GraceError(f"`{missing[0]}` should be given beside a function that makes a network. Found none.")
        return advise_module(problem, batches, losses, shared, evaluate, methods,  # type: ignore[arg-type]
                             steps=steps, budget=budget, optimiser=optimiser,  # type: ignore[arg-type]
                             measure_every=measure_every, name=name, on_lap=on_lap)  # type: ignore[arg-type]  # fmt: skip
    said = conventions or Conventions()
    said = said if tasks is None else replace(said, tasks=tuple(tasks))
    labelled = tuple(task for task in said.tasks if task.column)
    fleet = as_fleet(problem, columns=said.table, features=said.features, leave_out=ReadingError, side=TRAIN,
                     tasks=labelled)  # fmt: skip
    found = {task.name: task for task in fleet.tasks}  # with the kinds and classes of their columns
    settled = tuple(replace(found.get(task.name, task), weight=task.weight) for task in said.tasks)
    return advise_fleet(fleet, replace(said, tasks=settled), size=size, budget=budget, file=file, executor=executor,
                        on_lap=on_lap)  # type: ignore[arg-type]  # fmt: skip
