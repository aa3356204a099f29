"""The probed problem of this field: RUL and the tasks beside it on windows of a fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import InitVar, dataclass, field, fields
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from grace.clock import part
from grace.core.weighted_mse import INNER
from grace.data.conventions import Conventions
from grace.data.draws import BOUND, Draw, Draws
from grace.data.resident import Batch, ResidentWindows
from grace.data.tasks import RUL
from grace.data.windows import MIN_CUT, ManyWindows, Windows
from grace.errors import GraceError, check_one_of
from grace.models.cnn_bilstm_attention import Architecture, kind_of
from grace.models.hazard import INTERVALS
from grace.models.heads import HEALTH_HEAD, WHOLE, MultiHead
from grace.models.losses import Losses
from grace.models.second_tasks import Head
from grace.models.units import UNITS, statistics_of
from grace.models.window_statistics import Moments, StatisticsArchitecture, StatisticsNetwork


def usual_size(conventions: Conventions) -> str:
    """The size of network unless another is named: ``statistics``, or of a table of the user's own ``quantiles``.

    Each was chosen out of fold: docs/training.md."""
    return "statistics" if conventions.table is None else "quantiles"


def usual_history(size: str) -> int:
    """Rows from which on a unit is trained on and predicted by a network of this size: of a table (``quantiles``) two, the
    least that a slope takes: its units are asked about from their first rows on."""
    return 2 if kind_of(size) == "quantiles" else MIN_CUT


@part("statistics")
def resident(windows: Windows | ManyWindows, size: str, device: str = "cpu") -> ResidentWindows:
    """Windows on a device as a network of this size trains on them: as they are, or as statistics that are made once."""
    found = statistics_of(size, windows.timed)
    return ResidentWindows(windows, device, None if found is None else found.of)


def resident_draws(windows: Windows | ManyWindows, beside: Sequence[Draw], size: str, device: str = "cpu") -> Draws:
    """RUL's windows and those of other losses on a device, as :func:`resident`."""
    draws = [Draw((RUL,), windows), *beside]
    made = {id(some): resident(some, size, device) for some in {id(d.windows): d.windows for d in draws}.values()}
    return Draws(draws, [made[id(draw.windows)] for draw in draws])


@dataclass(frozen=True, eq=False)
class RULProblem:
    """RUL loss and the losses of the tasks on mini-batches of windows; an :class:`~grace.alignment.problem.Problem`."""

    windows: Windows | ManyWindows  # training windows of RUL
    cap: float = 125  # largest target, cycles
    size: str = "statistics"  # size of the network
    unit: str = "cap"  # a name in UNITS
    inner: str = "weighted_mse"  # name of the RUL loss
    batch_size: int = 128  # windows in a batch, of RUL's
    device: str = "cpu"  # where the windows lie
    beside: tuple[Draw, ...] = ()  # windows that other losses are taken on
    heads: tuple[Head, ...] = HEALTH_HEAD
    suspended: str = "ignore"  # a name in SUSPENDED
    apart: bool = False  # whether the bound is a loss of its own, the last one
    every: Windows | ManyWindows | None = (
        None  # windows whose statistics standardise a network's input; None: `windows`
    )
    made: InitVar[Draws | None] = None  # the windows as `resident_draws` gives them, where they are there already
    draws: Draws = field(init=False, repr=False)

    def __post_init__(self, made: Draws | None) -> None:
        Architecture.named(self.size)
        check_one_of("inner", self.inner, INNER)
        check_one_of("unit", self.unit, UNITS)
        if self.batch_size < 2:
            raise GraceError(f"`batch_size` should be at least 2. Found {self.batch_size}.")
        found = resident_draws(self.windows, self.beside, self.size, self.device) if made is None else made
        object.__setattr__(self, "draws", found)

    def __reduce__(self) -> tuple[object, ...]:  # to another process go the rows once, not also their tensors
        return RULProblem, tuple(getattr(self, f.name) for f in fields(self) if f.init)

    @property
    def scale(self) -> float:
        """Cycles per unit of the RUL loss."""
        return UNITS[self.unit].scale(self.cap)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the losses, in their order."""
        return RUL, *(head.name for head in self.heads), *([BOUND] if self.apart else [])

    def model(self) -> MultiHead:
        """A freshly initialised network; one on statistics standardises them by those of ``every``."""
        columns = self.windows.rows.shape[1]
        how = (self.size, columns, self.cap, self.windows.timed, INTERVALS, self.heads)
        found = UNITS[self.unit].network(*how).to(self.device)
        if isinstance(found, StatisticsNetwork):
            found.take(self._moments)
        for head in self.heads:
            if head.buffers:
                found.learn(self.draws.of(head.name).labels()[:, head.columns], head)
        return found

    @cached_property
    @part("statistics")
    def _moments(self) -> Moments:
        """Of the statistics of ``every``."""
        architecture = Architecture.named(self.size)
        assert isinstance(architecture, StatisticsArchitecture)
        found = self.draws.made_of(self.every) if self.every is not None else self.draws.rul
        found = resident(self.every, self.size, self.device) if found is None else found  # type: ignore[arg-type]
        return Moments.of(found.batch(found.spread()).x, architecture.bins)

    def shared(self, model: Any, part: str = WHOLE) -> list[nn.Parameter]:
        """Parameters of the backbone or of a part of it, heads excluded."""
        shared: list[nn.Parameter] = model.shared_parameters(part)
        return shared

    def batches(self, seed: int) -> Iterator[Batch]:
        """Endless batches, see :class:`~grace.data.draws.Draws`."""
        return self.draws.stream(self.batch_size, seed)

    @cached_property
    def _losses(self) -> Losses:
        return Losses(self.cap, self.unit, self.heads, self.draws.parts(self.batch_size), self.suspended, self.apart)

    @part("steps: forward")
    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, ...]:
        """RUL loss (in units of ``scale`` squared, or nats), and that of each task; see :class:`Losses`."""
        network, one = model.one(), Batch(*(side[None] for side in batch))
        return tuple(loss[0] for loss in self._losses(network.emitted(one.x), one, [self.inner], network.scale))
