"""What every controller has to keep: the contract of the outer axis."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grace.controllers.controller import Controller
from grace.controllers.methods import METHODS, OUTER, build_outer
from grace.errors import GraceError


def stream(steps: int, tasks: int, replicas: tuple[int, ...] = (), seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Losses ``[..., K]`` and Gramians ``[..., K, K]`` of random gradients in 5 dimensions."""
    g = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(steps):
        rows = torch.randn(*replicas, tasks, 5, generator=g)
        made.append((torch.rand(*replicas, tasks, generator=g) + 0.1, rows @ rows.mT))
    return made


def drive(
    controller: Controller, facts: list[tuple[Tensor, Tensor]], first: int = 0, per_epoch: int = 4
) -> list[Tensor]:
    """Weights of every step, with the parameters stepped as a training would."""
    learned = list(controller.parameters())
    optimiser = torch.optim.SGD(learned, lr=0.05) if learned else None
    weights = []
    for step, (losses, gram) in enumerate(facts, start=first):
        measured = gram if controller.needs_gramian else None
        weights.append(controller(losses, measured, step, step // per_epoch).clone())
        if optimiser is not None:
            optimiser.zero_grad()
            controller.own_loss(losses, measured).sum().backward()  # type: ignore[union-attr]
            optimiser.step()
    return weights


@pytest.mark.parametrize("name", OUTER)
@pytest.mark.parametrize("tasks", [2, 4])
def test_weights_are_finite_detached_and_not_negative(name: str, tasks: int) -> None:
    for weights in drive(build_outer(name, tasks), stream(20, tasks)):
        assert weights.shape == (tasks,)
        assert not weights.requires_grad
        assert bool(torch.isfinite(weights).all())
        assert bool((weights >= 0).all())
        assert float(weights.sum()) > 0


@pytest.mark.parametrize("name", OUTER)
def test_replicas_do_not_mix(name: str) -> None:
    facts = stream(12, 3, (2, 4))
    together = drive(build_outer(name, 3, replicas=(2, 4)), facts)
    for i, j in ((0, 0), (1, 3)):
        alone = drive(build_outer(name, 3), [(losses[i, j], gram[i, j]) for losses, gram in facts])
        for a, b in zip(alone, together, strict=True):
            torch.testing.assert_close(a, b[i, j])


@pytest.mark.parametrize("name", OUTER)
def test_all_state_is_in_the_state_dict(name: str) -> None:
    facts = stream(14, 2)
    whole = build_outer(name, 2)
    expected = drive(whole, facts)
    first = build_outer(name, 2)
    drive(first, facts[:6])
    second = build_outer(name, 2)
    second.load_state_dict(first.state_dict())
    rest = drive(second, facts[6:], first=6)
    assert all(torch.equal(a, b) for a, b in zip(rest, expected[6:], strict=True))


@pytest.mark.parametrize("name", OUTER)
def test_final(name: str) -> None:
    assert getattr(OUTER[name], "__final__", False)
    assert OUTER[name].__subclasses__() == []


@pytest.mark.parametrize("name", METHODS)
def test_every_method_builds(name: str) -> None:
    row = METHODS[name]
    assert build_outer(row.outer, **dict(row.options)).tasks == 2


def test_the_four_form_a_grid() -> None:
    grid = {(METHODS[name].outer, METHODS[name].inner) for name in ("baseline", "amnl", "gaba", "grace")}
    assert grid == {("fixed", "mse"), ("fixed", "weighted_mse"), ("gaba", "mse"), ("gaba", "weighted_mse")}


@pytest.mark.parametrize(
    ("name", "options", "found"),
    [
        ("nothing", {}, "'nothing'"),
        ("gaba", {"floor": 0.5}, "floor = 0.5` with K = 2"),
        ("gaba", {"beta": 1.0}, "beta = 1.0"),
        ("gaba", {"warmup": -1}, "warmup = -1"),
        ("gaba", {"temperature": 1}, "'temperature'"),
        ("dwa", {"temperature": 0.0}, "temperature = 0.0"),
        ("gradnorm", {"alpha": -1.0}, "alpha = -1.0"),
        ("fixed", {"weights": (1.0,)}, "(1.0,)"),
        ("fixed", {"weights": (0.0, 0.0)}, "(0.0, 0.0)"),
        ("fixed", {"weights": (-1.0, 2.0)}, "(-1.0, 2.0)"),
        ("uncertainty", {"kinds": ("regression",)}, "('regression',)"),
    ],
)
def test_refusals_name_what_was_found(name: str, options: dict[str, object], found: str) -> None:
    with pytest.raises(GraceError) as error:
        build_outer(name, **options)
    assert f"Found {found}" in str(error.value) or f"Found `{found}" in str(error.value)
