"""``grace.diagnose`` of RUL with several tasks and the bound: every recipe, pairs, ratio, and gradients that are zero."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

import grace
from grace.alignment.groups import Groups
from grace.alignment.measures import CurvePoint, Pair, Ratio, Trace
from grace.alignment.probe import MAX_REDRAWS, initialised_model, probe
from grace.alignment.problem import FleetProblem
from grace.alignment.recipes import RECIPES
from grace.core.stats import over_initialisations
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.tasks import HEALTH, Task
from studies.cuts import suspended
from tests.command import grace as command
from tests.command import refused

SOH = Task("soh", kind="regression")
STAGE = Task("stage", kind="class", classes=("a", "b"))
WEAR = Task("wear", kind="ordinal", classes=("0", "1", "2"))
SETS = {3: (SOH,), 4: (SOH, HEALTH), 5: (SOH, STAGE, WEAR)}
"""Tasks beside RUL and the bound, by the number of all."""


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Six engines that failed and ten that were suspended, inspected now and then."""
    cut = suspended(replace(grace.simulate(grace.Simulation(engines=16))[0], labels={}), 6, 1)
    draw, rul = np.random.default_rng(0), cut.rul()
    found = {"soh": rul / 125, "stage": (rul < 60) + 0.0, "wear": (rul < 80) + (rul < 40) + 0.0}
    return replace(
        cut, labels={name: np.where(draw.random(len(rul)) < 0.4, label, np.nan) for name, label in found.items()}
    )


def problem_of(fleet: Fleet, count: int, size: str = "statistics") -> FleetProblem:
    conventions = Conventions(window=30, tasks=SETS[count])
    return FleetProblem(fleet, conventions, size=size, batch_size=32, suspended="bound")


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("count", SETS)
def test_every_recipe_with_any_number_of_tasks(fleet: Fleet, count: int, recipe: str) -> None:
    problem, steps = problem_of(fleet, count), {} if RECIPES[recipe].warm == "none" else {"steps": 12}
    found = grace.diagnose(problem, recipe=recipe, inits=3, reads=4, **steps)  # type: ignore[arg-type]
    names = ("rul", *(task.name for task in SETS[count]), "bound")
    assert found.tasks == names == problem.tasks
    assert [(p.first, p.second) for p in found.pairs] == list(combinations(names, 2))
    assert sorted(name for group in found.groups.members for name in group) == sorted(names)
    weights = (1.0, 0.1) if recipe == "joint" else (1.0, 1.0)
    assert found.recipe.weights == (weights[0], *[weights[1]] * (count - 1))
    assert found.ratio.median >= 1
    values: Any = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert len(values["pairs"]) == count * (count - 1) / 2
    assert values["conventions"]["suspended"] == "bound"
    assert values["study"]["outside"] == "other tasks than RUL and health"
    assert values["prescription"]["decided"] == (recipe != "published" and not found.prescription.crossed)
    text = " ".join(str(found).split())
    assert f"{', '.join(names[1:-1])} and bound help RUL?" in text
    assert "rho of every two tasks" in text
    tasks = "".join(f" --task {name}" for name in names[1:-1])
    shown = text.replace("│ │ ", "")
    assert f"grace bench run --datasets simulated{tasks} --suspended bound --methods rul-only,fixed-0.1" in shown


def test_pairs_and_rho_are_those_of_the_traces(fleet: Fleet) -> None:
    """Oracle: the same initialisations one by one, cosines by hand."""
    found = grace.diagnose(problem_of(fleet, 4), inits=3, reads=5, steps=12)
    probed, _ = problem_of(fleet, 4).read_in("cap")
    recipe = replace(RECIPES["joint"], steps=12, weights=(1.0, 0.1, 0.1, 0.1))
    grams = np.array([probe(probed, recipe, 5, seed).gramian[-5:] for seed in range(3)])
    for pair in found.pairs:
        a, b = found.tasks.index(pair.first), found.tasks.index(pair.second)
        with np.errstate(invalid="ignore"):
            rho = grams[..., a, b] / np.sqrt(grams[..., a, a] * grams[..., b, b])
        expected = over_initialisations(rho)
        assert pair.rho.inits == expected.inits
        if expected.inits:
            assert (pair.rho.mean, pair.rho.low) == pytest.approx((expected.mean, expected.low))
    others = grams[..., 0, 1:].sum(-1) / np.sqrt(grams[..., 0, 0] * grams[..., 1:, 1:].sum((-1, -2)))
    assert found.rho.mean == pytest.approx(over_initialisations(others).mean)


