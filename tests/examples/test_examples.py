"""Every example, as a user runs it but shorter: it ends with the diagnosis beside what training showed."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import torch

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_is_short_and_comes_to_its_end(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(path.read_text().splitlines()) <= 60
    with torch.random.fork_rng():
        runpy.run_path(str(path))["main"](inits=2, seeds=2, steps=20)
    last = capsys.readouterr().out.splitlines()[-1]
    read = r"undecided|the tasks ask for the same features|the other tasks do not ask for what the first one needs"
    assert re.fullmatch(rf"Diagnosis: rho [+-]\d\.\d\d \[.*\], ({read})\. Training: .*\.", last)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_in_full(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with torch.random.fork_rng():
        runpy.run_path(str(path))["main"]()
    assert ". Training: " in capsys.readouterr().out.splitlines()[-1]
