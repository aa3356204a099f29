"""The probed problem of this field: RUL and health state on windows of a fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import InitVar, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from grace.clock import part
from grace.core.weighted_mse import INNER, WEIGHT
from grace.data.conventions import Conventions
from grace.data.resident import Batch, ResidentWindows
from grace.data.windows import MIN_CUT, UNKNOWN, ManyWindows, Windows
from grace.errors import GraceError, check_one_of
from grace.models.cnn_bilstm_attention import Architecture, CNNBiLSTMAttention
from grace.models.hazard import INTERVALS, surprise
from grace.models.two_heads import WHOLE, TwoHeads
from grace.models.window_statistics import Moments, StatisticsArchitecture, StatisticsNetwork

TASKS = ("rul", "health")
CAP_START = 0.5  # a head in units of the cap starts in the middle of its range, where the final ReLU is alive


class _Unit(NamedTuple):
    """What the RUL head emits and what its loss is in: ``cycles`` or ``cap``, squared, or hazards and nats."""

    head: str
    loss: str

    def network(
        self, size: str, features: int, cap: float, timed: bool = False, intervals: int = INTERVALS
    ) -> TwoHeads:
        """A freshly initialised network whose RUL head speaks the unit, on windows of this many columns; ``timed``: the last of
        them is time. A head of hazards has so many ``intervals``."""
        scale, start = (1.0, None) if self.head == "cycles" else (float(cap), CAP_START)
        intervals = intervals if self.head == HAZARD else 0
        if found := statistics_of(size, timed):
            return StatisticsNetwork(found, features, scale, start, intervals)
        return CNNBiLSTMAttention(size, features, scale, start, intervals)

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


def usual_size(conventions: Conventions) -> str:
    """The size of network unless another is named: ``statistics``, or of a table of the user's own ``quantiles``.

    Each was chosen out of fold: docs/training.md."""
    return "statistics" if conventions.table is None else "quantiles"


def usual_history(size: str) -> int:
    """Rows from which on a unit is trained on and predicted by a network of this size: of a table (``quantiles``) two, the
    least that a slope takes: its units are asked about from their first rows on."""
    return 2 if size == "quantiles" else MIN_CUT


def statistics_of(size: str, timed: bool = False) -> StatisticsArchitecture | None:
    """The statistics that a network of this size reads, over time or over rows; None where it reads windows."""
    found = Architecture.named(size)
    return replace(found, timed=timed) if isinstance(found, StatisticsArchitecture) else None


@part("statistics")
def resident(windows: Windows | ManyWindows, size: str, device: str = "cpu") -> ResidentWindows:
    """Windows on a device as a network of this size trains on them: as they are, or as statistics that are made once."""
    found = statistics_of(size, windows.timed)
    return ResidentWindows(windows, device, None if found is None else found.of)


def task_losses(
    predicted: Tensor,
    logits: Tensor,
    rul: Tensor,
    label: Tensor,
    inners: Sequence[str],
    cap: float,
    unit: str,
    suspended: Tensor | None = None,
    bound: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""RUL loss (in its unit, squared) and health cross entropy (nats) of ``R`` networks, ``[R]`` each.

    RUL, predicted and true, is ``[R, B]`` in cycles (predicted by ``hazard``: logits ``[R, B, K]``), logits are ``[R, B, C]``,
    labels int64 ``[R, B]``; each network has its own inner loss, by name. Of ``suspended`` windows, bool ``[R, B]``, RUL
    is a lower bound ``b``: the inner loss is the mean over the other windows of a batch, and with ``bound`` the mean over the
    ``S`` suspended ones is added to it,

    .. math:: \frac{1}{S} \sum_s \max(b_s - \hat y_s, 0)^2.

    Of ``hazard`` the RUL loss is the negative log likelihood (nats, :func:`~grace.models.hazard.surprise`), weighted as the inner
    loss weights its errors: the mean over windows that failed, with ``bound`` over all. The cross entropy is the mean over the
    windows whose label is known.
    """
    scale = UNITS[unit].scale(cap) ** 2
    each = nn.functional.cross_entropy(
        logits.flatten(0, 1), label.flatten(), reduction="none", ignore_index=UNKNOWN
    ).view_as(rul)
    if unit == HAZARD:
        known = (label != UNKNOWN).sum(1).clamp(min=1)
        return _likelihood(predicted, rul, inners, cap, suspended, bound), each.sum(1) / known
    if suspended is None:
        health = each.mean(1)
        return _inner(predicted, rul, inners, cap) / scale, health
    health = each.sum(1) / (label != UNKNOWN).sum(1).clamp(min=1)
    # a suspended window is given its bound for a prediction, and so no error: the mean over all windows, times all over those
    # that failed, is the mean over the latter
    size, few = rul.shape[1], suspended.sum(1)
    own = _inner(torch.where(suspended, rul, predicted), rul, inners, cap) * (size / (size - few).clamp(min=1))
    if bound:
        short = torch.where(suspended, rul - predicted, 0.0).clamp(min=0).square().sum(1)
        own = own + short / few.clamp(min=1)
    return own / scale, health


