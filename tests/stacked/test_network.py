"""The stacked network is the function of R single ones: outputs, gradients and running statistics."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grace.models.cnn_bilstm_attention import SIZES, CNNBiLSTMAttention
from grace.stacked.layout import Layout
from grace.stacked.lstm import lstm
from grace.stacked.network import StackedNetwork

REPLICAS, BATCH, CYCLES, FEATURES = 3, 8, 31, 5


def networks(size: str, **changes: object) -> list[CNNBiLSTMAttention]:
    torch.manual_seed(0)
    widths = replace(SIZES[size], **changes)  # type: ignore[arg-type]
    return [CNNBiLSTMAttention(widths, FEATURES, rul_scale=125.0, rul_start=0.5).double() for _ in range(REPLICAS)]


def stacked(single: list[CNNBiLSTMAttention]) -> tuple[StackedNetwork, dict[str, Tensor], dict[str, Tensor]]:
    network = StackedNetwork(single[0])
    values = network.parameters.pack([dict(one.named_parameters()) for one in single])
    statistics = network.statistics.pack([dict(one.named_buffers()) for one in single]).double()
    return network, network.parameters.leaves(values), network.statistics.views(statistics)


@pytest.mark.parametrize("size", ["tiny", "compact", "paper"])
@pytest.mark.parametrize("training", [True, False])
def test_equals_single_networks(size: str, training: bool) -> None:
    with torch.random.fork_rng():
        single = networks(size, dropout=0.0)
        network, p, statistics = stacked(single)
        x = torch.randn(REPLICAS, BATCH, CYCLES, FEATURES, dtype=torch.float64)
    rul, logits = network(x.transpose(1, 2), p, statistics, training)
    loss = rul.square().mean(1) + logits.square().mean((1, 2))
    found = dict(zip(p, torch.autograd.grad(loss.sum(), list(p.values())), strict=True))
    for number, one in enumerate(single):
        own_rul, own_logits = one.train(training)(x[number])
        (own_rul.square().mean() + own_logits.square().mean()).backward()
        torch.testing.assert_close(rul[number], own_rul, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(logits[number], own_logits, rtol=1e-10, atol=1e-10)
        for name, parameter in one.named_parameters():
            torch.testing.assert_close(found[name][number], parameter.grad, rtol=1e-8, atol=1e-9, msg=name)
        for name, buffer in one.named_buffers():
            if name in statistics:
                torch.testing.assert_close(statistics[name][number], buffer, rtol=1e-10, atol=1e-12)


def test_dropout_masks_differ_between_replicas() -> None:
    with torch.random.fork_rng():
        one = networks("paper")[:1]
        network, p, statistics = stacked(one * REPLICAS)  # the same weights three times, on the same windows
        x = torch.randn(1, CYCLES, BATCH, FEATURES, dtype=torch.float64).expand(REPLICAS, -1, -1, -1)
        again, _ = network(x, p, statistics, False)
        rul, _ = network(x, p, statistics, True)
    assert not torch.allclose(rul[0], rul[1])
    assert not torch.allclose(rul[1], rul[2])
    torch.testing.assert_close(again[0], again[1])


def test_the_lstm_can_be_differentiated_twice_from_one_graph() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        single = torch.nn.LSTM(4, 6, 2, batch_first=True, bidirectional=True).double()
        x = torch.randn(2, 7, 3, 4, dtype=torch.float64, requires_grad=True)  # [R, T, B, I]
    p = {f"lstm.{name}": torch.stack([value] * 2) for name, value in single.named_parameters()}
    out = lstm(x, p, single, training=True)
    for number in range(2):
        expected, _ = single(x[number].transpose(0, 1))
        torch.testing.assert_close(out[number].transpose(0, 1), expected)
    first = torch.autograd.grad(out.sum(), x, retain_graph=True)[0]
    second = torch.autograd.grad(out.sum(), x)[0]
    assert torch.equal(first, second)


def test_mixed_precision_stays_near_full_precision() -> None:
    with torch.random.fork_rng():
        single = [one.float() for one in networks("compact")]
        x = torch.randn(REPLICAS, CYCLES, BATCH, FEATURES)
    network = StackedNetwork(single[0])
    p = network.parameters.leaves(network.parameters.pack([dict(one.named_parameters()) for one in single]))
    gradients = []
    for low in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            rul, logits = network(x, p, {}, True)
        loss = (rul / 125).float().square().mean() + logits.float().square().mean()
        gradients.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(p.values()))]))
    assert gradients[1].dtype == torch.float32
    assert float(torch.cosine_similarity(*gradients, dim=0)) > 0.999


def test_a_layout_gives_back_what_it_packs() -> None:
    rows = [{"a": torch.full((3, 5), float(n)), "b": torch.full((70,), 10.0 + n)} for n in range(4)]
    layout = Layout.of(rows[0])
    flat = layout.pack(rows)
    assert flat.shape == (4, 64 + 128)
    assert layout.starts == {"a": 0, "b": 64}
    views = layout.views(flat)
    assert torch.equal(views["b"][2], rows[2]["b"])
    views["a"][1] = 7.0
    assert float(flat[1].sum()) == 7 * 15 + 11 * 70
    layout.write(flat, [None, views["b"].clone()])
    assert float(flat[1].sum()) == 11 * 70
