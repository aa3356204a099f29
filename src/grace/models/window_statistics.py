"""A window as a few statistics, and a network on them: seconds of training in place of half a minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from grace.models.function import Networks, Noise
from grace.models.heads import HEALTH_HEAD, UPPER, WHOLE, MultiHead
from grace.models.second_tasks import Head

MIN_BIN = 0.05
"""Least width of a quantile bin, in standard deviations: what stands in many windows alike makes bins of no width."""


@dataclass(frozen=True)
class StatisticsArchitecture:
    """Which statistics, and the widths of the network on them.

    Attributes:
        lengths: Last cycles that a mean and a slope are taken over, each; cut at the window.
        spreads: Last cycles that a standard deviation is taken over, each.
        trunk: Widths of the shared layers, each with GELU and dropout.
        rul: Hidden widths of the RUL head.
        health: Hidden widths of the head of each task beside it.
        dropout: After each shared layer.
        noise: Standard deviation of normal noise on the standardised statistics in training.
        bins: Quantile bins that each statistic is encoded in, beside its standardised value; 0: none. See :func:`encoded`.
        timed: Whether the last column of a window is no feature but the time since the row before, in typical steps and 0 at an
            engine's first row. Lengths are then such steps, and a row weighs by the time that it stands for: half of the time to
            the rows beside it, at most one step to either side.
    """

    lengths: tuple[int, ...] = (5, 15, 30, 60)
    spreads: tuple[int, ...] = (15, 30, 60)
    trunk: tuple[int, ...] = (128, 128, 64)
    rul: tuple[int, ...] = ()
    health: tuple[int, ...] = ()
    dropout: float = 0.1
    noise: float = 0.25
    bins: int = 0
    timed: bool = False

    def count(self, columns: int) -> int:
        """Number of statistics of a window with so many columns."""
        return (columns - self.timed) * (2 * len(self.lengths) + len(self.spreads)) + 1

    def of(self, windows: Tensor) -> Tensor:
        """Statistics of windows, ``[..., T, F] -> [..., count(F)]``.

        Means and slopes (change over the length, by least squares), standard deviations, and the share of the window that is
        recorded: rows at its front that equal the next one are padding.
        """
        if self.timed:
            return self._over_time(windows[..., :-1], _Cells(windows[..., -1]))
        x = windows.transpose(-1, -2)  # [..., F, T]
        levels = x @ _weights(self.lengths, windows.shape[-2], x)  # [..., F, 2 n]
        spreads = [_spread(windows[..., -n:, :]) for n in self.spreads]
        return torch.cat([levels.transpose(-1, -2).flatten(-2), *spreads, _recorded(windows)], -1)

    def _over_time(self, values: Tensor, cells: _Cells) -> Tensor:
        """As :meth:`of`, of values ``[..., T, F]`` and the time that each row stands for."""
        weights = [side for length in self.lengths for side in (cells.shares(length), cells.slope(length))]
        levels = torch.stack(weights, -2) @ values  # [..., 2 n, F]
        spreads = []
        for share in (cells.shares(length)[..., None] for length in self.spreads):
            centred = values - (share * values).sum(-2, keepdim=True)
            spreads.append((share * centred.square()).sum(-2).sqrt())
        return torch.cat([levels.flatten(-2), *spreads, cells.recorded()], -1)


class _Cells:
    """The stretch of time, before the last row and in steps, that each row of windows stands for.

    Args:
        gaps: Steps since the row before, ``[..., T]``; 0 at an engine's first row and where it is repeated to fill up the window:
            such rows lie a step apart.
    """

    def __init__(self, gaps: Tensor) -> None:
        self._gaps = gaps
        before = torch.where(gaps > 0, gaps, 1.0)
        after = before[..., 1:]
        pad = nn.functional.pad
        self._age = pad(after.flip(-1).cumsum(-1).flip(-1), (0, 1))
        self._oldest = self._age + (before / 2).clamp(max=1.0)
        self._youngest = self._age - (pad(after, (0, 1), value=1.0) / 2).clamp(max=1.0)

    def shares(self, length: int) -> Tensor:
        """Share of each row in the time of the last ``length`` steps, ``[..., T]``."""
        inside = (self._oldest.clamp(max=length - 0.5) - self._youngest).clamp(min=0.0)
        return inside / inside.sum(-1, keepdim=True)

    def slope(self, length: int) -> Tensor:
        """Weights ``[..., T]`` that make the change over ``length`` steps, or over as many as the rows cover, by least squares.

        Times that are closer together than two rows a step apart would blow up noise: their slope is shrunk.
        """
        share = self.shares(length)
        time = (share * self._age).sum(-1, keepdim=True) - self._age
        variance = (share * time.square()).sum(-1, keepdim=True).clamp(min=0.25)
        covered = (self._oldest[..., :1] + 0.5).clamp(max=float(length))
        return share * time * (covered / variance)

    def recorded(self) -> Tensor:
        """Recorded steps as a share of the window's rows, at most 1, ``[..., 1]``."""
        begun = (self._gaps == 0).any(-1, keepdim=True)
        found: Tensor = ((self._gaps.sum(-1, keepdim=True) + begun) / self._gaps.shape[-1]).clamp(max=1.0)
        return found