def _likelihood(
    hazards: Tensor, rul: Tensor, inners: Sequence[str], cap: float, suspended: Tensor | None, bound: bool
) -> Tensor:
    """Weighted mean negative log likelihood of each network, nats ``[R]``, of failed windows, with ``bound`` of all.

    A mean of each kind, added, would have failures count for more, or less, than they are: no probability would be right.
    """
    weight = torch.stack([WEIGHT[name](row, float(cap)) for name, row in zip(inners, rul, strict=True)])
    found = weight * surprise(hazards, rul, float(cap), suspended)
    if suspended is None or bound:
        return found.mean(1)
    return torch.where(suspended, 0.0, found).sum(1) / (~suspended).sum(1).clamp(min=1)


def _inner(predicted: Tensor, rul: Tensor, inners: Sequence[str], cap: float) -> Tensor:
    """Inner loss of each network, cycles^2 ``[R]``."""
    if len(inners) == 1:
        return INNER[inners[0]](predicted[0], rul[0], float(cap))[None]
    # every inner loss is taken of all, and each keeps its own: they cost next to nothing
    names = sorted(set(inners))
    found = torch.stack([torch.vmap(INNER[name], (0, 0, None))(predicted, rul, float(cap)) for name in names])
    return found.gather(0, torch.tensor([[names.index(name) for name in inners]], device=rul.device))[0]


@dataclass(frozen=True, eq=False)
class RULProblem:
    """RUL loss and health cross entropy on mini-batches of windows; an :class:`~grace.alignment.problem.Problem`."""

    windows: Windows | ManyWindows  # training windows
    cap: float = 125  # largest target, cycles
    size: str = "statistics"  # size of the network
    unit: str = "cap"  # a name in UNITS
    inner: str = "weighted_mse"  # name of the RUL loss
    batch_size: int = 128  # windows in a batch
    device: str = "cpu"  # where the windows lie
    bound: bool = False  # windows of suspended engines are a lower bound in the RUL loss
    every: Windows | ManyWindows | None = (
        None  # windows whose statistics standardise a network's input; None: `windows`
    )
    made: InitVar[ResidentWindows | None] = None  # the windows as `resident` gives them, where they are there already
    _resident: ResidentWindows = field(init=False, repr=False)

    def __post_init__(self, made: ResidentWindows | None) -> None:
        Architecture.named(self.size)
        check_one_of("inner", self.inner, INNER)
        check_one_of("unit", self.unit, UNITS)
        if self.batch_size < 2:
            raise GraceError(f"`batch_size` should be at least 2. Found {self.batch_size}.")
        found = resident(self.windows, self.size, self.device) if made is None else made
        object.__setattr__(self, "_resident", found)

    def __reduce__(self) -> tuple[object, ...]:  # to another process go the rows once, not also their tensors
        return RULProblem, tuple(getattr(self, f.name) for f in fields(self) if f.init)

    @property
    def scale(self) -> float:
        """Cycles per unit of the RUL loss."""
        return UNITS[self.unit].scale(self.cap)

    def model(self) -> TwoHeads:
        """A freshly initialised network; one on statistics standardises them by those of ``every``."""
        columns = self.windows.rows.shape[1]
        found = UNITS[self.unit].network(self.size, columns, self.cap, self.windows.timed).to(self.device)
        if isinstance(found, StatisticsNetwork):
            found.take(self._moments)
        return found

    @cached_property
    @part("statistics")
    def _moments(self) -> Moments:
        """Of the statistics of ``every``."""
        architecture = Architecture.named(self.size)
        assert isinstance(architecture, StatisticsArchitecture)
        found = self._resident if self.every is None else resident(self.every, self.size, self.device)
        return Moments.of(found.batch(found.spread())[0], architecture.bins)

    def shared(self, model: Any, part: str = WHOLE) -> list[nn.Parameter]:
        """Parameters of the backbone or of a part of it, both heads excluded."""
        shared: list[nn.Parameter] = model.shared_parameters(part)
        return shared

    def batches(self, seed: int) -> Iterator[Batch]:
        """Endless batches ``(windows [B, T, F], RUL [B] in cycles, label [B])``, one permutation an epoch; see
        :meth:`ResidentWindows.batch <grace.data.resident.ResidentWindows.batch>`."""
        return self._resident.stream(self.batch_size, seed)

    @part("steps: forward")
    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, ...]:
        """RUL loss (in units of ``scale`` squared, or nats) and health cross entropy (nats)."""
        x, *known = batch
        predicted, logits = (found[None] for found in (model.emitted if self.unit == HAZARD else model)(x))
        rul, label, *some = (side[None] for side in known)
        how = (predicted, logits, rul, label, [self.inner], self.cap, self.unit)
        ours, theirs = task_losses(*how, some[0] if some else None, self.bound)
        return ours[0], theirs[0]
