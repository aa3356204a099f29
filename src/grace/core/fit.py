"""The training loop: every training, diagnosis, comparison and demonstration of this package is one of its callers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from grace.core.gradient_utils import cosines, norm_ratio
from grace.core.graph import remember

Losses = Sequence[Tensor | None] | Mapping[str, Tensor | None]
"""One scalar loss a task in a fixed order, or by name; None for a task without labels in a batch."""


class Weighed(NamedTuple):
    """What a backward pass did; leading dimensions ``...`` are replicas.

    Attributes:
        losses: Detached losses ``[..., K]``, NaN for an absent task; with accumulation those before the division.
        weights: Task weights ``[..., K]``; a task that was absent keeps its weight but took no part.
        gramian: Gramian of the unweighted gradients of these losses ``[..., K, K]``, NaN for a task that was not measured; None
            where none was.
    """

    losses: Tensor
    weights: Tensor
    gramian: Tensor | None

    @property
    def rho(self) -> Tensor | None:
        """Cosines of the task gradients ``[..., K, K]``, or None where this step was not measured."""
        return None if self.gramian is None else torch.where(self.gramian.isnan(), torch.nan, cosines(self.gramian))

    @property
    def ratio(self) -> Tensor | None:
        """Largest over smallest gradient norm (units of the losses), or None where this step was not measured."""
        return None if self.gramian is None else norm_ratio(self.gramian)


class _Optimiser(Protocol):
    """What is asked of an optimiser, torch's or our own."""

    def zero_grad(self) -> None: ...
    def step(self) -> Any: ...


def fit(
    batches: Iterable[Any], losses: Callable[[Any], Any], backward: Callable[[Any, int], Weighed], optimiser: _Optimiser
) -> Iterator[Weighed]:
    """Train, and yield what ``backward`` did after every step; whoever stops asking has stopped the training.

    Nothing in it waits for the device. ``losses`` makes of a batch the losses of its tasks, with their graph; ``backward`` takes
    them and the number of the step, sets the gradients and says how.
    """
    for number, batch in enumerate(batches):
        optimiser.zero_grad()
        remember()  # so that the first step of a process takes the same path, to the last bit, as any other
        done = backward(losses(batch), number)
        optimiser.step()
        yield done
