"""How ensembles are judged on units that were held out before any cut."""

from __future__ import annotations

import numpy as np

from grace.core.metrics import rmse
from grace.data.fleet import Fleet
from grace.data.windows import MIN_CUT, Windows
from grace.models.baselines import input_of
from grace.training.evaluate import Predictions
from grace.training.outcome import Run
from grace.training.spec import RunSpec

CUTS = 16
"""Random rows of each unit that is judged."""


def on_units(run: Run, spec: RunSpec, judged: Fleet, draw: int, shortest: int = MIN_CUT) -> float:
    """RMSE of the members' mean at random rows of units that they have not seen, capped, in the unit of RUL; ``draw`` is the seed
    of the rows, from the row ``shortest`` of a unit on."""
    every, rul = [], np.zeros(0, np.float32)
    for member in run.members:
        rows, rng = member.conditioner.transform(judged), np.random.default_rng(draw)
        windows = Windows.after_cuts(judged, rows, spec.conventions, CUTS, rng, spec.max_validation_rul, shortest)
        every.append(Predictions.of(member.model, input_of(member.model, windows), spec))
        rul = windows.rul
    return rmse(Predictions.mean(every, spec).rul, rul)
