"""What short histories in the training change, as docs/log.md says it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grace.data.fleet import Fleet
from grace.models.baselines import input_of
from grace.survival.figures import grid, integrated_brier
from grace.training.evaluate import Predictions
from grace.training.outcome import Run
from grace.training.protocol import fold_parts, landmarks_at
from grace.training.run import train
from grace.training.spec import RunSpec

LOG = (Path(__file__).parents[2] / "docs" / "log.md").read_text()


def of_new_units(run: Run, spec: RunSpec, fleet: Fleet) -> float:
    """RMSE at rows 2 to 5 of the units that each fold holds out."""
    squared = []
    for member, number in zip(run.members, fold_parts(spec, fleet), strict=True):
        held = fleet.select(number)
        rows = np.concatenate([np.arange(start + 1, start + 5) for start in held.starts[:-1]])
        windows, _ = landmarks_at(held, rows, member.conditioner, spec.conventions)
        found = Predictions.of(member.model, input_of(member.model, windows), spec).rul
        squared.append(np.square(found - windows.rul))
    return float(np.sqrt(np.concatenate(squared).mean()))


def of_old_units(run: Run) -> float:
    """Integrated Brier score at the landmarks that are 20 rows old or older; a row of a filter is 0.2 s."""
    assert run.survival is not None
    old = np.flatnonzero(run.survival.landmarks.age >= 4)
    landmarks = run.survival.landmarks.at(old)
    return float(integrated_brier(run.survival.curves.at(old), landmarks, grid(landmarks, 220.0)).mean())


@pytest.mark.slow
def test_what_new_units_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("GRACE_FLEETS", root.parent / "shared" / "fleets"))
    if not folder.exists():
        pytest.skip(f"no real families in GRACE_FLEETS nor in {folder}")
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    from families import spec_of

    spec, fleet = spec_of("filter_esrel22", "quantiles", folder, age=True)
    found = {}
    for history in (2, 20):
        one = replace(spec, schedule=replace(spec.schedule, min_history=history))
        run = train(one, fleet)
        found[history] = of_new_units(run, one, fleet), of_old_units(run)
    print(found)
    said = re.search(
        r"held-out filters.*?: ([\d.]+) s in place of ([\d.]+)\..*?score ([\d.]+) and ([\d.]+)\.",
        LOG,
        re.S,
    )
    assert said
    expected = found[2][0], found[20][0], found[2][1], found[20][1]
    for text, value in zip(said.groups(), expected, strict=True):
        assert value == pytest.approx(float(text), rel=0.05)  # trainings differ by so much between processors
