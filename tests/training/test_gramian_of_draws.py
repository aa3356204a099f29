"""The Gramian of a step in which each loss has windows of its own, against autograd by hand: rows are picked one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import grace
from grace.alignment.probe import probe
from grace.alignment.problem import FleetProblem
from grace.alignment.recipes import RECIPES
from grace.core.gradient_utils import gramian, task_gradients
from grace.core.weighted_mse import moderate_weighted_mse_loss
from grace.data.conventions import Conventions
from grace.data.draws import BOUND
from grace.data.fleet import Fleet
from grace.data.resident import Batch
from grace.data.tasks import HEALTH, Task
from grace.models.heads import MultiHead
from grace.models.rul_problem import RULProblem, resident_draws
from grace.training.protocol import Split
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.stack import SPREAD, Stack, drawn
from studies.cuts import suspended

TASKS = (
    HEALTH,
    Task("soh", kind="regression"),
    Task("temp", kind="regression"),  # nearly where soh is: one draw, with gaps in both
    Task("stage", kind="class", classes=("a", "b", "c")),
    Task("wear", kind="ordinal", classes=("0", "1", "2")),  # on two in three rows of RUL's: its windows, with gaps
)
CONVENTIONS = Conventions(window=20, tasks=TASKS)
RUL_ROWS = range(16)
ROWS = {"rul": RUL_ROWS, "health": RUL_ROWS, "wear": RUL_ROWS}
APART = {BOUND: range(16, 18), "soh": range(18, 20), "temp": range(18, 20), "stage": range(20, 22)}
"""Rows of a batch of 16, with the bound, soh and temp, and stage drawn beside it: half as many for all three, two of each."""


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Six engines that failed and ten that were suspended, labelled with gaps."""
    cut = suspended(replace(grace.simulate(grace.Simulation(engines=16))[0], labels={}), 6, 1)
    draw, place = np.random.default_rng(0), np.arange(len(cut.values))
    ours = np.isin(cut.engine_of_row(), cut.failures)
    known = {
        "soh": place % 4 != 0,
        "temp": place % 8 != 2,
        "stage": (place % 4 == 1) & ~ours,
        "wear": ours & (place % 3 > 0),
    }
    values = {"soh": draw.normal(5, 2, len(place)), "temp": draw.normal(-3, 9, len(place))}
    values |= {name: draw.integers(0, 3, len(place)).astype(float) for name in ("stage", "wear")}
    return replace(cut, labels={name: np.where(rows, values[name], np.nan) for name, rows in known.items()})


def loss_by_hand(name: str, out: Tensor, batch: Batch, rows: range, unit: float, scale: dict[str, Tensor]) -> Tensor:
    """One loss as a sum over rows that stand there, divided by their number."""
    place = [task.name for task in TASKS].index(name) if name not in ("rul", BOUND) else -1
    terms = []
    for row in rows:
        label = batch.labels[row, place]
        if name == BOUND:
            assert batch.suspended[row]
            terms.append((batch.rul[row] - out[row]).relu().square() / unit**2)
        elif not label.isnan():
            if name in ("soh", "temp"):
                terms.append(((out[row, 0] - label) / scale[f"{name}_scale"][0]).square())
            elif name == "wear":
                logs = torch.nn.functional.logsigmoid
                sides = [logs(o if label > t else -o) for t, o in enumerate(out[row])]
                terms.append(-torch.stack(sides).mean() / scale["wear_scale"][0])
            else:
                base = scale["stage_scale"][0] if name == "stage" else 1.0
                terms.append(-out[row].log_softmax(0)[int(label)] / base)
    return torch.stack(terms).sum() / len(terms) if terms else 0 * out.sum()


