"""The rows of the table that need two processes: one start of both for all of them, on gloo."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from grace.controllers.methods import build_outer
from tests.loop.on_processes import FLAGS
from tests.loop.test_table import AXES
from tests.loop.train_foreign import train_foreign
from tests.once import made_once

ROOT = Path(__file__).parents[2]
CASES = [
    (row, axis, measured)
    for row in FLAGS
    for axis in AXES
    for measured in ((True, False) if build_outer(axis, 3).needs_gramian else (False,))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the two processes left."""
    return made_once(tmp_path_factory, "processes", run_both)


def run_both(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.loop.on_processes"]
    started = [
        subprocess.Popen([*command, str(rank), str(folder)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    for process in started:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err


@pytest.fixture(scope="module")
def found(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize(("row", "axis", "measured"), CASES)
def test_the_gradients_are_those_of_plain_autograd_on_the_whole_batch(
    found: list[dict[str, Any]], row: str, axis: str, measured: bool
) -> None:
    for rank in (0, 1):
        network, outer, between = found[rank][f"{row}|{axis}|{measured}"]
        assert network <= 1e-10
        assert outer <= 1e-5  # an outer axis has single precision
        assert between == 0


def test_1_static_graph_keeps_the_processes_together(found: list[dict[str, Any]]) -> None:
    for rank in (0, 1):
        to_the_whole, between = found[rank]["static graph"]
        assert to_the_whole <= 1e-6  # the weights have single precision
        assert between == 0


def test_a_task_that_one_process_lacks_is_named_before_anything_is_changed(found: list[dict[str, Any]]) -> None:
    for rank in (0, 1):
        assert "Found task 1 in 50% of them" in found[rank]["absent in one"]
        assert found[rank]["absent in one"].endswith("changed: False")


@pytest.mark.parametrize(
    ("what", "words"), [("reentrant", "use_reentrant=False"), ("unsynchronised", "set_requires_gradient_sync(False)")]
)
def test_what_cannot_be_is_named_before_anything_is_changed(found: list[dict[str, Any]], what: str, words: str) -> None:
    for rank in (0, 1):
        assert words in found[rank][what]
        assert found[rank][what].endswith("changed: False")


def test_a_task_that_one_process_lacks_and_leaves_out(found: list[dict[str, Any]]) -> None:
    assert found[0]["absent and left out"] <= 1e-10
    assert found[1]["absent and left out"] <= 1e-10


def test_two_processes_train_what_one_trains_on_the_whole_batch(folder: Path) -> None:
    train_foreign(0, 1, folder)
    alone, first, second = (torch.load(folder / f"{name}.pt") for name in ("1-0", "2-0", "2-1"))
    for name, value in alone["model"].items():
        torch.testing.assert_close(first["model"][name], value, rtol=1e-4, atol=1e-5, msg=name)
        assert torch.equal(first["model"][name], second["model"][name]), name
    for name, value in first["outer"].items():
        assert torch.equal(value, second["outer"][name]), name
        torch.testing.assert_close(value, alone["outer"][name], rtol=1e-4, atol=1e-5, msg=name)
