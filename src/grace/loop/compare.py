"""Did the second task pay? Short trainings of the same networks with and without it, paired by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from grace.alignment.diagnosis import Diagnosis
from grace.alignment.probe import MakeOptimiser, adamw
from grace.alignment.problem import ModuleProblem
from grace.controllers.controller import Controller
from grace.core.fit import Losses, Weighed, fit
from grace.core.pools import Progress
from grace.core.stats import EFFECT, Estimate, student
from grace.errors import GraceError
from grace.html import Bar, card, intervals, said, table
from grace.loop.backward import backward

EFFECT_WORDS = {"helps": "helps", "hurts": "hurts", "unclear": "makes no clear difference"}

Model = TypeVar("Model", bound=nn.Module)
Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Comparison:
    """What the trainings gave."""

    values: dict[str, tuple[float, ...]]  # value of `evaluate` for each method, one a seed; lower is better
    reference: str  # the method that differences are taken to: the first
    differences: dict[str, Estimate]  # of every other method, paired by seed, with Student's 95 % interval

    @classmethod
    def of(cls, values: Mapping[str, Sequence[float]]) -> Comparison:
        """Paired differences to the first method."""
        reference, *others = values
        differences = {name: student(np.subtract(values[name], values[reference])) for name in others}
        return cls({name: tuple(found) for name, found in values.items()}, reference, differences)

    def verdict(self, method: str) -> str:
        """``helps`` or ``hurts`` where the interval leaves out 0, else ``unclear``."""
        return EFFECT[self.differences[method].verdict]

    def against(self, diagnosis: Diagnosis) -> str:
        """What was measured beforehand beside what training showed, in one line.

        Where the diagnosis' rule prescribes (the source's does), what it prescribes too: to train the first task alone is borne
        out if no method that shares was measurably better than the reference; any other advice if one was.
        """
        verdicts = {method: self.verdict(method) for method in self.differences}
        advice, judged = diagnosis.reading, ""
        if diagnosis.thresholds.prescribes:
            alone = diagnosis.prescription.method in ("single-task", "separate-models")
            advice = "train alone" if alone else "share"
            judged = ": borne out" if alone != ("helps" in verdicts.values()) else ": not borne out"
        shown = ", ".join(f"{method} {EFFECT_WORDS[verdict]}" for method, verdict in verdicts.items())
        rho = diagnosis.rho
        return f"Diagnosis: rho {rho.mean:+.2f} [{rho.low:+.2f}, {rho.high:+.2f}], {advice}. Training: {shown}{judged}."

    def __str__(self) -> str:
        seeds = len(self.values[self.reference])
        lines = [
            f"{self.reference}: {np.mean(self.values[self.reference]):.4g}, mean of {seeds} seeds; lower is better"
        ]
        for name, d in self.differences.items():
            level = f"{np.mean(self.values[name]):.4g}"
            lines.append(f"{name}: {level}, {d.mean:+.3g} [{d.low:+.3g}, {d.high:+.3g}] to it: {self.verdict(name)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        means = {name: float(np.mean(found)) for name, found in self.values.items()}
        bars = [
            Bar(name, d.mean, d.low, d.high, f"{d.mean:+.3g} [{d.low:+.3g}, {d.high:+.3g}]", d.verdict)
            for name, d in self.differences.items()
        ]
        rows = [
            (name, f"{mean:.4g}", "" if name == self.reference else self.verdict(name)) for name, mean in means.items()
        ]
        words = ", ".join(f"{name} {EFFECT_WORDS[self.verdict(name)]}" for name in self.differences)
        seeds = len(self.values[self.reference])
        return card(
            f"Compared with {self.reference}",
            said(f"{words[:1].upper()}{words[1:]}.", kind="answer"),
            intervals(bars, f"difference to {self.reference}, 95 % interval, paired by seed; lower is better"),
            table(("", f"mean of {seeds} seeds", ""), rows),
        )


def compare(
    make_model: Callable[[], Model],
    batches: Iterable[Batch],
    losses: Callable[[Model, Batch], Losses],
    shared: Callable[[Model], Iterable[Tensor]],
    evaluate: Callable[[Model], float | Tensor],
    methods: Mapping[str, Callable[[], Controller]],
    *,
    steps: int,
    seeds: int = 5,
    optimiser: MakeOptimiser = adamw,
    measure_every: int | None = None,
    on_progress: Progress | None = None,
) -> Comparison:
    """Train the same networks by several methods and compare them, paired by seed.

    Every method starts from the same initialisation and sees the same batches. What ``evaluate`` looks at should be data that
    nothing was trained on. The global random state is left as it was.

    Args:
        make_model: Makes one freshly initialised network, as in :func:`grace.diagnose`.
        batches: As in :func:`grace.diagnose`.
        losses: Likewise; a task may be None in a batch.
        shared: Likewise.
        evaluate: Trained model (in evaluation mode, no gradients) -> a number, lower is better.
        methods: Makers of an outer axis by name, the reference first, as in
            ``{"alone": lambda: Fixed(2, (1, 0)), "both": lambda: GABA(2)}``.
        steps: Optimiser steps of each training.
        seeds: Trainings by each method; seeds 0, 1, ...
        optimiser: Model -> optimiser; default AdamW, 1e-3.
        measure_every: See :func:`grace.backward`.
        on_progress: Called with (trainings done, trainings in all).

    Raises:
        GraceError: Fewer than two methods or seeds, or what :func:`grace.backward` refuses.
    """
    if len(methods) < 2 or seeds < 2 or steps < 1:
        raise GraceError(
            f"`methods` and `seeds` should be at least 2 and `steps` at least 1. Found {len(methods)}, {seeds}, {steps}."
        )
    problem = ModuleProblem(make_model, batches, losses, shared)
    values: dict[str, list[float]] = {name: [] for name in methods}
    for number, (seed, name) in enumerate(((s, n) for s in range(seeds) for n in methods), start=1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model: Any = trained(problem, methods[name](), steps, optimiser, measure_every)
            with torch.no_grad():
                values[name].append(float(evaluate(model.eval())))
        if on_progress is not None:
            on_progress(number, seeds * len(methods))
    return Comparison.of(values)


def trained(
    problem: ModuleProblem, outer: Controller, steps: int, make: MakeOptimiser, measure_every: int | None
) -> nn.Module:
    """One training of so many steps, from torch's global random state."""
    model = problem.model().train()
    shared, optimiser = problem.shared(model), make(model)
    if learned := list(outer.parameters()):
        rate = outer.learning_rate or optimiser.param_groups[0]["lr"]
        optimiser.add_param_group({"params": learned, "lr": rate, "weight_decay": 0.0})
    per_pass = len(problem.loader) if isinstance(problem.loader, Sized) else 1

    def weighted(found: Losses, step: int) -> Weighed:
        return backward(found, shared, outer, epoch=step // per_pass, measure_every=measure_every)

    for _ in fit(islice(problem.batches(0), steps), partial(problem.loss_function, model), weighted, optimiser):
        pass
    return model
