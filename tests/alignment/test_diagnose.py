"""``grace.diagnose`` on networks that are not ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import grace
from grace.alignment.decide import SOURCE, STUDY
from grace.alignment.groups import Groups
from grace.core.stats import over_initialisations
from grace.loop.compare import Comparison
from tests.loop.foreign import Foreign, batch, losses

FAST = {"inits": 4, "reads": 10, "steps": 60}


def shared(model: Foreign) -> list[nn.Parameter]:
    return model.shared()


class Four(nn.Module):
    """Two tasks on each of two halves of the inputs, all on one narrow backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 4)
        self.heads = nn.ModuleList(nn.Linear(4, 1) for _ in range(4))


def four(model: Four, x: Tensor) -> dict[str, Tensor]:
    h = model.body(x).tanh()
    left, right = x[:, :3].sum(1, keepdim=True), x[:, 3:].sum(1, keepdim=True)
    targets = {"a": left, "b": -left, "c": right, "d": -right}
    return {name: (head(h) - y).square().mean() for (name, y), head in zip(targets.items(), model.heads, strict=True)}


def test_it_is_the_mean_cosine_of_the_last_steps_of_plain_trainings() -> None:
    """Oracle: the same steps by hand, the cosine by compute_gradient_cosine."""
    data = [batch(seed=seed) for seed in range(5)]
    found = grace.diagnose(Foreign, data, losses, shared, **FAST, weights=(1.0, 0.5))
    rows = []
    for seed in range(4):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = Foreign()
            optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
            row = []
            for step in range(60):
                a, b = losses(model, data[step % 5])
                if step >= 50:
                    row.append(grace.compute_gradient_cosine(a, b, model.shared()))
                optimiser.zero_grad()
                (a + 0.5 * b).backward()
                optimiser.step()
            rows.append(row)
    expected = over_initialisations(np.array(rows))
    assert found.rho.mean == pytest.approx(expected.mean, abs=1e-4)
    assert (found.rho.low, found.rho.high) == pytest.approx((expected.low, expected.high), abs=1e-3)
    assert found.pairs[0].rho == found.rho
    assert found.prescription.method == "compare"
    assert found.outside == "other tasks than RUL and health"
    assert "The study says nothing of this: other tasks" in str(found)


def test_groups_are_the_tasks_that_ask_for_the_same() -> None:
    draw = torch.Generator().manual_seed(0)
    data = [torch.randn(64, 6, generator=draw) for _ in range(8)]
    found = grace.diagnose(
        Four,
        data,
        four,
        lambda m: m.body.parameters(),
        inits=5,
        reads=40,
        steps=200,
        optimiser=lambda m: torch.optim.Adam(m.parameters(), lr=3e-3),
        training_steps=50_000,
    )
    assert found.tasks == ("a", "b", "c", "d")
    assert found.groups.members == (("a", "b"), ("c", "d"))
    assert len(found.pairs) == 6
    by_name = {(p.first, p.second): p.rho.mean for p in found.pairs}
    assert by_name["a", "b"] > 0.3 > 0 > by_name["a", "c"]
    assert "{a, b}  {c, d}" in str(found)
    # 5 * (1 look of 4 backward passes, 200 steps of which 40 + 32 are measured), a backward pass counted twice
    paid = 5 * ((1 + 2 * 4) + 200 + 2 * (72 * 4 + 128))
    assert found.cost.share_of_training == pytest.approx(paid / (3 * 50_000))


def test_groups_against_brute_force() -> None:
    """With a block matrix every edge between the blocks' values gives the blocks."""
    rho = np.array([[1, 0.6, 0.1], [0.6, 1, 0.1], [0.1, 0.1, 1]])
    assert Groups.of(rho[None], "xyz", 0.3).members == (("x", "y"), ("z",))
    assert Groups.of(rho[None], "xyz", 0.0).members == (("x", "y", "z"),)
    assert Groups.of(rho[None], "xyz", 0.7).members == (("x",), ("y",), ("z",))
    other = rho[[0, 2, 1]][:, [0, 2, 1]]
    assert Groups.of(np.array([rho, rho, rho, other]), "xyz", 0.3).agreement == 0.75


