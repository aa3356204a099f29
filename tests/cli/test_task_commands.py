"""Tasks as options of commands on engines of C-MAPSS with a table of units."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grace.data.cmapss.fleets import write_cmapss
from grace.data.simulated.fleet import Simulation, simulate
from tests.command import grace, refused


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    """A fleet of twelve engines, and of eleven the site at which they stand."""
    write_cmapss(*simulate(Simulation(engines=12, test_engines=4)), tmp_path, "SIM")
    sites = ["north", "south"] * 5 + ["east"]
    pl.DataFrame({"engine": np.arange(1, 12), "site": sites}).write_csv(tmp_path / "units.csv")
    return tmp_path


@pytest.mark.system
def test_what_is_known_of_labels_is_shown_before_training_and_kept(simulated: Path) -> None:
    table = ("--unit-table", "units.csv", "--task", "site", "--epochs", "1", "--to", "net.safetensors")
    done = grace("train", "SIM", "--data", ".", *table, cwd=simulated)
    assert done.returncode == 0, done.stderr
    assert "task site, column site: class of east " in done.stderr.split("SIM, ")[0]  # before the training begins
    assert "of 11 units that failed" in done.stderr.split("SIM, ")[0]
    assert done.stdout.startswith("net.safetensors: ")
    assert "task site: east in one unit alone: where it is held out, nothing teaches it" in done.stderr.splitlines()
    quick = ("--unit-table", "units.csv", "--task", "site", "--inits", "2", "--batches", "2", "--steps", "2")
    done = grace("diagnose", "SIM", "--data", ".", *quick, cwd=simulated)
    assert done.returncode == 0, done.stderr
    assert "task site, column site: class of east " in done.stderr
    json.loads(grace("diagnose", "SIM", "--data", ".", *quick, "--json", cwd=simulated).stdout)


def test_tasks_that_nothing_is_said_of_are_refused(simulated: Path) -> None:
    for command in ("info", "check"):
        found = refused("data", command, "SIM", "--data", ".", "--task", "site", cwd=simulated)
        assert "`--task` should come with --table. Found it with SIM" in found
    (simulated / "labels.txt").write_text("0\n" * len(simulate(Simulation(engines=12, test_engines=4))[0].values))
    found = refused(
        "diagnose", "SIM", *("--data", ".", "--labels", "labels.txt", "--task", "future_sensors"), cwd=simulated
    )
    assert "`--labels` are those of the task health" in found
    assert "column site. Found neither" in refused("train", "SIM", "--data", ".", "--task", "site", cwd=simulated)
    table = ("--data", ".", "--unit-table", "units.csv", "--task", "place")
    assert "units.csv should have the column place of task place" in refused("train", "SIM", *table, cwd=simulated)
