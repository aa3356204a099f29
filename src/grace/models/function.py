"""The source's network as a function with a replica dimension: one forward pass of ``R`` networks, in batched products.

Activations are ``[R, T, B, C]``: replicas, cycles, batch, channels. The cycles stand before the batch so that a convolution over
them, and a step of the LSTM, read contiguous rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from grace.models.hazard import restricted_mean
from grace.models.lstm import EAGER, Cell, lstm
from grace.models.second_tasks import Head

if TYPE_CHECKING:
    from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
    from grace.models.heads import MultiHead

Tensors = Mapping[str, Tensor]


class Noise(nn.Module):
    """A layer that adds normal noise in training; :class:`Networks` draws it from each replica's own stream.

    Args:
        sd: Its standard deviation.
    """

    def __init__(self, sd: float) -> None:
        super().__init__()
        self.sd = sd


class Networks(ABC):
    """``R`` networks of one shape in one forward pass: windows ``[R, B, T, F]`` to RUL ``[R, B]`` and what the tasks' heads emit.

    Parameters ``p`` and running statistics (updated in place in training) are ``[R, ...]`` by their names in ``shape``, a network
    whose own weights are not read. In training batch statistics and dropout are on; ``streams`` are the sources of each replica's
    dropout, so that its masks do not depend on its neighbours, and None takes torch's global one for all.
    """

    def __init__(
        self,
        shape: MultiHead,
        p: Tensors,
        statistics: Tensors,
        training: bool,
        streams: Sequence[torch.Generator] | None = None,
        cell: Cell = EAGER,
    ) -> None:
        self.shape, self.p, self.statistics, self.training = shape, p, statistics, training
        self._streams, self._cell = streams, cell
        self._blocks: dict[str, list[Callable[[Tensor], Tensor]]] = {}

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """RUL, and of each task values in units of its label or logits ``[R, B, outputs]``."""
        rul, *others = self.emitted(x)
        return restricted_mean(rul, self.shape.rul_scale) if self.shape.intervals else rul, *others

    def emitted(self, x: Tensor) -> tuple[Tensor, ...]:
        """What the losses read: RUL ``[R, B]`` or the logits of hazards ``[R, B, K]``, and of each task values or logits."""
        z = self.represent(x)
        with _full_precision(z.device.type):
            z = z.to(self.p["rul_head.0.weight"].dtype)
            rul = self._through("rul_head", z)
            rul = rul if self.shape.intervals else self.shape.rul_scale * rul.squeeze(-1)
            return rul, *(self._of_task(head, z) for head in self.shape.heads)

    def scale(self, head: Head) -> Tensor | None:
        """What the loss of a head is divided by, ``[R, D]``; None: by nothing."""
        return self.statistics.get(f"{head.name}_scale")

    def _of_task(self, head: Head, z: Tensor) -> Tensor:
        found = self._through(f"{head.name}_head", z)
        if (mean := self.statistics.get(f"{head.name}_mean")) is None:
            return found
        return torch.addcmul(mean.unsqueeze(1), found, self.statistics[f"{head.name}_scale"].unsqueeze(1))

    @abstractmethod
    def represent(self, x: Tensor) -> Tensor:
        """The backbone's output, which all heads read: ``[R, B, width]``."""

    def _through(self, block: str, x: Tensor) -> Tensor:
        """A sequential block by its name, layer by layer; what its layers do is looked up once."""
        if block not in self._blocks:
            layers = getattr(self.shape, block)
            self._blocks[block] = [self._layer(f"{block}.{index}", layer) for index, layer in enumerate(layers)]
        for layer in self._blocks[block]:
            x = layer(x)
        return x

    def _layer(self, name: str, layer: nn.Module) -> Callable[[Tensor], Tensor]:
        """What a layer does, by its name."""
        p = self.p
        if isinstance(layer, nn.Linear):
            return partial(_linear, p[f"{name}.weight"], p[f"{name}.bias"])
        if isinstance(layer, nn.Conv1d):
            return partial(_convolution, p[f"{name}.weight"], p[f"{name}.bias"])
        if isinstance(layer, nn.BatchNorm1d):
            return partial(self._batch_norm, name, layer)
        if isinstance(layer, nn.ReLU | nn.GELU):
            return layer.forward  # nobody hangs a hook on it
        if isinstance(layer, Noise):
            return partial(self._noisy, sd=layer.sd)
        if isinstance(layer, nn.Dropout):
            return partial(self._drop, share=layer.p)
        raise NotImplementedError(f"{name}: {type(layer).__name__}")

    def _drop(self, x: Tensor, share: float) -> Tensor:
        """Dropout in training, each replica's from its own stream."""
        if not share or not self.training:
            return x
        if self._streams is None:
            return nn.functional.dropout(x, share)
        mask = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        for row, stream in zip(mask, self._streams, strict=True):
            # what `bernoulli_` draws, in three quarters of its time
            drawn = torch.rand(row.shape, dtype=torch.float64, device=x.device, generator=stream)
            torch.lt(drawn, 1 - share, out=row)
        return x * mask.div_(1 - share)

    def _noisy(self, x: Tensor, sd: float) -> Tensor:
        """Normal noise in training, each replica's from its own stream."""
        if not sd or not self.training:
            return x
        if self._streams is None:
            return x + sd * torch.randn_like(x)
        noise = torch.empty_like(x)
        for row, stream in zip(noise, self._streams, strict=True):
            row.normal_(std=sd, generator=stream)
        return noise.add_(x)

    def _batch_norm(self, name: str, layer: nn.BatchNorm1d, x: Tensor) -> Tensor:
        """BatchNorm of each replica over its own cycles and batch, ``[R, T, B, C]``."""
        running_mean, running_var = self.statistics[f"{name}.running_mean"], self.statistics[f"{name}.running_var"]
        if self.training:
            x = x.to(running_mean.dtype)
            var, mean = torch.var_mean(x, (1, 2), correction=0)
            count, momentum = x.shape[1] * x.shape[2], layer.momentum or 0.0
            with torch.no_grad():
                running_mean.lerp_(mean, momentum)
                running_var.lerp_(var * (count / (count - 1)), momentum)
        else:
            mean, var = running_mean, running_var
        scale = self.p[f"{name}.weight"] * (var + layer.eps).rsqrt()
        shift = self.p[f"{name}.bias"] - mean * scale
        normed: Tensor = torch.addcmul(shift[:, None, None], x, scale[:, None, None])
        return normed


