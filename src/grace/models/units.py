"""What the RUL head emits and what its loss is in, by name; and what suspended engines say in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import Architecture, CNNBiLSTMAttention
from grace.models.hazard import INTERVALS
from grace.models.heads import HEALTH_HEAD, MultiHead
from grace.models.second_tasks import Head
from grace.models.window_statistics import StatisticsArchitecture, StatisticsNetwork

CAP_START = 0.5  # a head in units of the cap starts in the middle of its range, where the final ReLU is alive


class _Unit(NamedTuple):
    """What the RUL head emits and what its loss is in: ``cycles`` or ``cap``, squared, or hazards and nats."""

    head: str
    loss: str

    def network(
        self,
        size: str,
        features: int,
        cap: float,
        timed: bool = False,
        intervals: int = INTERVALS,
        heads: Sequence[Head] = HEALTH_HEAD,
    ) -> MultiHead:
        """A freshly initialised network whose RUL head speaks the unit, on windows of this many columns; ``timed``: the last of
        them is time. A head of hazards has so many ``intervals``; ``heads`` are those of the tasks."""
        scale, start = (1.0, None) if self.head == "cycles" else (float(cap), CAP_START)
        intervals = intervals if self.head == HAZARD else 0
        if found := statistics_of(size, timed):
            return StatisticsNetwork(found, features, scale, start, intervals, heads)
        return CNNBiLSTMAttention(size, features, scale, start, intervals, heads)

    def scale(self, cap: float) -> float:
        """Cycles per unit of the RUL loss."""
        return float(cap) if self.loss == "cap" else 1.0


HAZARD = "hazard"
SUSPENDED = ("ignore", "bound", HAZARD)
"""What windows of suspended engines say in the RUL loss: nothing, or a lower bound, as a squared error or by survival."""
UNITS = {
    "cycles": _Unit("cycles", "cycles"),
    "cap-head": _Unit("cap", "cycles"),
    "cap": _Unit("cap", "cap"),
    HAZARD: _Unit(HAZARD, "nats"),
}
"""Units by name. ``cycles``: the source. ``cap``: the head emits shares of the cap, and starts at half of it; the loss is in
units of the cap, which divides its gradient by cap^2. ``cap-head``: that head with the source's loss in cycles^2. ``hazard``:
the head emits hazards, and the loss is their negative log likelihood, :mod:`grace.models.hazard`."""


def check_unit(unit: str, suspended: str) -> None:
    """Refuse a unit that does not go with what suspended windows say."""
    if (suspended == HAZARD and unit != HAZARD) or (suspended == "bound" and unit == HAZARD):
        raise GraceError(
            f"`suspended` {suspended} should stand with a `rul_scale` of its kind. Found {unit}. Leave `rul_scale` out, or take "
            "hazard for both."
        )


def statistics_of(size: str, timed: bool = False) -> StatisticsArchitecture | None:
    """The statistics that a network of this size reads, over time or over rows; None where it reads windows."""
    found = Architecture.named(size)
    return replace(found, timed=timed) if isinstance(found, StatisticsArchitecture) else None
