"""The source's network: convolutions, a bidirectional LSTM and self-attention, shared by a RUL and a health head."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from grace.errors import GraceError
from grace.models.function import Networks


@dataclass(frozen=True)
class Architecture:
    """Widths of the network's blocks."""

    channels: tuple[int, ...]  # output channels of the convolutions (kernel 3, padding 1)
    hidden: int  # hidden size of the bidirectional LSTM, each direction
    layers: int  # layers of the LSTM
    heads: int  # attention heads over the `2 * hidden` LSTM outputs
    shared: tuple[int, ...]  # widths of the fully connected layers after the last cycle, still shared
    rul: tuple[int, ...]  # hidden widths of the RUL head
    health: tuple[int, ...]  # hidden widths of the health head
    # dropout after each convolution and each shared layer; 0 also switches off that of LSTM and attention
    dropout: float = 0.15
    pool: int = 1  # cycles averaged into one after the convolutions, counted back from the last; 1 is the source's
    batch_norm: bool = True  # BatchNorm after each convolution, as in the source

    @staticmethod
    def named(size: str | Architecture) -> Architecture:
        """Look up a size by name; an unknown one is a GraceError."""
        if isinstance(size, Architecture):
            return size
        if size not in SIZES:
            raise GraceError(f"`size` should be one of {', '.join(SIZES)}. Found {size!r}.")
        return SIZES[size]


SIZES = {
    # block by block as in the source, 3,497,476 parameters with 17 features
    "paper": Architecture((64, 128, 64), 256, 2, 8, (256, 64, 32), (64, 32, 16), (32, 16)),
    # for two CPU cores, about 0.09 M; dropout and BatchNorm cost more than they give at this size (docs/log.md)
    "compact": Architecture((32,), 48, 1, 4, (64, 32), (64, 32, 16), (32, 16), dropout=0.0, pool=6, batch_norm=False),
    # for demonstrations that answer within seconds, about 0.01 M
    "tiny": Architecture((16,), 16, 1, 2, (16,), (16,), (16,), dropout=0.0),
}
"""The sizes by name."""


WHOLE = "backbone"
CLASSES = 3
PARTS = {WHOLE: ("convolutions", "lstm", "attention", "norm", "dense"), "upper": ("attention", "norm", "dense")}
"""Blocks of the backbone by the name of a part; a Gramian of the ``upper`` one does without a pass through the LSTM."""


class CNNBiLSTMAttention(nn.Module):
    """Shared backbone with a RUL and a health head.

    The convolutions carry a bias although a BatchNorm follows: only so does the source's count of 3,497,476 come out
    (53,184 in the convolutional block; its remark "no bias" would give 256 fewer).

    Args:
        size: A name in :data:`SIZES` or an :class:`Architecture`.
        features: Columns of a window.
        rul_scale: Cycles per unit of the RUL head's output: 1 (the source: the head emits cycles) or the cap.
        rul_start: Bias of the RUL head's last layer at the start, in units of its output, or None for torch's default.
            With the default, the final ReLU is dead at the start (zero output and zero gradient for every sample) in
            about half of the initialisations.

    Shapes:
        windows ``[B, T, F]`` -> RUL ``[B]`` in cycles (never negative), health logits ``[B, 3]``.

    Raises:
        GraceError: An unknown size.
    """

    def __init__(
        self,
        size: str | Architecture = "compact",
        features: int = 17,
        rul_scale: float = 1.0,
        rul_start: float | None = None,
    ) -> None:
        super().__init__()
        a = Architecture.named(size)
        width = 2 * a.hidden
        self.convolutions = _convolutions((features, *a.channels), a)
        self.pool = a.pool
        between_layers = 0.3 if a.dropout and a.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            a.channels[-1], a.hidden, a.layers, batch_first=True, bidirectional=True, dropout=between_layers
        )
        self.attention = nn.MultiheadAttention(width, a.heads, dropout=0.1 if a.dropout else 0.0, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.dense = _dense((width, *a.shared), a.dropout)
        last = nn.Linear(a.rul[-1], 1)
        self.rul_head = nn.Sequential(*_dense((a.shared[-1], *a.rul), 0.0), last, nn.ReLU())
        self.health_head = nn.Sequential(*_dense((a.shared[-1], *a.health), 0.0), nn.Linear(a.health[-1], CLASSES))
        self.rul_scale = rul_scale
        if rul_start is not None:
            nn.init.constant_(last.bias, rul_start)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Predict RUL in cycles ``[B]`` and health logits ``[B, 3]`` from windows ``[B, T, F]``."""
        rul, logits = self._one()(windows[None])
        return rul[0], logits[0]

    def represent(self, windows: Tensor) -> Tensor:
        """The backbone's output, which both heads read: ``[B, T, F] -> [B, shared[-1]]``."""
        return self._one().represent(windows[None])[0]

    def _one(self) -> Networks:
        """The function that all trainings share, with this one network."""
        statistics = {name: b[None] for name, b in self.named_buffers() if b.is_floating_point()}
        return Networks(self, {name: p[None] for name, p in self.named_parameters()}, statistics, self.training)

    def shared_parameters(self, part: str = WHOLE) -> list[nn.Parameter]:
        """Parameters of the backbone or of a part of it, see :data:`PARTS`; both heads excluded."""
        return [parameter for block in PARTS[part] for parameter in getattr(self, block).parameters()]


def _convolutions(channels: tuple[int, ...], a: Architecture) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        norm = [nn.BatchNorm1d(after)] if a.batch_norm else []
        layers += [nn.Conv1d(before, after, 3, padding=1), *norm, nn.ReLU(), nn.Dropout(a.dropout)]
    return nn.Sequential(*layers)


def _dense(widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)