def test_the_report_in_a_notebook_as_json_and_as_text() -> None:
    found = grace.diagnose(Foreign, [batch()], losses, shared, **FAST, tasks=("wear", "<b>state</b>"), name="pumps")
    values = json.loads(json.dumps(found.to_json()))
    assert values["tasks"] == ["wear", "<b>state</b>"]
    assert values["near_failure_share"] is None
    text, page = str(found), found._repr_html_()
    assert "pumps: does <b>state</b> help wear?" in text
    assert f"{found.rho.mean:+.3f}" in text
    assert f"{found.rho.mean:+.3f}" in page
    assert "&lt;b&gt;state&lt;/b&gt;" in page
    assert "<b>state" not in page
    assert "http" not in page


def test_a_loader_and_the_random_state() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    loader = DataLoader(TensorDataset(*batch(40)), batch_size=8, shuffle=True)
    first = grace.diagnose(Foreign, loader, losses, shared, **FAST)
    assert torch.equal(torch.get_rng_state(), before)
    again = grace.diagnose(Foreign, loader, losses, shared, **FAST)
    assert first.rho == again.rho


def test_an_rul_of_ones_own_gets_the_studys_method() -> None:
    found = grace.diagnose(Foreign, [batch()], losses, shared, **FAST, near_failure_share=0.2, conditions=1)
    assert found.prescription.method == "compare"
    bands = grace.diagnose(Foreign, [batch()], losses, shared, **FAST, thresholds=grace.Thresholds())
    assert bands.prescription.method in {"single-task", "baseline", "gaba", "separate-models"}


class Own:
    """A problem of a user's own: what a module, its batches, losses and shared parameters are, by themselves."""

    data = tuple(batch(seed=seed) for seed in range(3))

    def model(self) -> Foreign:
        return Foreign()

    def shared(self, model: Foreign) -> list[nn.Parameter]:
        return model.shared()

    def batches(self, seed: int) -> Iterator[Any]:
        return cycle(self.data)

    def losses(self, model: Foreign, data: Any) -> list[Tensor]:
        return losses(model, data)


def test_any_problem_is_diagnosed_as_its_parts_are() -> None:
    found = grace.diagnose(Own(), **FAST, name="own", tasks=("a", "b"))
    parts = grace.diagnose(Foreign, Own.data, losses, shared, **FAST, name="own", tasks=("a", "b"))
    assert found.to_json() | {"cost": None} == parts.to_json() | {"cost": None}


def test_a_fleet_is_read_as_a_fleet_problem_reads_it() -> None:
    fleet, _ = grace.simulate(grace.Simulation(engines=6))
    problem = grace.FleetProblem(fleet, size="tiny", batch_size=32)
    quick = {"inits": 2, "reads": 3, "steps": 6}
    found = grace.diagnose(problem, **quick)
    assert found.dataset == fleet.name
    assert found.tasks == ("rul", "health")
    assert found.near_failure_share == problem.prepared.near_failure_share
    assert found.recipe.weights == (1.0, 0.1)
    assert found.conventions["rul_head_unit"] == "cap"
    passes = found.cost.forwards + 2 * found.cost.backwards
    assert found.cost.share_of_training == pytest.approx(passes / (3 * 500 * len(problem.windows) / 32))
    assert grace.diagnose(problem, inits=2, reads=3, recipe="init").conventions["rul_head_unit"] == "cycles"
    default = grace.diagnose(fleet, **quick)
    named = grace.diagnose(grace.FleetProblem(fleet, grace.Conventions(window=60), size="statistics"), **quick)
    assert default.to_json() | {"cost": None} == named.to_json() | {"cost": None}


@pytest.mark.system
@pytest.mark.parametrize(
    ("size", "window", "elsewhere"),
    [("statistics", 60, True), ("tiny", 30, True), ("compact", 60, True), ("compact", 30, False), ("tiny", 20, False)],
)
def test_where_the_edge_was_measured_on_other_networks_every_verdict_says_so(
    size: str, window: int, elsewhere: bool
) -> None:
    fleet, _ = grace.simulate(grace.Simulation(engines=6))
    problem = grace.FleetProblem(fleet, grace.Conventions(window=window), size=size, batch_size=32)
    found = grace.diagnose(problem, inits=2, reads=3)  # the recipe's own steps: nothing else is other than in the study
    words = (
        "The study and its edge, +0.18, were measured on other networks (compact on windows of 30 or tiny on windows of 20); "
        f"for {size} on windows of {window} the edge is 0."
    )
    study: Any = found.to_json()["study"]
    assert (words in " ".join(str(found).replace("│", " ").split())) == elsewhere
    assert study["elsewhere"] == found.elsewhere == (words if elsewhere else "")
    assert (study["covers_this"], study["outside"]) == (not elsewhere, "")
    assert "rho did not predict benefit" in str(found)
    rho = found.rho
    assert found.thresholds.edges() == ((0.0,) if elsewhere else (STUDY.weak,))
    assert (found.reading == "undecided") == (rho.low <= found.thresholds.weak <= rho.high)
    named = grace.diagnose(problem, inits=2, reads=3, thresholds=grace.Thresholds(strong=0.3))
    assert named.thresholds.strong == 0.3  # a rule that was asked for stays


