"""Cases of the validity study: (data, labels, network) whose auxiliary task helps, does nothing or hurts, to be found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grace.data.cmapss.fleets import read_test, read_train
from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.fleet import SETTINGS, Fleet
from grace.data.health_labels import rul_to_health_3class
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.tasks import HEALTH
from grace.errors import GraceError
from grace.validity.study import Case

CLASSES = 3
LABEL_SEED = 20_000
"""Seed of what is random in labels, and of the draw of engines; one for all seeds of a case, whose labels are part of it."""


CUTS = {"health-70-30": (70, 30), "health-80-30": (80, 30), "health-50-15": (50, 15), "health-125-50": (125, 50)}
"""Label schemes of the source: RUL from which an engine is healthy, and below which it is critical, cycles."""


def conventions_of(case: Case) -> Conventions:
    """The conventions of a training, with the case's window and cuts of the health states."""
    return Conventions(window=case.window, health_cuts=CUTS.get(case.labels, Conventions().health_cuts))


Scheme = Callable[[Fleet, Conventions, np.random.Generator], NDArray[np.int64]]


def flipped(share: float) -> Scheme:
    """Health states, of which ``share`` of the rows are drawn anew, uniformly."""

    def labels(fleet: Fleet, conventions: Conventions, rng: np.random.Generator) -> NDArray[np.int64]:
        clean = rul_to_health_3class(fleet.rul(), *conventions.health_cuts)
        return np.where(rng.random(len(clean)) < share, rng.integers(0, CLASSES, len(clean)), clean)

    return labels


def permuted(fleet: Fleet, conventions: Conventions, rng: np.random.Generator) -> NDArray[np.int64]:
    """Health states under other names (0, 1, 2 -> 1, 2, 0): a control, the same features serve it."""
    return (rul_to_health_3class(fleet.rul(), *conventions.health_cuts) + 1) % CLASSES


def engine_identity(fleet: Fleet, conventions: Conventions, rng: np.random.Generator) -> NDArray[np.int64]:
    """A third of the engines each, drawn at random: which of them a row belongs to says nothing of its RUL."""
    return rng.integers(0, CLASSES, len(fleet.engines))[fleet.engine_of_row()]


def condition(fleet: Fleet, conventions: Conventions, rng: np.random.Generator) -> NDArray[np.int64]:
    """Operating condition of the row, modulo 3."""
    settings = fleet.taken(np.arange(len(fleet.values)), SETTINGS)
    return Conditioner.fit(fleet, conventions).assign(settings) % CLASSES


SCHEMES: dict[str, Scheme] = {
    **{name: flipped(0.0) for name in CUTS},
    "flip-10": flipped(0.1),
    "flip-30": flipped(0.3),
    "flip-100": flipped(1.0),
    "permuted": permuted,
    "engine": engine_identity,
    "condition": condition,
}
"""Labels of the C-MAPSS cases by name."""

DIALS = (1.0, 0.5, 0.0, -0.5, -1.0)
SUBSETS = ("FD001", "FD003", "FD002", "FD004")
SEVERAL_CONDITIONS = ("FD002", "FD004")
SMALL = (0.10, 0.25)
TUNED_LABELS = ("health-70-30", "flip-100", "engine")
"""Labels that are tried with the tuned recipe too."""

FLEETS = tuple((conditions, faults, engines) for engines in (40, 80) for conditions in (1, 6) for faults in (1, 2))
"""Conditions, fault modes and training engines of the simulated families."""

FLEET_SEEDS = {40: 0, 80: 1}
"""Seed of the draw of a simulated fleet, by its engines."""


def simulated_case(fleet: tuple[int, int, int], dial: float) -> Case:
    """A case of a simulated family."""
    conditions, faults, engines = fleet
    return Case(f"sim-{conditions}x{faults}-{engines}", f"dial{dial:+g}", size="tiny", window=20)


def all_cases() -> list[Case]:
    """The cases of the study, FD001 and FD003 before the larger subsets."""
    cases = [simulated_case(fleet, dial) for fleet in FLEETS for dial in DIALS]
    for family in SUBSETS:
        schemes = [name for name in SCHEMES if name != "condition" or family in SEVERAL_CONDITIONS]
        cases += [Case(family, name) for name in schemes]
        cases += [Case(family, name, share) for share in SMALL for name in ("health-70-30", "engine")]
        cases += [Case(family, name, recipe="tuned") for name in TUNED_LABELS]
    return cases


def engines_of(case: Case, data: Path | None) -> tuple[Fleet, Fleet]:
    """Training fleet with the case's labels on every row, and test fleet.

    Raises:
        GraceError: The data cannot be read, or the case names no known labels.
    """
    if case.simulated:
        conditions, faults, engines = (int(n) for n in case.family.removeprefix("sim-").replace("x", "-").split("-"))
        dial = float(case.labels.removeprefix("dial"))
        fleet, test = simulate(Simulation(engines, 200, conditions, faults, dial, seed=FLEET_SEEDS[engines]))
        return fleet, replace(test, labels={})
    if case.labels not in SCHEMES:
        raise GraceError(f"`labels` should be one of {', '.join(SCHEMES)}. Found {case.labels!r}.")
    if data is None:
        raise GraceError(f"{case.name} should have a folder of C-MAPSS files. Found none. Give --data DIR.")
    rng = np.random.default_rng(LABEL_SEED)
    fleet = _part(read_train(data, case.family), case.share, rng)
    labels = SCHEMES[case.labels](fleet, conventions_of(case), rng)
    return replace(fleet, labels={HEALTH.name: labels.astype(np.float64)}), read_test(data, case.family)


def _part(fleet: Fleet, share: float, rng: np.random.Generator) -> Fleet:
    if share == 1:
        return fleet
    count = round(share * len(fleet.engines))
    return fleet.select(np.sort(rng.permutation(len(fleet.engines))[:count]))
