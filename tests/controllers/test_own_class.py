"""A controller of a user's own, by its import path: in a loop, a training and a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import grace
from grace.bench.sweep import grid
from grace.controllers.methods import Method, build_outer

MODULE = '''
import torch

import grace


class Halving(grace.Controller):
    """Weights 1, 1/2, 1/4, ... in the order of the tasks."""

    needs_losses = False
    needs_gramian = True
    measure_every = 7

    def __init__(self, tasks, factor=0.5, replicas=()):
        super().__init__(tasks, replicas)
        self.factor = factor

    def forward(self, losses, gramian, step, epoch):
        return (self.factor ** torch.arange(self.tasks)).expand(self.shape).clone()


class Bare(grace.Controller):
    def __init__(self, tasks):
        super().__init__(tasks)

    def forward(self, losses, gramian, step, epoch):
        return losses


nothing = 3
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "halving_of_a_user.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_built_with_its_options_and_its_pace_is_believed(folder: Path) -> None:
    outer = build_outer("halving_of_a_user:Halving", 3, factor=0.1)
    assert isinstance(outer, grace.Controller)
    assert outer(torch.ones(3), None, 0, 0).tolist() == pytest.approx([1, 0.1, 0.01])
    assert grace.run_spec("FD001", outer="halving_of_a_user:Halving").measure_every == 7


def test_a_pair_is_a_method_of_a_sweep(folder: Path) -> None:
    specs = grid(["FD001"], ["gaba", "halving_of_a_user:Halving+weighted_mse", "torchjd:UPGrad+mse"], [1])
    assert [(spec.outer, spec.inner, spec.measure_every) for spec in specs] == [
        ("gaba", "mse", 10),
        ("halving_of_a_user:Halving", "weighted_mse", 7),
        ("torchjd:UPGrad", "mse", 1),
    ]
    assert Method.named("fixed+weighted_mse").outer == "fixed"


def test_a_training_and_its_record(folder: Path) -> None:
    from grace.training.schedule import Schedule

    train, test = grace.simulate(grace.Simulation(engines=12, test_engines=4))
    spec = grace.run_spec(
        "simulated",
        outer="halving_of_a_user:Halving",
        size="tiny",
        schedule=Schedule.named("tiny"),
        options={"factor": 0.25},
    )
    record = grace.train(spec, train, test).record
    assert record.history[0]["weights"] == pytest.approx([1.0, 0.25])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("no_such_module_here:Halving", {}, r"should be importable. Found: No module named 'no_such_module_here'"),
        ("halving_of_a_user:Missing", {}, r"a class that extends grace\.Controller. Found None"),
        ("halving_of_a_user:nothing", {}, r"a class that extends grace\.Controller. Found 3"),
        ("halving_of_a_user:Bare", {}, "should take `tasks` and `replicas`. Found tasks"),
        ("halving_of_a_user:Halving", {"power": 1}, "one of factor. Found 'power'"),
        ("torch.nn:Linear", {}, r"a class that extends grace\.Controller"),
    ],
)
def test_what_does_not_work_is_named(folder: Path, name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(grace.GraceError, match=message):
        build_outer(name, 2, **options)


def test_an_unknown_method_names_the_pairs() -> None:
    with pytest.raises(grace.GraceError, match=r"or OUTER\+INNER. Found 'nothing'"):
        Method.named("nothing")
    with pytest.raises(grace.GraceError, match="Found 'nothing'"):
        grace.run_spec("FD001", "gaba+nothing")
