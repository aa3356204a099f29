"""Dynamic weight average: weights from how fast each loss falls."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from grace.controllers.controller import Controller
from grace.errors import GraceError


@final
class DWA(Controller):
    r"""Dynamic weight average (Liu, Johns & Davison, CVPR 2019, equation 7).

    .. math::
        \lambda_i = K \frac{e^{r_i / T}}{\sum_j e^{r_j / T}}, \qquad r_i = \frac{L_i(t - 1)}{L_i(t - 2)}

    with :math:`L_i(t)` the mean loss of task ``i`` over epoch ``t``. In the first two epochs all weights are 1.

    The history is three buffers, so that a resumed training goes on exactly; the authors' code keeps a plain list.

    Args:
        tasks: Number of tasks ``K``.
        temperature: ``T``, the paper's 2; large values make the weights equal.
        replicas: Leading dimensions.

    Raises:
        GraceError: ``temperature`` is not positive.
    """

    needs_epoch = True
    sums: Tensor
    means: Tensor
    counts: Tensor

    def __init__(self, tasks: int, temperature: float = 2.0, replicas: tuple[int, ...] = ()) -> None:
        super().__init__(tasks, replicas)
        if not temperature > 0:
            raise GraceError(f"Parameter `temperature` should be positive. Found `temperature = {temperature}`.")
        self.temperature = temperature
        self.register_buffer("sums", torch.zeros(self.shape))
        self.register_buffer("means", torch.full((2, *self.shape), torch.nan))  # of the epochs t - 2 and t - 1
        self.register_buffer("counts", torch.tensor([0, 0]))  # steps in this epoch, and which epoch that is

    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`."""
        ended = self.counts[1] != epoch  # a tensor, so that nothing waits for the device
        self.means.copy_(torch.where(ended, torch.stack([self.means[1], self.sums / self.counts[0]]), self.means))
        self.sums.copy_(torch.where(ended, 0.0, self.sums) + losses)
        self.counts[0] = torch.where(ended, 0, self.counts[0]) + 1
        self.counts[1] = epoch
        rate = self.means[1] / self.means[0]
        weights = self.tasks * torch.softmax(rate / self.temperature, -1)
        return torch.where(torch.isfinite(rate).all(-1, keepdim=True), weights, 1.0)
