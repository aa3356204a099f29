"""Two real processes that train one network with ``DistributedDataParallel`` on gloo."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from tests.loop.ddp import main

ROOT = Path(__file__).parents[2]


def test_two_processes_train_what_one_trains_on_the_whole_batch(tmp_path: Path) -> None:
    main(0, 1, tmp_path)
    command = [sys.executable, "-m", "tests.loop.ddp"]
    started = [
        subprocess.Popen([*command, str(rank), "2", str(tmp_path)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    alone, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("1-0", "2-0", "2-1"))
    for name, value in alone["model"].items():
        torch.testing.assert_close(first["model"][name], value, rtol=1e-4, atol=1e-5, msg=name)
        assert torch.equal(first["model"][name], second["model"][name]), name
    for name, value in first["outer"].items():
        assert torch.equal(value, second["outer"][name]), name
        torch.testing.assert_close(value, alone["outer"][name], rtol=1e-4, atol=1e-5, msg=name)
