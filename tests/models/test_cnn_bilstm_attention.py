"""The network: the source's count block by block, shapes, and what is shared."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.models.function import _pooled

PAPER_BLOCKS = {
    ("convolutions",): 53_184,
    ("lstm",): 2_236_416,
    ("attention", "norm"): 1_051_648,
    ("dense",): 149_856,
    ("rul_head",): 4_737,
    ("health_head",): 1_635,
}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_paper_size_block_by_block() -> None:
    model = CNNBiLSTMAttention("paper")
    assert count(model) == 3_497_476
    for names, expected in PAPER_BLOCKS.items():
        assert sum(count(model.get_submodule(name)) for name in names) == expected, names


def test_compact_size() -> None:
    assert count(CNNBiLSTMAttention("compact")) == 85_252


@pytest.mark.parametrize("size", ["paper", "compact", "tiny"])
def test_shapes_and_nonnegative_rul(size: str) -> None:
    rul, logits = CNNBiLSTMAttention(size)(torch.randn(3, 30, 17))
    assert rul.shape == (3,)
    assert logits.shape == (3, 3)
    assert (rul >= 0).all()


@pytest.mark.parametrize("size", ["paper", "compact", "tiny"])
def test_shared_is_everything_but_the_heads(size: str) -> None:
    model = CNNBiLSTMAttention(size)
    heads = {id(p) for head in (model.rul_head, model.health_head) for p in head.parameters()}
    shared = {id(p) for p in model.shared_parameters()}
    assert shared.isdisjoint(heads)
    assert shared | heads == {id(p) for p in model.parameters()}


def test_a_head_in_units_of_the_cap_starts_alive_and_in_cycles() -> None:
    for seed in range(20):
        torch.manual_seed(seed)
        rul, _ = CNNBiLSTMAttention("compact", rul_scale=125.0, rul_start=0.5).eval()(torch.randn(8, 30, 17))
        assert 20 < rul.mean() < 105


def test_unknown_size() -> None:
    with pytest.raises(GraceError, match="paper, compact"):
        CNNBiLSTMAttention("huge")


def test_pooling_averages_whole_stretches_counted_from_the_last_cycle() -> None:
    x = torch.arange(13.0).view(1, 13, 1, 1)
    # 13 cycles in sixes: the oldest is left out, then means of 1..6 and 7..12
    assert _pooled(x, 6).flatten().tolist() == [3.5, 9.5]
    assert _pooled(x[:, :3], 6).flatten().tolist() == [1.0]
    assert torch.equal(_pooled(x, 1), x)


def test_the_heads_keep_full_precision_under_autocast() -> None:
    torch.manual_seed(0)
    model, x = CNNBiLSTMAttention("tiny", rul_scale=125.0, rul_start=0.5).eval(), torch.randn(64, 30, 17)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        z, (rul, logits) = model.represent(x), model(x)
        assert z.dtype == torch.bfloat16
    assert (rul.dtype, logits.dtype) == (torch.float32, torch.float32)
    assert (rul.bfloat16().float() != rul).float().mean() > 0.5, (
        "cycles should be told apart more finely than in bfloat16"
    )
    torch.testing.assert_close(rul, model(x)[0], rtol=0.02, atol=1.0)
