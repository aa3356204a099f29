"""Task gradients one tensor at a time, as autograd gives them, and their Gramian."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from grace.clock import part
from grace.core.graph import Graph
from grace.core.processes import Group, mean, total, world
from grace.errors import GraceError

HALF_PRECISION = (torch.float16, torch.bfloat16)
Gradients = list[Tensor | None]
"""Gradient of one task on each of some tensors; None where it does not use one."""


def measure(losses: Sequence[Tensor], inputs: Sequence[Tensor], graph: Graph, *, keep: bool) -> list[Gradients]:
    """Gradient of each scalar loss on the inputs (leaves, or tensors on the way), hooks muted and no ``.grad`` touched.

    ``keep`` says whether the graph is needed after the last loss.
    """
    if graph.reentrant or sharded(inputs):
        return _by_whole_passes(losses, inputs, graph)
    with graph.muted():
        return [
            list(torch.autograd.grad(loss, inputs, retain_graph=keep or loss is not losses[-1], allow_unused=True))
            for loss in losses
        ]


def _by_whole_passes(losses: Sequence[Tensor], inputs: Sequence[Tensor], graph: Graph) -> list[Gradients]:
    """The same where only ``.backward()`` works: what lies in ``.grad`` is put aside meanwhile."""
    if graph.reentrant and world() is not False:
        raise GraceError(
            "A measured step of several processes should find no reentrant checkpoint, as that allows no pass but the one that "
            "they wait for. Found one. Give torch.utils.checkpoint use_reentrant=False."
        )
    hidden = _sharded_parameters() if sharded(inputs) else []
    touched = list({id(p): p for p in (*inputs, *graph.leaves, *hidden)}.values())
    aside = [p.grad for p in touched]
    found: list[Gradients] = []
    try:
        with graph.muted(hidden):
            for loss in losses:
                for parameter in touched:
                    parameter.grad = None
                loss.backward(retain_graph=True)
                found.append([p.grad for p in inputs])
    finally:
        for parameter, gradient in zip(touched, aside, strict=True):
            parameter.grad = gradient
    return found


def sharded(tensors: Sequence[Tensor]) -> bool:
    """Whether some are shards of FSDP2, which no graph holds: their gradients come with ``.backward()``."""
    return any(hasattr(tensor, "full_tensor") for tensor in tensors)


def _sharded_parameters() -> list[Tensor]:
    """Every shard of every ``FSDPModule`` here: neither a graph nor ``parameters()`` after a forward pass leads to all."""
    fsdp = sys.modules.get("torch.distributed.fsdp")  # a second to import, and there if something is sharded by it
    found: list[Tensor] = []
    for module in [thing for thing in gc.get_objects() if fsdp and issubclass(type(thing), fsdp.FSDPModule)]:
        if (group := module._get_fsdp_state()._fsdp_param_group) is None:
            continue
        if not group.reduce_grads:
            raise GraceError(
                "A measured step of fully_shard should reduce gradients. Found set_requires_gradient_sync(False). "
                "Reduce them in every call, or measure on activations."
            )
        found += [parameter.sharded_param for parameter in group.fsdp_params if parameter.sharded_param.requires_grad]
    return found


@part("steps: Gramian")
def gramian_of(gradients: Sequence[Gradients | None], inputs: Sequence[Tensor], group: Group = False) -> Tensor:
    r"""Gramian ``[K, K]`` of task gradients, :math:`G_{ij} = \mathrm{Re} \langle g_i, g_j \rangle`.

    Sums run in single precision at least, in double where some gradient is; under autocast too. No gradient is copied but
    those of several processes, which are averaged first.

    Args:
        gradients: One entry a task: its gradients on the inputs, or None where it was not measured (NaN in the Gramian).
        inputs: What the gradients are taken of.
        group: Processes whose mean gradients are asked for, or False.
    """
    tasks = [task for task, found in enumerate(gradients) if found is not None]
    rows = [found for found in gradients if found is not None]
    device = inputs[0].device
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        if not inputs[0].is_leaf or sharded(inputs):  # each process has a part of it
            small = total(_products(_local(rows), device), group)
            if group is not False and not sharded(inputs):  # of the mean of the processes' losses
                small = small / torch.distributed.get_world_size(group) ** 2
        else:
            rows = rows if group is False else [_averaged(row, inputs, group) for row in rows]
            small = _products(rows, device)
        gram = small.new_full((len(gradients), len(gradients)), torch.nan)
        at = torch.tensor(tasks, device=device)
        gram[at[:, None], at] = small
    return gram


def _products(rows: Sequence[Gradients], device: torch.device) -> Tensor:
    """Gramian of rows of gradients ``[R, R]``, a sum over the tensors that they are of."""
    pairs = list(combinations_with_replacement(range(len(rows)), 2))
    there = [g for row in rows for g in row if g is not None]
    wide = torch.float64 if any(g.dtype in (torch.float64, torch.complex128) for g in there) else torch.float32
    zero = torch.zeros((), dtype=wide, device=device)
    found = [zero.new_zeros(len(pairs))]
    for column in zip(*rows, strict=True):
        flat = [None if g is None else _flat(g, wide) for g in column]
        both = ((flat[i], flat[j]) for i, j in pairs)
        parts = [zero if a is None or b is None else _inner(a, b).to(zero) for a, b in both]
        found.append(torch.stack(parts))
    sums = torch.stack(found).sum(0)
    gram = sums.new_zeros(len(rows), len(rows))
    first, second = (torch.tensor(side, device=device) for side in zip(*pairs, strict=True))
    gram[first, second] = gram[second, first] = sums
    return gram


def _flat(gradient: Tensor, wide: torch.dtype) -> Tensor:
    if gradient.is_sparse:
        return gradient.coalesce().to(wide)
    if gradient.is_complex():
        gradient = torch.view_as_real(gradient.resolve_conj())
    return gradient.reshape(-1).to(wide)


def _inner(a: Tensor, b: Tensor) -> Tensor:
    if a.is_sparse or b.is_sparse:
        a, b = (a, b) if a.is_sparse else (b, a)
        other = b if b.is_sparse else b.reshape(a.shape)
        return (a * other).coalesce().values().sum()
    return torch.dot(a, b)


def _local(rows: Sequence[Gradients]) -> list[Gradients]:
    """This process' shards, scaled so that a sum over all processes counts each value once."""
    return [[None if g is None else _shard(g) for g in row] for row in rows]


def _shard(gradient: Tensor) -> Tensor:
    if not hasattr(gradient, "full_tensor"):
        return gradient
    mesh = gradient.device_mesh  # type: ignore[attr-defined]
    copies = 1
    for size, placement in zip(mesh.shape, gradient.placements, strict=True):  # type: ignore[attr-defined]
        copies *= size if placement.is_replicate() else 1
    return gradient.to_local() / copies**0.5  # type: ignore[attr-defined,no-any-return]


def _averaged(row: Gradients, inputs: Sequence[Tensor], group: Group) -> Gradients:
    """The mean over the processes, one message a precision: zeros where a task does not use a tensor, so that all say as much."""
    pieces: dict[torch.dtype, list[Tensor]] = {}
    for gradient, tensor in zip(row, inputs, strict=True):
        dense = torch.zeros_like(tensor) if gradient is None else gradient
        dense = dense.to_dense() if dense.is_sparse else dense
        dense = dense.float() if dense.dtype in HALF_PRECISION else dense
        pieces.setdefault(dense.dtype, []).append(dense.reshape(-1))
    return [mean(torch.cat(parts), group) for parts in pieces.values()]
