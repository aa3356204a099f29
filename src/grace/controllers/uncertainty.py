"""Uncertainty weighting: learned log-variances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from grace.controllers.controller import Controller
from grace.errors import GraceError

REGRESSION, CLASSIFICATION = "regression", "classification"


@final
class Uncertainty(Controller):
    r"""Homoscedastic uncertainty as task weights (Kendall, Gal & Cipolla, CVPR 2018, equations 7 and 10).

    .. math::
        L = \sum_i c_i e^{-s_i} L_i + \tfrac{1}{2} s_i, \qquad s_i = \log \sigma_i^2

    with :math:`c_i = 1/2` for a regression and 1 for a classification. The weight of task ``i`` is
    :math:`c_i e^{-s_i}`. The log-variances start at 0 and are stepped by the training's own optimiser, as in the paper: with a
    loss in cycles^2 the RUL task needs thousands of steps of 1e-3 to reach its :math:`s = \log L`.

    Args:
        tasks: Number of tasks ``K``.
        kinds: ``regression`` or ``classification`` for each task; default one regression, then classifications.
        replicas: Leading dimensions.

    Raises:
        GraceError: Another number of kinds, or an unknown kind.
    """

    def __init__(self, tasks: int, kinds: Sequence[str] | None = None, replicas: tuple[int, ...] = ()) -> None:
        super().__init__(tasks, replicas)
        kinds = (REGRESSION, *[CLASSIFICATION] * (tasks - 1)) if kinds is None else tuple(kinds)
        if len(kinds) != tasks or not set(kinds) <= {REGRESSION, CLASSIFICATION}:
            raise GraceError(
                f"Parameter `kinds` should hold {REGRESSION} or {CLASSIFICATION} for each of {tasks} tasks. Found {kinds}."
            )
        factors = [0.5 if kind == REGRESSION else 1.0 for kind in kinds]
        self.register_buffer("factors", torch.tensor(factors), persistent=False)
        self.log_variances = nn.Parameter(torch.zeros(self.shape))

    factors: Tensor

    @torch.no_grad()
    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`."""
        return self.factors * torch.exp(-self.log_variances)

    def own_loss(self, losses: Tensor, gramian: Tensor | None) -> Tensor:
        """:math:`L` above as a function of :math:`s` alone."""
        return (self.factors * torch.exp(-self.log_variances) * losses + 0.5 * self.log_variances).sum(-1)
