"""Run as one process of two: the rows of the table that need them. Arguments: rank, folder, where the errors are written."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import grace
from grace.controllers.methods import build_outer
from tests.loop.situations import Case, Net, accumulation, built, inputs, plain
from tests.loop.test_table import AXES, distance, gradients, gram_by_hand, oracle, step
from tests.loop.train_foreign import train_foreign

DTYPE, WORLD = torch.float64, 2
FLAGS: dict[str, dict[str, Any]] = {
    "DistributedDataParallel": {},
    "DistributedDataParallel, static_graph": {"static_graph": True},
    "DistributedDataParallel, find_unused_parameters": {"find_unused_parameters": True},
    "DistributedDataParallel, gradient_as_bucket_view": {"gradient_as_bucket_view": True},
    "no_sync": {},
    "fully_shard (FSDP2)": {},
    "checkpointing, not reentrant, in DistributedDataParallel": {},
}


def part(make: Callable[[torch.dtype], Case], rank: int) -> Callable[[int], list[Tensor | None]]:
    """Losses of one process' batches on a network of its own: processes take turns in the batches."""
    case = make(DTYPE)
    return lambda number: case.losses(WORLD * number + rank)


def whole(row: str) -> Case:
    """The same on one process: the mean over the batches of both."""
    case = accumulation(DTYPE) if row == "no_sync" else plain(DTYPE)
    alone = case.losses

    def losses(number: int) -> list[Any]:
        return [(a + b) / WORLD for a, b in zip(*(alone(WORLD * number + rank) for rank in range(WORLD)), strict=True)]

    case.losses = losses
    return case


def ours(row: str, rank: int) -> Case:
    """This process' part of a row, and what ``grace.backward`` is given."""
    net = built(DTYPE)
    if row.startswith("fully_shard"):
        model: Any = net
        for layer in (net.first, net.second, net):
            fully_shard(layer)
    else:
        model = DistributedDataParallel(Checkpointed(net) if row.startswith("check") else net, **FLAGS[row])
    calls = 3 if row == "no_sync" else 1

    def losses(number: int) -> list[Tensor | None]:
        hold = row == "no_sync" and number % calls < calls - 1
        with model.no_sync() if hold else nullcontext():
            return [x / calls for x in model(inputs(WORLD * number + rank, DTYPE))]

    options = {"accumulation": calls} if calls > 1 else {}
    return Case(net, net.shared(), losses, options, calls)


class Checkpointed(nn.Module):
    def __init__(self, net: Net, reentrant: bool = False) -> None:
        super().__init__()
        self.net, self.reentrant = net, reentrant

    def forward(self, x: Tensor) -> list[Tensor]:
        h = torch.utils.checkpoint.checkpoint(self.net.features, x, use_reentrant=self.reentrant)
        return [(head(h) - task).square().mean() for task, head in enumerate(self.net.heads)]


def full(found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n: g.full_tensor() if hasattr(g, "full_tensor") else g for n, g in found.items()}


def sharded_gradients(model: nn.Module) -> dict[str, Tensor]:
    return full({n: p.grad.detach() for n, p in model.named_parameters() if p.grad is not None})


def error_of(row: str, axis: str, measured: bool, rank: int) -> list[float]:
    """Errors of the network's gradients and of the outer axis', and the difference between the processes."""
    case, every = ours(row, rank), 1 if measured else 1000
    outer: Any = build_outer(axis, 3, **({"warmup": 0, "beta": 0.5} if axis == "gaba" else {}))
    step(case, outer, 0, every)
    case.model.zero_grad()
    outer.zero_grad()
    theirs = copy.deepcopy(outer)
    made = step(case, outer, case.calls, every)
    found = sharded_gradients(case.model), gradients(outer)
    single = whole(row)
    numbers = range(single.calls, 2 * single.calls)
    grams = [gram_by_hand(whole(row), n) if measured else None for n in numbers]
    oracle(single, theirs, made, single.calls, grams)
    flat = torch.cat([g.reshape(-1).double() for part in found for g in part.values()])
    other = flat.clone()
    torch.distributed.broadcast(other, 0)
    assert [done.gramian is None for done in made] == [gram is None for gram in grams]
    return [
        max(distance({n: found[0][n]}, {n: g}) for n, g in gradients(single.model).items()),
        distance(found[1], gradients(theirs)),
        float((flat - other).abs().max()),
    ]


def reentrant(rank: int) -> str:
    """What is said of a reentrant checkpoint, and whether anything was changed by then."""
    net = built(DTYPE)
    model, outer = DistributedDataParallel(Checkpointed(net, reentrant=True)), grace.GABA(3)
    both = model(inputs(rank, DTYPE).requires_grad_())
    try:
        grace.backward(both, net.shared(), outer)
    except grace.GraceError as error:
        return (
            str(error) + f" changed: {any(p.grad is not None for p in net.parameters()) or int(outer.seen.steps) != 0}"
        )
    return "nothing was said"


