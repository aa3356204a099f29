"""The probe on small problems whose alignment is known, with two tasks and with three."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from grace.alignment.measures import Cost, CurvePoint, Trace
from grace.alignment.probe import probe
from grace.alignment.recipes import RECIPES, Recipe
from grace.core.pools import processes, run_all
from grace.errors import GraceError


class Linear(nn.Module):
    """One shared layer, one head a task."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.backbone = nn.Linear(6, 8)
        self.heads = nn.ModuleList(nn.Linear(8, 1) for _ in range(tasks))

    def forward(self, x: Tensor) -> list[Tensor]:
        z = torch.tanh(self.backbone(x))
        return [head(z)[:, 0] for head in self.heads]


@dataclass(frozen=True)
class Regression:
    """Tasks on one input: each target is its own direction of the input, so ``same`` tasks want the same features."""

    directions: tuple[int, ...]
    dead: bool = False

    def model(self) -> Linear:
        return Linear(len(self.directions))

    def shared(self, model: Linear) -> list[nn.Parameter]:
        return list(model.backbone.parameters())

    def batches(self, seed: int) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield torch.randn(64, 6, generator=generator)

    def losses(self, model: Linear, batch: Tensor) -> Sequence[Tensor]:
        outputs = model(batch)
        if self.dead:
            outputs[0] = outputs[0] * 0
        return [(o - batch[:, d]).square().mean() for o, d in zip(outputs, self.directions, strict=True)]


SAME, OTHER = Regression((0, 0)), Regression((0, 1))
SHORT = {name: replace(recipe, steps=min(recipe.steps, 30)) for name, recipe in RECIPES.items()}


def reading(problem: Regression, recipe: Recipe, seeds: int = 6, batches: int = 10) -> float:
    traces = [probe(problem, recipe, batches, seed) for seed in range(seeds)]
    return float(np.mean([t.rho()[-batches:].mean() for t in traces]))


def test_joint_tells_shared_from_separate_features() -> None:
    recipe = replace(RECIPES["joint"], steps=200, weights=(1.0, 1.0))
    assert reading(SAME, recipe) > 0.4
    assert reading(OTHER, recipe) < 0.1


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_paid_and_measured(name: str) -> None:
    trace = probe(SAME, SHORT[name], batches=7, seed=3)
    assert trace.gramian.shape == (len(trace.step), 2, 2)
    assert trace.losses.shape == (len(trace.step), 2)
    if name == "joint":  # 30 steps, 5 of the first 23 measured besides the 7 of the reading, 1 look at the start
        assert len(trace.step) == 5 + 7
        assert (trace.forwards, trace.backwards) == (30 + 1, 30 + 12 + 2)
    else:
        copies = 2 if name == "warmup-each" else 1
        warm = {"warmup": 60, "warmup-each": 60}.get(name, 0)
        assert len(trace.step) == 7
        assert trace.backwards == warm + 14 + 2
        assert trace.forwards == warm + (warm > 0) + 7 * copies + 1


@pytest.mark.parametrize("name", RECIPES)
def test_same_seed_same_numbers_and_the_global_state_is_untouched(name: str) -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first, second = (probe(SAME, SHORT[name], batches=5, seed=4) for _ in range(2))
    assert (first.gramian == second.gramian).all()
    assert (torch.get_rng_state() == before).all()
    assert (probe(SAME, SHORT[name], batches=5, seed=5).gramian != first.gramian).any()


def test_processes_give_the_same_numbers_as_one() -> None:
    calls = [(SAME, SHORT["joint"], 5, seed) for seed in (1, 2, 3)]
    alone = run_all(probe, calls)
    seen: list[tuple[int, int]] = []
    with processes(2) as executor:
        together = run_all(probe, calls, executor, lambda d, t: seen.append((d, t)))
    assert all((a.gramian == b.gramian).all() for a, b in zip(alone, together, strict=True))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_the_untrained_reading_is_taken_at_the_initialisation() -> None:
    trace = probe(SAME, RECIPES["init"], batches=1, seed=9)
    torch.manual_seed(9)
    model = SAME.model()
    batch = next(SAME.batches(9))
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss, SAME.shared(model), retain_graph=True)])
        for loss in SAME.losses(model, batch)
    ]
    expected = nn.functional.cosine_similarity(rows[0], rows[1], dim=0).item()
    assert trace.rho()[0] == pytest.approx(expected, abs=1e-6)


def test_three_tasks() -> None:
    trace = probe(Regression((0, 1, 0)), SHORT["init"], batches=4, seed=0)
    assert trace.gramian.shape == (4, 3, 3)


def test_a_task_without_any_gradient_is_an_error() -> None:
    with pytest.raises(GraceError, match="dead"):
        probe(Regression((0, 0), dead=True), RECIPES["init"], batches=2, seed=0)


def fake_trace(rho_by_step: list[float], forwards: int = 10, backwards: int = 20) -> Trace:
    gram = np.array([[[1.0, r], [r, 1.0]] for r in rho_by_step])
    return Trace(np.arange(len(rho_by_step)), gram, np.ones((len(rho_by_step), 2)), forwards, backwards)


def test_settled_or_still_moving() -> None:
    rng = np.random.default_rng(0)
    rising = [fake_trace(list(np.linspace(0, 0.6, 120) + rng.normal(0, 0.01))) for _ in range(5)]
    flat = [fake_trace(list(np.minimum(np.linspace(0, 1.8, 120), 0.6) + rng.normal(0, 0.05, 120))) for _ in range(5)]
    points, settled = CurvePoint.along(rising)
    assert (len(points), settled) == (6, False)
    assert points[0].first_step == 0
    assert points[-1].last_step == 119
    assert CurvePoint.along(flat)[1] is True


def test_cost_by_hand() -> None:
    # 2 traces x (10 + 2 * 20) x 128 windows against 500 epochs x 1000 windows x 3
    cost = Cost.of([fake_trace([0.1]), fake_trace([0.1])], training_steps=500 * 1000 / 128, seconds=1.0)
    assert cost.forward_backward == 60
    assert cost.share_of_training == pytest.approx(2 * 50 * 128 / 1.5e6)
