"""A model of a stranger runs no code: its file names a class, and a module of that name lies where the command runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import grace
from grace.data.cmapss.fleets import write_cmapss
from grace.data.simulated.fleet import Simulation, simulate
from grace.training.model_file import load_model, save_model
from grace.training.schedule import Schedule
from tests.command import grace as command
from tests.controllers.test_own_class import MODULE

TRACE = "\n\nfrom pathlib import Path\n\nPath('it_ran').touch()\n"


def test_a_class_that_a_model_names_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "class_of_a_stranger.py"
    module.write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    fleet, test = simulate(Simulation(engines=6, test_engines=2))
    chosen = {"outer": "class_of_a_stranger:Halving", "size": "tiny", "schedule": Schedule.named("tiny")}
    save_model(tmp_path / "net.safetensors", grace.train(grace.run_spec("simulated", **chosen), fleet))
    write_cmapss(fleet, test, tmp_path, "SIM")
    monkeypatch.delitem(sys.modules, "class_of_a_stranger")
    module.write_text(MODULE + TRACE)
    assert load_model(tmp_path / "net.safetensors").spec.outer == "class_of_a_stranger:Halving"
    done = command("predict", "net.safetensors", "test_SIM.txt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "it_ran").exists()
