"""Shared fixtures: the real C-MAPSS files, and small files in their format."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from grace.data.cmapss.fleets import write_cmapss
from grace.data.simulated.fleet import Simulation, simulate

torch.set_num_threads(1)
settings.register_profile("untimed", deadline=None)  # a test that is slow on a busy machine is not wrong
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def cmapss_dir() -> Path:
    beside = Path(__file__).parents[2] / "shared" / "cmapss"
    folder = Path(os.environ.get("GRACE_DATA", beside))
    if not (folder / "train_FD001.txt").exists():
        pytest.skip(f"no C-MAPSS in GRACE_DATA nor in {beside}; get it with `grace data fetch`")
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with a small fleet named SIM in C-MAPSS format."""
    write_cmapss(*simulate(Simulation(engines=6, test_engines=4)), tmp_path, "SIM")
    return tmp_path
