"""Loss normalisation: every task contributes the same loss value."""

from __future__ import annotations

from typing import final

from torch import Tensor

from grace.controllers.controller import Controller


@final
class LossNormalised(Controller):
    r"""Each loss divided by its own detached value of the batch, :math:`\lambda_i = 1 / (K L_i)`.

    An older edition of the GRACE text trains AMNL so. Only the balance of the losses' values is fixed, not that of their
    gradients; it does not depend on units.
    """

    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`; a loss below 1e-8 is taken as that."""
        return 1 / (self.tasks * losses.clamp_min(1e-8))
