"""A bidirectional LSTM with a replica dimension: one batched product a cycle for all replicas and both directions.

``torch.vmap`` has no rule for ``nn.LSTM``, and one call a replica leaves a GPU idle. Here the input's share of the gates is one
product before the loop, the loop holds the recurrent product and the cell, and the weights' gradients are one product after it.
Where torch's own layer is the faster one it is called.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
OWN_FROM_HIDDEN = {"AVX512": math.inf}
"""Hidden size from which our layer is ahead of torch's in training, by what torch makes of the CPU; 32 on all others."""

Drop = Callable[[Tensor, float], Tensor]
"""Tensor and share -> the tensor with that share of it dropped."""

SIGMOID_BACKWARD = torch.ops.aten.sigmoid_backward.grad_input
TANH_BACKWARD = torch.ops.aten.tanh_backward


class Cell(NamedTuple):
    """The element-wise part of a cycle, forwards and backwards; compiled or not.

    No argument shares memory with another that is written: ``torch.compile`` gives wrong numbers where a written argument and one
    that is read are views of one tensor (seen with torch 2.13).
    """

    forward: Callable[[Tensor, Tensor, Tensor, Tensor, torch.dtype], tuple[Tensor, Tensor]]
    backward: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]

    @classmethod
    def compiled(cls) -> Cell:
        """The cell with its element-wise operations fused by ``torch.compile``."""
        return cls(torch.compile(_forward, dynamic=False), torch.compile(_backward, dynamic=False))


def _forward(gate: Tensor, bias: Tensor, before: Tensor, hidden: Tensor, wide: torch.dtype) -> tuple[Tensor, Tensor]:
    """Activate ``gate`` ``[Q, B, 4H]`` (input, forget, candidate, output) in place, write the output; cell and its tanh."""
    size = hidden.shape[-1]
    gate += bias  # here, where the cycle's gates are at hand: with the product before the loop it is a pass of its own
    gate[..., : 2 * size].sigmoid_()
    gate[..., 2 * size : 3 * size].tanh_()
    gate[..., 3 * size :].sigmoid_()
    enter, forget, candidate, leave = gate.chunk(4, -1)
    cell = (enter * candidate).to(wide).addcmul_(forget, before)
    squashed = cell.tanh().to(gate.dtype)
    torch.mul(leave, squashed, out=hidden)
    return cell, squashed


def _backward(
    gate: Tensor, squashed: Tensor, before: Tensor, d_hidden: Tensor, d_gate: Tensor, d_later: Tensor
) -> Tensor:
    """Write the gradient of the gates before activation to ``d_gate``; returns that of the cell one cycle earlier."""
    enter, forget, candidate, leave = gate.chunk(4, -1)
    d_enter, d_forget, d_candidate, d_leave = d_gate.chunk(4, -1)
    d_cell = TANH_BACKWARD(d_hidden * leave, squashed) + d_later
    SIGMOID_BACKWARD(d_cell * candidate, enter, grad_input=d_enter)
    TANH_BACKWARD.grad_input(d_cell * enter, candidate, grad_input=d_candidate)
    SIGMOID_BACKWARD(d_hidden * squashed, leave, grad_input=d_leave)
    SIGMOID_BACKWARD(d_cell * before, forget, grad_input=d_forget)
    earlier: Tensor = d_cell * forget
    return earlier


EAGER = Cell(_forward, _backward)


class _Layer(torch.autograd.Function):
    """One layer in one direction of ``Q`` networks, from a zero state; its backward pass can be taken several times."""

    linear_backward = True  # see grace.core.graph

    @staticmethod
    def forward(ctx: Any, x: Tensor, w_in: Tensor, w_state: Tensor, bias: Tensor, cell: Cell) -> Tensor:
        """``x`` [Q, T, B, I], ``w_in`` [Q, 4H, I], ``w_state`` [Q, 4H, H], ``bias`` [Q, 4H] -> [Q, T, B, H]."""
        ctx.dtypes = [tensor.dtype for tensor in (x, w_in, w_state, bias)]
        kind = x.device.type
        if torch.is_autocast_enabled(kind):
            low = torch.get_autocast_dtype(kind)
            x, w_in, w_state, bias = (tensor.to(low) for tensor in (x, w_in, w_state, bias))
        count, cycles, batch, _ = x.shape
        size = w_state.shape[-1]
        with torch.autocast(kind, enabled=False):
            gates = (x.reshape(count, cycles * batch, -1) @ w_in.mT).view(count, cycles, batch, 4 * size)
            wide = torch.float32 if x.dtype in (torch.bfloat16, torch.float16) else x.dtype
            hidden = torch.empty(count, cycles, batch, size, dtype=x.dtype, device=x.device)
            cells = [
                torch.zeros(count, batch, size, dtype=wide, device=x.device)
            ]  # the state before each cycle, and the last
            squashed: list[Tensor] = []
            for t in range(cycles):
                if t:
                    gates[:, t].baddbmm_(hidden[:, t - 1], w_state.mT)
                made = cell.forward(gates[:, t], bias[:, None], cells[-1], hidden[:, t], wide)
                cells.append(made[0])
                squashed.append(made[1])
        ctx.save_for_backward(x, w_in, w_state, gates, hidden, *cells[:-1], *squashed)
        ctx.cell = cell
        return hidden

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor, None]:
        """Gradients of the input and the weights."""
        x, w_in, w_state, gates, hidden, *saved = ctx.saved_tensors
        count, cycles, batch, width = x.shape
        cells, squashed = saved[:cycles], saved[cycles:]
        d_gates = torch.empty_like(gates)
        d_cell = torch.zeros_like(cells[0])
        d_hidden = grad[:, cycles - 1].contiguous()  # laid out as in every other cycle: torch.compile takes eight kinds
        for t in reversed(range(cycles)):
            d_cell = ctx.cell.backward(gates[:, t], squashed[t], cells[t], d_hidden, d_gates[:, t], d_cell)
            if t:
                d_hidden = torch.baddbmm(grad[:, t - 1], d_gates[:, t], w_state)
        rows = d_gates.view(count, cycles * batch, -1)
        later = d_gates[:, 1:].flatten(1, 2)
        d_state = later.mT @ hidden[:, :-1].flatten(1, 2)
        d_in = rows.mT @ x.reshape(count, cycles * batch, width)
        d_x = (rows @ w_in).view_as(x) if ctx.needs_input_grad[0] else None
        kinds = ctx.dtypes
        first = None if d_x is None else d_x.to(kinds[0])
        return first, d_in.to(kinds[1]), d_state.to(kinds[2]), rows.sum(1).to(kinds[3]), None


