"""Diagnose a fleet, or any module with two losses or more on one backbone."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from grace.alignment.decide import SOURCE, STUDY, Evidence, Thresholds, decide
from grace.alignment.diagnosis import Diagnosis
from grace.alignment.groups import Groups
from grace.alignment.measures import Cost, CurvePoint, Pair, Ratio, Trace, mean_of_known
from grace.alignment.probe import OPTIMISER, MakeOptimiser, adamw, probe
from grace.alignment.problem import Facts, FleetProblem, ModuleProblem, Problem
from grace.alignment.recipes import Recipe
from grace.alignment.study import Study
from grace.core.fit import Losses
from grace.core.pools import Progress, run_all
from grace.core.stats import over_initialisations
from grace.data.fleet import Fleet
from grace.errors import GraceError

Model = TypeVar("Model", bound=nn.Module)
Batch = TypeVar("Batch")


def diagnose(
    problem: Fleet | Problem | Callable[[], Model],
    batches: Iterable[Batch] | None = None,
    losses: Callable[[Model, Batch], Losses] | None = None,
    shared: Callable[[Model], Iterable[Tensor]] | None = None,
    *,
    recipe: str = "joint",
    inits: int = 8,
    reads: int = 50,
    steps: int | None = None,
    weights: Sequence[float] | None = None,
    optimiser: MakeOptimiser = adamw,
    name: str | None = None,
    tasks: Sequence[str] | None = None,
    training_steps: int | None = None,
    near_failure_share: float | None = None,
    conditions: int | None = None,
    thresholds: Thresholds = STUDY,
    seed: int = 0,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> Diagnosis:
    """Do the other tasks help the first one, how sure is that, and what follows? Before any long training.

    rho says whether the tasks ask the shared parameters for the same; whether sharing pays does not follow from it:
    :func:`grace.compare` trains both ways. The global random state is left as it was.

    Args:
        problem: Training engines as a :class:`~grace.data.fleet.Fleet`, or as a :class:`FleetProblem`, which says how they are
            read, and which tasks stand beside RUL: do they help it? A function that makes one freshly initialised network, called
            with torch's generator seeded; where it gives a pretrained network, or new heads on a pretrained backbone, each
            initialisation works on a copy of that. Or any :class:`Problem`.
        batches: With such a function: training batches, a ``DataLoader`` or anything else that can be iterated over again and
            again.
        losses: Likewise: ``(model, batch)`` -> ``K`` scalar losses from one forward pass, as a sequence or by name. The task to
            be helped comes first.
        shared: Likewise: ``model`` -> the parameters that the tasks share, heads excluded.
        recipe: A name in :data:`grace.alignment.recipes.RECIPES`.
        inits: Initialisations; the interval is over them. One with the recipe ``published``.
        reads: Batches read in each.
        steps: Optimiser steps, in place of the recipe's own (150 of ``joint``).
        weights: Weights of the losses in joint steps, as you would sum them; default 1 each, and of a fleet the recipe's, whose
            last one is that of every task beside RUL.
        optimiser: Model -> optimiser of these steps; default AdamW, 1e-3.
        name: Title of the report; default the fleet's.
        tasks: Names of the tasks; default the names of ``losses``, or task 1, task 2, ...
        training_steps: Steps of the training that you have in mind, to say what share of it the diagnosis cost; default 500
            epochs of a fleet.
        near_failure_share: Where the first loss is of an RUL: share of samples under 30 cycles; known of a fleet.
        conditions: Likewise, the number of operating conditions.
        thresholds: The rule of the decision; that of the validity study by default, which prescribes nothing. Its edge is 0
            where the study did not measure the fleet's network.
        seed: Seed of the first initialisation; the others follow it.
        executor: Where the initialisations run; needs everything given here to be picklable. None: here. The numbers do not
            depend on it.
        on_progress: Called with (initialisations done, initialisations in all).

    Raises:
        GraceError: A parameter is out of range, the fleet cannot be used (see :mod:`grace.data.prepare`), fewer than two losses,
            or losses that cannot be measured (see :func:`grace.core.gradient_utils.task_gradients`).

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.body, self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 1)
        >>> def losses(net, x):
        ...     h = net.body(x).tanh()
        ...     return {"a": (net.a(h) - x.sum(1, keepdim=True)).square().mean(), "b": (net.b(h) - x[:, :1]).square().mean()}
        >>> found = diagnose(Net, [torch.randn(32, 4)], losses, lambda net: net.body.parameters(), inits=3)
        >>> found.tasks, found.prescription.method
        (('a', 'b'), 'compare')
    """
    started = time.perf_counter()
    chosen = Recipe.named(recipe, steps)
    seeds = chosen.seeds(inits, reads, seed)
    given = _problem(problem, batches, losses, shared)
    probed, facts = given.read_in(chosen.unit) if isinstance(given, FleetProblem) else (given, _facts(given, seed))
    known = facts.tasks
    own = {
        "name": name,
        "tasks": None if tasks is None else tuple(tasks),
        "near_failure_share": near_failure_share,
        "conditions": conditions,
        "training_steps": training_steps,
        "training": None if training_steps is None else f"{training_steps:,}-step",
    }
    facts = replace(facts, **{key: value for key, value in own.items() if value is not None})  # type: ignore[arg-type]
    if tasks is not None and len(tasks) != len(known):
        raise GraceError(f"`tasks` should name each of {len(known)} losses. Found {len(tasks)} names.")
    if isinstance(given, FleetProblem) and weights is None:  # the last weight goes for all tasks beside RUL
        chosen = replace(chosen, weights=(chosen.weights[0], *[chosen.weights[1]] * (len(facts.tasks) - 1)))
    else:
        chosen = replace(chosen, weights=_weights(weights, len(facts.tasks)))
    calls = [(probed, chosen, reads, number, optimiser) for number in seeds]
    traces = run_all(probe, calls, executor, on_progress)
    if facts.alike:
        warnings.warn(
            "`problem` should give a new initialisation in each call. Found networks that start from the same values: rho's "
            "interval is over batches and dropout alone. Initialise the heads anew, to have one that covers them.",
            stacklevel=2,
        )
    steps_by = OPTIMISER if optimiser is adamw else "own"
    facts.conventions.update(optimiser=steps_by, seeds=seeds)
    return _report(traces, chosen, reads, facts, thresholds, time.perf_counter() - started)


def _problem(
    problem: Fleet | Problem | Callable[[], Model],
    batches: Iterable[Batch] | None,
    losses: Callable[[Model, Batch], Losses] | None,
    shared: Callable[[Model], Iterable[Tensor]] | None,
) -> Problem:
    """What was given as a problem."""
    three = {"batches": batches, "losses": losses, "shared": shared}
    complete = isinstance(problem, Fleet) or hasattr(problem, "batches")
    wrong = [name for name, value in three.items() if (value is not None) == complete]
    if wrong and complete:
        raise GraceError(f"`{wrong[0]}` should be left out beside a fleet or a Problem. Found it given.")
    if wrong:
        raise GraceError(f"`{wrong[0]}` should be given beside a function that makes a network. Found none.")
    if isinstance(problem, Fleet):
        return FleetProblem(problem)
    if complete:
        return problem  # type: ignore[return-value]
    for name, function in (("problem", problem), ("losses", losses), ("shared", shared)):
        if not callable(function) or isinstance(function, nn.Module):
            raise GraceError(
                f"`{name}` should be a function. Found a {type(function).__name__}. Pass, for example, "
                "shared=lambda model: model.backbone.parameters()."
            )
    return ModuleProblem(problem, batches, losses, shared, "problem")  # type: ignore[arg-type]


def _facts(problem: Problem, seed: int) -> Facts:
    """Names of the tasks and what the network is, from one forward pass."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = problem.model()
        of = problem.loss_function if isinstance(problem, ModuleProblem) else problem.losses
        found = of(model.train(), next(problem.batches(seed)))
    names = tuple(found) if isinstance(found, Mapping) else tuple(f"task {i + 1}" for i in range(len(found)))
    if len(names) < 2:
        raise GraceError(f"`losses` should return two losses or more. Found {len(names)}: nothing is shared.")
    sizes = {"parameters": model.parameters(), "shared_parameters": problem.shared(model)}
    counted: dict[str, object] = {name: sum(p.numel() for p in values) for name, values in sizes.items()}
    network: dict[str, object] = {"network": type(model).__name__}
    return Facts("your tasks", names, network | counted, alike=getattr(problem, "alike", False))


