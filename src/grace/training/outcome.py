"""What comes of trained replicas: the networks that are kept, their figures, their intervals, and the record of the run."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import nn

from grace import __version__
from grace.core.stats import student
from grace.data.conditions import Conditioner
from grace.data.fleet import Fleet
from grace.data.tables.spared import said_of_left_out
from grace.data.windows import Truth, Windows
from grace.models.baselines import input_of
from grace.training.baselines import Fits
from grace.training.concerns import concerns, of_tasks
from grace.training.conformal import LEVEL, Interval, Values
from grace.training.evaluate import Predictions
from grace.training.fitted import NETWORK
from grace.training.protocol import Split
from grace.training.record import DONE, ENGINE, FAILED, Record
from grace.training.replica import Replica
from grace.training.spec import RunSpec
from grace.training.stack import Stack
from grace.training.survival import OutOfFold, held_out
from grace.training.task_figures import task_figures


@dataclass(frozen=True, eq=False)
class Member:
    """A trained network in evaluation mode, with the conditions and the scaling of its training engines."""

    model: nn.Module
    conditioner: Conditioner


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    Attributes:
        record: What is kept of it.
        members: The network of the best epoch, or one of each fold; none where the run failed.
        interval: What prediction intervals are made from; None where the run failed.
        splits: What each member was trained on, and chosen or scored on.
        remedy: The run to make in its place, where a concern of its record has a remedy.
        survival: Out of fold, of an ensemble; else None.
    """

    record: Record
    members: tuple[Member, ...]
    interval: Interval | None
    splits: tuple[Split, ...]
    remedy: RunSpec | None = None
    survival: OutOfFold | None = None

    def _repr_html_(self) -> str:
        return self.record._repr_html_()

    @property
    def model(self) -> nn.Module | None:
        """The first network, None where the run failed."""
        return self.members[0].model if self.members else None


def finished(spec: RunSpec, stack: Stack | Fits, numbers: Sequence[int], fleet: Fleet) -> Run:
    """The replicas of a run on ``fleet`` that have come to their end: figures and interval of the networks that were kept."""
    replicas = [stack.replicas[number] for number in numbers]
    splits, history = tuple(replica.split for replica in replicas), merged([replica.history for replica in replicas])
    left_out = said_of_left_out(fleet.left_out)
    record = partial(_record, spec, stack, replicas, history, table=[*fleet.done, *left_out])
    if reason := next((replica.reason for replica in replicas if replica.reason), ""):
        return Run(record(status=FAILED, reason=reason), (), None, splits)
    models = [stack.best_model(number) for number in numbers]
    members = tuple(Member(model, split.conditioner) for model, split in zip(models, splits, strict=True))

    def predicted(windows: Sequence[Windows]) -> list[Predictions]:
        pairs = zip(models, windows, strict=True)
        return [Predictions.of(model, input_of(model, some, stack.device), spec) for model, some in pairs]

    sides = [split.validation for split in splits]
    held = predicted(sides)
    truth, chosen, ruls = Truth.together([s.truth for s in sides]), Predictions.together(held), [p.rul for p in held]
    cap = float(spec.conventions.cap)
    interval = Interval.of(LEVEL, cap, ruls, [side.rul for side in sides], [side.engine for side in sides])
    facts: dict[str, Any] = {"validation": chosen.figures(truth, spec.conventions.cycle)}
    if spec.folds:
        facts["validation"] |= _over_engines(chosen, truth)
    facts["tasks"] = task_figures(spec, chosen, np.concatenate([side.labels for side in sides]), truth.engine)
    of_fleet = [*of_tasks(facts["tasks"]), *filter(None, [splits[0].suspension]), *left_out]
    doubts = concerns(spec, history, chosen, truth, of_fleet, replicas[0].per_epoch)
    facts["concerns"] = [doubt.line for doubt in doubts]
    facts["interval"] = {"level": LEVEL, "half_width": interval.half_width(ruls)}
    survival = held_out(models, splits, spec, interval, fleet, stack.device) if spec.trains("rul") else None
    if survival is not None:
        facts["survival"] = survival.figures(spec.conventions.health_cuts)
    if splits[0].test is not None:
        every = predicted([split.test for split in splits if split.test is not None])
        found, asked = Predictions.mean(every, spec), splits[0].test.truth
        low, high = interval.ends(np.stack([one.rul for one in every]))
        facts |= {"test": found.figures(asked, spec.conventions.cycle), "source": _best_on_test(replicas[0].history)}
        if spec.model != NETWORK:  # it has no epochs to choose among
            facts["source"] = {"epoch": -1} | {name: facts["test"][name] for name in ("rmse", "score")}
        facts["predictions"] = _predictions(found, asked, low, high)
        facts["interval"]["coverage"] = float(np.mean(~((asked.rul < low) | (asked.rul > high))))  # NaN: no end
    remedy = next((doubt.remedy for doubt in doubts if doubt.remedy is not None), None)
    return Run(record(status=DONE, **facts), members, interval, splits, remedy, survival)


