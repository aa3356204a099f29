"""The function is that of PyTorch's own layers, for one network and for many: outputs, gradients and running statistics."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grace.models import lstm as lstm_module
from grace.models.cnn_bilstm_attention import SIZES, CNNBiLSTMAttention
from grace.models.lstm import lstm
from grace.training.layout import Layout
from tests.models.layers import by_layers

REPLICAS, BATCH, CYCLES, FEATURES = 3, 8, 31, 5
Rows = dict[str, Tensor]


def networks(size: str, **changes: object) -> list[CNNBiLSTMAttention]:
    torch.manual_seed(0)
    widths = replace(SIZES[size], **changes)  # type: ignore[arg-type]
    return [CNNBiLSTMAttention(widths, FEATURES, rul_scale=125.0, rul_start=0.5).double() for _ in range(REPLICAS)]


def stacked(single: list[CNNBiLSTMAttention]) -> tuple[Rows, Rows]:
    named = [dict(one.named_parameters()) for one in single]
    floats = [{name: b for name, b in one.named_buffers() if b.is_floating_point()} for one in single]
    p = {name: torch.stack([one[name].detach() for one in named]).requires_grad_() for name in named[0]}
    return p, {name: torch.stack([one[name] for one in floats]) for name in floats[0]}


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("size", ["tiny", "compact", "paper"])
@pytest.mark.parametrize("training", [True, False])
def test_equals_single_networks(size: str, training: bool, ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm_module, "_torchs_is_faster", lambda *_: not ours)
    with torch.random.fork_rng():
        single = networks(size, dropout=0.0)
        p, statistics = stacked(single)
        x = torch.randn(REPLICAS, BATCH, CYCLES, FEATURES, dtype=torch.float64)
    rul, logits = single[0].together(p, statistics, training)(x)
    loss = rul.square().mean(1) + logits.square().mean((1, 2))
    found = dict(zip(p, torch.autograd.grad(loss.sum(), list(p.values())), strict=True))
    for number, one in enumerate(single):
        alone = copy.deepcopy(one).train(training)
        own_rul, own_logits = by_layers(one.train(training), x[number])
        (own_rul.square().mean() + own_logits.square().mean()).backward()
        torch.testing.assert_close(rul[number], own_rul, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(logits[number], own_logits, rtol=1e-10, atol=1e-10)
        for mine, theirs in zip(alone(x[number]), (own_rul, own_logits), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)
        for name, parameter in one.named_parameters():
            torch.testing.assert_close(found[name][number], parameter.grad, rtol=1e-8, atol=1e-9, msg=name)
        for name, buffer in one.named_buffers():
            if name in statistics:
                torch.testing.assert_close(statistics[name][number], buffer, rtol=1e-10, atol=1e-12)
                torch.testing.assert_close(dict(alone.named_buffers())[name], buffer, rtol=1e-10, atol=1e-12)


def test_masks_come_from_a_replicas_own_stream_whoever_stands_beside_it() -> None:
    with torch.random.fork_rng():
        one = networks("paper")[:1]
        p, statistics = stacked(one * REPLICAS)  # the same weights three times, on the same windows
        x = torch.randn(1, BATCH, CYCLES, FEATURES, dtype=torch.float64).expand(REPLICAS, -1, -1, -1)

    def run(seeds: list[int]) -> Tensor:
        rows = slice(0, len(seeds))
        streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        mine = {name: value[rows] for name, value in p.items()}
        return one[0].together(mine, {n: s[rows].clone() for n, s in statistics.items()}, True, streams)(x[rows])[0]

    rul = run([1, 2, 1])
    assert not torch.allclose(rul[0], rul[1])
    torch.testing.assert_close(rul[0], rul[2], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(run([2])[0], rul[1], rtol=1e-12, atol=1e-12)
    again, _ = one[0].together(p, statistics, False, [torch.Generator()] * REPLICAS)(x)
    torch.testing.assert_close(again[0], again[1])


def test_dropout_keeps_the_share_and_the_mean() -> None:
    network = networks("tiny")[0].together({}, {}, True, [torch.Generator().manual_seed(n) for n in range(2)])
    dropped = network._drop(torch.ones(2, 100_000), 0.3)
    assert (dropped == 0).float().mean(1).tolist() == pytest.approx([0.3, 0.3], abs=0.01)
    assert dropped.mean(1).tolist() == pytest.approx([1.0, 1.0], abs=0.01)


def test_the_lstm_can_be_differentiated_twice_from_one_graph() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        single = torch.nn.LSTM(4, 32, 2, batch_first=True, bidirectional=True).double()
        x = torch.randn(2, 7, 3, 4, dtype=torch.float64, requires_grad=True)  # [R, T, B, I]
    p = {f"lstm.{name}": torch.stack([value] * 2) for name, value in single.named_parameters()}
    out = lstm(x, p, single, True, torch.nn.functional.dropout)
    for number in range(2):
        expected, _ = single(x[number].transpose(0, 1))
        torch.testing.assert_close(out[number].transpose(0, 1), expected)
    first = torch.autograd.grad(out.sum(), x, retain_graph=True)[0]
    second = torch.autograd.grad(out.sum(), x)[0]
    assert torch.equal(first, second)


@pytest.mark.parametrize("size", ["tiny", "compact"])
@pytest.mark.parametrize("training", [True, False])
def test_mixed_precision_stays_near_full_precision(size: str, training: bool) -> None:
    with torch.random.fork_rng():
        single = [one.float() for one in networks(size)]
        x = torch.randn(REPLICAS, BATCH, CYCLES, FEATURES)
    p, statistics = stacked(single)
    gradients = []
    for low in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            rul, logits = single[0].together(p, statistics, training)(x)
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


@pytest.mark.parametrize(
    ("kind", "hidden", "training", "torchs"),
    [
        ("AVX2", 16, True, True),
        ("AVX2", 48, True, False),
        ("AVX2", 48, False, True),
        ("AVX512", 48, True, True),
        ("AVX512", 256, True, True),
    ],
)
def test_whose_layer_is_taken_follows_from_the_cpu(
    kind: str, hidden: int, training: bool, torchs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: kind)
    layer = torch.nn.LSTM(3, hidden)
    assert lstm_module._torchs_is_faster(torch.zeros(1, 2, 3, 3), layer, training, low=False) is torchs
    assert not lstm_module._torchs_is_faster(torch.zeros(1, 2, 3, 3), layer, training, low=True)
