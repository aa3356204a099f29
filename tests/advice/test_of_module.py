"""Advice on a user's own network: a task that helps, one that hurts, one that does nothing, and what is refused."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import grace
from grace.advice.advice import ADD, ALONE, UNDECIDED
from grace.advice.of_module import ALPHA, FIRST, MOST, _answer, _seen
from grace.controllers.fixed import Fixed
from grace.errors import GraceError


class Net(nn.Module):
    """Two heads on one backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.a, self.b = nn.Linear(12, 4), nn.Linear(4, 1), nn.Linear(4, 1)


def setting(sign: float) -> tuple[list[tuple[Tensor, Tensor, Tensor]], Tensor, Tensor]:
    """Few noisy labels of the first task, and many of the second, which is the same (+1) or its opposite (-1)."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(12, generator=generator)
    x = torch.randn(200, 12, generator=generator)
    y = x @ truth
    second = y if sign else torch.randn(200, generator=generator)
    few = y[:10] + 0.5 * torch.randn(10, generator=generator)
    held = torch.randn(300, 12, generator=generator)
    return [(x, few, second)], held, held @ truth


def advised(second: float, weight: float, **given: Any) -> grace.Advice:
    batches, held, truth = setting(second)

    def losses(net: Net, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, few, other = batch
        h = net.body(x)
        return (net.a(h[:10]).squeeze(-1) - few).square().mean(), (net.b(h).squeeze(-1) - other).square().mean()

    def error(net: Net) -> float:
        return float((net.a(net.body(held)).squeeze(-1) - truth).square().mean().sqrt())

    methods = {"alone": lambda: Fixed(2, (1.0, 0.0)), "both": lambda: Fixed(2, (1.0, weight))}
    optimiser = lambda net: torch.optim.Adam(net.parameters(), 1e-2)  # noqa: E731
    given = {"steps": 200, "budget": 60.0, "optimiser": optimiser} | given
    return grace.advise(
        Net, batches, losses, lambda net: net.body.parameters(), evaluate=error, methods=methods, **given
    )


def test_a_task_that_helps_is_added() -> None:
    found = advised(1.0, 1.0)
    assert (found.verdict, found.best) == (ADD, "both")
    assert found.answer.startswith("Train by both: -")
    assert FIRST <= found.raced[0].laps <= MOST
    seen = found.raced[1].seen
    assert seen is not None
    row = json.loads(json.dumps(found.to_json(), allow_nan=False))["raced"][1]
    assert row["seen"] == {"difference": seen.mean, "low": seen.low, "high": seen.high, "seeds": seen.n}  # no per cent


def test_a_task_that_does_nothing_is_not() -> None:
    found = advised(0.0, 0.0)
    assert (found.verdict, found.best) == (ALONE, "alone")
    assert found.raced[0].laps == FIRST  # decided at the first look: all differences are 0


def test_a_budget_ends_it() -> None:
    started = time.monotonic()
    found = advised(0.0, 1e-3, budget=1e-6)
    assert found.raced[0].laps == 1
    assert found.to_json()["raced"][1]["seen"]["low"] is None  # one seed has no interval
    assert found.verdict == UNDECIDED
    assert time.monotonic() - started < 30


def test_the_interval_is_students_at_the_level_of_all_looks() -> None:
    from scipy import stats

    values = {"a": [1.0, 2.0, 3.0, 4.0], "b": [0.8, 1.9, 2.5, 4.1]}
    found = _seen(values, "b")
    differences = [b - a for a, b in zip(*values.values(), strict=True)]
    level = 1 - ALPHA / (MOST - FIRST + 1)
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_what_is_missing_is_said() -> None:
    with pytest.raises(grace.GraceError, match="`evaluate` should be given beside a function"):
        grace.advise(Net, [], lambda net, batch: [], lambda net: net.body.parameters())
    with pytest.raises(grace.GraceError, match="`methods` should be at least 2"):
        grace.advise(Net, [], lambda net, batch: [], lambda net: net.body.parameters(), evaluate=lambda net: 0.0,
                     methods={"one": lambda: Fixed(2, (1.0, 0.0))}, steps=1)  # fmt: skip


def test_one_seed_has_no_interval() -> None:
    found = _answer({"alone": [1.0], "both": [0.75]}, ["both"], "undecided", "pumps", 1.0)
    assert found.answer == "Undecided: both gives -0.25 (one seed: no interval) to 1 by alone."
    assert "inf" not in f"{found} {found._repr_html_()}"


def test_the_method_that_is_named_is_one_that_the_verdict_is_of() -> None:
    """One has the lower mean and an interval over 0, the other is what was decided."""
    values = {"alone": [10.0, 10.1, 9.9], "wild": [1.0, 16.0, 9.91], "sure": [9.5, 9.6, 9.4]}
    found = _answer(values, ["wild", "sure"], ADD, "pumps", 1.0)
    assert _seen(values, "wild").mean < _seen(values, "sure").mean < 0
    assert found.best == "sure"
    assert found.answer.startswith("Train by sure: -0.5 ")


def test_a_method_that_diverges_is_left_out_and_said() -> None:
    batches, held, truth = setting(1.0)
    seen: list[str] = []

    def losses(net: Net, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, few, other = batch
        h = net.body(x)
        return (net.a(h[:10]).squeeze(-1) - few).square().mean(), (net.b(h).squeeze(-1) - other).square().mean()

    def late_names(found: grace.Advice) -> set[str]:
        return {row.name for row in found.raced} - {"alone"}

    def advice(order: tuple[str, ...], bad: set[str], after: int = 0) -> grace.Advice:
        seen.clear()

        def make(name: str) -> Any:
            def made() -> Fixed:
                seen.append(name)
                return Fixed(2, (1.0, 1.0 if name == "both" else 0.0))

            return made

        def error(net: Net) -> float:
            found = float((net.a(net.body(held)).squeeze(-1) - truth).square().mean().sqrt())
            return math.nan if seen[-1] in bad and seen.count(seen[-1]) > after else found

        optimiser = lambda net: torch.optim.Adam(net.parameters(), 1e-2)  # noqa: E731
        methods = {name: make(name) for name in order}
        return grace.advise(Net, batches, losses, lambda net: net.body.parameters(), evaluate=error, methods=methods,
                            steps=50, optimiser=optimiser)  # fmt: skip

    found = advice(("alone", "wild", "both"), {"wild"})
    assert found.best == "both"
    assert " Left out, as `evaluate` gave no finite number: wild (seed 0)." in found.unknown
    assert seen.count("wild") == 1
    assert {row.name for row in found.raced} == {"alone", "both"}
    late = advice(("alone", "both", "wild", "third"), {"wild", "third", "both"}, after=3)
    assert {row.name: row.laps for row in late.raced if row.name != "alone"} == dict.fromkeys(late_names(late), FIRST)
    assert late_names(late) == {"third"}
    assert "both (seed 3), wild (seed 3)" in late.unknown
    for bad in ({"alone"}, {"wild", "both"}):
        with pytest.raises(GraceError, match="`evaluate` should give a finite number"):
            advice(("alone", "wild", "both"), bad)
