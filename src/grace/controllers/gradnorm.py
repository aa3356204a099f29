"""GradNorm: weights learned so that all tasks train at similar rates."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from grace.controllers.controller import Controller
from grace.core.gradient_utils import norms
from grace.errors import GraceError

MIN_WEIGHT = 1e-4  # a weight that reaches 0 would stay there: its gradient norm has no effect any more


@final
class GradNorm(Controller):
    r"""Gradient normalisation (Chen, Badrinarayanan, Lee & Rabinovich, ICML 2018, algorithm 1).

    .. math::
        L_{grad} = \sum_i \bigl| G_i - \bar G \, r_i^\alpha \bigr|, \qquad G_i = w_i |g_i|, \qquad
        r_i = \frac{L_i / L_i(0)}{\mathrm{mean}_j\, L_j / L_j(0)}

    The target :math:`\bar G r_i^\alpha` and the norms :math:`|g_i|` are held constant. Before each step the weights are
    renormalised to sum ``K``. The optimiser's moments make the step independent of the losses' units.

    Differs from the paper: norms are taken on all shared parameters, of which the paper takes the last shared layer
    only to save time; here they come with the Gramian.

    Args:
        tasks: Number of tasks ``K``.
        alpha: Strength of the pull to equal rates; the paper's 1.5 for tasks that differ.
        replicas: Leading dimensions.

    Raises:
        GraceError: ``alpha`` is negative.
    """

    needs_gramian = True
    learning_rate = 0.025
    initial: Tensor

    def __init__(self, tasks: int, alpha: float = 1.5, replicas: tuple[int, ...] = ()) -> None:
        super().__init__(tasks, replicas)
        if not alpha >= 0:
            raise GraceError(f"Parameter `alpha` should be at least 0. Found `alpha = {alpha}`.")
        self.alpha = alpha
        self.weights = nn.Parameter(torch.ones(self.shape))
        self.register_buffer("initial", torch.full(self.shape, torch.nan))

    @torch.no_grad()
    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`."""
        self.initial.copy_(torch.where(self.initial.isnan(), losses, self.initial))
        positive = self.weights.clamp_min(MIN_WEIGHT)
        self.weights.copy_(self.tasks * positive / positive.sum(-1, keepdim=True))
        return self.weights.detach().clone()

    def own_loss(self, losses: Tensor, gramian: Tensor | None) -> Tensor | None:
        """:math:`L_{grad}` above where the Gramian was measured; norms and target are constants."""
        if gramian is None:
            return None
        contributions = self.weights * norms(gramian)
        mean = contributions.detach().mean(-1, keepdim=True)
        rate = losses / self.initial.clamp_min(torch.finfo(losses.dtype).tiny)
        target = mean * (rate / rate.mean(-1, keepdim=True)) ** self.alpha
        return (contributions - target).abs().sum(-1)
