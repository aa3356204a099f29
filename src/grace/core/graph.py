"""What a loss' graph holds: the leaves that it reaches, and whether anything in it listens to a backward pass."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.utils.checkpoint import CheckpointFunction
from torch.utils.hooks import RemovableHandle

from grace.core.processes import world

LINEAR = "linear_backward"
"""A ``torch.autograd.Function`` with this attribute true promises a backward pass that is linear and without side effects."""


@dataclass(frozen=True, eq=False)
class Graph:
    """What the graphs of some losses hold.

    Attributes:
        leaves: Every trainable tensor that is reached, each once.
        foreign: Whether there is a function that is not PyTorch's own: its backward pass may do anything.
        reentrant: Whether there is a reentrant checkpoint, which hides its leaves and allows ``.backward()`` alone.
        sinks: The modules (``DistributedDataParallel``) that wait for a backward pass to begin.
        oldest: The lowest number in the sequence of nodes that this thread has made.
    """

    leaves: list[Tensor]
    foreign: bool
    reentrant: bool
    sinks: list[Any]
    oldest: int

    @classmethod
    def of(cls, losses: Iterable[Tensor]) -> Graph:
        """Walk the graphs of these losses, each node once."""
        nodes: list[Any] = [loss.grad_fn for loss in losses if loss.grad_fn is not None]
        leaves: dict[Tensor, None] = {loss: None for loss in losses if loss.grad_fn is None and loss.requires_grad}
        seen, sinks, foreign, reentrant, oldest = set(nodes), [], False, False, 2**64
        while nodes:
            node = nodes.pop()
            if hasattr(node, "variable"):
                leaves[node.variable] = None
                continue
            oldest = min(oldest, node._sequence_nr())
            if isinstance(node, BackwardCFunction):
                kind = node._forward_cls  # type: ignore[attr-defined]
                foreign |= not getattr(kind, LINEAR, False)
                reentrant |= kind is CheckpointFunction
                if kind.__name__ == "_DDPSink" and (sink := node.ddp_weakref()) is not None:  # type: ignore[attr-defined]
                    sinks.append(sink)
            elif type(node).__name__ == "CppFunction":  # a C++ extension's
                foreign = True
            for following, _ in node.next_functions:
                if following is not None and following not in seen:
                    seen.add(following)
                    nodes.append(following)
        return cls(list(leaves), foreign, reentrant, sinks, oldest)

    @property
    def listens(self) -> bool:
        """Whether something may see a backward pass or change its gradients, so that only a real one will do.

        Certain for PyTorch's own hooks: those of leaves can be seen, and every other kind that Python can register moves a
        counter and hangs on a node, so that a graph without them is one that is younger than the counter's last move. In one of
        several processes modules may listen where Python cannot see it.
        """
        return self.foreign or any(map(_heard, self.leaves)) or not _nothing_since(self.oldest) or world() is not False

    @contextmanager
    def muted(self, also: Iterable[Tensor] = ()) -> Iterator[None]:
        """Within, backward passes run no hook of a leaf or of ``also``, and no module takes them for its own."""
        held = [(hooks, dict(hooks)) for leaf in (*self.leaves, *also) for hooks in _hooks_of(leaf)]
        waiting = [sink for sink in self.sinks if not getattr(sink, "_static_graph_delay_allreduce_enqueued", True)]
        try:
            for hooks, _ in held:
                hooks.clear()
            for sink in waiting:
                sink._static_graph_delay_allreduce_enqueued = True
            yield
        finally:
            for hooks, kept in held:
                hooks.update(kept)
            for sink in waiting:
                sink._static_graph_delay_allreduce_enqueued = False


def _hooks_of(leaf: Tensor) -> list[dict[int, Any]]:
    """The dictionaries of a leaf's hooks that are not empty."""
    return [hooks for hooks in (leaf._backward_hooks, leaf._post_accumulate_grad_hooks) if hooks]


def _heard(leaf: Tensor) -> bool:
    return bool(_hooks_of(leaf)) or type(leaf) not in (Tensor, nn.Parameter)


_last: tuple[int, int, int] | None = None  # hooks registered, nodes made, in which thread


def remember() -> None:
    """Note how many hooks there are and how many nodes this thread has made."""
    global _last
    with torch.enable_grad():
        node = torch.ones((), requires_grad=True).clone().grad_fn
    _last = (RemovableHandle.next_id, node._sequence_nr(), threading.get_ident())  # type: ignore[union-attr]


def _nothing_since(oldest: int) -> bool:
    """Whether no hook was registered since :func:`remember`, and a graph with this oldest node was made after it."""
    if _last is None:
        return False
    hooks, sequence, thread = _last
    return RemovableHandle.next_id == hooks and oldest > sequence and threading.get_ident() == thread