def test_what_a_batch_holds_is_said(fleet: Fleet) -> None:
    found = grace.diagnose(problem_of(fleet, 4), inits=1, reads=2, steps=3)
    assert found.conventions["windows_a_batch"] == {"rul": 32, "soh": 8, "health": 32, "bound": 8}
    assert "rul 32, soh 8, health 32, bound 8" in str(found)
    assert "tasks soh (regression), health (class);" in " ".join(str(found).split())
    alone = grace.diagnose(FleetProblem(fleet, Conventions(window=30), batch_size=32), inits=1, reads=2, steps=3)
    assert "windows_a_batch" not in alone.conventions
    assert alone.conventions["suspended"] == "ignore"
    assert "does the health task help RUL?" in str(alone)


def test_names_and_weights_for_each_task(fleet: Fleet) -> None:
    quick: dict[str, Any] = {"inits": 1, "reads": 2, "steps": 3}
    found = grace.diagnose(problem_of(fleet, 3), tasks=("a", "b", "c"), weights=(1, 0.5, 2), **quick)
    assert (found.tasks, found.recipe.weights) == (("a", "b", "c"), (1.0, 0.5, 2.0))
    with pytest.raises(grace.GraceError, match=r"`tasks` should name each of 3 losses. Found 2"):
        grace.diagnose(problem_of(fleet, 3), tasks=("a", "b"), **quick)
    with pytest.raises(grace.GraceError, match="`weights` should hold 3 numbers"):
        grace.diagnose(problem_of(fleet, 3), weights=(1, 0.5), **quick)


def test_the_source_prescribes_for_several_tasks_too(fleet: Fleet) -> None:
    found = grace.diagnose(problem_of(fleet, 5), inits=2, reads=3, recipe="init", thresholds=grace.Thresholds())
    assert found.prescription.answers[0].measured == "5"
    assert found.prescription.method in {"grace", "gaba", "amnl", "baseline", "single-task", "separate-models"}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.heads = nn.Linear(3, 4), nn.ModuleList(nn.Linear(4, 1) for _ in range(3))


@dataclass(frozen=True)
class Hinge:
    """Two squared errors and a bound that holds of most networks: above ``least`` it costs nothing."""

    least: float

    def model(self) -> Net:
        return Net()

    def shared(self, model: Net) -> list[nn.Parameter]:
        return list(model.body.parameters())

    def batches(self, seed: int) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield torch.randn(16, 3, generator=generator)

    def losses(self, model: Net, batch: Tensor) -> Sequence[Tensor]:
        a, b, c = (head(model.body(batch).tanh())[:, 0] for head in model.heads)
        short = (self.least - c).clamp(min=0)
        return (a - batch[:, 0]).square().mean(), (b - batch[:, 1]).square().mean(), short.square().mean()


def test_a_bound_that_holds_is_no_dead_start() -> None:
    torch.manual_seed(0)
    model, redrawn = initialised_model(Hinge(-99.0), 0)
    assert redrawn == 0
    assert initialised_model(Hinge(0.0), 0)[1] == 0
    dead = type(
        "Dead",
        (Hinge,),
        {"losses": lambda self, m, x: [*Hinge.losses(self, m, x)[:2], m.heads[2].bias.square().sum() + 1]},
    )
    with pytest.raises(grace.GraceError, match=f"Found none for some task in {MAX_REDRAWS} initialisations"):
        initialised_model(dead(0.0), 0)
    assert MAX_REDRAWS == 40
    assert model.training


def test_a_task_that_never_has_a_gradient_has_no_rho() -> None:
    found = grace.diagnose(Hinge(-99.0), inits=3, reads=4, steps=10)
    by_name = {(p.first, p.second): p.rho for p in found.pairs}
    assert by_name["task 1", "task 3"].inits == by_name["task 2", "task 3"].inits == 0
    assert by_name["task 1", "task 2"] == found.rho  # the rest is as if it were not there
    assert "undefined" in str(found)
    values: Any = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert values["pairs"][1]["rho"]["mean"] is None
    assert found.ratio.median >= 1
    assert ("task 1", "task 2") in found.groups.members or ("task 3",) in found.groups.members


def trace_of(*rows: list[list[float]], losses: list[list[float]] | None = None) -> Trace:
    """From gradients ``[M, K, 2]``."""
    g = np.array(rows, dtype=float)
    values = np.ones(g.shape[:2]) if losses is None else np.array(losses)
    return Trace(np.zeros(len(g), dtype=np.int64), g @ g.transpose(0, 2, 1), values, 1, 1)


