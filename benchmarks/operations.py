"""Operations of matrix products, counted; the element-wise rest is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def _in_place(_: Any, a: Any, b: Any, out_shape: Any = None, **__: Any) -> int:
    """Operations of ``baddbmm_`` from the shapes of its arguments: the counter knows only the form that makes a new tensor."""
    batch, rows, inner = a
    return int(2 * batch * rows * inner * b[2])


ALSO = {torch.ops.aten.baddbmm_: _in_place}


def operations_of(call: Callable[[], Any]) -> int:
    """Operations (a multiplication and an addition are two) of the products in a call."""
    with FlopCounterMode(display=False, custom_mapping=ALSO) as counter:
        call()
    return int(counter.get_total_flops())
