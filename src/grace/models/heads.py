"""What the networks of this package share: a RUL head and one a task on one backbone, and one function for one network and
many."""

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
from grace.models.second_tasks import Head

WHOLE, UPPER = "backbone", "upper"
CLASSES = 3
HEALTH_HEAD = (Head("health", "class", CLASSES, slice(0, 1)),)


class MultiHead(nn.Module):
    """A shared backbone with a RUL head and one a task; subclasses build the backbone.

    Args:
        rul_scale: Cycles per unit of the RUL head's output: 1 (the source: the head emits cycles) or the cap.
        rul_start: Bias of the RUL head's last layer at the start, in units of its output, or None for torch's default.
            With the default, the final ReLU is dead at the start (zero output and zero gradient for every sample) in
            about half of the initialisations.
        intervals: Intervals of ``[0, rul_scale]`` whose hazards the RUL head emits, see :mod:`grace.models.hazard`; RUL is then
            their restricted mean. 0: it emits RUL.
        heads: Of the tasks beside RUL.

    Shapes:
        windows ``[B, T, F]`` -> RUL ``[B]`` in cycles (never negative), and of each task, in order, values in units of its label
        or logits ``[B, outputs]``; by default the health logits ``[B, 3]``.
    """

    parts: ClassVar[dict[str, tuple[str, ...]]]
    """Blocks of the backbone by the name of a part."""
    function: ClassVar[type[Networks]]
    """What computes networks of this shape."""

    def add_heads(
        self,
        width: int,
        rul: tuple[int, ...],
        hidden: tuple[int, ...],
        rul_scale: float,
        rul_start: float | None,
        intervals: int,
        heads: Sequence[Head],
    ) -> None:
        """Build the heads, after the backbone: the order in which weights are drawn is part of a seed's meaning."""
        last = nn.Linear((width, *rul)[-1], intervals or 1)
        self.rul_head = nn.Sequential(*dense((width, *rul), 0.0), last, *([] if intervals else [nn.ReLU()]))
        for head in heads:
            own = nn.Sequential(*dense((width, *hidden), 0.0), nn.Linear((width, *hidden)[-1], head.outputs))
            self.add_module(f"{head.name}_head", own)
            for name, length in head.buffers.items():
                self.register_buffer(name, torch.zeros(length) if name.endswith("_mean") else torch.ones(length))
        self.rul_scale, self.intervals, self.heads = rul_scale, intervals, tuple(heads)
        if intervals:
            last.bias = nn.Parameter(start(intervals))
        elif rul_start is not None:
            nn.init.constant_(last.bias, rul_start)

    def learn(self, labels: Tensor, head: Head) -> None:
        """Take what a head keeps of the labels of its training windows, ``[N, D]``."""
        for name, value in head.moments(labels).items():
            getattr(self, name).copy_(value)

    def forward(self, windows: Tensor) -> tuple[Tensor, ...]:
        """Predict RUL in cycles ``[B]``, and of each task values or logits ``[B, outputs]``, from windows ``[B, T, F]``."""
        return tuple(found[0] for found in self.one()(windows[None]))

    def emitted(self, windows: Tensor) -> tuple[Tensor, ...]:
        """What the losses read: RUL ``[B]`` or logits of hazards ``[B, K]``, and of each task values or logits ``[B,
        outputs]``."""
        return tuple(found[0] for found in self.one().emitted(windows[None]))

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
        """The backbone's output, which all heads read: ``[B, T, F] -> [B, width]``."""
        return self.one().represent(windows[None])[0]

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

    def one(self) -> Networks:
        """The function that all trainings share, with this one network."""
        statistics = {name: b[None] for name, b in self.named_buffers() if b.is_floating_point()}
        return self.together({name: p[None] for name, p in self.named_parameters()}, statistics, self.training)

    def shared_parameters(self, part: str = WHOLE) -> list[nn.Parameter]:
        """Parameters of the backbone or of a part of it, see :attr:`parts`; heads excluded."""
        return [parameter for block in self.parts[part] for parameter in getattr(self, block).parameters()]


def dense(widths: tuple[int, ...], dropout: float) -> list[nn.Module]:
    """Linear layers of these widths, each with a ReLU and its dropout."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return layers
