"""TorchJD's weightings as an outer axis and our controllers as its weightings: the same numbers as calling it directly."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torchjd import aggregation, scalarization
from torchjd.autojac import jac_to_grad, mtl_backward

import grace
from grace.controllers.gaba import GABA
from grace.controllers.methods import build_outer
from grace.controllers.torchjd import TorchJDScalarizer, TorchJDWeighting, as_torchjd
from tests.controllers.test_contract import drive, stream
from tests.loop.foreign import Foreign, batch, losses

PLAIN = {"UPGrad": {}, "MGDA": {}, "AlignedMTL": {}, "DualProj": {}, "IMTLG": {}, "PCD": {}, "GradVac": {}}


@pytest.mark.parametrize("name", PLAIN)
def test_the_weights_are_torchjds(name: str) -> None:
    facts = stream(6, 3)
    torch.manual_seed(0)
    direct = getattr(aggregation, name)().gramian_weighting
    expected = [direct(gram) for _, gram in facts]
    torch.manual_seed(0)
    for found, wanted in zip(drive(TorchJDWeighting(3, name), facts), expected, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of vmap in TorchJD's own pass
@pytest.mark.parametrize("name", ["UPGrad", "MGDA", "AlignedMTL"])
def test_a_step_of_the_loop_is_torchjds_own_step(name: str) -> None:
    """Shared gradient: TorchJD's aggregation of the task gradients; oracle: its own mtl_backward."""
    torch.manual_seed(0)
    model = Foreign()
    other = copy.deepcopy(model)
    step = grace.backward(losses(model, batch()), model.shared(), TorchJDWeighting(2, name))
    x, y, label = batch()
    features = other.mix(other.trunk(x)[0][:, -1]).tanh()
    both = [
        (other.heads[0](features)[:, 0] - y).square().mean(),
        torch.nn.functional.cross_entropy(other.heads[1](features), label),
    ]
    mtl_backward(
        both,
        features=features,
        tasks_params=[list(head.parameters()) for head in other.heads],
        shared_params=other.shared(),
    )
    jac_to_grad(other.shared(), getattr(aggregation, name)())
    for a, b in zip(model.shared(), other.shared(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)
    for weight, a, b in zip(step.weights, model.heads, other.heads, strict=True):
        torch.testing.assert_close(a.weight.grad, weight * b.weight.grad)  # TorchJD leaves the heads unweighted


def test_our_controller_inside_torchjd() -> None:
    ours, theirs = GABA(3, warmup=2), as_torchjd(GABA(3, warmup=2))
    jacobian = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    aggregate = aggregation.GramianWeightedAggregator(theirs)
    for step in range(5):
        weights = ours(torch.zeros(3), jacobian @ jacobian.mT, step, 0)
        torch.testing.assert_close(aggregate(jacobian), weights @ jacobian)
    assert theirs.state_dict().keys() == {f"controller.{name}" for name in ours.state_dict()}


def test_between_measurements_the_last_weights_hold() -> None:
    (losses_, gram), *_ = stream(1, 2)
    outer = TorchJDWeighting(2, "MGDA")
    assert outer(losses_, None, 0, 0).tolist() == [0.5, 0.5]
    first = outer(losses_, gram, 1, 0)
    assert torch.equal(outer(losses_, None, 2, 0), first)


def test_replicas_have_their_own() -> None:
    facts = stream(4, 2, (3,))
    together = drive(TorchJDWeighting(2, "GradVac", replicas=(3,)), facts)
    for i in range(3):
        alone = drive(TorchJDWeighting(2, "GradVac"), [(a[i], b[i]) for a, b in facts])
        for a, b in zip(alone, together, strict=True):
            torch.testing.assert_close(a, b[i])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("torchjd:Nothing", {}, r"torchjd: and one of .*UPGrad.*Found torchjd:Nothing"),
        ("torchjd:GradDrop", {}, "Found torchjd:GradDrop"),  # it needs the gradients themselves
        ("torchjd:MGDA", {"floor": 0}, "An option of torchjd:MGDA should be one of epsilon, max_iters. Found 'floor'"),
        ("torchjd:Krum", {}, "should have valid options"),
        ("nothing", {}, "torchjd:NAME or package.module:Class. Found 'nothing'"),
    ],
)
def test_bad_names_are_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(grace.GraceError, match=message):
        build_outer(name, 2, **options)


def test_a_controller_that_reads_losses_is_no_weighting() -> None:
    with pytest.raises(grace.GraceError, match="Found DWA, which reads the losses"):
        as_torchjd(build_outer("dwa", 2))


def test_a_spec_measures_in_every_step() -> None:
    assert grace.run_spec("FD001", outer="torchjd:UPGrad").measure_every == 1
    assert grace.run_spec("FD001", "grace").measure_every == 10
    assert grace.run_spec("FD001", outer="torchjd:UPGrad", measure_every=4).measure_every == 4


