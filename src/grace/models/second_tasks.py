r"""Heads and losses of the tasks beside RUL, in units that can be compared: 1 is what knowing nothing but the labels' shares
costs.

.. math::
    L_{regression} = \frac{1}{N} \sum \left( \frac{y - \hat y}{\mathrm{SD}(y)} \right)^2, \quad
    L_{class} = \frac{-\frac{1}{N} \sum \log \hat p_y}{-\sum_c p_c \log p_c}

An ordinal task has a logit for each threshold, the probability to lie above it (Frank and Hall 2001; as a network's heads Niu et
al. 2016), and its loss is their mean cross entropy over that of the base rates. ``health`` alone keeps the source's cross entropy
in nats, of which three states have at most log 3 = 1.10.
"""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, pad

from grace.data.conventions import Conventions
from grace.data.targets import UNKNOWN, places
from grace.data.tasks import CLASS, HEALTH, ORDINAL, REGRESSION

LEAST = 1e-6
"""Least standard deviation and least cross entropy of the base rates that a loss is divided by."""


class Head(NamedTuple):
    """The head of a task.

    Attributes:
        name: The task's.
        kind: Likewise.
        outputs: Numbers that it emits for a window: ``D`` values, ``C`` logits, or ``C - 1`` logits of thresholds.
        columns: Where its labels stand among those of all tasks.
    """

    name: str
    kind: str
    outputs: int
    columns: slice

    @property
    def scaled(self) -> bool:
        """Whether its loss is divided by that of the base rates."""
        return self.name != HEALTH.name

    @property
    def buffers(self) -> dict[str, int]:
        """What it keeps of the labels of its training windows, by the name of the buffer, and the length of each."""
        if self.kind == REGRESSION:
            return {f"{self.name}_mean": self.outputs, f"{self.name}_scale": self.outputs}
        return {f"{self.name}_scale": 1} if self.scaled else {}

    @classmethod
    def every(cls, conventions: Conventions) -> tuple[Head, ...]:
        """Those of the conventions' tasks."""
        where, found = places(conventions), []
        for task in conventions.tasks:
            side = where[task.name]
            wide = side.stop - side.start if task.kind == REGRESSION else task.outputs
            found.append(cls(task.name, task.kind, wide, side))
        return tuple(found)

    def moments(self, labels: Tensor) -> dict[str, Tensor]:
        """The buffers from the labels of training windows ``[N, D]``, NaN where not known: mean and standard deviation, or cross
        entropy of the base rates (nats)."""
        if self.kind == REGRESSION:
            known = ~labels.isnan()
            count = known.sum(0).clamp(min=1)
            mean = labels.nan_to_num().sum(0) / count
            spread = (torch.where(known, labels - mean, 0.0).square().sum(0) / count).sqrt()
            return {f"{self.name}_mean": mean, f"{self.name}_scale": torch.where(spread > LEAST, spread, 1.0)}
        if not self.scaled:
            return {}
        known = labels[:, 0][~labels[:, 0].isnan()]
        if self.kind == CLASS:
            share = torch.bincount(known.long(), minlength=self.outputs) / max(len(known), 1)
            base = -torch.special.xlogy(share, share).sum()
        else:
            share = (known[:, None] > torch.arange(self.outputs, device=labels.device)).float().mean(0)
            base = -(torch.special.xlogy(share, share) + torch.special.xlogy(1 - share, 1 - share)).mean()
        return {f"{self.name}_scale": torch.where(base > LEAST, base, 1.0).nan_to_num(1.0)[None]}

    def loss(self, emitted: Tensor, labels: Tensor, scale: Tensor | None) -> Tensor:
        """Mean over the windows whose label is known, ``[R]``; 0 where none is.

        Args:
            emitted: In units of the label, or logits, ``[R, B, outputs]``.
            labels: ``[R, B, D]``.
            scale: The buffer of that name, ``[R, D]`` or ``[R, 1]``; None: the loss in nats.
        """
        if self.kind == REGRESSION:
            assert scale is not None
            known = ~labels.isnan()
            error = torch.where(known, (emitted - labels.nan_to_num()) / scale.unsqueeze(1), 0.0)
            return error.square().flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)
        label = labels[..., 0]
        known = ~label.isnan()
        if self.kind == ORDINAL:
            above = (label.unsqueeze(-1) > torch.arange(self.outputs, device=label.device)).to(emitted.dtype)
            each = binary_cross_entropy_with_logits(emitted, above, reduction="none").mean(-1)
            each = torch.where(known, each, 0.0)
        else:
            code = torch.where(known, label, UNKNOWN).long()
            each = cross_entropy(emitted.flatten(0, 1), code.flatten(), reduction="none", ignore_index=UNKNOWN)
            each = each.view_as(label)
        found = each.sum(1) / known.sum(1).clamp(min=1)
        return found if scale is None else found / scale[:, 0]

    def told(self, emitted: Tensor) -> Tensor:
        """Values, or the probability of each class, ``[..., outputs] -> [..., D or C]``.

        Of thresholds it is the difference of neighbouring ones, at least 0: the heads of two thresholds may contradict each
        other.
        """
        if self.kind == REGRESSION:
            return emitted
        if self.kind == CLASS:
            return emitted.softmax(-1)
        falling = accumulate(emitted.sigmoid().unbind(-1), torch.minimum)  # as cummin, which ONNX does not have
        above = pad(torch.stack(list(falling), -1), (1, 0), value=1.0)
        return above - pad(above[..., 1:], (0, 1))
