"""TorchJD's weightings as an outer axis and our controllers as its weightings: the same numbers as calling it directly."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torchjd import aggregation
from torchjd.autojac import jac_to_grad, mtl_backward

import grace
from grace.controllers.gaba import GABA
from grace.controllers.methods import build_outer
from grace.controllers.torchjd_weighting import TorchJDWeighting, as_torchjd
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
