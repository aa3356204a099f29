"""Advice on any network with several losses: a race over seeds, paired, of which the better half runs on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grace.advice.advice import ADD, ALONE, UNDECIDED, Advice, Raced
from grace.alignment.probe import MakeOptimiser, adamw
from grace.alignment.problem import ModuleProblem
from grace.controllers.controller import Controller
from grace.core.fit import Losses
from grace.core.stats import Estimate, quantile
from grace.errors import GraceError
from grace.loop.compare import trained

FIRST, MOST = 3, 16
"""Seeds that all methods are trained with, and most that those run that are left."""
ALPHA = 0.05
"""Of all looks together."""
INDIFFERENT = 0.01
"""Share of the reference's value that nobody would pay for or mind."""


def advise_module(
    make_model: Callable[[], nn.Module],
    batches: Iterable[Any],
    losses: Callable[[Any, Any], Losses],
    shared: Callable[[Any], Iterable[Tensor]],
    evaluate: Callable[[Any], float | Tensor],
    methods: Mapping[str, Callable[[], Controller]],
    *,
    steps: int,
    budget: float = 60.0,
    optimiser: MakeOptimiser = adamw,
    measure_every: int | None = None,
    name: str = "your tasks",
    on_lap: Callable[[tuple[Raced, ...]], None] | None = None,
) -> Advice:
    """Advice on a network; see :func:`grace.advise`."""
    if len(methods) < 2 or steps < 1 or not budget > 0:
        raise GraceError(
            f"`methods` should be at least 2, `steps` at least 1 and `budget` over 0 seconds. Found {len(methods)}, {steps}, "
            f"{budget:g}."
        )
    problem, began = ModuleProblem(make_model, batches, losses, shared), time.monotonic()
    values: dict[str, list[float]] = {name: [] for name in methods}
    reference, *others = methods
    verdict, slowest, diverged = UNDECIDED, 0.0, list[str]()
    for seed in range(MOST):
        for method in [reference, *others]:
            started = time.monotonic()
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model: Any = trained(problem, methods[method](), steps, optimiser, measure_every)
                with torch.no_grad():
                    values[method].append(float(evaluate(model.eval())))
            if not math.isfinite(values[method][-1]):
                diverged.append(f"{method} (seed {seed})")
                del values[method]
                others = [other for other in others if other != method]
                if method == reference or len(values) < 2:
                    raise GraceError(
                        "`evaluate` should give a finite number of the reference and of one method more. Found none of "
                        f"{', '.join(diverged)}. Shorten the step of the optimiser."
                    )
            slowest = max(slowest, time.monotonic() - started)
            if on_lap is not None:
                on_lap(_standing(values))
        if not others:  # of those that halving had left out, three seeds are known
            others = [other for other in values if other != reference]
            verdict = _verdict(values, others)
            break
        left = budget - (time.monotonic() - began)
        if seed + 1 >= FIRST:
            verdict = _verdict(values, others)
            if seed + 1 == FIRST and verdict == UNDECIDED:
                others = sorted(others, key=lambda other: _seen(values, other).mean)[: math.ceil(len(others) / 2)]
        if (seed + 1 >= FIRST and verdict != UNDECIDED) or left < slowest * (1 + len(others)):
            break
    return _answer(values, others, verdict, name, time.monotonic() - began, diverged)


def _seen(values: Mapping[str, Sequence[float]], method: str) -> Estimate:
    """Paired difference to the reference over the seeds of both, at a level that holds over as many looks as there may be, and
    over all methods (Bonferroni)."""
    reference = next(iter(values.values()))
    found = np.subtract(values[method], reference[: len(values[method])])
    n, mean = len(found), float(np.mean(found))
    if n < 2:
        return Estimate(mean, -math.inf, math.inf, n)
    half = quantile(n - 1, 1 - ALPHA / (MOST - FIRST + 1) / (len(values) - 1)) * float(np.std(found, ddof=1)) / n**0.5
    return Estimate(mean, mean - half, mean + half, n)


def _verdict(values: Mapping[str, Sequence[float]], others: Sequence[str]) -> str:
    """What follows for the methods that are left."""
    seen = [_seen(values, other) for other in others]
    margin = INDIFFERENT * abs(float(np.mean(next(iter(values.values())))))
    if min(one.high for one in seen) < 0:
        return ADD
    return ALONE if all(one.low > -margin for one in seen) else UNDECIDED


def _standing(values: Mapping[str, Sequence[float]]) -> tuple[Raced, ...]:
    reference = next(iter(values))
    return tuple(
        Raced(name, len(found), float(np.mean(found)), None if name == reference else _seen(values, name))
        for name, found in values.items()
        if found
    )


def _answer(
    values: Mapping[str, Sequence[float]],
    others: Sequence[str],
    verdict: str,
    name: str,
    seconds: float,
    diverged: Sequence[str] = (),
) -> Advice:
    reference = next(iter(values))
    sure = [other for other in others if _seen(values, other).high < 0]
    best = min(sure if verdict == ADD else others, key=lambda other: _seen(values, other).mean)
    seen = _seen(values, best)
    interval = f"[{seen.low:+.3g}, {seen.high:+.3g}]" if seen.n > 1 else "(one seed: no interval)"
    text = f"{seen.mean:+.3g} {interval} to {np.mean(values[reference]):.4g} by {reference}"
    words = {
        ADD: f"Train by {best}: {text}.",
        ALONE: f"Train by {reference}: the best of the others, {best}, gives {text}.",
        UNDECIDED: f"Undecided: {best} gives {text}.",
    }
    compared = len(values) - 1
    several = f" at {compared} methods" if compared > 1 else ""
    unknown = (
        f"{seen.n} seeds, paired; the interval holds at 95 % over {MOST - FIRST + 1} looks{several}. Other data, or longer "
        "trainings, were not looked at."
    )
    if diverged:
        unknown += f" Left out, as `evaluate` gave no finite number: {', '.join(diverged)}."
    if verdict == UNDECIDED and (needed := _needed(seen)) is not None:
        unknown += f" About {needed} seeds would decide it, if they showed the same."
    chosen = reference if verdict == ALONE else best
    return Advice(name, verdict, chosen, reference, _standing(values), (), words[verdict], unknown, seconds=seconds)


def _needed(seen: Estimate) -> int | None:
    """Seeds with which the interval would leave out 0, as its width goes with the root of their number."""
    half = (seen.high - seen.low) / 2
    return math.ceil(seen.n * (half / seen.mean) ** 2) + 1 if seen.mean and math.isfinite(half) else None
