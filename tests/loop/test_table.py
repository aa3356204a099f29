"""``.grad`` is that of ``sum(w * L).backward()``: situations x (measured, unmeasured) x every outer axis.

The oracle is plain autograd on a second network: the weighted sum of the losses, and beside it the loss of an outer axis that
learns, of a Gramian from a third one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import grace
from grace.controllers.controller import Controller
from grace.controllers.methods import OUTER, build_outer
from grace.core.fit import Weighed
from tests.loop.situations import SITUATIONS, Case

AXES = (*OUTER, "torchjd:UPGrad")
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-6}
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.utils.checkpoint.*"),
    pytest.mark.filterwarnings("ignore:There is a performance drop"),
]


def step(case: Case, outer: Controller, first: int, every: int) -> list[Weighed]:
    """One optimiser step's calls."""
    made = []
    for number in range(first, first + case.calls):
        losses = case.losses(number)
        with case.around():
            made.append(grace.backward(losses, case.shared, outer, epoch=0, measure_every=every, **case.options))
    return made


def gradients(model: nn.Module, scale: float = 1.0) -> dict[str, Tensor]:
    return {n: p.grad.detach().to_dense() / scale for n, p in model.named_parameters() if p.grad is not None}


def scale_of(case: Case) -> float:
    scaler = case.options.get("scaler")
    return 1.0 if scaler is None else float(scaler.get_scale())


def gram_by_hand(case: Case, number: int) -> Tensor:
    """Of the undivided losses, each task from a graph of its own; NaN for an absent task."""
    rows: list[Tensor | None] = []
    for task in range(len(case.losses(number))):
        loss = case.losses(number)[task]
        read = list({id(p): p for p in case.options.get("measure_on", case.shared) if p.requires_grad}.values())
        if loss is None:
            rows.append(None)
            continue
        for parameter in read:
            parameter._backward_hooks = None  # the Gramian is of the gradients before their hooks
        found = torch.autograd.grad(case.calls * loss, read, allow_unused=True)
        pieces = [torch.zeros_like(p) if g is None else g.to_dense() for g, p in zip(found, read, strict=True)]
        real = [torch.view_as_real(g) if g.is_complex() else g for g in pieces]
        rows.append(torch.cat([g.double().reshape(-1) for g in real]))
    width = next(len(row) for row in rows if row is not None)
    matrix = torch.stack([torch.full((width,), torch.nan, dtype=torch.float64) if r is None else r for r in rows])
    return matrix @ matrix.T


def oracle(case: Case, outer: Controller, made: list[Weighed], first: int, grams: list[Tensor | None]) -> None:
    """Set ``.grad`` of the network and of the outer axis by plain autograd."""
    for number, (done, gram) in enumerate(zip(made, grams, strict=True), start=first):
        losses = case.losses(number)
        with case.around():
            total = sum(w * x for w, x in zip(done.weights, losses, strict=True) if x is not None)
            scaler = case.options.get("scaler")
            (total if scaler is None else scaler.scale(total)).backward(retain_graph=case.options.get("retain_graph"))
        outer.seen.update(done.losses, gram, [x is not None for x in losses])
        known = None if gram is None else outer.seen.known()
        outer(outer.seen.losses, known, number, 0)
        own = outer.own_loss(outer.seen.losses.clone(), known)
        if own is not None:
            (own * scale_of(case) / case.calls).backward()


def distance(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """Norm of the difference relative to the norm of ``b``."""
    assert a.keys() == b.keys()
    up = sum(float((a[n].to(torch.complex128) - b[n].to(torch.complex128)).abs().square().sum()) for n in b)
    down = sum(float(b[n].to(torch.complex128).abs().square().sum()) for n in b)
    return (up / down) ** 0.5 if down else up**0.5


def each(a: dict[str, Tensor], b: dict[str, Tensor]) -> Iterable[tuple[str, float]]:
    assert a.keys() == b.keys()
    for name in b:
        yield name, distance({name: a[name]}, {name: b[name]})


CASES = [
    pytest.param(name, dtype, measured, axis, id=f"{name}-{str(dtype)[6:]}-{'measured' if measured else 'not'}-{axis}")
    for name, (_, dtypes) in SITUATIONS.items()
    for dtype in dtypes
    for axis in AXES
    for measured in ((True, False) if build_outer(axis, 3).needs_gramian else (False,))
]


@pytest.mark.parametrize(("name", "dtype", "measured", "axis"), CASES)
def test_the_gradients_are_those_of_plain_autograd(name: str, dtype: torch.dtype, measured: bool, axis: str) -> None:
    make = SITUATIONS[name][0]
    ours = make(dtype)
    tasks = len(ours.losses(0))
    outer: Any = build_outer(axis, tasks, **({"warmup": 0, "beta": 0.5} if axis == "gaba" else {}))
    every = 1 if measured else 1000
    step(ours, outer, 0, every)
    ours.model.zero_grad()
    outer.zero_grad()
    theirs = copy.deepcopy(outer)
    made = step(ours, outer, ours.calls, every)
    found = gradients(ours.model, scale_of(ours)), gradients(outer, scale_of(ours))

    numbers = range(ours.calls, 2 * ours.calls)
    open_graph = SITUATIONS["plain" if "reentrant" in name else name][0]
    grams: list[Tensor | None] = [gram_by_hand(open_graph(dtype), n) if measured else None for n in numbers]
    plain = make(dtype)
    oracle(plain, theirs, made, plain.calls, grams)
    expected = gradients(plain.model, scale_of(plain)), gradients(theirs, scale_of(plain))

    if "autocast" in name or name == "GradScaler":
        exact = SITUATIONS["plain"][0](torch.float64)
        wide = copy.deepcopy(theirs)
        wide.zero_grad()
        exact_grams = [gram_by_hand(SITUATIONS["plain"][0](torch.float64), n) if measured else None for n in numbers]
        oracle(exact, wide, made, 1, exact_grams)
        truth = gradients(exact.model)
        assert distance(found[0], truth) <= 2 * distance(expected[0], truth)
        tolerance = 0.05  # of norms and losses that were computed in half precision
    else:
        narrow = {n for n, p in plain.model.named_parameters() if p.dtype == torch.bfloat16}
        a, b = ({n: g for n, g in part.items() if n not in narrow} for part in (found[0], expected[0]))
        assert distance(a, b) <= TOLERANCE[dtype]
        for parameter, error in each(
            found[0], expected[0]
        ):  # in single precision some are small differences of large ones
            assert error <= (2**-8 if parameter in narrow else 1e-10 if dtype == torch.float64 else 1e-4), parameter
        tolerance = 1e-6  # an outer axis has single precision
    for parameter, error in each(found[1], expected[1]):
        assert error <= 10 * tolerance, parameter
    for done, gram in zip(made, grams, strict=True):
        assert (done.gramian is None) == (gram is None)
        if gram is not None:
            torch.testing.assert_close(
                done.gramian.double(),
                gram,
                rtol=10 * tolerance,
                atol=10 * tolerance * float(gram.nan_to_num().abs().max()),
                equal_nan=True,
            )
