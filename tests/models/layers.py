"""The network as PyTorch's own layers compute it: what our function has to equal."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from torch import Tensor

from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention

_spec = importlib.util.spec_from_file_location("layers", Path(__file__).parents[2] / "benchmarks" / "layers.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


def by_layers(model: CNNBiLSTMAttention, windows: Tensor) -> tuple[Tensor, Tensor]:
    """RUL in cycles ``[B]`` and logits ``[B, classes]`` of windows ``[B, T, F]``; the benchmarks' peers train it."""
    found: tuple[Tensor, Tensor] = _module.ByLayers(model)(windows)
    return found
