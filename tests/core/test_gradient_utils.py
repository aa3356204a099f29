"""Gradients on shared parameters: hand arithmetic, TorchJD as an independent oracle, and every way to go wrong."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from grace.core.gradient_utils import (
    compute_gradient_cosine,
    cosines,
    gramian,
    norm_ratio,
    norms,
    task_gradients,
)
from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention


def test_hand_arithmetic() -> None:
    # a = (x - 3)^2 + y^2 at (1, 2): gradient (-4, 4); b = x y: gradient (2, 1); product -4, norms sqrt 32, sqrt 5
    point = nn.Parameter(torch.tensor([1.0, 2.0]))
    a, b = (point[0] - 3) ** 2 + point[1] ** 2, point[0] * point[1]
    gram = gramian(task_gradients([a, b], [point], retain_graph=True))
    assert gram.tolist() == [[32.0, -4.0], [-4.0, 5.0]]
    assert norms(gram).tolist() == pytest.approx([math.sqrt(32), math.sqrt(5)])
    assert norm_ratio(gram).item() == pytest.approx(math.sqrt(32 / 5))
    assert compute_gradient_cosine(a, b, [point]) == pytest.approx(-4 / math.sqrt(160))


def test_the_graph_is_kept_for_training() -> None:
    point = nn.Parameter(torch.tensor([1.0, 2.0]))
    a, b = point.square().sum(), point.sum()
    compute_gradient_cosine(a, b, [point])
    (a + b).backward()
    assert point.grad is not None
    assert point.grad.tolist() == [3.0, 5.0]


def two_losses(seed: int = 0) -> tuple[CNNBiLSTMAttention, list[torch.Tensor]]:
    torch.manual_seed(seed)
    model = CNNBiLSTMAttention("tiny", features=5, rul_start=0.5).eval()
    x, y = torch.randn(12, 9, 5), torch.rand(12)
    predicted, logits = model(x)
    return model, [(predicted - y).square().mean(), nn.functional.cross_entropy(logits, torch.arange(12) % 3)]


def test_gramian_equals_torchjd() -> None:
    from torchjd.autojac import jac

    model, losses = two_losses()
    shared = model.shared_parameters()
    ours = gramian(task_gradients(losses, shared, retain_graph=True))
    theirs = jac(torch.stack(losses), shared, parallel_chunk_size=1, retain_graph=True)
    rows = torch.cat([piece.reshape(2, -1) for piece in theirs], dim=1)
    torch.testing.assert_close(ours, rows @ rows.T)
    expected = nn.functional.cosine_similarity(rows[0], rows[1], dim=0).item()
    assert compute_gradient_cosine(*losses, shared) == pytest.approx(expected, abs=1e-6)


def test_rho_ignores_units_and_the_ratio_does_not() -> None:
    model, (rul, health) = two_losses()
    shared = model.shared_parameters()
    gram = gramian(task_gradients([rul, health], shared, retain_graph=True))
    scaled = gramian(task_gradients([125**2 * rul, health], shared, retain_graph=True))
    assert cosines(scaled)[0, 1].item() == pytest.approx(cosines(gram)[0, 1].item(), abs=1e-5)
    assert norms(scaled)[0].item() == pytest.approx(15_625 * norms(gram)[0].item(), rel=1e-4)


def test_unused_and_frozen_parameters() -> None:
    used, unused, frozen = (nn.Parameter(torch.ones(2)) for _ in range(3))
    frozen.requires_grad_(False)
    loss = used.sum() * frozen.sum()
    assert task_gradients([loss], [used, unused, frozen]).tolist() == [[2.0, 2.0, 0.0, 0.0]]


def test_zero_gradient_has_defined_values() -> None:
    point = nn.Parameter(torch.ones(2))
    flat = (0 * point).sum()
    gram = gramian(task_gradients([flat, point.sum()], [point], retain_graph=True))
    assert cosines(gram).tolist() == [[0.0, 0.0], [0.0, pytest.approx(1.0)]]
    assert norm_ratio(gram).item() == math.inf
    assert math.isnan(norm_ratio(torch.zeros(2, 2)).item())
    assert compute_gradient_cosine(flat, point.sum(), [point]) == 0.0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: ([p.sum() / 0], [p]), "finite"),
        (lambda p: ([p.sum() * float("nan")], [p]), "finite"),
        (lambda p: ([(p - 1).norm()], [p]), None),
        (lambda p: ([(p - 1).square().sum().sqrt()], [p]), "NaN or infinity"),
        (lambda p: ([p], [p]), "scalar"),
        (lambda p: ([torch.tensor(1.0)], [p]), "trainable"),
        (lambda p: ([p.sum()], []), "at least one parameter"),
        (lambda p: ([p.sum()], [torch.ones(2)]), "at least one parameter"),
        (lambda p: ([p.sum()], p), "iterable"),
        (lambda p: ([p.sum()], nn.Linear(1, 1)), "iterable"),
        (lambda p: ([], [p]), "at least one loss"),
    ],
)
def test_bad_input_is_named_in_one_line(spoil, words) -> None:  # type: ignore[no-untyped-def]
    losses, shared = spoil(nn.Parameter(torch.ones(2)))
    if words is None:
        assert torch.isfinite(task_gradients(losses, shared)).all()
        return
    with pytest.raises(GraceError, match=words) as caught:
        task_gradients(losses, shared)
    assert "\n" not in str(caught.value)


@settings(max_examples=40, deadline=None)
@given(tasks=st.integers(1, 6), width=st.integers(1, 20), replicas=st.integers(1, 3), seed=st.integers(0, 999))
def test_properties_for_any_number_of_tasks(tasks: int, width: int, replicas: int, seed: int) -> None:
    rows = torch.randn(replicas, tasks, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    gram = gramian(rows)
    torch.testing.assert_close(gram, gram.mT)
    assert torch.linalg.eigvalsh(gram).min() > -1e-9
    assert cosines(gram).abs().max() <= 1
    torch.testing.assert_close(norms(gram), rows.norm(dim=-1))
    assert (norm_ratio(gram) >= 1).all()
    for r in range(replicas):  # leading dimensions are replicas: one at a time gives the same
        torch.testing.assert_close(cosines(gram)[r], cosines(gramian(rows[r])))