def by_hand(model: MultiHead, batch: Batch, rows: dict[str, range], inner: str, unit: float) -> dict[str, Tensor]:
    """All losses by name, from one forward pass over the whole batch."""
    emitted = model.emitted(batch.x)
    scale = dict(model.named_buffers())
    out = dict(zip(("rul", *(task.name for task in TASKS)), emitted, strict=True)) | {BOUND: emitted[0]}
    found = {n: loss_by_hand(n, out[n], batch, rows[n], unit, scale) for n in rows if n != "rul"}
    predicted, rul = emitted[0][rows["rul"]], batch.rul[rows["rul"]]
    squared = (predicted - rul).square().mean()
    weighted = moderate_weighted_mse_loss(predicted, rul, 125)
    return {"rul": (squared if inner == "mse" else weighted) / unit**2} | found


def gradients(losses: list[Tensor], shared: list[Any]) -> Tensor:
    """Of each loss by a backward pass of its own, ``[K, P]``."""
    rows = [torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True) for loss in losses]
    return torch.stack(
        [
            torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(row, shared, strict=True)])
            for row in rows
        ]
    )


def doubled(batch: Batch) -> Batch:
    return Batch(*(side.double() if side.is_floating_point() else side for side in batch))


@pytest.mark.parametrize("size", ["tiny", "statistics"])
def test_of_a_problem_to_the_last_digits(fleet: Fleet, size: str) -> None:
    problem = FleetProblem(fleet, CONVENTIONS, size=size, inner="mse", batch_size=16, suspended="bound")
    assert [draw.losses for draw in problem.draws.draws] == [("rul",), (BOUND,), ("soh", "temp"), ("stage",)]
    order = ["rul", *(task.name for task in TASKS), BOUND]
    assert problem.tasks == tuple(order)
    stream, gaps = problem.batches(0), 0
    torch.manual_seed(0)
    model: Any = problem.model().double().eval()
    for _ in range(4):
        batch = doubled(next(stream))
        gaps += int(batch.labels[18:20, 1:3].isnan().sum() + batch.labels[:16, 4].isnan().sum())
        expected = by_hand(model, batch, ROWS | APART, "mse", 125.0)
        ours = problem.losses(model, batch)
        torch.testing.assert_close(torch.stack(ours), torch.stack([expected[n] for n in order]), rtol=1e-10, atol=1e-14)
        shared = problem.shared(model)
        hand = gradients([expected[n] for n in order], shared)
        found = gramian(task_gradients(ours, shared))
        torch.testing.assert_close(found, hand @ hand.T, rtol=1e-9, atol=1e-16)
    assert gaps > 0


def test_torchjd_says_the_same(fleet: Fleet) -> None:
    from torchjd.autojac import jac

    problem = FleetProblem(fleet, CONVENTIONS, size="tiny", batch_size=16, suspended="bound")
    model: Any = problem.model().double().eval()
    losses, shared = problem.losses(model, doubled(next(problem.batches(1)))), problem.shared(model)
    ours = gramian(task_gradients(losses, shared, retain_graph=True))
    theirs = jac(torch.stack(losses), shared, parallel_chunk_size=1, retain_graph=True)
    rows = torch.cat([piece.reshape(len(losses), -1) for piece in theirs], dim=1)
    torch.testing.assert_close(ours, rows @ rows.T, rtol=1e-9, atol=1e-16)


def test_a_row_moves_the_losses_that_it_was_drawn_for_alone(fleet: Fleet) -> None:
    """In a network without batch statistics: the gradient of each loss is that over exactly its rows."""
    problem = FleetProblem(fleet, CONVENTIONS, size="statistics", batch_size=16, suspended="bound")
    model: Any = problem.model().double().eval()
    batch = doubled(next(problem.batches(2)))
    for row in range(len(batch.rul)):
        moved = batch.x.clone()
        moved[row] += 1.0
        before, after = (
            task_gradients(problem.losses(model, b), problem.shared(model)) for b in (batch, batch._replace(x=moved))
        )
        changed = {name for name, a, b in zip(problem.tasks, before, after, strict=True) if not torch.equal(a, b)}
        assert changed <= {name for name, rows in (ROWS | APART).items() if row in rows}
        assert ("rul" in changed) == (row in RUL_ROWS)


