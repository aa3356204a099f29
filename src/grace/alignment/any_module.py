"""Diagnose any module with two losses or more on one backbone."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from grace.alignment.assemble import assemble
from grace.alignment.decide import STUDY, Thresholds
from grace.alignment.diagnosis import Diagnosis
from grace.alignment.measures import cost_of_steps, plain_ratio
from grace.alignment.probe import MakeOptimiser, adamw
from grace.alignment.recipes import check_reading, recipe_named, with_steps
from grace.alignment.replicate import replicate
from grace.core.pools import Progress
from grace.errors import GraceError

Losses = Sequence[Tensor | None] | Mapping[str, Tensor | None]
"""Scalar losses of one batch in a fixed order, or by name."""


@dataclass(frozen=True, eq=False)
class ModuleProblem:
    """A user's network, loader and losses as a :class:`grace.alignment.probe.Problem`."""

    make_model: Callable[[], nn.Module]
    loader: Iterable[Any]
    loss_function: Callable[[Any, Any], Losses]
    shared_of: Callable[[Any], Iterable[Tensor]]

    @classmethod
    def of(
        cls,
        make_model: Callable[[], nn.Module],
        loader: Iterable[Any],
        loss_function: Callable[[Any, Any], Losses],
        shared_of: Callable[[Any], Iterable[Tensor]],
        seed: int,
    ) -> tuple[ModuleProblem, bool]:
        """The problem, and whether all its networks start from the same values.

        Where ``make_model`` gives the same tensors again and again (one pretrained network, or new heads on one backbone), each
        training works on a copy: the next one starts where this one did, and the caller's network stays as it is.
        """
        with torch.random.fork_rng(devices=[]):
            made = []
            for number in (seed, seed + 1):
                torch.manual_seed(number)
                made.append(make_model())
        for model in made:
            if not isinstance(model, nn.Module):
                raise GraceError(f"`make_model` should return a torch.nn.Module. Found a {type(model).__name__}.")
        first, second = (list(model.state_dict(keep_vars=True).values()) for model in made)
        again = not {id(value) for value in first}.isdisjoint(map(id, second))
        alike = len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        return cls(_Copied(make_model) if again else make_model, loader, loss_function, shared_of), alike

    def model(self) -> nn.Module:
        """A freshly initialised network."""
        return self.make_model()

    def shared(self, model: Any) -> list[nn.Parameter]:
        """The parameters that all tasks share."""
        return list(self.shared_of(model))  # type: ignore[arg-type]

    def batches(self, seed: int) -> Iterator[Any]:
        """The loader's batches, pass after pass; its order comes from torch's global random state, which is seeded."""
        while True:
            empty = True
            for batch in self.loader:
                empty = False
                yield batch
            if empty:
                raise GraceError(
                    "`batches` should give batches in every pass, as a DataLoader or a list does. Found none. Was it an "
                    "iterator, which is used up after one pass?"
                )

    def losses(self, model: Any, batch: Any) -> list[Tensor]:
        """The losses of one batch, all present."""
        found = self.loss_function(model, batch)
        values = list(found.values()) if isinstance(found, Mapping) else list(found)
        if any(loss is None for loss in values):
            raise GraceError(
                f"A diagnosis should have every task's labels in every batch. Found none for task {values.index(None)}. Give it "
                "the batches that hold all."
            )
        return values  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class _Copied:
    """A maker of copies."""

    make_model: Callable[[], nn.Module]

    def __call__(self) -> nn.Module:
        return copy.deepcopy(self.make_model())


