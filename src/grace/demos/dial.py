"""The demonstration that shows the effect: real training on simulated fleets whose second task helps or harms by a dial."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from grace.alignment.diagnose import diagnose_fleet
from grace.alignment.diagnosis import Diagnosis
from grace.alignment.interval import Interval, over_initialisations
from grace.alignment.replicate import Progress, run_all
from grace.alignment.rul_problem import RULProblem
from grace.core.metrics import rmse
from grace.data.conventions import Conventions
from grace.data.prepare import prepare_training
from grace.data.simulated import Simulation, simulate
from grace.data.windows import cut_at_random, training_windows

ALONE, EQUAL = (1.0, 0.0), (1.0, 1.0)
"""Weights of the RUL loss (in units of the cap) and the health loss: RUL alone, and both alike."""


@dataclass(frozen=True)
class Setup:
    """How the demonstration trains; small enough for a laptop's minute.

    Attributes:
        fleets: Simulated fleets; the outcome's interval is over them.
        fleet: The fleet; dial and seed are set for each.
        size: Size of the network.
        steps: Optimiser steps of a training.
        inits: Initialisations of a diagnosis.
        probe_steps: Joint steps of a diagnosis.
        batches: Batches read in each.
        batch_size: Windows in a batch.
    """

    fleets: int = 6
    fleet: Simulation = Simulation(engines=30, test_engines=30)
    size: str = "tiny"
    steps: int = 300
    inits: int = 6
    probe_steps: int = 150
    batches: int = 50
    batch_size: int = 64


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the diagnosis said at one position of the dial, and what training then showed.

    Attributes:
        dial: +1: labels follow the degradation; 0: they say nothing; -1: they compete.
        diagnosis: The diagnosis, made before the training on a fleet of its own.
        alone: Test RMSE of RUL alone, cycles, ``[fleets]``.
        together: Test RMSE with the second task, cycles, ``[fleets]``.
        difference: ``together - alone``, paired by fleet and initialisation, with its interval over fleets.
    """

    dial: float
    diagnosis: Diagnosis
    alone: NDArray[np.float64]
    together: NDArray[np.float64]
    difference: Interval

    @property
    def effect(self) -> str:
        """``helps``, ``hurts`` or ``no difference seen``, by whether the interval leaves out 0."""
        if self.difference.high < 0:
            return "helps"
        return "hurts" if self.difference.low > 0 else "no difference seen"


def run(
    dials: Sequence[float] = (1.0, 0.0, -1.0),
    setup: Setup | None = None,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> list[Outcome]:
    """Diagnose and train at every position of the dial; RUL alone is trained once a fleet, as the dial moves labels only.

    Args:
        dials: Positions in [-1, 1].
        setup: How to train.
        executor: Where to run; None runs here.
        on_progress: Told (trainings and diagnoses done, in all).
    """
    setup = setup or Setup()
    seeds = range(1, setup.fleets + 1)
    calls = [(replace(setup.fleet, seed=seed), ALONE, setup) for seed in seeds]
    calls += [(replace(setup.fleet, seed=s, dial=dial), EQUAL, setup) for dial in dials for s in seeds]
    total = len(calls) + len(dials)
    report = on_progress or (lambda done, total: None)
    diagnoses = [diagnosed(dial, setup, executor, lambda done, of, i=i: report(i, total)) for i, dial in enumerate(dials)]  # type: ignore[misc]
    errors = np.array(run_all(trained, calls, executor, lambda done, _: report(len(dials) + done, total)))
    alone, *together = errors.reshape(-1, setup.fleets)
    return [
        Outcome(dial, diagnosis, alone, row, paired(row - alone))
        for dial, diagnosis, row in zip(dials, diagnoses, together, strict=True)
    ]


def diagnosed(dial: float, setup: Setup, executor: Executor | None, on_progress: Progress) -> Diagnosis:
    """The diagnosis of the fleet with seed 0, which no outcome is measured on."""
    fleet, _ = simulate(replace(setup.fleet, seed=0, dial=dial))
    return diagnose_fleet(
        fleet,
        inits=setup.inits,
        batches=setup.batches,
        size=setup.size,
        batch_size=setup.batch_size,
        steps=setup.probe_steps,
        executor=executor,
        on_progress=on_progress,
    )


def trained(simulation: Simulation, weights: tuple[float, float], setup: Setup) -> float:
    """Test RMSE in cycles of one training, on test engines cut at random cycles, targets capped.

    Every tenth cycle of a test engine is read, so that few engines give a steady figure.
    """
    conventions = Conventions()
    fleet, test = simulate(simulation)
    prepared = prepare_training(fleet, conventions)
    problem = RULProblem(prepared.windows, conventions.cap, setup.size, "cap", "mse", setup.batch_size)
    torch.manual_seed(simulation.seed)
    model = problem.model().train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    for batch in islice(problem.batches(simulation.seed), setup.steps):
        optimiser.zero_grad()
        rul, health = problem.losses(model, batch)
        (weights[0] * rul + weights[1] * health).backward()
        optimiser.step()
    return test_rmse(model, prepared, test, conventions)
