r"""A simulated turbofan: how its engines are built and wear, and what their 21 sensors read.

Engine ``e`` leaves the factory with initial wear :math:`w_e` and wears at a lognormal rate. Its hidden index grows
exponentially, :math:`h_e(t) = w_e^{1 - t / (T_e - 1)}` for cycles :math:`t = 0 \dots T_e - 1`, to 1 at failure.
In operating condition ``c`` and fault mode ``f`` the responding sensor ``s`` reads

.. math::
    x_s = \mathrm{base}_{sc} + \mathrm{span}_{sc} (g_{fs} h^{p_{fs}} + 0.2\, b_{es} + 0.5\, \varepsilon)

with the engine's build :math:`b_{es} \sim N(0, 1)`, fixed for life (its signature), and noise
:math:`\varepsilon \sim N(0, 1)`. The other 7 sensors read their baseline.

Baselines, spans and the size of the build were read off the public C-MAPSS training files (Saxena, Goebel, Simon &
Eklund, PHM08) and rounded. Exponents, the fan fault's gains and the wear process are our own invention; the noise is
about twice that of C-MAPSS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.data.conventions import USED_SENSORS

OPERATING_POINTS = np.array(
    [(0, 0, 100), (10, 0.25, 100), (20, 0.70, 100), (25, 0.62, 60), (35, 0.84, 100), (42, 0.84, 100)], dtype=np.float64
)
"""Altitude (1000 ft), Mach number, throttle resolver angle (degrees) of the six conditions, ``[6, 3]``."""

SETTING_NOISE = np.array([0.003, 0.0007, 0.0])
"""Standard deviation of the settings around their operating point, ``[3]``."""

BASELINES = np.array(
    [
        (518.67, 489.05, 491.19, 462.54, 449.44, 445.00),  # 1 temperature at fan inlet, deg R
        (642.36, 604.62, 607.29, 536.70, 555.54, 549.46),  # 2 at low-pressure compressor outlet
        (1586.7, 1498.6, 1482.3, 1260.0, 1363.6, 1351.3),  # 3 at high-pressure compressor outlet
        (1402.6, 1305.4, 1248.0, 1046.0, 1126.6, 1122.9),  # 4 at low-pressure turbine outlet
        (14.62, 10.52, 9.35, 7.05, 5.48, 3.91),  # 5 pressure at fan inlet, psia
        (21.61, 15.49, 13.65, 9.03, 8.00, 5.71),  # 6 in bypass duct
        (553.97, 394.73, 334.85, 175.59, 194.64, 138.75),  # 7 at high-pressure compressor outlet
        (2388.06, 2318.89, 2323.95, 1915.35, 2222.97, 2211.92),  # 8 fan speed, rpm
        (9056.6, 8779.4, 8723.8, 8010.5, 8350.3, 8321.7),  # 9 core speed, rpm
        (1.30, 1.26, 1.08, 0.94, 1.02, 1.02),  # 10 engine pressure ratio
        (47.35, 45.31, 44.29, 36.66, 41.82, 41.99),  # 11 static pressure at compressor outlet, psia
        (521.93, 371.79, 315.17, 164.70, 183.20, 130.65),  # 12 fuel flow over that pressure, pps/psi
        (2388.06, 2388.09, 2388.08, 2028.25, 2388.06, 2388.00),  # 13 corrected fan speed, rpm
        (8138.0, 8131.5, 8062.2, 7874.7, 8068.6, 8085.2),  # 14 corrected core speed, rpm
        (8.418, 8.639, 9.207, 10.884, 9.306, 9.353),  # 15 bypass ratio
        (0.03, 0.03, 0.02, 0.02, 0.02, 0.02),  # 16 burner fuel-air ratio
        (392.3, 368.8, 364.5, 306.7, 333.5, 330.2),  # 17 bleed enthalpy
        (2388.0, 2319.0, 2324.0, 1915.0, 2223.0, 2212.0),  # 18 demanded fan speed, rpm
        (100.0, 100.0, 100.0, 84.93, 100.0, 100.0),  # 19 demanded corrected fan speed, rpm
        (38.94, 28.61, 24.53, 14.30, 14.88, 10.62),  # 20 high-pressure turbine coolant bleed, lbm/s
        (23.36, 17.17, 14.71, 8.58, 8.92, 6.37),  # 21 low-pressure turbine coolant bleed, lbm/s
    ]
)
"""Reading of a new engine in each condition, ``[21, 6]``."""

_RESPONSES: NDArray[np.float64] = np.array(
    [
        # span at sea level, compressor fault: gain, exponent; fan fault: gain, exponent
        (1.24, 1.0, 0.5, 1.0, 0.6),  # 2
        (14.8, 1.0, 0.7, 1.3, 0.8),  # 3
        (25.3, 1.0, 0.4, 1.1, 0.5),  # 4
        (2.37, -1.0, 0.5, 2.0, 0.6),  # 7
        (0.17, 1.0, 0.6, 1.5, 0.4),  # 8
        (40.0, 0.7, 1.1, 1.4, 0.9),  # 9
        (0.76, 1.0, 0.3, 1.3, 0.5),  # 11
        (2.03, -1.0, 0.4, 2.0, 0.5),  # 12
        (0.17, 1.0, 0.6, 1.5, 0.4),  # 13
        (28.0, 0.6, 1.1, 1.4, 0.9),  # 14
        (0.10, 1.0, 0.5, -1.5, 0.6),  # 15
        (3.84, 1.0, 0.7, 1.3, 0.7),  # 17
        (0.47, -1.0, 0.6, 1.2, 0.7),  # 20
        (0.28, -1.0, 0.6, 1.2, 0.7),  # 21
    ]
)

RESPONDING = np.array(USED_SENSORS) - 1
"""Index of the 14 sensors that respond to wear, ``[14]``; the other 7 show their baseline only."""

# A sensor's change grows and shrinks with its baseline from condition to condition, as in the C-MAPSS files.
SPANS: NDArray[np.float64] = _RESPONSES[:, :1] * BASELINES[RESPONDING] / BASELINES[RESPONDING, :1]
"""Change from new to failed in each condition, ``[14, 6]``: the unit of gains, build and noise."""

GAINS: NDArray[np.float64] = _RESPONSES[:, [1, 3]].T
"""Change at failure in spans, ``[2, 14]``: compressor fault, fan fault."""

EXPONENTS: NDArray[np.float64] = _RESPONSES[:, [2, 4]].T
"""Exponent of the hidden index in each fault mode, ``[2, 14]``."""

SHORTEST, LONGEST = 40, 360
"""Lives are clipped to this range, cycles."""

RATE, RATE_SPREAD = 1 / 33, 0.25
"""Median growth of ln h per cycle, and its standard deviation in ln between engines (the tail of early failures)."""

BUILD_SPREAD, NOISE = 0.2, 0.5
"""Standard deviations in spans of the sensor; both are about 0.2 in the early cycles of C-MAPSS FD001."""


@dataclass(frozen=True, eq=False)
class Engines:
    """What is hidden in ``E`` engines.

    Attributes:
        lives: Cycles to failure, int64 ``[E]``.
        wear: Hidden index at the first cycle, float64 ``[E]``.
        fault: Fault mode, 0 compressor or 1 fan, int64 ``[E]``.
        build: Manufacturing offset of each responding sensor, standard normal, float64 ``[E, 14]``.
    """

    lives: NDArray[np.int64]
    wear: NDArray[np.float64]
    fault: NDArray[np.int64]
    build: NDArray[np.float64]

    def hidden_index(self, recorded: NDArray[np.int64]) -> NDArray[np.float64]:
        """Hidden index of the first ``recorded[e]`` cycles of every engine, in (0, 1], float64 ``[sum(recorded)]``."""
        owner = np.repeat(np.arange(len(recorded)), recorded)
        cycle = np.arange(len(owner)) - np.repeat(np.cumsum(recorded) - recorded, recorded)
        return self.wear[owner] ** (1 - cycle / (self.lives[owner] - 1))

    @classmethod
    def drawn(cls, count: int, faults: int, rng: np.random.Generator) -> Engines:
        """``count`` engines with ``faults`` fault modes."""
        to_failure = rng.uniform(2.0, 5.8, count)  # -ln(initial wear): wear 0.3 % to 14 % of what an engine can bear
        rate = RATE * np.exp(RATE_SPREAD * rng.standard_normal(count))
        return cls(
            lives=np.clip(np.rint(to_failure / rate), SHORTEST, LONGEST).astype(np.int64),
            wear=np.exp(-to_failure),
            fault=rng.integers(0, faults, count),
            build=rng.standard_normal((count, len(RESPONDING))),
        )

    def readings(
        self, owner: NDArray[np.int64], index: NDArray[np.float64], conditions: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Three settings and 21 sensors of every row, float64 ``[R, 24]``, rounded to the 4 decimals that files carry.

        Of each row are given its engine ``owner [R]`` and its hidden ``index [R]``; one of the first ``conditions`` operating
        points is drawn for it.
        """
        condition = rng.integers(0, conditions, len(owner))
        settings = OPERATING_POINTS[condition] + SETTING_NOISE * rng.standard_normal((len(owner), 3))
        fault = self.fault[owner]
        response = GAINS[fault] * index[:, None] ** EXPONENTS[fault] + BUILD_SPREAD * self.build[owner]
        response += NOISE * rng.standard_normal(response.shape)
        sensors = BASELINES.T[condition]
        sensors[:, RESPONDING] += SPANS.T[condition] * response
        return np.round(np.hstack([settings, sensors]), 4) + 0.0  # + 0.0 turns -0.0 into 0.0