class CNNBiLSTMAttentions(Networks):
    """Networks of :class:`~grace.models.cnn_bilstm_attention.CNNBiLSTMAttention`."""

    shape: CNNBiLSTMAttention

    def represent(self, x: Tensor) -> Tensor:
        """The backbone's output, which both heads read: ``[R, B, shared[-1]]``."""
        shape, p = self.shape, self.p
        x = self._through("convolutions", x.transpose(1, 2))
        if shape.pool > 1:
            x = _pooled(x, shape.pool)
        x = lstm(x, p, shape.lstm, self.training, self._drop, self._cell)
        attended = self._attention(x)
        norm = nn.functional.layer_norm(x[:, -1] + attended, (x.shape[-1],), eps=shape.norm.eps)
        return self._through("dense", torch.addcmul(p["norm.bias"][:, None], norm, p["norm.weight"][:, None]))

    def _attention(self, x: Tensor) -> Tensor:
        r"""What the last cycle reads of all, ``[R, T, B, E] -> [R, B, E]``, as ``nn.MultiheadAttention`` with that one query.

        With one query neither keys nor values are needed: :math:`q^\top (W_k x + b_k) = (W_k^\top q)^\top x + const`, and the
        softmax does not see the constant; likewise the mean of the values is :math:`W_v` times the mean of the inputs. That takes
        the cycles out of the two largest products. The gradient of :math:`b_k` is exactly 0 here, and rounding noise there.
        """
        p, shape = self.p, self.shape.attention
        heads = shape.num_heads
        wq, wk, wv = p["attention.in_proj_weight"].chunk(3, 1)
        bq, _, bv = p["attention.in_proj_bias"].chunk(3, 1)
        q = torch.baddbmm(bq[:, None], x[:, -1], wq.mT).unflatten(-1, (heads, -1))  # [R, B, h, d]
        # [R, h, B, d] x [R, h, d, E]: what each head asks of an input
        asked = q.transpose(1, 2) @ wk.unflatten(1, (heads, -1)) / (q.shape[-1] ** 0.5)
        x_b = x.permute(0, 2, 1, 3)  # [R, B, T, E]
        scores = asked.transpose(1, 2) @ x_b.mT  # [R, B, h, T]
        weight = scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(scores.dtype)
        weight = self._drop(weight, shape.dropout)
        read = weight @ x_b  # [R, B, h, E]
        value = read.transpose(1, 2) @ wv.unflatten(1, (heads, -1)).mT  # [R, h, B, d]
        value = value.transpose(1, 2) + weight.sum(-1, keepdim=True) * bv.unflatten(1, (heads, -1))[:, None]
        return torch.baddbmm(p["attention.out_proj.bias"][:, None], value.flatten(2), p["attention.out_proj.weight"].mT)


def _full_precision(device: str) -> AbstractContextManager[None]:
    """No autocast for the heads, where there is one: bfloat16 tells 124 cycles from 124.5 and nothing between."""
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def _linear(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """``[R, D, C]``, ``[R, D]``, ``[R, B, C]`` -> ``[R, B, D]``."""
    return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)


def _convolution(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Kernel 3, padding 1 over the cycles: ``[R, D, C, 3]``, ``[R, D]``, ``[R, T, B, C]`` -> ``[R, T, B, D]``.

    The three neighbours of a cycle are laid side by side, and one product takes them: the cycles stand before the batch, so that
    a neighbour is a shifted view.
    """
    cycles = x.shape[1]
    padded = nn.functional.pad(x, (0, 0, 0, 0, 1, 1))
    beside = torch.cat([padded[:, k : k + cycles] for k in range(3)], -1).flatten(1, 2)
    flat = weight.permute(0, 3, 2, 1).flatten(1, 2)
    out: Tensor = torch.baddbmm(bias[:, None], beside, flat).unflatten(1, (cycles, -1))
    return out


def _pooled(x: Tensor, pool: int) -> Tensor:
    """Means of ``pool`` cycles; the oldest cycles that fill no mean are left out, as in the single network."""
    cycles = x.shape[1]
    size = min(pool, cycles)
    means: Tensor = x[:, cycles % size :].unflatten(1, (-1, size)).mean(2)
    return means