@pytest.mark.parametrize("name", ["GradVac", "PCD"])
def test_a_stateful_weighting_goes_on_where_it_was_saved(name: str) -> None:
    facts = stream(8, 3)
    torch.manual_seed(0)
    expected = drive(TorchJDWeighting(3, name), facts)
    torch.manual_seed(0)
    first = TorchJDWeighting(3, name)
    found = drive(first, facts[:4])
    second = TorchJDWeighting(3, name)
    second.load_state_dict(first.state_dict())
    found += drive(second, facts[4:], first=4)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    TorchJDWeighting(3, name).load_state_dict(TorchJDWeighting(3, name).state_dict())  # before the first call


def test_nash_mtl_of_the_gramian_is_that_of_the_gradients() -> None:
    pytest.importorskip("cvxpy")
    rows = [torch.randn(3, 7, generator=torch.Generator().manual_seed(n)) for n in range(4)]
    direct = aggregation.NashMTL(3).weighting
    expected = [direct(matrix) for matrix in rows]
    facts = [(torch.ones(3), matrix @ matrix.mT) for matrix in rows]
    first = TorchJDWeighting(3, "NashMTL")
    found = drive(first, facts[:2])
    second = TorchJDWeighting(3, "NashMTL")
    second.load_state_dict(first.state_dict())
    found += drive(second, facts[2:], first=2)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)  # the solver stops at that


OPTIONS: dict[str, dict[str, Any]] = {
    "FAMO": {},
    "IMTLL": {},
    "UW": {},
    "STCH": {"mu": 0.5},
    "GeometricMean": {},
    "PBI": {"theta": 5, "weights": (0.5, 0.5)},
    "COSMOS": {"lambda_": 1, "weights": (0.5, 0.5)},
    "Constant": {"weights": (0.3, 0.7)},
    "Mean": {},
    "Sum": {},
    "Random": {},
}


def test_every_scalarizer_is_tested() -> None:
    assert sorted(OPTIONS) == TorchJDScalarizer.names()


@pytest.mark.parametrize("name", OPTIONS)
def test_a_scalarizer_trains_what_torchjds_own_loop_trains(name: str) -> None:
    """Oracle: ``scalarizer(losses).backward()``; parameters of its own and FAMO's update included."""
    models = [Foreign() for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    outer = build_outer(f"torchjd:{name}", 2, **OPTIONS[name])
    given = {key: torch.tensor(v) if isinstance(v, tuple) else v for key, v in OPTIONS[name].items()}
    kind = getattr(scalarization, name)
    scalarizer = kind(2, **given) if name in ("FAMO", "IMTLL", "UW") else kind(**given)
    learned = [] if name == "FAMO" else [list(outer.parameters()), list(scalarizer.parameters())]
    ours, theirs = (
        torch.optim.SGD([*model.parameters(), *(learned[n] if learned else ())], lr=0.02)
        for n, model in enumerate(models)
    )
    for step in range(5):
        data = batch(seed=step)
        torch.manual_seed(step)
        ours.zero_grad()
        grace.backward(losses(models[0], data), models[0].shared(), outer)
        ours.step()
        torch.manual_seed(step)
        theirs.zero_grad()
        scalarizer(torch.stack(losses(models[1], data))).backward()
        theirs.step()
        if name == "FAMO":
            with torch.no_grad():
                outer.update(torch.stack(losses(models[0], data)))
                scalarizer.update(torch.stack(losses(models[1], data)))
            saved, outer = outer.state_dict(), build_outer("torchjd:FAMO", 2)
            outer.load_state_dict(saved)  # and it goes on
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    for a, b in zip(outer.parameters(), scalarizer.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_famo_that_is_never_updated_is_told() -> None:
    outer = build_outer("torchjd:FAMO", 2)
    with pytest.raises(grace.GraceError, match=r"should be told what each step did.*Call outer\.update"):
        drive_plain(outer, 60)


def drive_plain(outer: Any, steps: int) -> None:
    for step in range(steps):
        outer(torch.tensor([1.0, 2.0]), None, step, 0)


def test_scalarizers_have_replicas() -> None:
    facts = stream(4, 2, (3,))
    for name in ("IMTLL", "STCH"):
        together = drive(build_outer(f"torchjd:{name}", 2, replicas=(3,), **OPTIONS[name]), facts)
        for i in range(3):
            alone = drive(build_outer(f"torchjd:{name}", 2, **OPTIONS[name]), [(a[i], b[i]) for a, b in facts])
            for a, b in zip(alone, together, strict=True):
                torch.testing.assert_close(a, b[i])


def test_a_user_class_that_reads_the_gramian_alone_is_a_weighting() -> None:
    class Norms(grace.Controller):
        needs_losses, needs_gramian = False, True

        def forward(self, losses: Any, gramian: Any, step: int, epoch: int) -> Any:
            return gramian.diagonal().rsqrt()

    gram = torch.diag(torch.tensor([4.0, 1.0]))
    assert as_torchjd(Norms(2))(gram).tolist() == [0.5, 1.0]