def _spread(windows: Tensor) -> Tensor:
    """Population standard deviations over the cycles, ``[..., T, F] -> [..., F]``: ``std`` in a fifth of its time."""
    return (windows - windows.mean(-2, keepdim=True)).square_().mean(-2).sqrt_()


def _weights(lengths: tuple[int, ...], cycles: int, like: Tensor) -> Tensor:
    """Columns that make the means and the slopes of windows ``[..., T]``: ``[T, 2 n]``."""
    rows: list[Tensor] = []
    for length in (min(length, cycles) for length in lengths):
        time = torch.arange(length, dtype=like.dtype, device=like.device) - (length - 1) / 2
        slope = time * (length / time.square().sum().clamp_min(1.0))
        both = torch.full_like(time, 1 / length), slope
        rows += [nn.functional.pad(weights, (cycles - length, 0)) for weights in both]
    return torch.stack(rows, 1)


def _recorded(windows: Tensor) -> Tensor:
    """Share of each window's cycles that are no padding, ``[..., T, F] -> [..., 1]``."""
    cycles = windows.shape[-2]
    left = torch.arange(cycles - 1, 0, -1, dtype=windows.dtype, device=windows.device)  # cycles from this change on
    changes = (windows[..., 1:, :] != windows[..., :-1, :]).any(-1).to(windows.dtype)
    found: Tensor = (1 + (changes * left).amax(-1, keepdim=True)) / cycles
    return found


class _StatisticsNetworks(Networks):
    """``R`` networks of one shape on windows ``[R, B, T, F]``, or on statistics ``[R, B, S]`` that were made before."""

    shape: StatisticsNetwork

    def represent(self, x: Tensor) -> Tensor:
        """The shared layers' output, ``[R, B, trunk[-1]]``."""
        if x.dim() == 4:
            x = self.shape.architecture.of(x)
        mean, scale = (self.statistics[name].unsqueeze(1) for name in ("mean", "scale"))
        z = (x - mean).div_(scale)
        if self.shape.architecture.bins:
            z = torch.cat([z, encoded(z, self.statistics["edges"])], -1)
        return self._through("trunk", z)


