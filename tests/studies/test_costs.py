"""What predictors cost: passes as they are counted from outside, seconds as they stand in records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from grace.data.tasks import HEALTH
from grace.models.function import Networks
from grace.models.rul_problem import RULProblem
from grace.models.second_tasks import Head
from grace.training.protocol import Split
from studies.advice.cases import Case, Way, World, references
from studies.advice.costs import _passes, costs
from studies.advice.looks import along_joint_steps, label_alone
from studies.advice.outcomes import spec_of
from studies.advice.worlds import Place, cut, whole

NOWHERE = Place(Path("nowhere"), Path("nowhere"))
WORLD, WAY = World("sim8", 8), Way("narrow", "ignore", "wear", 0.1)


@contextmanager
def counted(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every pass through a network, forwards and backwards."""
    passes: list[str] = []

    def watched(home: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(home, name)

        def call(*given: Any, **named: Any) -> Any:
            passes.append(name)
            return original(*given, **named)

        patch.setattr(home, name, call)

    with patch.context():
        for home, name in ((Networks, "emitted"), (torch.autograd, "grad"), (torch.Tensor, "backward")):
            watched(home, name)
        yield passes


def test_passes_of_looks_are_those_that_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = cut(WORLD, 0, NOWHERE)
    assert sides is not None
    training = replace(sides[0], labels={"wear": sides[0].labels["wear"]})
    spec = spec_of(WORLD, WAY, whole("sim8", NOWHERE), 1)
    split = Split.folds(spec, training, None)[0]
    problem = RULProblem(split.train, spec.conventions.cap, spec.size, "cap", "mse", 64, beside=split.beside,
                         heads=Head.every(spec.conventions), every=split.every)  # fmt: skip
    assert HEALTH not in spec.conventions.tasks
    raw = {"init": [{"gramian": [[1.0, 0.0], [0.0, 1.0]]}], "joint": [0], "label": [0]}
    with counted(monkeypatch) as passes:
        along_joint_steps(problem, spec.size, split, (1.0, 0.1), 3)
    assert len(passes) == _passes(raw, "joint")
    with counted(monkeypatch) as passes:
        label_alone(problem, spec, split, 3)
    assert len(passes) == _passes(raw, "label")


def test_a_race_costs_its_case_and_rul_alone() -> None:
    case = Case(WORLD, WAY, user=False)
    rows = {
        way.name: {f"{draw}.{lap}": {"seconds": 1.0 + lap, "rmse": 0.1} for draw in range(2) for lap in range(3)}
        for way in (WAY, *references(WORLD))
    }
    found = costs({WORLD.name: {"rows": rows, "looks": {}}}, [case])
    ways = 1 + len(references(WORLD))
    assert found["race-1"] == found["rule"] == (ways * 1.0, ways * 3 * 400 * 2)
    assert found["race-3"] == (ways * 6.0, 3 * found["race-1"][1])
    assert found["halving"] == (ways * 4.0, 2 * found["race-1"][1])  # half of the cases run one lap, half three
    assert "rho-joint" not in found
    assert "compact" not in found
    windows = Case(WORLD, replace(WAY, size="compact"), user=False)
    rows[windows.way.name] = {f"{draw}.0": {"seconds": 5.0 + draw} for draw in range(3)} | {"3.0": None}
    assert costs({WORLD.name: {"rows": rows, "looks": {}}}, [case, windows])["compact"] == (6.0, 3 * 400 * 2)
    assert "combined" not in found
