"""``torch.optim.AdamW`` without torch's compiler, whose import takes a second of every process that makes an optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from grace.clock import part


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method without the wrapper that keeps torch's compiler out of it by importing it; nothing here is compiled."""
    return getattr(function, "__wrapped__", function)


class AdamW(torch.optim.AdamW):
    """Torch's own in every number, argument and hook."""

    add_param_group = _plain(torch.optim.AdamW.add_param_group)
    zero_grad = _plain(torch.optim.AdamW.zero_grad)
    step = part("steps: optimiser")(torch.no_grad()(_plain(torch.optim.AdamW.step)))