def lstm(x: Tensor, p: Mapping[str, Tensor], shape: nn.LSTM, training: bool, drop: Drop, cell: Cell = EAGER) -> Tensor:
    """``R`` bidirectional LSTMs, ``[R, T, B, I] -> [R, T, B, 2H]``, as ``nn.LSTM`` from a zero state.

    Parameters ``p`` ``[R, ...]`` are by the names of ``nn.LSTM``, after ``lstm.``; of ``shape`` no weights are read. In training
    gradients will be asked for, and ``drop`` works between layers.
    """
    for layer in range(shape.num_layers):
        if layer and training and shape.dropout:
            x = drop(x, shape.dropout)
        low = torch.is_autocast_enabled(x.device.type)
        x = _torchs(x, p, shape, layer) if _torchs_is_faster(x, shape, training, low) else _ours(x, p, layer, cell)
    return x


def _torchs_is_faster(x: Tensor, shape: nn.LSTM, training: bool, low: bool) -> bool:
    """Whether one call of torch's own LSTM a replica is the way (docs/performance.md).

    Measured on two CPUs: in training our products are ahead from :data:`OWN_FROM_HIDDEN` on, but where torch's gains from
    AVX-512; torch's is in evaluation and where the layer is so narrow that calls are all it costs. On a GPU a single
    network keeps cuDNN's. A graph that is compiled or exported holds one operation in place of a loop.
    """
    if torch.compiler.is_compiling():
        return True
    if x.is_cuda:
        return len(x) == 1
    own_from = OWN_FROM_HIDDEN.get(torch.backends.cpu.get_cpu_capability(), 32)
    return not low and (not training or shape.hidden_size < own_from)


def _torchs(x: Tensor, p: Mapping[str, Tensor], shape: nn.LSTM, layer: int) -> Tensor:
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        x = x.to(torch.get_autocast_dtype(kind))
    names = [f"lstm.{name}_l{layer}{side}" for side in ("", "_reverse") for name in NAMES]
    start = x.new_zeros(2, x.shape[2], shape.hidden_size)
    outs = []
    with warnings.catch_warnings() if x.is_cuda else nullcontext():
        if x.is_cuda:  # the weights of a stack lie in its rows
            warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")
        for row, one in enumerate(x):
            weights = [p[name][row].to(x.dtype) for name in names]
            # cuDNN has a backward pass in training mode alone; without dropout the mode changes nothing else
            outs.append(torch.lstm(one, (start, start), weights, True, 1, 0.0, x.is_cuda, True, False)[0])
    return torch.stack(outs) if len(outs) > 1 else outs[0][None]


def _ours(x: Tensor, p: Mapping[str, Tensor], layer: int, cell: Cell) -> Tensor:
    w_in, w_state, b_in, b_state = (_both(p, name, layer) for name in NAMES)
    both = torch.stack([x, x.flip(1)], 1).flatten(0, 1)
    out: Tensor = _Layer.apply(both, w_in, w_state, b_in + b_state, cell)  # type: ignore[no-untyped-call]
    forwards, backwards = out.unflatten(0, (-1, 2)).unbind(1)
    return torch.cat([forwards, backwards.flip(1)], -1)


def _both(p: Mapping[str, Tensor], name: str, layer: int) -> Tensor:
    """Weights of both directions, ``[2R, ...]``."""
    return torch.stack([p[f"lstm.{name}_l{layer}"], p[f"lstm.{name}_l{layer}_reverse"]], 1).flatten(0, 1)