def unsynchronised(rank: int) -> str:
    """The same of FSDP2 that does not reduce gradients."""
    case, outer = ours("fully_shard (FSDP2)", rank), grace.GABA(3)
    case.model.set_requires_gradient_sync(False)  # type: ignore[operator]
    try:
        step(case, outer, 0, 1)
    except grace.GraceError as error:
        return str(error) + f" changed: {bool(sharded_gradients(case.model)) or int(outer.seen.steps) != 0}"
    return "nothing was said"


def absent_in_one(rank: int) -> str:
    """What is said where one process lacks a task, and whether anything was changed by then."""
    net = built(DTYPE)
    model, outer = DistributedDataParallel(net), grace.GABA(3)
    grace.backward(model(inputs(0, DTYPE)), net.shared(), outer)
    net.zero_grad()
    both = model(inputs(1, DTYPE))
    try:
        grace.backward([both[0], None if rank else both[1], both[2]], net.shared(), outer)
    except grace.GraceError as error:
        return (
            str(error) + f" changed: {any(p.grad is not None for p in net.parameters()) or int(outer.seen.steps) != 1}"
        )
    return "nothing was said"


class Chosen(nn.Module):
    """Leaves the head of an absent task out."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, tasks: list[int]) -> list[Tensor | None]:
        h = self.net.features(x)
        return [(self.net.heads[task](h) - task).square().mean() if task in tasks else None for task in range(3)]


def absent_and_left_out(rank: int) -> float:
    """Error where one process leaves a task's head out, with ``find_unused_parameters``."""
    net = built(DTYPE)
    model, outer = DistributedDataParallel(Chosen(net), find_unused_parameters=True), grace.GABA(3, warmup=0, beta=0.5)
    worst = 0.0
    for number in range(4):
        net.zero_grad()
        done = grace.backward(
            model(inputs(number + 10 * rank, DTYPE), [0, 2] if rank and number else [0, 1, 2]), net.shared(), outer
        )
        plain_ = built(DTYPE)
        sums = torch.zeros(())
        for r in range(WORLD):
            losses = plain_(inputs(number + 10 * r, DTYPE))
            sums = sums + sum(
                w * x / WORLD
                for t, (w, x) in enumerate(zip(done.weights, losses, strict=True))
                if not (t == 1 and r and number)
            )
        sums.backward()
        worst = max(worst, distance(gradients(net), gradients(plain_)))
    return worst


def drift_with_static_graph(rank: int) -> list[float]:
    """Difference of the weights to a training on the whole batch, and between the processes, after five steps of SGD."""
    net, alone = built(DTYPE), built(DTYPE)
    model = DistributedDataParallel(net, static_graph=True)
    both = [(grace.GABA(3, warmup=0, beta=0.5), torch.optim.SGD(each.parameters(), lr=0.1)) for each in (net, alone)]
    for number in range(5):
        parts = [alone(inputs(WORLD * number + r, DTYPE)) for r in range(WORLD)]
        whole_ = [sum(pair) / WORLD for pair in zip(*parts, strict=True)]
        for (outer, optimiser), losses, each, group in zip(
            both, (model(inputs(WORLD * number + rank, DTYPE)), whole_), (net, alone), (None, False), strict=True
        ):
            optimiser.zero_grad()
            grace.backward(losses, each.shared(), outer, measure_every=1, group=group)
            optimiser.step()
    flat = torch.cat([p.detach().reshape(-1) for p in net.parameters()])
    other = flat.clone()
    torch.distributed.broadcast(other, 0)
    expected = torch.cat([p.detach().reshape(-1) for p in alone.parameters()])
    return [float((flat - expected).abs().max()), float((flat - other).abs().max())]


def results(rank: int) -> Iterator[tuple[str, Any]]:
    for row in FLAGS:
        for axis in AXES:
            for measured in (True, False) if build_outer(axis, 3).needs_gramian else (False,):
                try:
                    yield f"{row}|{axis}|{measured}", error_of(row, axis, measured, rank)
                except Exception as error:
                    yield f"{row}|{axis}|{measured}", repr(error)
    yield "static graph", drift_with_static_graph(rank)
    yield "absent in one", absent_in_one(rank)
    yield "reentrant", reentrant(rank)
    yield "unsynchronised", unsynchronised(rank)
    yield "absent and left out", absent_and_left_out(rank)


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder / 'store'}"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=WORLD)
    found = dict(results(rank))
    (folder / f"{rank}.json").write_text(json.dumps(found))
    train_foreign(rank, WORLD, folder)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
