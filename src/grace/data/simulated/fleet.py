"""A simulated fleet whose second task helps or harms RUL by a dial; seeded, made in memory in well under a second.

The physics is in :mod:`grace.data.simulated.sensors`; here are the draw and the labels. One seed gives the
same sensor values at every position of the dial: only the labels change, so that trainings can be compared in pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.data.fleet import SENSORS, SETTINGS, Fleet
from grace.data.simulated.sensors import Engines
from grace.data.tasks import HEALTH
from grace.errors import GraceError

INDEX_CUTS = (0.12, 0.40)
"""Hidden index at which an engine counts as degrading and as critical: about 70 and 30 cycles before failure."""

SHORTEST_RECORD = 20
"""Cycles that every test engine has at least."""


@dataclass(frozen=True)
class Simulation:
    """What is simulated.

    Attributes:
        engines: Training engines, run to failure.
        test_engines: Test engines, cut at a random cycle.
        conditions: Operating conditions, 1 to 6, one drawn at random each cycle.
        faults: Fault modes, 1 or 2, one drawn for each engine.
        dial: What the labels say, -1 to 1; see :func:`_dial_labels`.
        seed: Not negative.

    Raises:
        GraceError: A field is out of its range.
    """

    engines: int = 40
    test_engines: int = 20
    conditions: int = 1
    faults: int = 1
    dial: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that are out of range."""
        for name, low, high in (
            ("engines", 1, 10_000),
            ("test_engines", 1, 10_000),
            ("conditions", 1, 6),
            ("faults", 1, 2),
            ("seed", 0, 2**63 - 1),
        ):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or not low <= value <= high:
                raise GraceError(f"`{name}` should be a whole number from {low} to {high}. Found {value!r}.")
        if not -1 <= self.dial <= 1:
            raise GraceError(f"`dial` should be in [-1, 1]. Found {self.dial!r}.")


def simulate(spec: Simulation) -> tuple[Fleet, Fleet]:
    """Training fleet (run to failure) and test fleet (cut at random cycles), both with labels.

    Values are float64 ``[R, 24]`` in the order of ``SETTINGS`` and ``SENSORS``, rounded to 4 decimals.
    """
    train, test = np.random.SeedSequence(spec.seed).spawn(2)
    return _fleet(spec, spec.engines, train, cut=False), _fleet(spec, spec.test_engines, test, cut=True)


def _dial_labels(
    dial: float, index: NDArray[np.float64], owner: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Label of each row by the dial, int64 ``[R]`` in {0, 1, 2}.

    +1: the degradation that RUL needs, cleaner than RUL shows it: 0 healthy, 1 degrading, 2 critical by the hidden index. 0:
    uniformly random, they say nothing. -1: which of three assembly lines built the engine (its index modulo 3). The sensors
    carry that only through the engine's signature, which says nothing of RUL: a backbone that serves these labels has to know
    engines apart; of the labels we tried, these raised the test RMSE most reliably. In between, a row (below 0: an engine) has
    the meaningful label with probability ``|dial|``; the others' rows are uniformly random.
    ``index [R]`` is the hidden index of each row, ``owner [R]`` its engine.
    """
    random = rng.integers(0, 3, len(owner))
    if dial >= 0:
        return np.where(rng.random(len(owner)) < dial, np.digitize(index, INDEX_CUTS), random)
    meaningful = rng.random(owner[-1] + 1) < -dial
    return np.where(meaningful[owner], owner % 3, random)


def _fleet(spec: Simulation, count: int, seeds: np.random.SeedSequence, cut: bool) -> Fleet:
    rng, label_rng = (np.random.default_rng(seed) for seed in seeds.spawn(2))
    engines = Engines.drawn(count, spec.faults, rng)
    recorded = engines.lives
    if cut:
        recorded = np.maximum((engines.lives * rng.uniform(0.3, 0.98, count)).astype(np.int64), SHORTEST_RECORD)
    owner = np.repeat(np.arange(count), recorded)
    index = engines.hidden_index(recorded)
    return Fleet(
        name="simulated",
        engines=np.arange(1, count + 1),
        starts=np.concatenate([[0], np.cumsum(recorded)]),
        values=engines.readings(owner, index, spec.conditions, rng),
        columns=(*SETTINGS, *SENSORS),
        last_rul=engines.lives - recorded,
        labels={HEALTH.name: _dial_labels(spec.dial, index, owner, label_rng).astype(np.float64)},
    )
