"""The source's network: convolutions, a bidirectional LSTM and self-attention, shared by a RUL head and those of other tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from torch import nn

from grace.errors import GraceError, check_one_of
from grace.models.function import CNNBiLSTMAttentions
from grace.models.heads import HEALTH_HEAD, UPPER, WHOLE, MultiHead, dense
from grace.models.second_tasks import Head
from grace.models.window_statistics import StatisticsArchitecture


@dataclass(frozen=True)
class Architecture:
    """Widths of the network's blocks."""

    channels: tuple[int, ...]  # output channels of the convolutions (kernel 3, padding 1)
    hidden: int  # hidden size of the bidirectional LSTM, each direction
    layers: int  # layers of the LSTM
    heads: int  # attention heads over the `2 * hidden` LSTM outputs
    shared: tuple[int, ...]  # widths of the fully connected layers after the last cycle, still shared
    rul: tuple[int, ...]  # hidden widths of the RUL head
    health: tuple[int, ...]  # hidden widths of the head of each task beside it
    # dropout after each convolution and each shared layer; 0 also switches off that of LSTM and attention
    dropout: float = 0.15
    pool: int = 1  # cycles averaged into one after the convolutions, counted back from the last; 1 is the source's
    batch_norm: bool = True  # BatchNorm after each convolution, as in the source

    @staticmethod
    def named(size: str | Architecture) -> Architecture | StatisticsArchitecture:
        """Look up a size by name; an unknown one is a GraceError."""
        if isinstance(size, Architecture):
            return size
        check_one_of("size", size, SIZES)
        return SIZES[size]


NARROW, _NARROW = "-narrow", (32, 32, 16)
"""Ending of a size whose trunk is a quarter as wide, a third of the time of a training; and its widths."""
SIZES: dict[str, Architecture | StatisticsArchitecture] = {
    # statistics of the window, a trunk of three layers: docs/training.md
    "statistics": StatisticsArchitecture(),
    # the same statistics, each also by its quantile bins: for tables, chosen out of fold on real fleets: docs/training.md
    "quantiles": StatisticsArchitecture(bins=4, noise=0.0),
    "statistics" + NARROW: StatisticsArchitecture(trunk=_NARROW),
    "quantiles" + NARROW: StatisticsArchitecture(bins=4, noise=0.0, trunk=_NARROW),
    # block by block as in the source, 3,497,476 parameters with 17 features
    "paper": Architecture((64, 128, 64), 256, 2, 8, (256, 64, 32), (64, 32, 16), (32, 16)),
    # for two CPU cores, about 0.09 M; dropout and BatchNorm cost more than they give at this size (docs/log.md)
    "compact": Architecture((32,), 48, 1, 4, (64, 32), (64, 32, 16), (32, 16), dropout=0.0, pool=6, batch_norm=False),
    # for demonstrations that answer within seconds, about 0.01 M
    "tiny": Architecture((16,), 16, 1, 2, (16,), (16,), (16,), dropout=0.0),
}
"""The sizes by name."""


def kind_of(size: str) -> str:
    """The size that one is trained as: its own, of a narrow one that of its wide one."""
    return size.removesuffix(NARROW)


class CNNBiLSTMAttention(MultiHead):
    """Shared backbone with a RUL head and one a task; a Gramian of its ``upper`` part does without a pass through the LSTM.

    The convolutions carry a bias although a BatchNorm follows: only so does the source's count of 3,497,476 come out
    (53,184 in the convolutional block; its remark "no bias" would give 256 fewer).

    Args:
        size: A name in :data:`SIZES` or an :class:`Architecture`.
        features: Columns of a window.
        rul_scale: See :class:`~grace.models.heads.MultiHead`.
        rul_start: Likewise.
        intervals: Likewise.
        heads: Likewise.

    Raises:
        GraceError: An unknown size.
    """

    function = CNNBiLSTMAttentions
    parts: ClassVar = {
        WHOLE: ("convolutions", "lstm", "attention", "norm", "dense"),
        UPPER: ("attention", "norm", "dense"),
    }

    def __init__(
        self,
        size: str | Architecture = "compact",
        features: int = 17,
        rul_scale: float = 1.0,
        rul_start: float | None = None,
        intervals: int = 0,
        heads: Sequence[Head] = HEALTH_HEAD,
    ) -> None:
        super().__init__()
        a = Architecture.named(size)
        if not isinstance(a, Architecture):
            raise GraceError(f"`size` should be that of a network on windows. Found {size!r}, one on their statistics.")
        width = 2 * a.hidden
        self.convolutions = _convolutions((features, *a.channels), a)
        self.pool = a.pool
        between_layers = 0.3 if a.dropout and a.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            a.channels[-1], a.hidden, a.layers, batch_first=True, bidirectional=True, dropout=between_layers
        )
        self.attention = nn.MultiheadAttention(width, a.heads, dropout=0.1 if a.dropout else 0.0, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.dense = nn.Sequential(*dense((width, *a.shared), a.dropout))
        self.add_heads(a.shared[-1], a.rul, a.health, rul_scale, rul_start, intervals, heads)


def _convolutions(channels: tuple[int, ...], a: Architecture) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        norm = [nn.BatchNorm1d(after)] if a.batch_norm else []
        layers += [nn.Conv1d(before, after, 3, padding=1), *norm, nn.ReLU(), nn.Dropout(a.dropout)]
    return nn.Sequential(*layers)