def test_a_probe_reads_the_gramian_of_the_drawn_batch(fleet: Fleet) -> None:
    problem = FleetProblem(fleet, CONVENTIONS, size="tiny", inner="mse", batch_size=16, suspended="bound")
    probed, _ = problem.read_in("cap")
    recipe = replace(RECIPES["init"], unit="cap", weights=(1.0,) * 7)
    trace = probe(probed, recipe, 2, seed=3)
    stream = probed.batches(3)
    torch.manual_seed(3)
    model: Any = probed.model().train()
    for place in range(2):
        expected = by_hand(model, next(stream), ROWS | APART, "mse", 125.0)
        hand = gradients([expected[name] for name in probed.tasks], probed.shared(model))
        np.testing.assert_allclose(trace.gramian[place], (hand @ hand.T).numpy(), rtol=1e-3, atol=1e-7)


def test_a_step_of_training_weighs_by_the_gramian_of_its_own_draws(fleet: Fleet) -> None:
    """A step of plain gradient descent by the engine against autograd by hand, and against ``grace.backward``."""
    plan = replace(SCHEDULES["tiny"], steps=1, warmup=0, clip=1e9, weight_decay=0.0, batch_size=16)
    spec = run_spec(
        "simulated",
        "grace",
        size="tiny",
        schedule=plan,
        conventions=CONVENTIONS,
        seed=3,
        rul_scale="cap",
        suspended="bound",
        measure_every=1,
        options={"beta": 0.0, "floor": 0.0, "warmup": 0},
    )
    split = Split.of(spec, fleet, None)
    with torch.random.fork_rng():
        stack = Stack([spec], {3: split})
    problem = RULProblem(split.train, size="tiny", beside=split.beside, heads=stack.shape.heads, suspended="bound")
    values = {name: view[0] for name, view in stack.parameters.views(stack.state.values).items()}
    values |= {name: view[0] for name, view in stack.statistics.views(stack.state.statistics).items()}
    model = problem.model().train()
    model.load_state_dict(values, strict=False)
    draws = resident_draws(split.train, split.beside, "tiny")
    assert [draw.losses for draw in draws.draws] == [("rul",), (BOUND,), ("soh", "temp"), ("stage",)]
    batch = next(drawn(draws, plan, 3 * SPREAD, "cpu"))
    named = by_hand(model, batch, ROWS | APART, "weighted_mse", 125.0)
    losses = [named["rul"] + named[BOUND], *(named[task.name] for task in TASKS)]
    shared = model.shared_parameters()
    hand = gradients(losses, shared)
    gram = hand @ hand.T
    norms = gram.diagonal().sqrt()
    weights = (norms.sum() - norms) / (len(losses) - 1) / norms.sum()
    outer = grace.GABA(len(losses), beta=0.0, floor=0.0, warmup=0)
    ours = grace.backward(losses, shared, outer, measure_every=1)
    sums = stack.train_epoch([0]).summaries()[0]
    assert ours.gramian is not None
    for found in (sums.gramians[0], ours.gramian):
        torch.testing.assert_close(found, gram, rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(sums.losses, torch.stack(losses).detach(), rtol=1e-4, atol=1e-6)
    for found in (sums.weights, ours.weights):
        torch.testing.assert_close(found, weights, rtol=1e-3, atol=1e-6)
    first = stack.parameters.views(stack.state.first)  # AdamW's mean after one step: a tenth of the gradient
    for name, parameter in model.named_parameters():
        if "in_proj_bias" not in name:  # whose part for the keys is 0 here, and rounding noise there
            torch.testing.assert_close(10 * first[name][0], parameter.grad, rtol=2e-3, atol=1e-6, msg=name)