def test_gradients_that_are_zero_are_left_out_of_what_they_are_no_part_of() -> None:
    alive = trace_of([[3, 0], [0, 4], [3, 0]], [[3, 0], [4, 0], [0, 0]])
    dead = trace_of([[1, 0], [1, 0], [0, 0]], [[1, 0], [1, 0], [0, 0]])
    cosines = np.array([alive.cosines(), dead.cosines()])
    pairs = Pair.every(cosines, "abc")
    assert [p.rho.mean for p in pairs] == pytest.approx([0.75, 1.0, 0.0])  # (1/2 + 1) / 2; one measurement each
    assert [p.rho.inits for p in pairs] == [2, 1, 1]
    assert np.isnan(dead.rho((1, 1, 1))).sum() == 0
    assert alive.rho((1, 1, 2)) == pytest.approx([6 / np.hypot(6, 4), 1.0])


def test_groups_take_the_pairs_that_are_known() -> None:
    nan = np.nan
    known = np.array([[1, 0.2, 0.8], [0.2, 1, 0.2], [0.8, 0.2, 1]])
    unknown = np.array([[1, 0.2, nan], [0.2, 1, nan], [nan, nan, nan]])
    found = Groups.of(np.array([known, unknown, unknown]), "abc", 0.5)
    assert (found.members, found.agreement) == ((("a", "c"), ("b",)), 1.0)  # 0.8, not a third of it
    assert Groups.of(np.array([unknown] * 2), "abc", 0.1).members == (("a", "b"), ("c",))


def test_the_ratio_is_of_all_tasks_in_the_units_of_the_source() -> None:
    """RUL in units of a cap of 10: its gradient, and that of the bound, is 100 times as large in cycles^2."""
    trace = trace_of([[2, 0], [0, 5], [0, 8], [1, 0]], losses=[[1.0, 5.0, 2.0, 0.5]])
    found = Ratio.of_rul([trace], 1, ("rul", "soh", "stage", "bound"), 10.0, 10.0, "cycles", bound=True)
    assert found.median == pytest.approx(200 / 5)  # of 200, 5, 8 and 100
    assert (found.larger, found.low, found.high) == ("rul", pytest.approx(40), pytest.approx(40))
    assert found.in_cap_units == pytest.approx(8 / 1)  # of 2, 5, 8 and 1
    assert found.unit_free == pytest.approx(4 / 1)  # of 2, 1, 4 and 2
    other = Ratio.of_rul([trace], 1, ("rul", "soh", "stage", "wear"), 10.0, 10.0, "cycles")
    assert other.median == pytest.approx(200 / 1)
    assert other.in_cap_units == pytest.approx(8 / 1)
    two = trace_of([[2, 0], [0, 5]], losses=[[1.0, 5.0]])
    assert Ratio.of_rul([two], 1, ("rul", "health"), 1.0, 10.0, "cycles").larger == "health"
    plain = Ratio.of_any([trace, trace_of([[0, 0], [0, 5], [0, 8], [1, 0]])], 1, "abcd")
    assert (plain.median, plain.larger) == (pytest.approx(8), "c")


def test_a_curve_where_some_initialisation_has_no_rho() -> None:
    gram = np.tile(np.eye(2) + 0.5, (60, 1, 1))
    none = gram.copy()
    none[:, 1] = none[:, :, 1] = 0
    traces = [Trace(np.arange(60), g, np.ones((60, 2)), 1, 1) for g in (gram, gram, none)]
    points, settled = CurvePoint.along(traces)
    assert [p.mean for p in points] == pytest.approx([1 / 3] * 6)
    assert settled
    assert CurvePoint.along(traces[2:])[1] is None


def test_the_command_with_the_bound(tmp_path: Path, fleet: Fleet) -> None:
    owner = fleet.engine_of_row()
    assert fleet.failed is not None
    pl.DataFrame(np.asarray(fleet.values), schema=list(fleet.columns)).with_columns(
        unit=pl.Series(owner),
        cycle=pl.Series(np.arange(len(owner)) - fleet.starts[owner] + 1),
        event=fleet.failed[owner] + 0,
    ).write_csv(tmp_path / "fleet.csv")
    table = ("--table", tmp_path / "fleet.csv", "--engine", "unit", "--time", "cycle", "--event", "event")
    quick = ("--inits", 2, "--batches", 2, "--steps", 4, "--features", "sensor_2,sensor_3,sensor_4,sensor_7")
    done = command("diagnose", *table, *quick, "--suspended", "bound", "--json")
    values = json.loads(done.stdout)
    assert values["tasks"] == ["rul", "health", "bound"]
    assert [(p["first"], p["second"]) for p in values["pairs"]] == [
        ("rul", "health"),
        ("rul", "bound"),
        ("health", "bound"),
    ]
    assert (
        "do health and bound help RUL?"
        in command("diagnose", *table, *quick, "--suspended", "bound", columns=120).stdout
    )
    assert json.loads(command("diagnose", *table, *quick, "--json").stdout)["tasks"] == ["rul", "health"]
    assert "`suspended` should be one of ignore, bound. Found 'hazard'" in refused(
        "diagnose", *table, *quick, "--suspended", "hazard", "--json"
    )
