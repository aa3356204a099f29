"""Our AdamW is torch's in every number, and imports no compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from grace.core.adamw import AdamW


def stepped(kind: type[torch.optim.AdamW], fused: bool) -> list[torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    optimiser = kind(network[0].parameters(), lr=1e-2, weight_decay=0.1, fused=fused)
    optimiser.add_param_group({"params": list(network[2].parameters()), "lr": 1e-3})
    decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=9)
    for step in range(6):
        optimiser.zero_grad()
        used = network if step % 2 else network[0]  # the last layer has no gradient in every other step
        used(torch.full((2, 5), float(step))).square().sum().backward()
        optimiser.step()
        decay.step()
    return [parameter.detach() for parameter in network.parameters()]


@pytest.mark.parametrize("fused", [True, False])
def test_every_number_is_that_of_torchs(fused: bool) -> None:
    ours, theirs = stepped(AdamW, fused), stepped(torch.optim.AdamW, fused)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_it_imports_no_compiler() -> None:
    code = (
        "import sys, torch; from grace.core.adamw import AdamW; p = torch.ones(2, requires_grad=True); "
        "o = AdamW([p]); p.sum().backward(); o.step(); o.zero_grad(); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_hooks_of_an_optimiser_are_called() -> None:
    parameter, seen = torch.ones(2, requires_grad=True), []
    optimiser = AdamW([parameter])
    optimiser.register_step_post_hook(lambda *_: seen.append(1))
    parameter.sum().backward()
    optimiser.step()
    assert seen == [1]
