"""Worlds and cases of the study, drawn once from a seed that the plan names; nothing here has seen an outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grace.models.cnn_bilstm_attention import NARROW as TRUNK
from grace.validity.advice_study import WINDOWS
from studies.advice.simulators import Physics

SEED = 21
"""Of the draw of cases."""
NARROW, WIDE = "narrow", "wide"
TRUNKS = (NARROW, WIDE)
DRAWN = (NARROW, NARROW, WIDE)
"""What the trunk of a case is drawn from: a wide one takes three times the time."""
"""Both on statistics of the window, of the size that `grace train` takes: of C-MAPSS as they are, of tables in quantile bins."""
IGNORE, BOUND = "ignore", "bound"
WEIGHTS = (0.01, 0.1, 0.5)
FAILURES = (4, 8, 16, 32)
ALL = 0
"""Failures of a world in which every unit ran to failure."""

HEALTH, RANDOM, UNIT, FUTURE = "health", "random", "unit", "future_sensors"
NOISY = ("noisy30", "noisy70")
"""Health states of inspections, of which 30 or 70 % are drawn anew."""
MADE = (HEALTH, *NOISY, RANDOM, UNIT, FUTURE)
"""Second labels that every fleet has; its own stand before them."""
C_MAPSS, SIMULATED = "C-MAPSS", "sim"
SIMULATORS = range(1, 11)
"""Numbers of the simulators of the study; the two of the last look are drawn when the rule stands."""

MEASURED: dict[str, tuple[str, ...]] = {
    "FD001": (),
    "FD002": ("condition",),
    "FD003": (),
    "FD004": ("condition",),
    "battery_tju": ("soh", "chem"),
    "battery_hust": ("soh",),
    "filter_esrel22": ("pressure",),
    "filter_phme20": ("particle", "solid"),
    "bearing_femto": ("temperature",),
    "hdd_backblaze": ("pending",),
    **{f"{SIMULATED}{number}": Physics.drawn(number).labels for number in SIMULATORS},
}
"""Second labels of each fleet that were measured, or are hidden in a simulator."""
MOST = {"battery_tju": 32, "battery_hust": 16, "filter_esrel22": 32, "filter_phme20": 8, "bearing_femto": 4}
"""Most failures that keep their RUL where the fleet has not enough for :data:`FAILURES`."""
GROUPS = {
    **dict.fromkeys(("FD001", "FD002", "FD003", "FD004"), C_MAPSS),
    **dict.fromkeys(("battery_tju", "battery_hust"), "batteries"),
    **dict.fromkeys(("filter_esrel22", "filter_phme20"), "filters"),
    "bearing_femto": "bearings",
    "hdd_backblaze": "disks",
    **{f"{SIMULATED}{number}": f"{SIMULATED}{number}" for number in SIMULATORS},
}
"""The group of each fleet: rules are judged on groups that they were not fitted on."""


@dataclass(frozen=True)
class World:
    """A fleet, and how many of its failures keep their RUL; cases of one world share their trainings of RUL alone."""

    fleet: str
    failures: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.fleet}-{self.failures or 'all'}"

    @property
    def group(self) -> str:
        """See :data:`GROUPS`."""
        return GROUPS[self.fleet]


@dataclass(frozen=True)
class Way:
    """What is trained in a world; without ``label`` it is RUL alone."""

    size: str = WIDE
    suspended: str = IGNORE
    label: str = ""
    weight: float = 0.0

    @property
    def name(self) -> str:
        """In records."""
        second = f" {self.label} {self.weight:g}" if self.label else ""
        return f"{self.size} {self.suspended}{second}"


@dataclass(frozen=True)
class Case:
    """A world and a second task in it; ``user``: of the unstratified part."""

    world: World
    way: Way
    user: bool = False


def network_of(world: World, way: Way) -> str:
    """Its size by name."""
    if way.size == WINDOWS:
        return WINDOWS
    usual = "statistics" if world.group == C_MAPSS else "quantiles"
    return usual + TRUNK if way.size == NARROW else usual


def references(world: World) -> list[Way]:
    """RUL alone tuned as well: both trunks, suspended units ignored and bounded."""
    said = (IGNORE,) if world.failures == ALL else (IGNORE, BOUND)
    return [Way(size, suspended) for size in TRUNKS for suspended in said]


def all_cases() -> list[Case]:
    """The stratified part, the user's part, and 24 cases again at ``compact``."""
    rng = np.random.default_rng(SEED)
    strict = _stratified(rng)
    users = _users(rng)
    again = [strict[place] for place in rng.choice(len(strict), 24, replace=False)]
    return strict + users + [Case(case.world, replace(case.way, size=WINDOWS)) for case in again]


def _stratified(rng: np.random.Generator) -> list[Case]:
    """Of every world the label that was measured first, the health state, and others at random up to four, each with a weight, a
    trunk and a word on suspended units that are drawn."""
    found = []
    for world in _worlds():
        first = dict.fromkeys((*MEASURED[world.fleet][:1], HEALTH))
        rest = [label for label in (*MEASURED[world.fleet], *MADE) if label not in first]
        labels = (*first, *rng.choice(rest, 4 - len(first), replace=False))
        found += [Case(world, _drawn(str(label), world, rng)) for label in labels]
    return found


def _worlds() -> list[World]:
    """Two numbers of failures of every fleet, 4 and 16 or 8 and 32 in turns, and one of every simulator; all failures of two."""
    found = []
    for place, fleet in enumerate(name for name in MEASURED if not name.startswith(SIMULATED)):
        most = MOST.get(fleet, FAILURES[-1])
        counts = [count for count in FAILURES[place % 2 :: 2] if count <= most] or [most]
        found += [World(fleet, count) for count in counts]
    found += [World(f"{SIMULATED}{number}", FAILURES[number % len(FAILURES)]) for number in SIMULATORS]
    return [*found, *(World(fleet, ALL) for fleet in ("FD001", "sim1"))]


def _drawn(label: str, world: World, rng: np.random.Generator) -> Way:
    size, weight = str(rng.choice(DRAWN)), float(rng.choice(WEIGHTS))
    suspended = str(rng.choice((IGNORE, BOUND)))
    return Way(size, IGNORE if world.failures == ALL else suspended, label, weight)


def _users(rng: np.random.Generator) -> list[Case]:
    """14 fleets that a user might have, with three labels each: any group, any of its fleets, 4 to 32 failures or as many as
    there are."""
    found: list[Case] = []
    groups, worlds = sorted(set(GROUPS.values())), set[World]()
    while len(worlds) < 14:
        group = str(rng.choice(groups))
        fleet = str(rng.choice([name for name in MEASURED if GROUPS[name] == group]))
        most = MOST.get(fleet, FAILURES[-1])
        world = World(fleet, int(np.rint(np.exp(rng.uniform(np.log(4), np.log(most))))))
        if world in worlds:
            continue
        worlds.add(world)
        labels = rng.choice((*MEASURED[fleet], *MADE), 3, replace=False)
        found += [Case(world, _drawn(str(label), world, rng), user=True) for label in labels]
    return found
