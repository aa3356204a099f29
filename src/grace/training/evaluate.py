"""What a trained network predicts, and the figures of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from grace.core.metrics import macro_f1, nasa_score, rmse
from grace.data.health_labels import rul_to_health_3class
from grace.data.resident import ResidentWindows
from grace.data.tasks import HEALTH, STATES
from grace.data.windows import Truth
from grace.models.second_tasks import Head
from grace.training.spec import RunSpec

BATCH = 256  # of each network at once: 35 of full size then take some 3 GiB


class Predictions(NamedTuple):
    """Predictions of ``N`` windows: RUL (cycles) and most probable health state ``[N]``, probability of each state ``[N, C]``;
    and of every other task that was trained its values or the probability of each class, ``[N, D or C]``, by name."""

    rul: NDArray[np.float32]
    health: NDArray[np.int64]
    probability: NDArray[np.float32]
    tasks: dict[str, NDArray[np.float32]]

    @classmethod
    def mean(cls, members: Sequence[Predictions], spec: RunSpec) -> Predictions:
        """Of the members of an ensemble, for the same windows: mean RUL, values, and probabilities."""
        if len(members) == 1:
            return members[0]
        rul, probability = (np.mean([getattr(m, name) for m in members], 0) for name in ("rul", "probability"))
        others = {name: np.mean([member.tasks[name] for member in members], 0) for name in members[0].tasks}
        return cls(rul, *_health(rul, probability, spec), others)

    @classmethod
    def together(cls, parts: Sequence[Predictions]) -> Predictions:
        """Of several sets of windows, one after the other."""
        rul, health, probability = (np.concatenate(column) for column in list(zip(*parts, strict=True))[:3])
        others = {name: np.concatenate([part.tasks[name] for part in parts]) for name in parts[0].tasks}
        return cls(rul, health, probability, others)

    @classmethod
    def of(cls, model: nn.Module, windows: ResidentWindows, spec: RunSpec) -> Predictions:
        """Of one network in evaluation mode; the model's mode is restored."""
        training = model.training
        model.eval()
        found = predict_all(lambda x: tuple(side[None] for side in model(x[0])), [windows], [spec])[0]
        model.train(training)
        return found

    def figures(self, windows: Truth, cycle: float = 1.0) -> dict[str, float]:
        """RMSE (cycles) and NASA score against capped and uncapped labels, and the macro-F1 of the health states.

        ``cycle`` is :attr:`Conventions.cycle <grace.data.conventions.Conventions.cycle>`: the score is exponential in the errors,
        and of lives in seconds it would overflow.

        With ``N`` windows of ``E`` engines the score is summed over windows and divided by ``N / E``: on one window an engine
        it is the plain sum.
        """
        share = len(np.unique(windows.engine)) / len(windows.rul)
        return {
            "rmse": rmse(self.rul, windows.rul),
            "score": share * nasa_score(self.rul / cycle, windows.rul / cycle),
            "rmse_uncapped": rmse(self.rul, windows.true_rul),
            "score_uncapped": share * nasa_score(self.rul / cycle, windows.true_rul / cycle),
            "macro_f1": macro_f1(self.health, windows.label),
        }


@torch.no_grad()
def predict_all(
    forward: Callable[[Tensor], tuple[Tensor, ...]], windows: Sequence[ResidentWindows], specs: Sequence[RunSpec]
) -> list[Predictions]:
    """Predictions of ``R`` networks, each of its own windows; RUL at most the cap, as the targets.

    ``forward`` takes windows ``[R, B, T, F]`` to RUL ``[R, B]`` in cycles and what the heads emit ``[R, B, outputs]``, in
    evaluation mode. A network that was trained on RUL alone has heads that never learned: its health states follow from its RUL
    by the cuts of the conventions.
    """
    cap, heads = float(specs[0].conventions.cap), Head.every(specs[0].conventions)
    parts = []
    for index in torch.arange(max(map(len, windows)), device=windows[0].device).split(BATCH):
        rul, *others = forward(together([side.batch(index.clamp(max=len(side) - 1)).x for side in windows]))
        told = [head.told(out.float()).cpu() for head, out in zip(heads, others, strict=False)]
        parts.append((rul.float().clamp(max=cap).cpu(), *told))
    every_rul, *every = (torch.cat(side, 1).numpy() for side in zip(*parts, strict=True))
    found = []
    for number, (side, spec) in enumerate(zip(windows, specs, strict=True)):
        own = every_rul[number, : len(side)]
        by_task = {head.name: one[number, : len(side)] for head, one in zip(heads, every, strict=False)}
        health = by_task.pop(HEALTH.name, np.zeros((len(side), len(STATES)), np.float32))
        trained = {name: values for name, values in by_task.items() if spec.trains(name)}
        found.append(Predictions(own, *_health(own, health, spec), trained))
    return found


def _health(
    rul: NDArray[np.float32], probability: NDArray[np.float32], spec: RunSpec
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Health states and their probabilities; of a run that has not trained them they follow from RUL, with certainty."""
    if spec.trains("health") or not np.isfinite(rul).all():
        return probability.argmax(-1), probability
    health = rul_to_health_3class(rul, *spec.conventions.health_cuts)
    return health, np.eye(probability.shape[-1], dtype=np.float32)[health]


def together(parts: Sequence[Tensor]) -> Tensor:
    """Tensors of the replicas as one, replicas first; a single one is not copied."""
    return torch.stack(list(parts)) if len(parts) > 1 else parts[0][None]
