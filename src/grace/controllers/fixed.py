"""Fixed task weights (equal ones, tuned ones, or a single task), and fixed contributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from grace.controllers.controller import Controller
from grace.errors import GraceError


@final
class Fixed(Controller):
    """The same weights in every step.

    Args:
        tasks: Number of tasks ``K``.
        weights: ``K`` weights, not negative and not all 0; default ``1 / K`` each. ``(1, 0)`` trains the first task alone.
        replicas: Leading dimensions.

    Raises:
        GraceError: The weights are of another number, negative, not finite or all 0.

    Example:
        >>> Fixed(2)(torch.tensor([4.0, 1.0]), None, 0, 0)
        tensor([0.5000, 0.5000])
    """

    needs_losses = False
    weights: Tensor

    def __init__(self, tasks: int, weights: Sequence[float] | None = None, replicas: tuple[int, ...] = ()) -> None:
        super().__init__(tasks, replicas)
        values = torch.full((tasks,), 1 / tasks) if weights is None else torch.tensor(weights, dtype=torch.float32)
        if len(values) != tasks or not bool(((values >= 0) & values.isfinite()).all()) or not values.any():
            raise GraceError(
                f"Parameter `weights` should hold {tasks} finite numbers, none negative, not all 0. Found {weights}."
            )
        self.register_buffer("weights", values.expand(self.shape).clone())

    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`; nothing of the arguments is read."""
        return self.weights


@final
class LossNormalised(Controller):
    r"""Each loss divided by its own detached value of the batch, :math:`\lambda_i = 1 / (K L_i)`.

    An older edition of the GRACE text trains AMNL so. Only the balance of the losses' values is fixed, not that of their
    gradients; it does not depend on units.
    """

    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`; a loss below 1e-8 is taken as that."""
        return 1 / (self.tasks * losses.clamp_min(1e-8))
