"""Few failures, many suspended engines with inspections: RUL alone, with a second task, with the bound, and with both.

The health states of inspections are those by the true RUL, which nothing but an inspection can know of an engine that still runs.
All four ways train on the same engines, with the same split, initial weights and number of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from grace.core.pools import Progress, run_all
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.suspend import suspended
from grace.data.tasks import BOUND, HEALTH
from grace.errors import GraceError
from grace.training.record import FAILED, Record
from grace.training.run import train_stacked
from grace.training.run_spec import run_spec
from grace.training.schedule import Schedule
from grace.training.spec import RunSpec

WEIGHT = 0.1
"""Of the health task beside RUL in units of the cap, in a training with inspections."""


@dataclass(frozen=True)
class Setup:
    """What is simulated, and how the card trains; a few seconds."""

    fleets: int = 6  # simulated fleets; the intervals are over them
    first_seed: int = 1  # seed of the first of them; the others follow it
    fleet: Simulation = Simulation(engines=56, test_engines=200, faults=2)  # of the card; the seed is set for each
    failures: int = 6  # engines that ran to failure; the others are suspended
    every: int = 10  # cycles between two inspections of an engine
    size: str = "statistics"  # size of the network
    epochs: int = 4  # epochs of a training, of 50 steps
    batch_size: int = 64  # windows of RUL in a batch
    window: int = 20  # length of a window, cycles


def run(
    setup: Setup | None = None, executor: Executor | None = None, on_progress: Progress | None = None
) -> list[Record]:
    """Train every fleet in all four ways; the record of each training (:func:`grace.bench.ways.ways` compares them).

    Raises:
        GraceError: A training diverged.
    """
    setup = setup or Setup()
    seeds = range(setup.first_seed, setup.first_seed + setup.fleets)
    calls = [(method, said, seed, setup) for seed in seeds for method, said in _ways()]
    return run_all(_trained, calls, executor, on_progress)


def _ways() -> Sequence[tuple[str, str]]:
    """Method, and what suspended engines say, of each way."""
    return [(method, said) for said in ("ignore", BOUND) for method in ("rul-only", f"fixed-{WEIGHT:g}")]


def inspected(setup: Setup, seed: int) -> tuple[Fleet, Fleet]:
    """One fleet of the card, and its test engines: few failures, and health states of every inspection alone."""
    whole, test = simulate(replace(setup.fleet, seed=seed))
    cycle = np.arange(len(whole.values)) - whole.starts[whole.engine_of_row()] + 1
    states = rul_to_health_3class(whole.rul(), *_conventions(setup).health_cuts).astype(np.float64)
    states[cycle % setup.every != 0] = np.nan
    return suspended(replace(whole, labels={HEALTH.name: states}), setup.failures, seed), test


def _conventions(setup: Setup) -> Conventions:
    return Conventions(window=setup.window, conditions=setup.fleet.conditions)


def _spec(method: str, said: str, seed: int, setup: Setup) -> RunSpec:
    plan = replace(Schedule.named(setup.size), epochs=setup.epochs, batch_size=setup.batch_size)
    return run_spec(
        "simulated",
        method,
        size=setup.size,
        schedule=plan,
        rul_scale="cap",
        seed=seed,
        suspended=said,
        conventions=_conventions(setup),
        watch_test=False,
    )


def _trained(method: str, said: str, seed: int, setup: Setup) -> Record:
    fleet, test = inspected(setup, seed)
    record = train_stacked([_spec(method, said, seed, setup)], fleet, test)[0].record
    if record.status == FAILED:
        raise GraceError(f"A training of the demonstration should come to its end. Found seed {seed}: {record.reason}")
    return record
