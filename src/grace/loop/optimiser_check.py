"""An outer axis that learns, and that no optimiser holds: a warning."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from grace.controllers.controller import Controller

MAX_ALONE = 10  # steps of the shared parameters without one of the outer axis


@dataclass
class _Watched:
    """Shared parameters beside an outer axis, and how often they were stepped alone; None as soon as that is settled."""

    shared: list[weakref.ref[Tensor]]
    alone: int | None = 0


_watched: weakref.WeakKeyDictionary[Controller, _Watched] = weakref.WeakKeyDictionary()
_listening = False


def check_optimised(outer: Controller, shared: Sequence[Tensor]) -> None:
    """Look on at PyTorch's optimisers until one holds an outer axis that has gradients; after ten steps without, warn."""
    global _listening
    if outer in _watched or all(p.grad is None for p in outer.parameters()):
        return
    _watched[outer] = _Watched([weakref.ref(p) for p in shared])
    if not _listening:
        register_optimizer_step_pre_hook(_before_a_step)
        _listening = True


def _before_a_step(optimiser: Optimizer, *_: Any) -> None:
    open_ones = [(outer, state) for outer, state in _watched.items() if state.alone is not None]
    if not open_ones:
        return
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    for outer, state in open_ones:
        if any(id(p) in held for p in outer.parameters()):
            state.alone = None
        elif any(id(ref()) in held for ref in state.shared) and state.alone is not None:
            state.alone += 1
            if state.alone == MAX_ALONE:
                state.alone = None
                warnings.warn(
                    f"The parameters of {type(outer).__name__} should be in your optimiser. Found {MAX_ALONE} steps of one that "
                    "holds the shared parameters but not these: the weights do not learn. Give it outer.parameters() too.",
                    stacklevel=2,
                )
