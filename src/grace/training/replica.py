"""One replica of a stack as a separate run would keep it: history, best epoch, learning rate; and the sums of an epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from grace.core.gradient_utils import cosines, norm_ratio
from grace.core.stats import student
from grace.schema import fault
from grace.training.protocol import Split
from grace.training.schedule import Rate
from grace.training.spec import RunSpec

_STATE = {
    "history": list[dict[str, Any]],
    "best_epoch": int,
    "best_value": Any,  # infinite before the first epoch
    "step": int,
    "seconds": float,
    "reason": str,
}
"""What is saved of a replica, and its types; :class:`~grace.training.schedule.Rate` saves itself."""


class _Measured(NamedTuple):
    """Mean losses and weights ``[K]`` of an epoch and the Gramians of its ``M`` measured steps ``[M, K, K]``."""

    losses: Tensor
    weights: Tensor
    gramians: Tensor

    def summary(self) -> dict[str, Any]:
        """As plain numbers; rho's interval is over its measured batches, of this one initialisation.

        Of more than two tasks rho is that of RUL and the others together, as they are weighted, and ``pairs`` has that of each
        two, ``[K][K]``: means over the batches in which both have a gradient, NaN where there is none.
        """
        entry: dict[str, Any] = {"losses": self.losses.tolist(), "weights": self.weights.tolist()}
        if len(self.gramians):
            rho = student(_with_the_others(self.gramians, self.weights).double().cpu().numpy())
            entry |= {"rho": rho.mean, "rho_low": rho.low, "rho_high": rho.high}
            if self.gramians.shape[-1] > 2:
                live = self.gramians.diagonal(dim1=-2, dim2=-1) > 0
                both = live.unsqueeze(-1) & live.unsqueeze(-2)
                entry["pairs"] = torch.where(both, cosines(self.gramians), torch.nan).nanmean(0).tolist()
            entry["ratio"] = float(norm_ratio(self.gramians).median())
        return entry


def _with_the_others(gramians: Tensor, weights: Tensor) -> Tensor:
    """Cosine of RUL's gradient and the weighted sum of all others', ``[M, K, K] -> [M]``; of two tasks whatever they weigh, and 0
    where one is zero."""
    if gramians.shape[-1] == 2:
        return cosines(gramians)[:, 0, 1]
    gramians = gramians.double()
    others = weights[1:].to(gramians) if bool(weights[1:].any()) else torch.ones_like(gramians[0, 0, 1:])
    square = torch.einsum("i,mij,j->m", others, gramians[:, 1:, 1:], others).clamp_min(0)
    size = (gramians[:, 0, 0] * square).sqrt()
    return torch.where(size > 0, gramians[:, 0, 1:] @ others / size, 0.0).clamp(-1, 1)


class Sums:
    """Sums of ``R`` replicas over an epoch, on the device until the epoch ends."""

    def __init__(self, replicas: int, tasks: int, device: str) -> None:
        self._losses = torch.zeros(replicas, tasks, device=device)
        self._weights = torch.zeros_like(self._losses)
        self._counts = torch.zeros(replicas, 1, device=device)
        self._gramians: list[Tensor] = []
        self._of: list[set[int]] = []

    def add(self, rows: Tensor, losses: Tensor, weights: Tensor) -> None:
        """Add a step of the replicas at ``rows``."""
        self._losses.index_add_(0, rows, losses)
        self._weights.index_add_(0, rows, weights)
        self._counts.index_add_(0, rows, torch.ones_like(losses[:, :1]))

    def measured(self, gramians: Tensor, members: Sequence[int]) -> None:
        """Keep the Gramians ``[R, K, K]`` of a step; ``members`` have measured it, the others' are left out."""
        self._gramians.append(gramians.clone())
        self._of.append(set(members))

    def summaries(self) -> list[_Measured]:
        """Means and Gramians of each replica, on the CPU; asked for at the end of the epoch."""
        count = self._counts.clamp_min(1)
        losses, weights = (self._losses / count).cpu(), (self._weights / count).cpu()
        shape = (0, *losses.shape, losses.shape[1])
        gramians = torch.stack(self._gramians).cpu() if self._gramians else torch.zeros(shape)
        every = range(len(losses))
        mine = [[step for step, members in enumerate(self._of) if number in members] for number in every]
        return [_Measured(losses[number], weights[number], gramians[mine[number], number]) for number in every]


class Replica:
    """What a run keeps beside its tensors."""

    def __init__(self, spec: RunSpec, split: Split) -> None:
        self.spec, self.split = spec, split
        plan = spec.schedule
        whole = max(1, len(split.train) // min(plan.batch_size, len(split.train)))
        self.per_epoch = plan.steps if plan.full_epochs and plan.steps else min(plan.steps, whole) or whole
        self.rate = Rate(plan, self.per_epoch)
        self.history: list[dict[str, Any]] = []
        self.best_epoch, self.best_value = -1, math.inf
        self.step, self.seconds, self.reason = 0, 0.0, ""

    @property
    def finished(self) -> bool:
        """Whether it has made its epochs, stopped early or diverged."""
        plan, epoch = self.spec.schedule, len(self.history)
        patience = plan.early_stopping_patience
        stalled = self.split.chosen and patience and epoch - 1 - self.best_epoch >= patience
        return bool(self.reason) or epoch >= plan.epochs or bool(epoch and stalled)

    def rates(self, epoch: int, length: int) -> list[float]:
        """Learning rate of the network in every step of an epoch, filled up to ``length``."""
        first, peak = epoch * self.per_epoch, self.spec.schedule.learning_rate
        return [self.rate.at(first + step, peak) for step in range(self.per_epoch)] + [0.0] * (length - self.per_epoch)

    def trained(self, measured: _Measured) -> bool:
        """Count the epoch's steps; whether its mean losses are finite."""
        self._measured, losses = measured, measured.losses
        self.step += self.per_epoch
        if bool(torch.isfinite(losses).all()):
            return True
        values = ", ".join(f"{name} {value:g}" for name, value in zip(self.spec.tasks, losses.tolist(), strict=True))
        self._fails("losses", values)
        return False

    def _fails(self, what: str, found: str) -> None:
        self.reason = f"{what} should be finite. Found {found} in epoch {len(self.history)}. Lower the learning rate."

    def judged(self, entry: dict[str, Any]) -> bool:
        """Enter an epoch's figures into the history; whether it is the best so far."""
        epoch = len(self.history)
        if not all(math.isfinite(entry.get(name, 0.0)) for name in ("validation_rmse", "test_rmse")):
            self._fails("predictions", "NaN")
            return False
        value = 1 - entry["validation_f1"] if "validation_f1" in entry else entry["validation_rmse"]
        last = self.rates(epoch, self.per_epoch)[-1]
        self.rate.after_epoch(value)
        self.history.append({"epoch": epoch, "lr": last, **entry, **self._measured.summary()})
        better: bool = value < self.best_value or not self.split.chosen
        if better:
            self.best_epoch, self.best_value = epoch, value
        return better

    def state_dict(self) -> dict[str, Any]:
        """All but the spec and the split."""
        return {name: getattr(self, name) for name in _STATE} | {"rate": self.rate.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            KeyError, ValueError: A part is missing, or of another type.
        """
        if words := fault(state, _STATE, "replica"):
            raise ValueError(words)
        self.rate.load_state_dict(state["rate"])
        for name in _STATE:
            setattr(self, name, state[name])
