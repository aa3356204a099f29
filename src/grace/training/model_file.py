"""A trained network in one file, with all that new engines need: conventions, conditions, scaling, interval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.formats import Format
from grace.models.rul_problem import UNITS
from grace.training.checkpoint import load, save
from grace.training.migrations import spec_read_by
from grace.training.run import Run
from grace.training.spec import RunSpec

NETWORK = Format("trained network", 2, {1: lambda body: body | {"spec": spec_read_by(body)}})


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network in evaluation mode, the run that made it, and the conditions and scaling of its training engines.

    ``half_width`` is that of the conformal interval for a coverage of ``level``, cycles; infinite where there were too few
    validation engines.
    """

    model: nn.Module
    spec: RunSpec
    conditioner: Conditioner
    half_width: float
    level: float

    @property
    def conventions(self) -> Conventions:
        """Of the run."""
        return self.spec.conventions


def save_model(path: Path, run: Run) -> None:
    """Write the network of a finished run, with the spec of its record."""
    conditioner, interval = run.split.conditioner, run.record.interval
    assert run.model is not None
    state = {
        "spec": run.record.spec,
        "weights": run.model.state_dict(),
        "conditioner": {
            "features": list(conditioner.features),
            "step": conditioner.step,
            **{name: torch.from_numpy(getattr(conditioner, name)) for name in ("unit", "centres", "mean", "scale")},
        },
        "interval": {"half_width": interval["half_width"], "level": interval["level"]},
        "test": run.record.test,
    }
    save(path, NETWORK, state)


def load_model(path: Path) -> TrainedNetwork:
    """Read what :func:`save_model` wrote.

    Raises:
        GraceError: The file is missing or damaged, of another kind, or newer.
    """
    state = load(path, NETWORK)
    spec = RunSpec.from_json(state["spec"])
    c = state["conditioner"]
    arrays = {name: c[name].numpy() for name in ("unit", "centres", "mean", "scale")}
    conditioner = Conditioner(
        tuple(c["features"]), **arrays, settings=spec.conventions.settings, step=c.get("step", 0.0)
    )
    with torch.random.fork_rng(devices=[]):
        cap, timed = spec.conventions.cap, conditioner.step > 0
        model = UNITS[spec.rul_scale].network(spec.size, conditioner.columns, cap, timed)
    model.load_state_dict(state["weights"])
    interval = state["interval"]
    return TrainedNetwork(model.eval(), spec, conditioner, interval["half_width"], interval["level"])
