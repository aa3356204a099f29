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

from grace.alignment.decide import SOURCE
from grace.alignment.diagnose import diagnose
from grace.alignment.diagnosis import Diagnosis
from grace.alignment.probe import weighted
from grace.alignment.problem import FleetProblem
from grace.core.adamw import AdamW
from grace.core.fit import fit
from grace.core.metrics import rmse
from grace.core.pools import Progress, run_all
from grace.core.stats import EFFECT, Estimate, student
from grace.data.conventions import PUBLISHED, Conventions
from grace.data.prepare import Prepared
from grace.data.resident import ResidentWindows
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.windows import Windows
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
    batches: int = 50  # batches read in each
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

    Positions are in [-1, 1]; without an executor it runs here; ``on_progress`` is told (trainings and diagnoses done, in all).
    """
    setup = setup or Setup()
    seeds = range(setup.first_seed, setup.first_seed + setup.fleets)
    calls = [(replace(setup.fleet, seed=seed), ALONE, setup) for seed in seeds]
    calls += [(replace(setup.fleet, seed=s, dial=dial), EQUAL, setup) for dial in dials for s in seeds]
    total = len(calls) + len(dials)
    report = on_progress or (lambda done, total: None)
    diagnoses = []
    for done, dial in enumerate(dials):
        diagnoses.append(_diagnosed(dial, setup, executor))
        report(done + 1, total)
    errors = np.array(run_all(_trained, calls, executor, lambda done, _: report(len(dials) + done, total)))
    alone, *together = errors.reshape(-1, setup.fleets)
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
    return replace(PUBLISHED, window=setup.window)


def _trained(simulation: Simulation, weights: tuple[float, float], setup: Setup) -> float:
    """Test RMSE in cycles of one training, on the last window of every test engine, targets capped."""
    conventions = _conventions(setup)
    fleet, test = simulate(simulation)
    prepared = Prepared.of(fleet, conventions)
    problem = RULProblem(prepared.windows, conventions.cap, setup.size, "cap", "mse", setup.batch_size)
    torch.manual_seed(simulation.seed)
    model = problem.model().train()
    optimiser = AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=setup.steps)  # no jitter at the end
    fixed, shared = torch.tensor(weights), problem.shared(model)
    batches = islice(problem.batches(simulation.seed), setup.steps)
    for _ in fit(
        batches, partial(problem.losses, model), lambda losses, _: weighted(losses, fixed, shared, False), optimiser
    ):
        decay.step()
    windows = Windows.last(test, prepared.conditioner.transform(test), conventions)
    x, rul, *_ = ResidentWindows(windows).batch(torch.arange(len(windows)))
    with torch.no_grad():
        return rmse(model.eval()(x)[0].numpy(), rul.numpy())
