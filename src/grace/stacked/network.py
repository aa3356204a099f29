"""The source's network with a replica dimension: the same function as ``R`` of :class:`CNNBiLSTMAttention`, in batched products.

Activations are ``[R, T, B, C]``: replicas, cycles, batch, channels. The cycles stand before the batch so that a convolution over
them, and a step of the LSTM, read contiguous rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention, full_precision
from grace.stacked.layout import Layout
from grace.stacked.lstm import EAGER, Cell, lstm

Tensors = Mapping[str, Tensor]


class StackedNetwork:
    """``R`` networks of one shape, whose parameters are given at every call.

    Dropout draws one mask for the whole stack, so that replicas have masks of their own.

    Args:
        shape: A network of the shape; its weights are not read.
        cell: Element-wise part of the LSTM in training; a compiled one is compiled anew for every shape, so that evaluation,
            whose last batch has a size of its own, takes the eager one.
    """

    def __init__(self, shape: CNNBiLSTMAttention, cell: Cell = EAGER) -> None:
        self.shape, self._cell = shape, cell
        named = dict(shape.named_parameters())
        known = {id(parameter) for parameter in shape.shared_parameters()}
        shared = {name: p for name, p in named.items() if id(p) in known}
        self.parameters = Layout.of(shared | {name: p for name, p in named.items() if id(p) not in known})
        self.shared_width = min(self.parameters.starts[name] for name in named if name not in shared)
        floats = {name: b for name, b in shape.named_buffers() if b.is_floating_point()}
        self.statistics = Layout.of(floats)

    def __call__(self, x: Tensor, p: Tensors, statistics: Tensors, training: bool) -> tuple[Tensor, Tensor]:
        """RUL in cycles ``[R, B]`` and health logits ``[R, B, classes]`` of windows ``[R, T, B, F]``.

        In training, the running ``statistics`` are updated in place.
        """
        shape = self.shape
        x = self._through("convolutions", x, p, statistics, training)
        if shape.pool > 1:
            x = _pooled(x, shape.pool)
        x = lstm(x, p, shape.lstm, training, self._cell if training else EAGER)
        attended = _attention(x, p, shape.attention, training)
        norm = nn.functional.layer_norm(x[:, -1] + attended, (x.shape[-1],), eps=shape.norm.eps)
        z = torch.addcmul(p["norm.bias"][:, None], norm, p["norm.weight"][:, None])
        z = self._through("dense", z, p, statistics, training)
        with full_precision(z.device.type):
            z = z.to(p["norm.weight"].dtype)
            rul = self._through("rul_head", z, p, statistics, training)[..., 0]
            return shape.rul_scale * rul, self._through("health_head", z, p, statistics, training)

    def _through(self, block: str, x: Tensor, p: Tensors, statistics: Tensors, training: bool) -> Tensor:
        """A sequential block by its name, layer by layer."""
        for index, layer in enumerate(getattr(self.shape, block)):
            name = f"{block}.{index}"
            if isinstance(layer, nn.Linear):
                x = torch.baddbmm(p[f"{name}.bias"][:, None], x, p[f"{name}.weight"].mT)
            elif isinstance(layer, nn.Conv1d):
                x = _convolution(x, p[f"{name}.weight"], p[f"{name}.bias"])
            elif isinstance(layer, nn.BatchNorm1d):
                x = _batch_norm(x, name, layer, p, statistics, training)
            elif isinstance(layer, nn.ReLU):
                x = x.relu()
            elif isinstance(layer, nn.Dropout):
                x = nn.functional.dropout(x, layer.p, training)
            else:
                raise NotImplementedError(f"{name}: {type(layer).__name__}")
        return x


def _convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Kernel 3, padding 1 over the cycles: ``[R, T, B, C]``, ``[R, D, C, 3]``, ``[R, D]`` -> ``[R, T, B, D]``.

    The three neighbours of a cycle are laid side by side, and one product takes them: the cycles stand before the batch, so that
    a neighbour is a shifted view.
    """
    cycles = x.shape[1]
    padded = nn.functional.pad(x, (0, 0, 0, 0, 1, 1))
    beside = torch.cat([padded[:, k : k + cycles] for k in range(3)], -1).flatten(1, 2)
    flat = weight.permute(0, 3, 2, 1).flatten(1, 2)
    out: Tensor = torch.baddbmm(bias[:, None], beside, flat).unflatten(1, (cycles, -1))
    return out


def _batch_norm(x: Tensor, name: str, layer: nn.BatchNorm1d, p: Tensors, statistics: Tensors, training: bool) -> Tensor:
    """BatchNorm of each replica over its own cycles and batch, ``[R, T, B, C]``."""
    running_mean, running_var = statistics[f"{name}.running_mean"], statistics[f"{name}.running_var"]
    if training:
        x = x.to(running_mean.dtype)
        var, mean = torch.var_mean(x, (1, 2), correction=0)
        count = x.shape[1] * x.shape[2]
        momentum = layer.momentum or 0.0
        with torch.no_grad():
            running_mean.lerp_(mean, momentum)
            running_var.lerp_(var * (count / (count - 1)), momentum)
    else:
        mean, var = running_mean, running_var
    scale = p[f"{name}.weight"] * (var + layer.eps).rsqrt()
    shift = p[f"{name}.bias"] - mean * scale
    normed: Tensor = torch.addcmul(shift[:, None, None], x, scale[:, None, None])
    return normed


def _pooled(x: Tensor, pool: int) -> Tensor:
    """Means of ``pool`` cycles; the oldest cycles that fill no mean are left out, as in the single network."""
    cycles = x.shape[1]
    size = min(pool, cycles)
    means: Tensor = x[:, cycles % size :].unflatten(1, (-1, size)).mean(2)
    return means


def _attention(x: Tensor, p: Tensors, shape: nn.MultiheadAttention, training: bool) -> Tensor:
    r"""What the last cycle reads of all, ``[R, T, B, E] -> [R, B, E]``, as ``nn.MultiheadAttention`` with that one query.

    With one query neither keys nor values are needed: :math:`q^\top (W_k x + b_k) = (W_k^\top q)^\top x + const`, and the softmax
    does not see the constant; likewise the mean of the values is :math:`W_v` times the mean of the inputs. That takes the cycles
    out of the two largest products. The gradient of :math:`b_k` is exactly 0 here, and rounding noise there.
    """
    heads = shape.num_heads
    wq, wk, wv = p["attention.in_proj_weight"].chunk(3, 1)
    bq, _, bv = p["attention.in_proj_bias"].chunk(3, 1)
    q = torch.baddbmm(bq[:, None], x[:, -1], wq.mT).unflatten(-1, (heads, -1))  # [R, B, h, d]
    # [R, h, B, d] x [R, h, d, E]: what each head asks of an input
    asked = q.transpose(1, 2) @ wk.unflatten(1, (heads, -1)) / (q.shape[-1] ** 0.5)
    x_b = x.permute(0, 2, 1, 3)  # [R, B, T, E]
    scores = asked.transpose(1, 2) @ x_b.mT  # [R, B, h, T]
    share = scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(scores.dtype)
    share = nn.functional.dropout(share, shape.dropout, training)
    read = share @ x_b  # [R, B, h, E]
    value = read.transpose(1, 2) @ wv.unflatten(1, (heads, -1)).mT  # [R, h, B, d]
    value = value.transpose(1, 2) + share.sum(-1, keepdim=True) * bv.unflatten(1, (heads, -1))[:, None]
    return torch.baddbmm(p["attention.out_proj.bias"][:, None], value.flatten(2), p["attention.out_proj.weight"].mT)
