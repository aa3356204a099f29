r"""Simulators whose physics are drawn at random: each number is a kind of machine of its own.

Of a unit with life :math:`T` and fault mode :math:`f` the hidden wear at time :math:`t`, with :math:`x = t / T`, is

.. math::
    h(t) = h_0 + (1 - h_0) \left( \frac{\max(x - a_f, 0)}{1 - a_f} \right)^{p_f} + \text{a Brownian bridge},

and feature ``j`` in operating condition ``c`` reads

.. math:: g_{fj}\, h^{q_j} + b_{uj} + m_{cj} + r_j(t) + \varepsilon,

with the unit's build :math:`b`, a slow drift :math:`r` (autoregressive) that has nothing to do with wear, and white noise. How
fast and late wear grows, how many faults and conditions there are, which features respond, how loud everything else is and how
lives spread is drawn once a simulator. All distributions are our own invention, wide on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.signal import lfilter

Values = NDArray[np.float64]
FAMILY = 2026_11_26
"""Beside a simulator's number the seed of its physics, and of its units."""
UNITS = 120
SHORTEST = 25
"""Rows of the shortest life."""


@dataclass(frozen=True, eq=False)
class Physics:
    """One kind of machine; ``M`` fault modes, ``J`` features, ``C`` conditions.

    Attributes:
        life: Median life, cycles.
        spread: Standard deviation of the logarithm of lives.
        exponent: Of the growth of wear, by fault ``[M]``.
        onset: Share of life before wear is seen, by fault ``[M]``.
        walk: Size of the bridge on wear.
        gain: ``[M, J]``; 0 where a feature does not respond.
        bend: Exponent of wear in each feature ``[J]``.
        build: Standard deviation of a unit's build ``[J]``.
        drift: Of the slow drift ``[J]``.
        noise: Of the white noise ``[J]``.
        conditions: Offset of each feature in each condition ``[C, J]``.
        measured: Standard deviation of the error of a wear that is measured.
    """

    life: float
    spread: float
    exponent: Values
    onset: Values
    walk: float
    gain: Values
    bend: Values
    build: Values
    drift: Values
    noise: Values
    conditions: Values
    measured: float

    @classmethod
    def drawn(cls, number: int) -> Physics:
        """The physics of a simulator."""
        rng = np.random.default_rng([FAMILY, number])
        faults, features = int(rng.integers(1, 4)), int(rng.integers(4, 13))
        count = int(rng.choice([1, 1, 3]))

        def between(low: float, high: float, *shape: int) -> Values:
            return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), shape)))

        gain = rng.standard_normal((faults, features)) * (rng.random((faults, features)) < 0.6)
        gain[:, 0] += np.where(gain[:, 0] == 0, 1.0, 0.0)  # some feature responds to each fault
        return cls(
            life=float(between(60, 400)),
            spread=float(rng.uniform(0.15, 0.5)),
            exponent=between(0.7, 5, faults),
            onset=rng.uniform(0, 0.6, faults) * (rng.random(faults) < 0.5),
            walk=float(rng.uniform(0, 0.08)),
            gain=gain,
            bend=between(0.5, 2, features),
            build=float(between(0.05, 0.5)) * between(0.5, 2, features),
            drift=float(between(0.02, 0.3)) * between(0.5, 2, features),
            noise=float(between(0.1, 1)) * between(0.5, 2, features),
            conditions=rng.standard_normal((count, features)) * rng.uniform(0.2, 2),
            measured=float(between(0.02, 0.15)),
        )

    @property
    def features(self) -> list[str]:
        """Names of the features."""
        return [f"x{j}" for j in range(len(self.bend))]

    @property
    def labels(self) -> tuple[str, ...]:
        """Second labels that say something: wear, and fault and condition where there are several."""
        several = {"fault": len(self.exponent), "condition": len(self.conditions)}
        return "wear", *(name for name, count in several.items() if count > 1)


def recorded(number: int, units: int = UNITS) -> pl.DataFrame:
    """The rows of all units of a simulator, run to failure: unit, cycle, features, and the labels wear, fault and condition."""
    physics, rng = Physics.drawn(number), np.random.default_rng([FAMILY, number, 1])
    lives = physics.life * np.exp(physics.spread * rng.standard_normal(units))
    rows = np.maximum(np.rint(lives), SHORTEST).astype(np.int64)
    faults = rng.integers(0, len(physics.exponent), units)
    return pl.concat(_of_unit(physics, u + 1, int(rows[u]), int(faults[u]), rng) for u in range(units))


def _of_unit(physics: Physics, unit: int, rows: int, fault: int, rng: np.random.Generator) -> pl.DataFrame:
    wear, features = _wear(physics, rows, fault, rng), len(physics.bend)
    condition = rng.integers(0, len(physics.conditions), rows)
    x = physics.gain[fault] * wear[:, None] ** physics.bend
    x += physics.build * rng.standard_normal(features) + physics.conditions[condition]
    x += physics.drift * lfilter([np.sqrt(1 - 0.98**2)], [1, -0.98], rng.standard_normal((rows, features)), axis=0)
    x += physics.noise * rng.standard_normal((rows, features))
    frame = pl.DataFrame({"unit": np.full(rows, unit), "cycle": np.arange(1, rows + 1)})
    readings = pl.DataFrame(np.round(x, 5), schema=physics.features)
    labels = {
        "wear": np.round(wear + physics.measured * rng.standard_normal(rows), 5),
        "fault": np.full(rows, f"f{fault}"),
        "condition": np.char.add("c", condition.astype(str)),
    }
    return pl.concat([frame, readings, pl.DataFrame(labels)], how="horizontal")


def _wear(physics: Physics, rows: int, fault: int, rng: np.random.Generator) -> Values:
    """Hidden wear of one unit, in [0, 1.5], 1 at its end."""
    x, start = np.arange(rows) / (rows - 1), rng.uniform(0, 0.15)
    late = np.clip((x - physics.onset[fault]) / (1 - physics.onset[fault]), 0, 1)
    steps = rng.standard_normal(rows).cumsum() / np.sqrt(rows)
    bridge = steps - steps[0] - x * (steps[-1] - steps[0])
    wear = start + (1 - start) * late ** physics.exponent[fault] + physics.walk * bridge
    return np.asarray(np.clip(wear, 0, 1.5))
