"""The training loop: every training, diagnosis, comparison and demonstration of this package is one of its callers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from grace.core.graph import remember

Losses = Sequence[Tensor | None] | Mapping[str, Tensor | None]
"""One scalar loss a task in a fixed order, or by name; None for a task without labels in a batch."""


class Weighed(NamedTuple):
    """What a backward pass did; leading dimensions ``...`` are replicas.

    Attributes:
        losses: Detached losses ``[..., K]``.
        weights: Task weights ``[..., K]``.
        gramian: ``[..., K, K]`` of the unweighted task gradients, or None where it was not measured.
    """

    losses: Tensor
    weights: Tensor
    gramian: Tensor | None


class Step(NamedTuple):
    """One step of a training, after the optimiser has made it: its number from 0, its batch, and :class:`Weighed`."""

    number: int
    batch: Any
    losses: Tensor
    weights: Tensor
    gramian: Tensor | None


class Optimiser(Protocol):
    """What is asked of an optimiser, torch's or our own."""

    def zero_grad(self) -> None:
        """Forget the last gradients."""
        ...

    def step(self) -> Any:
        """Take a step along the gradients that are set."""
        ...


def fit(
    batches: Iterable[Any],
    losses: Callable[[Any], Any],
    backward: Callable[[Any, int], Weighed],
    optimiser: Optimiser,
) -> Iterator[Step]:
    """Train, and yield after every step; whoever stops asking has stopped the training. Nothing in it waits for the device.

    Args:
        batches: One a step.
        losses: Batch -> the losses of its tasks, with their graph.
        backward: (losses, number of the step) -> sets the gradients, and says how.
        optimiser: Steps along them.
    """
    for number, batch in enumerate(batches):
        optimiser.zero_grad()
        remember()  # so that the first step of a process takes the same path, to the last bit, as any other
        done = backward(losses(batch), number)
        optimiser.step()
        yield Step(number, batch, done.losses, done.weights, done.gramian)
