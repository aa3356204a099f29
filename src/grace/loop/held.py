"""An outer axis that learns, and that no optimiser holds, is told so."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from grace.controllers.controller import Controller

PATIENCE = 10  # steps of the network without one of the outer axis

_watched: weakref.WeakSet[Controller] = weakref.WeakSet()


def watch_for(outer: Controller, shared: Sequence[Tensor]) -> None:
    """Look on at PyTorch's optimisers until one holds the parameters that have a gradient; after ten steps without, warn."""
    if outer in _watched:
        return
    learned = [p for p in outer.parameters() if p.grad is not None]
    if not learned:
        return
    _watched.add(outer)
    names = {id(p) for p in learned}, {id(p) for p in shared}
    kind, steps = type(outer).__name__, 0

    def before_a_step(optimiser: Optimizer, *_: Any) -> None:
        nonlocal steps
        held = {id(p) for group in optimiser.param_groups for p in group["params"]}
        if names[0] & held:
            handle.remove()
        elif names[1] & held:
            steps += 1
            if steps == PATIENCE:
                handle.remove()
                warnings.warn(
                    f"The parameters of {kind} should be in your optimiser. Found {PATIENCE} steps of one that holds the shared "
                    "parameters but not these: the weights do not learn. Give it outer.parameters() too.",
                    stacklevel=2,
                )

    handle = register_optimizer_step_pre_hook(before_a_step)
