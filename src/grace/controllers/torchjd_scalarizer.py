"""TorchJD's scalarizers as an outer axis: FAMO, IMTL-L and others that combine the losses themselves."""

from __future__ import annotations

import inspect
from typing import Any, final

import torch
from torch import Tensor

from grace.controllers.controller import Controller
from grace.controllers.torchjd_weighting import PREFIX, _torchjd, made
from grace.errors import GraceError

PATIENCE = 50  # calls without an update


@final
class TorchJDScalarizer(Controller):
    r"""Any scalarizer :math:`s(L_1, ..., L_K)` of TorchJD, by its name there.

    .. math::
        \lambda_i = \frac{\partial s}{\partial L_i}

    so that the gradient of :math:`\sum_i \lambda_i L_i` is that of :math:`s`. One with parameters (``IMTLL``, ``UW``) learns
    them from :math:`s` itself. ``FAMO`` learns from what a step did to the losses: call :meth:`update` after each.

    Args:
        tasks: Number of tasks ``K``.
        name: A class of ``torchjd.scalarization``: ``FAMO``, ``IMTLL``, ``STCH``, ``GeometricMean``, ...
        replicas: Leading dimensions; each replica has its own scalarizer.
        options: Parameters of the scalarizer.

    Raises:
        GraceError: TorchJD is not installed, an unknown name or option, or FAMO that is not updated.
    """

    def __init__(self, tasks: int, name: str, replicas: tuple[int, ...] = (), **options: object) -> None:
        super().__init__(tasks, replicas)
        kind = getattr(_torchjd("scalarization"), name)
        given = {"shape": tasks} if "shape" in inspect.signature(kind).parameters else {}
        count = int(torch.Size(replicas).numel())
        self.scalarizers = torch.nn.ModuleList(_Kept(made(kind, name, given, options)) for _ in range(count))
        self._waiting = 0

    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`; nothing of the Gramian is read."""
        if self.scalarizers[0].updates:
            self._waiting += 1
            if self._waiting > PATIENCE:
                raise GraceError(
                    f"{PREFIX}FAMO should be told what each step did to the losses. Found {PATIENCE} calls without. Call "
                    "outer.update with the losses of the same batch after optimiser.step()."
                )
        with torch.enable_grad():
            values = losses.detach().clone().requires_grad_()
            (found,) = torch.autograd.grad(self._values(values).sum(), values)
        return found

    def own_loss(self, losses: Tensor, gramian: Tensor | None) -> Tensor | None:
        """:math:`s` as a function of its own parameters, where it learns them."""
        return self._values(losses).reshape(losses.shape[:-1]) if any(True for _ in self.parameters()) else None

    def _values(self, losses: Tensor) -> Tensor:
        rows = losses.reshape(-1, self.tasks)
        return torch.stack([scalarizer(row) for scalarizer, row in zip(self.scalarizers, rows, strict=True)])

    def update(self, losses: Tensor) -> None:
        """Tell ``FAMO`` the losses ``[..., K]`` of the same batch after the step; nothing happens in the others."""
        self._waiting = 0
        kept: Any = self.scalarizers
        for scalarizer, row in zip(kept, losses.detach().reshape(-1, self.tasks), strict=True):
            scalarizer.update(row)


class _Kept(torch.nn.Module):
    """A scalarizer whose whole state is in ``state_dict``: FAMO keeps its optimiser and its last losses outside."""

    def __init__(self, scalarizer: Any) -> None:
        super().__init__()
        self.scalarizer = scalarizer
        self.updates = hasattr(scalarizer, "update")

    def forward(self, losses: Tensor) -> Tensor:
        found: Tensor = self.scalarizer(losses)
        return found

    def update(self, losses: Tensor) -> None:
        if self.updates:
            self.scalarizer.update(losses)

    def get_extra_state(self) -> dict[str, Any]:
        """What FAMO keeps outside of parameters and buffers."""
        if not self.updates or self.scalarizer._prev_losses is None:
            return {}
        optimiser = self.scalarizer._optimizer
        return {"losses": self.scalarizer._prev_losses} | (
            {} if optimiser is None else {"moments": optimiser.state_dict()["state"]}
        )

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from it."""
        if "losses" in state:
            self.scalarizer._prev_losses = state["losses"].clone()
        if "moments" in state:
            famo = self.scalarizer
            famo._optimizer = torch.optim.Adam([famo._w], lr=famo.lr, weight_decay=famo.weight_decay)
            groups = famo._optimizer.state_dict()["param_groups"]
            famo._optimizer.load_state_dict({"state": state["moments"], "param_groups": groups})
