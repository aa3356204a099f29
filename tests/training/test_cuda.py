"""On a GPU a run gives about the figures of the CPU: every kind of network, of loss and of draw, from the first step to the
record. Where there is none these tests are skipped; `python benchmarks/gpu.py` measures the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grace.data.fleet import Fleet
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.tasks import Task
from grace.training.model_file import load_model, save_model
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
KINDS: dict[str, dict[str, Any]] = {
    "two tasks": {"method_name": "grace"},
    "learned weights": {"method_name": "uncertainty"},
    "folds": {"method_name": "grace", "folds": 3},
    "hazards": {"method_name": "rul-only", "folds": 3, "suspended": "hazard"},
    "draws of their own": {
        "method_name": "fixed-0.1",
        "folds": 3,
        "suspended": "bound",
        "tasks": [Task("soh", "soh", "regression"), Task("future_sensors")],
    },
}


def fleet() -> Fleet:
    """Eight engines, three of them suspended, with a label of random numbers."""
    engines, _ = simulate(Simulation(engines=8, test_engines=4))
    labels = {"soh": np.random.default_rng(0).random(len(engines.values))}
    return replace(engines, failed=np.arange(8) < 5, labels=labels, sha256=None)


@pytest.mark.parametrize("size", ["statistics", "compact"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_on_a_gpu_gives_the_figures_of_the_cpu(kind: str, size: str, tmp_path: Path) -> None:
    found, plan = {}, replace(SCHEDULES["tiny"], epochs=2)
    how, engines = KINDS[kind], fleet()
    if "tasks" not in how:
        engines = replace(engines, labels={})
    for device in ("cpu", "cuda"):
        spec = run_spec("simulated", size=size, schedule=plan, **how)
        run = train(spec, engines, device=device, checkpoint=tmp_path / f"{device}.checkpoint")
        save_model(tmp_path / f"{device}.safetensors", run)
        assert len(load_model(tmp_path / f"{device}.safetensors").members) == max(spec.folds, 1)
        found[device] = run.record.validation["rmse"]
    # dropout and noise come from the device's own generator: other draws of one training, no other figures
    assert found["cuda"] == pytest.approx(found["cpu"], rel=0.1)