def _record(
    spec: RunSpec, stack: Stack | Fits, replicas: Sequence[Replica], history: list[dict[str, Any]], **facts: Any
) -> Record:
    return Record(
        id=spec.id,
        spec=spec.to_json(),
        best_epoch=replicas[0].best_epoch,
        history=history,
        environment=environment(stack.device) | {"stack": str(len(stack.specs))},
        seconds=sum(replica.seconds for replica in replicas),
        steps=sum(replica.step for replica in replicas),
        **facts,
    )


def _over_engines(found: Predictions, truth: Truth) -> dict[str, float]:
    """Ends of the 95 % interval of the RMSE over engines, cycles: the root of Student's of their mean squared errors."""
    squared, engine = np.square(found.rul.astype(float) - truth.rul), np.unique(truth.engine, return_inverse=True)[1]
    ends = student(np.bincount(engine, squared) / np.bincount(engine))
    return {"rmse_low": max(ends.low, 0.0) ** 0.5, "rmse_high": ends.high**0.5}


def merged(histories: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Histories of the members of an ensemble as one: means, and of rho the interval over members."""
    if len(histories) == 1:
        return histories[0]
    together = []
    for entries in zip(*histories, strict=False):  # a member that failed has a shorter one
        shared = [name for name in entries[0] if all(name in entry for entry in entries)]
        entry: dict[str, Any] = {name: np.mean([e[name] for e in entries], 0).tolist() for name in shared}
        if "rho" in entry:
            rho = student([e["rho"] for e in entries])
            entry |= {"rho_low": rho.low, "rho_high": rho.high}
        together.append(entry | {"epoch": entries[0]["epoch"]})
    return together


def _best_on_test(history: list[dict[str, Any]]) -> dict[str, float]:
    watched = [entry for entry in history if "test_rmse" in entry]
    if not watched:
        return {}
    best = min(watched, key=lambda entry: entry["test_rmse"])
    return {"epoch": best["epoch"], "rmse": best["test_rmse"], "score": best["test_score"]}


def _predictions(found: Predictions, truth: Truth, low: Values, high: Values) -> dict[str, list[float]]:
    ends = {} if np.isnan(low).all() else {"low": low, "high": high}
    return {
        "engine": truth.engine.tolist(),
        "true": truth.true_rul.tolist(),
        **{name: [round(float(value), 3) for value in values] for name, values in ({"rul": found.rul} | ends).items()},
        "health": found.health.tolist(),
    }


def environment(device: str) -> dict[str, str]:
    """Versions and machine that a run is made on."""
    gpu = device.startswith("cuda")
    return {
        "grace": __version__,
        "engine": ENGINE,
        "torch": torch.__version__,
        "scikit-learn": version("scikit-learn"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(device) if gpu else platform.processor() or platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),  # whose LSTM is taken follows from it
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
    }