class StatisticsNetwork(MultiHead):
    """Shared layers on the statistics of a window, with a RUL head and one a task.

    Windows ``[B, T, F]`` are turned into statistics; a training hands over statistics ``[B, S]`` that were made once.

    Args:
        architecture: Statistics and widths.
        features: Columns of a window; of a ``timed`` architecture with the time.
        rul_scale: See :class:`~grace.models.heads.MultiHead`.
        rul_start: Likewise.
        intervals: Likewise.
        heads: Likewise.
    """

    function = _StatisticsNetworks
    parts: ClassVar = {WHOLE: ("trunk",), UPPER: ("trunk",)}
    mean: Tensor
    scale: Tensor
    edges: Tensor

    def __init__(
        self,
        architecture: StatisticsArchitecture,
        features: int = 17,
        rul_scale: float = 1.0,
        rul_start: float | None = None,
        intervals: int = 0,
        heads: Sequence[Head] = HEALTH_HEAD,
    ) -> None:
        super().__init__()
        a = self.architecture = architecture
        layers: list[nn.Module] = [Noise(a.noise)]
        count = a.count(features)
        for before, after in pairwise((count * (1 + a.bins), *a.trunk)):
            layers += [nn.Linear(before, after), nn.GELU(), nn.Dropout(a.dropout)]
        self.trunk = nn.Sequential(*layers)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("scale", torch.ones(count))
        if a.bins:
            self.register_buffer("edges", torch.linspace(-2, 2, a.bins + 1)[:, None].repeat(1, count))
        self.add_heads(a.trunk[-1], a.rul, a.health, rul_scale, rul_start, intervals, heads)

    def standardise(self, statistics: Tensor) -> None:
        """Take mean, standard deviation and edges of bins from the statistics of training windows, ``[N, S]``."""
        self.take(Moments.of(statistics, self.architecture.bins))

    def take(self, moments: Moments) -> None:
        """Standardise and encode by these."""
        self.mean, self.scale = moments.mean, moments.scale
        if self.architecture.bins:
            self.edges = moments.edges


class Moments(NamedTuple):
    """Mean and standard deviation of statistics, ``[S]``, 1 where one does not vary, and of standardised ones the edges of bins
    that hold equal numbers of windows, ``[bins + 1, S]``; without bins ``[0, S]``."""

    mean: Tensor
    scale: Tensor
    edges: Tensor

    @classmethod
    def of(cls, statistics: Tensor, bins: int) -> Moments:
        """Of the statistics of training windows, ``[N, S]``."""
        spread, mean = torch.std_mean(statistics, 0, correction=0)
        scale = torch.where(spread > 1e-6, spread, 1.0)
        if not bins:
            return cls(mean, scale, statistics[:0])
        place = torch.linspace(0, len(statistics) - 1, bins + 1, device=statistics.device).round().long()
        return cls(mean, scale, (_ascending(statistics)[place] - mean) / scale)


def _ascending(statistics: Tensor) -> Tensor:
    """Each column in order; on the CPU numpy takes a tenth of torch's time, which also keeps the places."""
    if statistics.device.type != "cpu":
        return statistics.sort(0).values
    return torch.from_numpy(np.sort(statistics.numpy(), axis=0))


def encoded(z: Tensor, edges: Tensor) -> Tensor:
    """Statistics by the quantile bins that they lie in, ``[..., S] -> [..., S * bins]``, from -1 below a bin to 1 above it.

    Piecewise linear encoding of Gorishniy, Rubachev and Babenko 2022 (arXiv 2203.05556, equation 1), in [-1, 1] in place of
    [0, 1]: a linear layer on it is a function of each statistic that bends at the edges. ``edges [..., bins + 1, S]`` are in
    standard deviations; a bin is at least :data:`MIN_BIN` wide.
    """
    low, high = edges[..., :-1, :].transpose(-1, -2), edges[..., 1:, :].transpose(-1, -2)  # [..., S, bins]
    if edges.dim() > 2:  # of replicas, before the batch
        low, high = low.unsqueeze(1), high.unsqueeze(1)
    share = ((z.unsqueeze(-1) - low) / (high - low).clamp(min=MIN_BIN)).clamp(0, 1)
    return (2 * share - 1).flatten(-2)
