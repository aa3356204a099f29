"""Both losses of every replica, each with its own inner axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from grace.core.weighted_mse import INNER
from grace.models.rul_problem import UNITS
from grace.stacked.network import StackedNetwork
from grace.training.spec import RunSpec


class StackedLosses:
    """RUL loss and health cross entropy of ``R`` replicas, as those of :class:`~grace.models.rul_problem.RULProblem`.

    Args:
        specs: What is trained.
        network: The function.
        device: Where it happens.
    """

    def __init__(self, specs: Sequence[RunSpec], network: StackedNetwork, device: str) -> None:
        one = specs[0]
        self._network, self._kind = network, torch.device(device).type
        self._cap = float(one.conventions.cap)
        self._scale = self._cap if UNITS[one.unit].loss == "cap" else 1.0
        self._low = one.precision == "bfloat16"
        self._names = sorted({spec.inner for spec in specs})
        self._inner_of = torch.tensor([self._names.index(spec.inner) for spec in specs], device=device)

    def __call__(
        self,
        batch: tuple[Tensor, Tensor, Tensor],
        rows: Tensor,
        p: Mapping[str, Tensor],
        statistics: Mapping[str, Tensor],
    ) -> Tensor:
        """Losses ``[n, K]`` of the replicas at ``rows`` on their batches, in training mode.

        Args:
            batch: Windows ``[n, T, B, F]``, capped RUL ``[n, B]`` and health state ``[n, B]``.
            rows: Numbers of the replicas, int64 ``[n]``.
            p: Their parameters.
            statistics: Their running statistics, updated in place.
        """
        x, rul, label = batch
        with torch.autocast(self._kind, torch.bfloat16, enabled=self._low):
            predicted, logits = self._network(x, p, statistics, training=True)
            health = nn.functional.cross_entropy(logits.flatten(0, 1), label.flatten(), reduction="none")
            return torch.stack([self._rul(predicted, rul, rows), health.view_as(rul).mean(1)], 1)

    def _rul(self, predicted: Tensor, rul: Tensor, rows: Tensor) -> Tensor:
        """RUL losses ``[n]``; every inner loss is taken of all and each replica keeps its own: they cost next to nothing."""
        found = [torch.vmap(INNER[name], (0, 0, None))(predicted, rul, self._cap) for name in self._names]
        if len(found) == 1:
            return found[0] / self._scale**2
        own = torch.stack(found).gather(0, self._inner_of[rows][None])[0]
        return own / self._scale**2