def _weights(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    chosen = (1.0,) * count if weights is None else tuple(map(float, weights))
    if len(chosen) != count or not all(weight >= 0 for weight in chosen) or not any(chosen[1:]):
        raise GraceError(
            f"`weights` should hold {count} numbers, none negative, and one over 0 after the first. Found {weights}."
        )
    return chosen


def _report(
    traces: Sequence[Trace], recipe: Recipe, reads: int, facts: Facts, thresholds: Thresholds, seconds: float
) -> Diagnosis:
    """The report; ``reads`` measurements at the end of each trace are its reading."""
    if thresholds == STUDY:
        thresholds = Study.read().rule(facts.conventions.get("size"), facts.conventions.get("window"))
    tasks, cosines = facts.tasks, np.array([trace.cosines()[-reads:] for trace in traces])
    reading = np.array([trace.rho(recipe.weights)[-reads:] for trace in traces])
    rho = over_initialisations(reading)
    if rho.inits == 0:
        raise GraceError(
            "rho should be defined in some initialisation. Found a zero gradient in all of them (a dead final ReLU). "
            "Use more initialisations, or the recipe `joint`."
        )
    curve, settled = CurvePoint.along(traces, recipe.weights)
    ratio = Ratio.of_any(traces, reads, tasks) if facts.rul is None else Ratio.of_rul(traces, reads, tasks, *facts.rul)
    measured = (rho.mean, rho.low, rho.high, ratio.median, facts.near_failure_share, facts.conditions, len(tasks))
    # the published recipe is decided on its mean
    evidence = Evidence(*measured, reliable=not recipe.single, inits=rho.inits, recipe=recipe.name)
    return Diagnosis(
        dataset=facts.name,
        tasks=tasks,
        recipe=recipe,
        rho=rho,
        pairs=Pair.every(cosines, tasks),
        groups=Groups.of(mean_of_known(cosines), tasks, thresholds.weak),
        redrawn=sum(trace.redrawn for trace in traces),
        undefined=float(np.isnan(reading).mean()),
        ratio=ratio,
        near_failure_share=facts.near_failure_share,
        conditions=facts.conditions,
        curve=curve,
        settled=settled,
        prescription=decide(evidence, thresholds),
        source_prescription=decide(evidence, SOURCE),
        thresholds=thresholds,
        cost=Cost.of(traces, facts.training_steps, seconds),
        conventions=facts.conventions | _measured_as(recipe, facts),
    )


def _measured_as(recipe: Recipe, facts: Facts) -> dict[str, object]:
    alone = "batches and dropout alone, as every initialisation starts from the same values"
    over = alone if facts.alike else "initialisations"
    return {
        "recipe_steps": recipe.steps,
        "recipe_weights": list(recipe.weights) if recipe.warm == "joint" else None,
        "mode": "train (dropout and batch statistics on)",
        "interval": f"95 % over {over}, random-effects model, Student's t; batches nested; {facts.data} fixed",
        "reference_training": facts.training,
        "torch": torch.__version__,
    }
