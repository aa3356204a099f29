"""A disk that fails and a process that stops at any step of a command: refused in one line, and the same command goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.faults.disk import Trial, every_case, judged, works
from tests.faults.forks import Forks, forks

NAMES = ("bench run", "train", "report", "advise")
FAST = 2


@pytest.fixture(scope="module")
def run() -> Iterator[Forks]:
    with forks() as found:
        yield found


@pytest.fixture
def trial(run: Forks, tmp_path: Path, request: pytest.FixtureRequest) -> Trial:
    made = {work.name: work for work in works(tmp_path)}
    if request.param == "report":
        Trial(made["bench run"], run, tmp_path)
    return Trial(made[request.param], run, tmp_path)


@pytest.mark.parametrize("trial", [*NAMES[:3], pytest.param("advise", marks=pytest.mark.slow)], indirect=True)
def test_some_steps_go_wrong(trial: Trial) -> None:
    cases = every_case(trial)
    drawn = np.random.default_rng(len(cases)).choice(len(cases), FAST, replace=False)
    tally = judged(trial, [cases[one] for one in drawn])
    assert tally.failures == []
    assert 1 <= tally.counts.total() <= FAST  # a slow machine makes more checkpoints, and so more steps


@pytest.mark.slow
@pytest.mark.parametrize("trial", NAMES, indirect=True)
def test_every_step_goes_wrong(trial: Trial) -> None:
    assert judged(trial, every_case(trial)).failures == []


@pytest.mark.parametrize("trial", ["bench run"], indirect=True)
@pytest.mark.parametrize("ending", [".lock", ".safetensors"])
def test_a_file_that_cannot_be_removed_is_one_line(trial: Trial, ending: str) -> None:
    """Found by these: it was a traceback."""
    step = next(n for n, (kind, path) in enumerate(trial.steps, 1) if kind == "remove" and path.endswith(ending))
    assert trial.verdict(step, "broken") == "refused, then made"