def one(model: Foreign, data: Any) -> list[Tensor]:
    return losses(model, data)[:1]


def absent(model: Foreign, data: Any) -> list[Any]:
    return [losses(model, data)[0], None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses": one}, "two losses or more. Found 1"),
        ({"losses": absent}, "every task's labels in every batch. Found none for task 1"),
        ({"shared": [1]}, "`shared` should be a function. Found a list"),
        ({"problem": lambda: 3}, "`problem` should return a torch.nn.Module. Found a int"),
        ({"problem": Foreign()}, "`problem` should be a function. Found a Foreign"),
        ({"problem": 3}, "`problem` should be a function. Found a int"),
        ({"problem": Own()}, "`batches` should be left out beside a fleet or a Problem"),
        ({"losses": None}, "`losses` should be given beside a function that makes a network"),
        ({"reads": 100}, "`reads` .* should be at most the recipe's 60 joint steps. Found 100"),
        ({"batches": iter([])}, "give batches in every pass"),
        ({"batches": iter([batch()])}, "used up after one pass"),
        ({"weights": (1.0,)}, "`weights` should hold 2 numbers"),
        ({"tasks": ("a",)}, "`tasks` should name each of 2 losses"),
        ({"inits": 0}, "`inits` and `reads` .* should be at least 1"),
        ({"shared": lambda m: []}, "at least one parameter with requires_grad=True"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"problem": Foreign, "batches": [batch()], "losses": losses, "shared": shared}
    with pytest.raises(grace.GraceError, match=message):
        grace.diagnose(**(arguments | FAST | change))


def methods() -> dict[str, Callable[[], Any]]:
    return {"alone": lambda: grace.Fixed(2, (1.0, 0.0)), "both": lambda: grace.GABA(2), "dwa": lambda: grace.DWA(2)}


def test_comparing_is_paired_training_by_hand() -> None:
    data = [batch(seed=seed) for seed in range(3)]
    held = batch(64, seed=99)

    def evaluate(model: Foreign) -> float:
        return losses(model, held)[0].item()

    found = grace.compare(Foreign, data, losses, shared, evaluate, methods(), steps=20, seeds=3)
    for seed in range(3):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = Foreign()
            optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
            for step in range(20):
                optimiser.zero_grad()
                losses(model, data[step % 3])[0].backward()
                optimiser.step()
            assert found.values["alone"][seed] == pytest.approx(evaluate(model.eval()), rel=1e-3)
    gap = np.array(found.values["both"]) - np.array(found.values["alone"])
    assert found.differences["both"].mean == pytest.approx(gap.mean())
    assert found.verdict("both") in str(found)
    report = grace.diagnose(Foreign, data, losses, shared, **FAST)
    helped = Comparison.of({"alone": (3.0, 3.1, 2.9), "both": (2.0, 2.1, 1.9)})
    assert helped.against(report).endswith(f"{report.reading}. Training: both helps.")
    report = grace.diagnose(Foreign, data, losses, shared, **FAST, thresholds=SOURCE)
    alone = report.prescription.method in ("single-task", "separate-models")
    assert (": not borne out" if alone else ": borne out") in helped.against(report)
    assert "both helps" in helped.against(report)
    hurt = Comparison.of({"alone": (2.0, 2.1, 1.9), "both": (3.0, 3.2, 2.9)})
    assert (": borne out" if alone else ": not borne out") in hurt.against(report)
    with pytest.raises(grace.GraceError, match="at least 2"):
        grace.compare(Foreign, data, losses, shared, evaluate, {"alone": grace.Fixed}, steps=1)
