"""The losses that networks are trained on: RUL's, and one a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grace.core.weighted_mse import INNER, WEIGHT
from grace.data.draws import BOUND
from grace.data.resident import Batch
from grace.data.tasks import RUL
from grace.models.hazard import surprise
from grace.models.second_tasks import Head
from grace.models.units import HAZARD, UNITS


@dataclass(frozen=True)
class Losses:
    r"""The losses of networks of one shape on batches: RUL's, and one a head, each a mean over its own rows of a batch.

    The RUL loss is the inner loss of the rows drawn for RUL, in its unit squared. Where windows of suspended engines are a
    ``bound``, RUL of ``S`` rows drawn for it is at least ``b``, and added is

    .. math:: \frac{1}{S} \sum_s \max(b_s - \hat y_s, 0)^2.

    Of ``hazard`` it is the negative log likelihood (nats, :func:`~grace.models.hazard.surprise`), weighted as the inner loss
    weights its errors: a mean over all rows drawn for RUL, failed or suspended. A mean of each kind, added, would have failures
    count for more, or less, than they are: no probability would be right. The losses of the heads are those of
    :mod:`grace.models.second_tasks`.

    Attributes:
        cap: Largest target, cycles.
        unit: A name in :data:`UNITS`.
        heads: Of the tasks.
        parts: Rows of a batch that each loss is taken on, by name; a task without its own is taken on RUL's.
        suspended: A name in :data:`SUSPENDED`.
        apart: Whether the bound is a loss of its own, the last one, and not added to RUL's.
    """

    cap: float
    unit: str
    heads: tuple[Head, ...]
    parts: Mapping[str, slice]
    suspended: str = "ignore"
    apart: bool = False

    def __call__(
        self, emitted: Sequence[Tensor], batch: Batch, inners: Sequence[str], scale: Callable[[Head], Tensor | None]
    ) -> list[Tensor]:
        """``K`` losses, ``[R]`` each.

        Args:
            emitted: By the networks for a batch: RUL ``[R, B]`` in cycles, or logits of hazards ``[R, B, I]``, and of each head
                ``[R, B, outputs]``.
            batch: ``[R, B, ...]``.
            inners: Inner loss of each network, by name.
            scale: What the loss of a head is divided by, :meth:`Networks.scale <grace.models.function.Networks.scale>`.
        """
        own, bound = self._rul(emitted[0], batch, inners), self._bound(emitted[0], batch)
        found = [own if bound is None or self.apart else own + bound]
        for head, out in zip(self.heads, emitted[1:], strict=True):
            rows = self.parts.get(head.name, self.parts[RUL])
            found.append(head.loss(out[:, rows], batch.labels[:, rows, head.columns], scale(head)))
        return found if bound is None or not self.apart else [*found, bound]

    def _rul(self, emitted: Tensor, batch: Batch, inners: Sequence[str]) -> Tensor:
        rows = self.parts[RUL]
        predicted, rul = emitted[:, rows], batch.rul[:, rows]
        if self.unit != HAZARD:
            return _inner(predicted, rul, inners, self.cap) / UNITS[self.unit].scale(self.cap) ** 2
        weight = torch.stack([WEIGHT[name](row, float(self.cap)) for name, row in zip(inners, rul, strict=True)])
        suspended = batch.suspended[:, rows] if self.suspended == HAZARD else None
        return (weight * surprise(predicted, rul, float(self.cap), suspended)).mean(1)

    def _bound(self, emitted: Tensor, batch: Batch) -> Tensor | None:
        """The bound's loss ``[R]``, in the unit of RUL's; None where there is none."""
        if BOUND not in self.parts:
            return None
        rows = self.parts[BOUND]
        suspended = batch.suspended[:, rows]
        short = torch.where(suspended, batch.rul[:, rows] - emitted[:, rows], 0.0).clamp(min=0)
        return short.square().sum(1) / suspended.sum(1).clamp(min=1) / UNITS[self.unit].scale(self.cap) ** 2


def _inner(predicted: Tensor, rul: Tensor, inners: Sequence[str], cap: float) -> Tensor:
    """Inner loss of each network, cycles^2 ``[R]``."""
    if len(inners) == 1:
        return INNER[inners[0]](predicted[0], rul[0], float(cap))[None]
    # every inner loss is taken of all, and each keeps its own: they cost next to nothing
    names = sorted(set(inners))
    found = torch.stack([torch.vmap(INNER[name], (0, 0, None))(predicted, rul, float(cap)) for name in names])
    return found.gather(0, torch.tensor([[names.index(name) for name in inners]], device=rul.device))[0]
