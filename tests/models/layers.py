"""The network as PyTorch's own layers compute it, one after the other: what our function has to equal."""

from __future__ import annotations

from torch import Tensor, nn

from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention


def by_layers(model: CNNBiLSTMAttention, windows: Tensor) -> tuple[Tensor, Tensor]:
    """RUL in cycles ``[B]`` and logits ``[B, classes]`` of windows ``[B, T, F]``; attention is asked for every cycle."""
    x = model.convolutions(windows.mT)
    if model.pool > 1:
        whole = x.shape[-1] % model.pool if x.shape[-1] >= model.pool else 0
        x = nn.functional.avg_pool1d(x[..., whole:], min(model.pool, x.shape[-1]))
    h, _ = model.lstm(x.mT)
    attended, _ = model.attention(h, h, h)
    z = model.dense(model.norm(h + attended)[:, -1])
    return model.rul_scale * model.rul_head(z)[:, 0], model.health_head(z)
