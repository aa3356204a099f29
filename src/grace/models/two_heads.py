"""What the networks of this package share: a RUL and a health head on one backbone, and one function for one network and many."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from grace.errors import GraceError
from grace.models.function import Networks, Tensors
from grace.models.hazard import start, survival
from grace.models.lstm import EAGER, Cell

WHOLE, UPPER = "backbone", "upper"
CLASSES = 3


class TwoHeads(nn.Module):
    """A shared backbone with a RUL and a health head; subclasses build the backbone.

    Args:
        rul_scale: Cycles per unit of the RUL head's output: 1 (the source: the head emits cycles) or the cap.
        rul_start: Bias of the RUL head's last layer at the start, in units of its output, or None for torch's default.
            With the default, the final ReLU is dead at the start (zero output and zero gradient for every sample) in
            about half of the initialisations.
        intervals: Intervals of ``[0, rul_scale]`` whose hazards the RUL head emits, see :mod:`grace.models.hazard`; RUL is then
            their restricted mean. 0: it emits RUL.

    Shapes:
        windows ``[B, T, F]`` -> RUL ``[B]`` in cycles (never negative), health logits ``[B, 3]``.
    """

    parts: ClassVar[dict[str, tuple[str, ...]]]
    """Blocks of the backbone by the name of a part."""
    function: ClassVar[type[Networks]]
    """What computes networks of this shape."""

    def add_heads(
        self,
        width: int,
        rul: tuple[int, ...],
        health: tuple[int, ...],
        rul_scale: float,
        rul_start: float | None,
        intervals: int,
    ) -> None:
        """Build the heads, after the backbone: the order in which weights are drawn is part of a seed's meaning."""
        last = nn.Linear((width, *rul)[-1], intervals or 1)
        self.rul_head = nn.Sequential(*dense((width, *rul), 0.0), last, *([] if intervals else [nn.ReLU()]))
        self.health_head = nn.Sequential(*dense((width, *health), 0.0), nn.Linear((width, *health)[-1], CLASSES))
        self.rul_scale, self.intervals = rul_scale, intervals
        if intervals:
            last.bias = nn.Parameter(start(intervals))
        elif rul_start is not None:
            nn.init.constant_(last.bias, rul_start)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Predict RUL in cycles ``[B]`` and health logits ``[B, 3]`` from windows ``[B, T, F]``."""
        rul, logits = self._one()(windows[None])
        return rul[0], logits[0]

    def emitted(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """What the RUL loss reads, RUL ``[B]`` or logits of hazards ``[B, K]``, and health logits ``[B, 3]``."""
        rul, logits = self._one().emitted(windows[None])
        return rul[0], logits[0]

    def survival(self, windows: Tensor) -> Tensor:
        """Probability to survive so long, at the ``K + 1`` edges ``0, rul_scale / K, ..., rul_scale`` of the intervals,
        ``[B, T, F] -> [B, K + 1]``; linear between.

        Raises:
            GraceError: The RUL head emits RUL, and no hazards.
        """
        if not self.intervals:
            raise GraceError(
                "A network that tells survival should have hazards for its RUL head. Found one that emits RUL. Train it with "
                "--suspended hazard."
            )
        return survival(self.emitted(windows)[0])

    def represent(self, windows: Tensor) -> Tensor:
        """The backbone's output, which both heads read: ``[B, T, F] -> [B, width]``."""
        return self._one().represent(windows[None])[0]

    def together(
        self,
        p: Tensors,
        statistics: Tensors,
        training: bool,
        streams: Sequence[torch.Generator] | None = None,
        cell: Cell = EAGER,
    ) -> Networks:
        """Networks of this shape in one forward pass; arguments as of :class:`~grace.models.function.Networks`."""
        return self.function(self, p, statistics, training, streams, cell)

    def _one(self) -> Networks:
        """The function that all trainings share, with this one network."""
        statistics = {name: b[None] for name, b in self.named_buffers() if b.is_floating_point()}
        return self.together({name: p[None] for name, p in self.named_parameters()}, statistics, self.training)

    def shared_parameters(self, part: str = WHOLE) -> list[nn.Parameter]:
        """Parameters of the backbone or of a part of it, see :attr:`parts`; both heads excluded."""
        return [parameter for block in self.parts[part] for parameter in getattr(self, block).parameters()]


def dense(widths: tuple[int, ...], dropout: float) -> list[nn.Module]:
    """Linear layers of these widths, each with a ReLU and its dropout."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return layers
