"""The network as PyTorch's own layers compute it, one by one: what a tutorial's loop trains, and what our function equals."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention


class ByLayers(nn.Module):
    """The layers of a network of ours, called one by one; attention is asked for the last cycle, the only one that is read.

    Args:
        network: Whose layers and weights they are.
    """

    def __init__(self, network: CNNBiLSTMAttention) -> None:
        super().__init__()
        self.network = network

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """RUL in cycles ``[B]`` and logits ``[B, classes]`` of windows ``[B, T, F]``."""
        n, z = self.network, self.represent(windows).to(self.network.norm.weight.dtype)
        return n.rul_scale * n.rul_head(z)[:, 0], n.health_head(z)

    def represent(self, windows: Tensor) -> Tensor:
        """What both heads read, ``[B, shared[-1]]``."""
        n, x = self.network, self.network.convolutions(windows.mT)
        if n.pool > 1:
            whole = x.shape[-1] % n.pool if x.shape[-1] >= n.pool else 0
            x = nn.functional.avg_pool1d(x[..., whole:], min(n.pool, x.shape[-1]))
        h, _ = n.lstm(x.mT)
        attended, _ = n.attention(h[:, -1:], h, h, need_weights=False)
        features: Tensor = n.dense(n.norm(h[:, -1:] + attended)[:, 0])
        return features

    def __getattr__(self, name: str) -> Any:
        """Everything else is the network's."""
        return super().__getattr__(name) if name == "network" else getattr(super().__getattr__("network"), name)
