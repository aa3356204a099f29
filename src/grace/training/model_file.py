"""A trained network in one file, with all that new engines need: conventions, conditions, scaling, interval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.seen import Seen
from grace.formats import MALFORMED, DamagedError, Format
from grace.models.baselines import BASELINES
from grace.models.second_tasks import Head
from grace.models.units import UNITS
from grace.training.checkpoint import load, save
from grace.training.conformal import Interval, constant
from grace.training.migrations import spec_read_by
from grace.training.model_check import check_state
from grace.training.outcome import Member, Run
from grace.training.spec import RunSpec
from grace.training.survival import OutOfFold

ARRAYS = ("unit", "centres", "mean", "scale")
RANGES = ("low", "high")


def _members(body: dict[str, Any]) -> dict[str, Any]:
    """Version 2 to 3: an ensemble of one, with an interval of one half width."""
    cap = float(body["spec"]["conventions"]["cap"])
    interval = constant(body["interval"]["level"], cap, body["interval"]["half_width"])
    return body | {
        "members": [{name: body[name] for name in ("weights", "conditioner")}],
        "interval": _stored(interval),
    }


NETWORK = Format("trained network", 3, {1: lambda body: body | {"spec": spec_read_by(body)}, 2: _members})


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """The networks of a run, one or one a fold, each with the conditions and scaling of its training engines; intervals; what was
    done to the table that they were trained on, as in :class:`~grace.training.record.Record`; and of an ensemble survival out of
    fold, from which follows how far its curves are believed."""

    members: tuple[Member, ...]
    spec: RunSpec
    interval: Interval
    table: tuple[str, ...] = ()
    survival: OutOfFold | None = None

    @property
    def conventions(self) -> Conventions:
        """Of the run."""
        return self.spec.conventions


def save_model(path: Path, run: Run) -> None:
    """Write the networks of a finished run, with the spec of its record."""
    assert run.interval is not None
    state = {
        "spec": run.record.spec,
        "members": [
            {
                "weights": member.model.state_dict(),
                "conditioner": {
                    "features": list(member.conditioner.features),
                    "step": member.conditioner.step,
                    **{name: torch.from_numpy(getattr(member.conditioner, name)) for name in ARRAYS},
                    **_ranges(member.conditioner.seen),
                },
            }
            for member in run.members
        ],
        "interval": _stored(run.interval),
        "survival": None if run.survival is None else run.survival.state(),
        "test": run.record.test,
        "table": run.record.table,
    }
    save(path, NETWORK, state)


def load_model(path: Path) -> TrainedNetwork:
    """Read what :func:`save_model` wrote.

    Raises:
        GraceError: The file is missing or damaged, of another kind, or newer.
    """
    state = load(path, NETWORK)
    try:
        check_state(state)
        spec, interval = RunSpec.from_json(state["spec"]), state["interval"]
        arrays = {name: interval[name].numpy() for name in ("size", "member", "score", "weight")}
        members = tuple(_member(spec, one) for one in state["members"])
        seen = state.get("survival")
        survival = None if seen is None else OutOfFold.of_state(seen)
        made = Interval(interval["level"], float(spec.conventions.cap), **arrays)
    except (*MALFORMED, RuntimeError) as error:  # RuntimeError: of torch, with a line a tensor
        words = str(error) if isinstance(error, ValueError) else f"{type(error).__name__} {error}"
        raise DamagedError(path, " ".join(words.split())[:300]) from None
    return TrainedNetwork(members, spec, made, tuple(state.get("table", ())), survival)


def _member(spec: RunSpec, state: dict[str, Any]) -> Member:
    c = state["conditioner"]
    arrays, settings = {name: c[name].numpy() for name in ARRAYS}, spec.conventions.settings
    if len(arrays["unit"]) != len(settings):
        raise ValueError(
            f"the settings should be {', '.join(settings) or 'none'}, found units of {len(arrays['unit'])}"
        )
    seen = Seen(*(c[name].numpy() for name in RANGES)) if set(RANGES) <= c.keys() else None
    conditioner = Conditioner(tuple(c["features"]), **arrays, settings=settings, step=c.get("step", 0.0), seen=seen)
    return Member(_model(spec, conditioner, state["weights"]).eval(), conditioner)


def _model(spec: RunSpec, conditioner: Conditioner, weights: dict[str, Tensor]) -> nn.Module:
    timed = conditioner.step > 0
    if spec.model in BASELINES:
        baseline = BASELINES[spec.model](weights, timed)
        baseline.check(conditioner.columns)
        return baseline
    with torch.random.fork_rng(devices=[]):
        columns, cap = conditioner.columns, float(spec.conventions.cap)
        heads = Head.every(spec.conventions)
        model = UNITS[spec.rul_scale].network(spec.size, columns, cap, timed, _outputs(weights), heads)
    model.load_state_dict(weights)
    return model


def _outputs(weights: dict[str, Tensor]) -> int:
    """Outputs of the RUL head."""
    return len([bias for name, bias in weights.items() if name.startswith("rul_head") and name.endswith("bias")][-1])


def _ranges(seen: Seen | None) -> dict[str, Tensor]:
    return {} if seen is None else {name: torch.from_numpy(getattr(seen, name)) for name in RANGES}


def _stored(interval: Interval) -> dict[str, Any]:
    arrays = {name: torch.from_numpy(getattr(interval, name)) for name in ("size", "member", "score", "weight")}
    return {"level": interval.level} | arrays
