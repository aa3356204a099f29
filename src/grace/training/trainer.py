"""The training loop, an epoch at a time; all that it needs to go on is in its state."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from grace.alignment.probe import live_model
from grace.controllers.methods import build_outer
from grace.core.gradient_utils import cosines, norm_ratio, weighted_backward
from grace.core.stats import student
from grace.data.resident import ResidentWindows
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import WHOLE
from grace.models.rul_problem import TASKS, RULProblem
from grace.training.checkpoint import to_cpu
from grace.training.evaluate import figures, predict
from grace.training.protocol import Split
from grace.training.schedule import LearningRate
from grace.training.spec import RunSpec


class DivergedError(GraceError):
    """A training whose losses or predictions are no longer finite."""


@dataclass(frozen=True)
class Measured:
    """Sums over an epoch, on the device until the epoch ends.

    Attributes:
        losses: Mean losses ``[K]``.
        weights: Mean task weights ``[K]``.
        gramians: Gramians of the measured steps ``[M, K, K]``; ``M`` is 0 where none was measured.
    """

    losses: Tensor
    weights: Tensor
    gramians: Tensor


class Trainer:
    """Trains one spec on one split. Each epoch's randomness is a function of (seed, epoch), so no generator is kept.

    Args:
        spec: What to train.
        split: On what.
        device: ``cpu``, ``cuda``, ...
    """

    def __init__(self, spec: RunSpec, split: Split, device: str = "cpu") -> None:
        self.spec, self.split, self.device = spec, split, device
        plan = spec.schedule
        self.problem = RULProblem(
            split.train, spec.conventions.cap, spec.size, spec.unit, spec.inner, plan.batch_size, device
        )
        self._validation = ResidentWindows(split.validation, device)
        self._test = None if split.test is None else ResidentWindows(split.test, device)
        torch.manual_seed(spec.seed)
        self.model, self.redrawn = live_model(self.problem, spec.seed)
        self._shared = self.problem.shared(self.model)
        self._measured = None if spec.measure_on == WHOLE else self.problem.shared(self.model, spec.measure_on)
        known = {id(parameter) for parameter in self._shared}
        self._own = [p for p in self.model.parameters() if id(p) not in known]
        averaging = get_ema_multi_avg_fn(plan.average)
        self.average = AveragedModel(self.model, multi_avg_fn=averaging, use_buffers=True)
        self.controller = build_outer(spec.outer, len(TASKS), **dict(spec.options)).to(device)
        self._optimiser = torch.optim.AdamW(self._groups(), lr=plan.learning_rate, fused=True)
        whole = max(1, len(split.train) // min(plan.batch_size, len(split.train)))
        self.steps_per_epoch = min(plan.steps, whole) or whole
        self._rate = LearningRate(self._optimiser, plan, self.steps_per_epoch)
        self._every = spec.measure_every if self.controller.needs_gramian else spec.monitor_every
        self.epoch, self.step, self.seconds = 0, 0, 0.0
        self.best_epoch, self.best_value, self.best_state = -1, math.inf, to_cpu(self.average.module.state_dict())
        self.history: list[dict[str, Any]] = []

    def _groups(self) -> list[dict[str, Any]]:
        plan = self.spec.schedule
        groups: list[dict[str, Any]] = [{"params": list(self.model.parameters()), "weight_decay": plan.weight_decay}]
        learned = list(self.controller.parameters())
        if learned:
            rate = self.controller.learning_rate or plan.learning_rate
            groups.append({"params": learned, "weight_decay": 0.0, "lr": rate})
        return groups

    @property
    def finished(self) -> bool:
        """Whether all epochs are made, or the validation RMSE has not fallen for long enough."""
        plan = self.spec.schedule
        stalled = plan.stop and self.epoch - 1 - self.best_epoch >= plan.stop
        return self.epoch >= plan.epochs or bool(self.epoch and stalled)

    def run_epoch(self) -> dict[str, Any]:
        """Train one epoch, evaluate the averaged weights and return the epoch's entry of the history.

        Raises:
            DivergedError: A loss or a prediction is not finite.
        """
        began = time.perf_counter()
        measured = self._train()
        self._check(measured.losses)
        entry = self._evaluate() | summary(measured)
        value = 1 - entry["validation_f1"] if "validation_f1" in entry else entry["validation_rmse"]
        self._rate.after_epoch(value)
        self.history.append({"epoch": self.epoch, "lr": self._optimiser.param_groups[0]["lr"], **entry})
        if value < self.best_value:
            self.best_epoch, self.best_value = self.epoch, value
            self.best_state = to_cpu(self.average.module.state_dict())
        self.epoch += 1
        self.seconds += time.perf_counter() - began
        return self.history[-1]

    def _train(self) -> Measured:
        """One epoch of steps; nothing in it waits for the device."""
        torch.manual_seed(self.spec.seed * 1_000_003 + self.epoch)  # dropout and augmentation
        order = torch.Generator().manual_seed(self.spec.seed * 1_000_003 + self.epoch)
        losses = torch.zeros(len(TASKS), device=self.device)
        weights = torch.zeros(len(TASKS), device=self.device)
        gramians: list[Tensor] = []
        self.model.train()
        for batch in islice(self.problem.epoch(order), self.steps_per_epoch):
            loss, weight, gram = self._one_step(self._augmented(batch))
            losses += loss
            weights += weight
            if gram is not None:
                gramians.append(gram)
        count = self.steps_per_epoch
        shape = (0, len(TASKS), len(TASKS))
        return Measured(losses / count, weights / count, torch.stack(gramians) if gramians else torch.zeros(shape))

    def _augmented(self, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        offset = self.spec.schedule.offset
        if not offset:
            return batch
        x, rul, label = batch
        return x + offset * torch.randn(len(x), 1, x.shape[2], device=x.device), rul, label

    def _one_step(self, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
        self._rate.before(self.step)
        self._optimiser.zero_grad()
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self.spec.precision == "bfloat16"):
            losses = self.problem.losses(self.model, batch)
        detached = torch.stack([loss.detach() for loss in losses])

        def weigh(gram: Tensor | None) -> Tensor:
            return self.controller(detached, gram, self.step, self.epoch)  # type: ignore[no-any-return]

        gram = None
        if self._every and self.step % self._every == 0:
            gram, weights = weighted_backward(
                losses, weigh, self._shared, self._own, measured=self._measured, check=False
            )
        else:
            weights = weigh(None)
            (weights * torch.stack(list(losses))).sum().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.spec.schedule.clip)
        self._optimiser.step()
        self.average.update_parameters(self.model)
        self.step += 1
        return detached, weights, gram

    def _check(self, losses: Tensor) -> None:
        if reason := loss_trouble(losses, self.epoch):
            raise DivergedError(reason)

    def _evaluate(self) -> dict[str, Any]:
        chosen_on = self.figures_of(self._validation, self.split.validation)
        entry = {"validation_rmse": chosen_on["rmse"]}
        if not self.spec.trains("rul"):
            entry["validation_f1"] = chosen_on["macro_f1"]
        if self._test is not None and self.split.test is not None and self.spec.watch_test:
            found = self.figures_of(self._test, self.split.test)
            entry |= {"test_rmse": found["rmse"], "test_score": found["score"]}
        return entry

    def figures_of(self, resident: ResidentWindows, windows: Windows) -> dict[str, float]:
        """Figures of the averaged weights as they are now.

        Raises:
            DivergedError: A prediction is not finite.
        """
        found = figures(predict(self.average.module, resident, self.spec), windows)
        if not math.isfinite(found["rmse"]):
            raise DivergedError(prediction_trouble(self.epoch))
        return found

    def best_model(self) -> nn.Module:
        """The averaged network of the best epoch, in evaluation mode."""
        self.average.module.load_state_dict(self.best_state)
        return self.average.module.eval()

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed training needs to equal an uninterrupted one bit for bit."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "controller": self.controller.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "rate": self._rate.state_dict(),
            "best": {"epoch": self.best_epoch, "value": self.best_value, "state": self.best_state},
            "progress": {"epoch": self.epoch, "step": self.step, "seconds": self.seconds},
            "history": self.history,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.controller.load_state_dict(state["controller"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._rate.load_state_dict(state["rate"])
        best, progress = state["best"], state["progress"]
        self.best_epoch, self.best_value, self.best_state = best["epoch"], best["value"], best["state"]
        self.epoch, self.step, self.seconds = progress["epoch"], progress["step"], progress["seconds"]
        self.history = state["history"]


def loss_trouble(losses: Tensor, epoch: int) -> str:
    """Why a training with these mean losses ``[K]`` cannot go on, or an empty text."""
    if bool(torch.isfinite(losses).all()):
        return ""
    values = ", ".join(f"{name} {value:g}" for name, value in zip(TASKS, losses.tolist(), strict=True))
    return f"losses should be finite. Found {values} in epoch {epoch}. Lower the learning rate."


def prediction_trouble(epoch: int) -> str:
    """Why a training whose predictions are not finite cannot go on."""
    return f"predictions should be finite. Found NaN in epoch {epoch}. Lower the learning rate."


def summary(measured: Measured) -> dict[str, Any]:
    """The epoch's means as plain numbers; rho's interval is over its measured batches, of this one initialisation."""
    entry: dict[str, Any] = {"losses": measured.losses.tolist(), "weights": measured.weights.tolist()}
    count = len(measured.gramians)
    if count:
        rho = student(cosines(measured.gramians)[:, 0, 1].double().cpu().numpy())
        entry |= {"rho": rho.mean, "rho_low": rho.low, "rho_high": rho.high}
        entry["ratio"] = float(norm_ratio(measured.gramians).median())
    return entry