def diagnose(
    make_model: Callable[[], nn.Module],
    batches: Iterable[Any],
    losses: Callable[[Any, Any], Losses],
    shared: Callable[[Any], Iterable[Tensor]],
    *,
    tasks: Sequence[str] | None = None,
    name: str = "your tasks",
    recipe: str = "joint",
    inits: int = 8,
    reads: int = 50,
    steps: int | None = None,
    weights: Sequence[float] | None = None,
    optimiser: MakeOptimiser = adamw,
    training_steps: int | None = None,
    near_failure_share: float | None = None,
    conditions: int | None = None,
    thresholds: Thresholds = STUDY,
    seed: int = 0,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> Diagnosis:
    """Do the other tasks help the first one, and how sure is that? Before any long training.

    The same measurement and interval as :func:`grace.diagnose_fleet`, on your own network. rho says whether the tasks ask the
    shared parameters for the same; whether sharing pays does not follow from it: :func:`grace.compare` trains both ways.
    The global random state is left as it was.

    Args:
        make_model: Makes one freshly initialised network; called with torch's generator seeded. Where it gives a pretrained
            network, or new heads on a pretrained backbone, each initialisation works on a copy of that.
        batches: Training batches: a ``DataLoader`` or anything else that can be iterated over again and again.
        losses: ``(model, batch)`` -> ``K`` scalar losses from one forward pass, as a sequence or by name. The task to be helped
            comes first.
        shared: ``model`` -> the parameters that the tasks share, heads excluded.
        tasks: Names of the tasks; default the names of ``losses``, or task 1, task 2, ...
        name: Title of the report.
        recipe: A name in :data:`grace.alignment.recipes.RECIPES`.
        inits: Initialisations; the interval is over them.
        reads: Batches read in each.
        steps: Optimiser steps, in place of the recipe's own (150 of ``joint``).
        weights: Weights of the losses in joint steps, as you would sum them; default 1 each.
        optimiser: Model -> optimiser of these steps; default AdamW, 1e-3.
        training_steps: Steps of the training that you have in mind, to say what share of it the diagnosis cost.
        near_failure_share: Where the first loss is of an RUL: share of samples under 30 cycles.
        conditions: Likewise, the number of operating conditions.
        thresholds: The rule of the decision.
        seed: Seed of the first initialisation; the others follow it.
        executor: Where the initialisations run; needs everything given here to be picklable. None: here.
        on_progress: Told (initialisations done, initialisations in all).

    Raises:
        GraceError: A parameter is out of range, fewer than two losses, or losses that cannot be measured (see
            :func:`grace.core.gradient_utils.task_gradients`).

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
    problem, alike = ModuleProblem.of(make_model, batches, losses, shared, seed)
    names, counts = _describe(problem, tasks, seed)
    chosen = replace(with_steps(recipe_named(recipe), steps), weights=_weights(weights, len(names)))
    seeds = check_reading(chosen, inits, reads, seed)
    traces = replicate(problem, chosen, seeds, reads, executor, on_progress, optimiser)
    over = "initialisations"
    if alike:
        over = "batches and dropout alone, as every initialisation starts from the same values"
        warnings.warn(
            "`make_model` should give a new initialisation in each call. Found networks that start from the same values: rho's "
            "interval is over batches and dropout alone. Initialise the heads anew, to have one that covers them.",
            stacklevel=2,
        )
    measured_as = {
        **counts,
        "recipe_steps": chosen.steps,
        "recipe_weights": list(chosen.weights) if chosen.warm == "joint" else None,
        "mode": "train (dropout and batch statistics on)",
        "interval": f"95 % over {over}, random-effects model, Student's t; batches nested; data fixed",
        "reference_training": "training" if training_steps is None else f"{training_steps:,}-step",
        "seeds": seeds,
        "torch": torch.__version__,
    }
    return assemble(
        name,
        names,
        chosen,
        traces,
        reads,
        ratio=plain_ratio(traces, reads, names),
        near_failure_share=near_failure_share,
        conditions=conditions,
        thresholds=thresholds,
        cost=cost_of_steps(traces, training_steps, time.perf_counter() - started),
        conventions=measured_as,
    )


def _describe(problem: ModuleProblem, tasks: Sequence[str] | None, seed: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names of the tasks and what the network is, from one forward pass."""
    if not callable(problem.shared_of):
        raise GraceError(
            f"`shared` should be a function of the model. Found a {type(problem.shared_of).__name__}. Pass "
            "shared=lambda model: model.backbone.parameters()."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = problem.model()
        found = problem.loss_function(model.train(), next(problem.batches(seed)))
    count = len(found)
    if count < 2:
        raise GraceError(f"`losses` should return two losses or more. Found {count}: nothing is shared.")
    names = tuple(tasks or (found if isinstance(found, Mapping) else (f"task {i + 1}" for i in range(count))))
    if len(names) != count:
        raise GraceError(f"`tasks` should name each of {count} losses. Found {len(names)} names.")
    sizes = {"parameters": model.parameters(), "shared_parameters": problem.shared(model)}
    return names, {"network": type(model).__name__} | {n: sum(p.numel() for p in ps) for n, ps in sizes.items()}


def _weights(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    chosen = (1.0,) * count if weights is None else tuple(map(float, weights))
    if len(chosen) != count or not all(weight >= 0 for weight in chosen) or not any(chosen[1:]):
        raise GraceError(
            f"`weights` should hold {count} numbers, none negative, and one over 0 after the first. Found {weights}."
        )
    return chosen
