"""The demonstration that shows the effect: real training on simulated fleets whose second task helps or harms by a dial."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grace.alignment.decide import SOURCE
from grace.alignment.diagnose import diagnose
from grace.alignment.diagnosis import Diagnosis
from grace.alignment.problem import FleetProblem
from grace.core.adamw import AdamW
from grace.core.fit import Weighed, fit
from grace.core.metrics import rmse
from grace.core.pools import Progress, run_all
from grace.core.replicas import step_of_replicas
from grace.core.stats import EFFECT, Estimate, student
from grace.data.conventions import PUBLISHED, Conventions
from grace.data.prepare import Prepared
from grace.data.resident import Batch, ResidentWindows
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.windows import Windows
from grace.models.losses import Losses
from grace.models.rul_problem import RULProblem

LEARNING_RATE = 2e-3
ALONE, EQUAL = (1.0, 0.0), (1.0, 1.0)
"""Weights of the RUL loss (in units of the cap) and the health loss: RUL alone, and both alike."""


@dataclass(frozen=True)
class Setup:
    """How the demonstration trains; small enough for a laptop's minute."""

    fleets: int = 6  # simulated fleets; the outcome's interval is over them
    first_seed: int = 1  # seed of the first of them; the others follow it
    fleet: Simulation = Simulation(engines=24, test_engines=200, faults=2)  # the fleet; dial and seed are set for each
    size: str = "tiny"  # size of the network
    steps: int = 200  # optimiser steps of a training
    inits: int = 4  # initialisations of a diagnosis
    probe_steps: int = 150  # joint steps of a diagnosis
    batches: int = 25  # batches read in each
    batch_size: int = 64  # windows in a batch
    window: int = 10  # length of a window, cycles


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the diagnosis said at one position of the dial, and what training then showed."""

    dial: float  # +1: labels follow the degradation; 0: they say nothing; -1: they compete
    diagnosis: Diagnosis  # the diagnosis, made before the training on a fleet of its own
    alone: NDArray[np.float64]  # test RMSE of RUL alone, cycles, `[fleets]`
    together: NDArray[np.float64]  # test RMSE with the second task, cycles, `[fleets]`
    difference: Estimate  # `together - alone`, paired by fleet and initialisation, with its interval over fleets

    @property
    def effect(self) -> str:
        """``helps``, ``hurts`` or ``unclear``, by whether the interval leaves out 0."""
        return EFFECT[self.difference.verdict]


def run(
    dials: Sequence[float] = (1.0, 0.0, -1.0),
    setup: Setup | None = None,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> list[Outcome]:
    """Diagnose and train at every position of the dial; RUL alone is trained once a fleet, as the dial moves labels only.

    Positions are in [-1, 1]; without an executor it runs here; ``on_progress`` is told (diagnoses and fleets done, in all).
    """
    setup = setup or Setup()
    seeds = range(setup.first_seed, setup.first_seed + setup.fleets)
    calls = [(replace(setup.fleet, seed=seed), dials, setup) for seed in seeds]
    total = len(calls) + len(dials)
    report = on_progress or (lambda done, total: None)
    diagnoses = []
    for done, dial in enumerate(dials):
        diagnoses.append(_diagnosed(dial, setup, executor))
        report(done + 1, total)
    errors = np.array(run_all(_trained, calls, executor, lambda done, _: report(len(dials) + done, total)))
    alone, *together = errors.T
    return [
        Outcome(dial, diagnosis, alone, row, student(row - alone))
        for dial, diagnosis, row in zip(dials, diagnoses, together, strict=True)
    ]


def _diagnosed(dial: float, setup: Setup, executor: Executor | None = None) -> Diagnosis:
    """The diagnosis of the fleet with seed 0, which no outcome is measured on."""
    fleet, _ = simulate(replace(setup.fleet, seed=0, dial=dial))
    return diagnose(
        FleetProblem(fleet, _conventions(setup), size=setup.size, batch_size=setup.batch_size, min_history=0),
        inits=setup.inits,
        reads=setup.batches,
        steps=setup.probe_steps,
        thresholds=SOURCE,
        executor=executor,
    )


def _conventions(setup: Setup) -> Conventions:
    return replace(PUBLISHED, window=setup.window, conditions=setup.fleet.conditions)


def _trained(simulation: Simulation, dials: Sequence[float], setup: Setup) -> list[float]:
    """Test RMSE in cycles of RUL alone and of both tasks at each position of the dial, on the last window of every test engine,
    targets capped.

    The dial moves labels only, so that these trainings have readings, initial weights, batches and dropout in common: they are
    the replicas of one network.
    """
    conventions = _conventions(setup)
    fleets = [simulate(replace(simulation, dial=dial)) for dial in (dials[0], *dials)]
    prepared = [Prepared.of(fleet, conventions) for fleet, _ in fleets]
    made = (conventions.cap, setup.size, "cap", "mse", setup.batch_size)
    problems = [RULProblem(one.windows, *made) for one in prepared]
    first, test = problems[0], fleets[0][1]
    torch.manual_seed(simulation.seed)
    network = _Replicas(first, len(problems), simulation.seed)
    optimiser = AdamW(network.parameters.values(), lr=LEARNING_RATE, fused=True)
    decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=setup.steps)  # no jitter at the end
    weights = torch.tensor([ALONE, *[EQUAL] * len(dials)])
    streams = zip(*(problem.batches(simulation.seed) for problem in problems), strict=True)
    batches = (Batch(*map(torch.stack, zip(*each, strict=True))) for each in islice(streams, setup.steps))
    for _ in fit(batches, network.losses, partial(network.backward, weights), optimiser):
        decay.step()
    windows = Windows.last(test, prepared[0].conditioner.transform(test), conventions)
    x, rul, *_ = ResidentWindows(windows).batch(torch.arange(len(windows)))
    return [rmse(row, rul.numpy()) for row in network.predicted(x)]


class _Replicas:
    """A network of a problem ``R`` times, with the same initial weights and the same dropout."""

    def __init__(self, problem: RULProblem, replicas: int, seed: int) -> None:
        self._shape = problem.model().train()
        self._losses = Losses(problem.cap, problem.unit, problem.heads, problem.draws.parts(problem.batch_size))
        self._inners = [problem.inner] * replicas
        self.parameters = {name: _repeated(p, replicas).requires_grad_() for name, p in self._shape.named_parameters()}
        floats = {name: b for name, b in self._shape.named_buffers() if b.is_floating_point()}
        self._statistics = {name: _repeated(b, replicas) for name, b in floats.items()}
        shared = {id(p) for p in self._shape.shared_parameters()}
        names = {name for name, p in self._shape.named_parameters() if id(p) in shared}
        self._shared = [self.parameters[name] for name in names]
        self._own = [p for name, p in self.parameters.items() if name not in names]
        streams = [torch.Generator().manual_seed(seed) for _ in range(replicas)]
        self._training = self._shape.together(self.parameters, self._statistics, True, streams)

    def losses(self, batch: Batch) -> Tensor:
        """Losses of RUL and health ``[R, 2]``."""
        found = self._losses(self._training.emitted(batch.x), batch, self._inners, self._training.scale)
        return torch.stack(found, 1)

    def backward(self, weights: Tensor, found: Tensor, _: int) -> Weighed:
        """Set the gradients of losses with fixed weights ``[R, 2]``."""
        done = step_of_replicas(found, lambda gram: (weights, None), self._shared, self._own, due=False)
        return Weighed(found.detach(), *done)

    @torch.no_grad()
    def predicted(self, x: Tensor) -> NDArray[np.float32]:
        """RUL in cycles of windows ``[N, T, F]`` by each replica, ``[R, N]``."""
        network = self._shape.together(self.parameters, self._statistics, False)
        found: NDArray[np.float32] = network(x.expand(len(self._inners), *x.shape))[0].numpy()
        return found


def _repeated(tensor: Tensor, replicas: int) -> Tensor:
    """A tensor ``[...]`` as ``[R, ...]``."""
    return tensor.detach().repeat(replicas, *[1] * tensor.dim())
