from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from grace.core.gradient_utils import compute_gradient_cosine
from grace.demos import cosine
from grace.demos.cosine import LABELS, Training
from grace.errors import GraceError


@pytest.fixture(scope="module")
def training() -> Training:
    return cosine.train()


def module(parameters: list[torch.Tensor], replica: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    layers = nn.Linear(8, 16), nn.Linear(16, 1), nn.Linear(16, 3)
    with torch.no_grad():
        for layer, weight, bias in zip(layers, parameters[::2], parameters[1::2], strict=True):
            layer.weight.copy_(weight[replica].T)
            layer.bias.copy_(bias[replica, 0])
    return nn.Sequential(layers[0], nn.ReLU()), layers[1], layers[2]


def test_replicas_equal_one_network_at_a_time() -> None:
    generator = torch.Generator().manual_seed(4)
    parameters = cosine._initialise(5, generator)
    x = torch.randn(5, 64, 8, generator=generator)
    rul = 125 * torch.rand(5, 64, generator=generator)
    rho = cosine._measure(parameters, x, rul, cosine._health(rul))
    for replica in range(5):
        backbone, rul_head, health_head = module(parameters, replica)
        hidden = backbone(x[replica])
        losses = (
            mse_loss(rul_head(hidden)[:, 0], rul[replica]),
            cross_entropy(health_head(hidden), cosine._health(rul)[replica]),
        )
        one = compute_gradient_cosine(*losses, backbone.parameters())
        assert float(rho[replica]) == pytest.approx(one, abs=1e-5)


def test_layers_start_as_torch_starts_them() -> None:
    ours = cosine._initialise(4000, torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    theirs = [p for layer in (nn.Linear(8, 16), nn.Linear(16, 1), nn.Linear(16, 3)) for p in layer.parameters()]
    for a, b in zip(ours, theirs, strict=True):
        assert a[0].numel() == b.numel()
        bound = 8**-0.5 if a.shape[-1] == 16 else 16**-0.5
        assert float(a.abs().max()) <= bound
        assert float(a.std()) == pytest.approx(bound / 3**0.5, rel=0.02)
        assert float(b.detach().abs().max()) <= bound


def test_at_initialisation_both_cosines_are_centred_on_0() -> None:
    # measured before on 200 initialisations: aligned 0.00, SD 0.14; anti 0.00, SD 0.09; positive 52 % and 53 %
    result = cosine.run()
    assert result.aligned.mean == pytest.approx(0.00, abs=0.03)  # standard error 0.14 / sqrt(200) = 0.01
    assert result.anti.mean == pytest.approx(0.00, abs=0.02)
    assert result.aligned.sd == pytest.approx(0.14, abs=0.03)
    assert result.anti.sd == pytest.approx(0.09, abs=0.015)
    assert result.aligned.positive == pytest.approx(0.52, abs=0.1)  # standard error 0.035
    assert result.anti.positive == pytest.approx(0.53, abs=0.1)


def test_at_initialisation_pinned_values() -> None:
    result = cosine.run()
    aligned, anti = result.aligned, result.anti
    assert [aligned.mean, aligned.sd, aligned.positive] == pytest.approx([0.0117, 0.1554, 0.575], abs=1e-3)
    assert [anti.mean, anti.sd, anti.positive] == pytest.approx([0.0087, 0.0828, 0.560], abs=1e-3)


def test_the_claim_stands_beside_and_is_not_met() -> None:
    assert cosine.CLAIMED == {"aligned": 0.32, "anti": -0.04}
    assert cosine.run().aligned.mean < 0.1


def test_trained_labels_help_or_harm_as_they_should(training: Training) -> None:
    assert tuple(t.labels for t in training.trained) == LABELS
    means = {t.labels: t.difference.mean() for t in training.trained}
    errors = {t.labels: t.difference.std(ddof=1) / len(t.difference) ** 0.5 for t in training.trained}
    assert means["aligned"] + 2 * errors["aligned"] < 0
    assert means["random"] - 2 * errors["random"] > 0
    assert means["competing"] - 2 * errors["competing"] > 0


def test_after_the_first_bin_rho_tells_aligned_labels_from_the_others(training: Training) -> None:
    aligned, random, competing = training.trained
    assert aligned.rho_mean[0] < 2 * aligned.rho_sd[0]  # the first 50 steps say nothing
    assert (aligned.rho_mean[1:] > 2 * aligned.rho_sd[1:]).all()
    assert (np.abs(random.rho_mean) < 0.08).all()
    assert (np.abs(competing.rho_mean) < 0.08).all()


def test_trained_pinned_values(training: Training) -> None:
    assert training.bin_ends.tolist() == [50, 100, 150, 200, 250, 300, 350, 400]
    assert training.alone.mean() == pytest.approx(13.61, abs=0.3)
    measured = [t.difference.mean() for t in training.trained]
    assert measured == pytest.approx([-0.85, 4.27, 5.72], abs=0.4)
    assert [t.rho_mean[-1] for t in training.trained] == pytest.approx([0.14, -0.03, -0.03], abs=0.03)


def test_training_is_repeatable() -> None:
    a, b = (cosine.train(initialisations=3, steps=16, seed=2) for _ in range(2))
    assert np.array_equal(a.alone, b.alone)
    for one, other in zip(a.trained, b.trained, strict=True):
        assert np.array_equal(one.difference, other.difference)
        assert np.array_equal(one.rho_mean, other.rho_mean)


def test_toy_rul_is_about_uniform_and_hidden_in_two_readings() -> None:
    x, rul = cosine._toy(1, 20_000, torch.Generator().manual_seed(0))
    assert float(rul.mean()) == pytest.approx(62.5, abs=3)
    assert float(rul.std()) == pytest.approx(125 / 12**0.5, abs=3)
    linear = torch.corrcoef(torch.cat([x[0].T, rul]))[-1, :-1].abs()
    bent = torch.corrcoef(torch.cat([x[0].abs().T, rul]))[-1, :-1].abs()
    assert float(linear.max()) < 0.03
    assert [i for i, r in enumerate(bent.tolist()) if r > 0.3] == [0, 1]


def test_competing_labels_say_nothing_of_rul() -> None:
    x, rul = cosine._toy(1, 20_000, torch.Generator().manual_seed(0))
    labels = cosine._competing(x)[0]
    assert (torch.bincount(labels) / len(labels)).tolist() == pytest.approx([0.25, 0.5, 0.25], abs=0.02)
    for k in range(3):
        assert float(rul[0][labels == k].mean()) == pytest.approx(float(rul.mean()), abs=2)


def test_forward_shapes() -> None:
    parameters = cosine._initialise(3, torch.Generator().manual_seed(0))
    rul, logits = cosine._forward(parameters, torch.zeros(3, 7, 8))
    assert rul.shape == (3, 7)
    assert logits.shape == (3, 7, 3)


@pytest.mark.parametrize("arguments", [{"initialisations": 1}, {"steps": 30}, {"steps": 0}, {"bins": 0}])
def test_training_refuses_what_it_cannot_report(arguments: dict[str, int]) -> None:
    with pytest.raises(GraceError, match="should be"):
        cosine.train(**arguments)


@pytest.mark.parametrize("arguments", [{"initialisations": 1}, {"batches": 0}])
def test_measuring_refuses_what_it_cannot_report(arguments: dict[str, int]) -> None:
    with pytest.raises(GraceError, match="should be"):
        cosine.run(**arguments)
