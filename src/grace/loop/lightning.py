"""GRACE as a Lightning callback: the outer axis, or the monitor alone, without touching the training step's body."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor

from grace.controllers.controller import Controller
from grace.core.fit import Losses, Weighed
from grace.core.gradient_utils import trainable
from grace.core.graph import Graph
from grace.core.measure import gramian_of, measure
from grace.errors import GraceError
from grace.loop.backward import backward
from grace.loop.watch import Watch

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as error:
    raise GraceError(
        f"`GraceCallback` should find Lightning installed. Found no module `{error.name}`. "
        "Run pip install 'grace-rul[lightning]'."
    ) from None

Module = TypeVar("Module", bound=LightningModule)


class GraceCallback(Callback):
    """Weighs the tasks by an outer axis, or only watches them, and logs rho, ratio and weights to the trainer's loggers.

    With automatic optimisation, ``training_step`` returns ``{"loss": any scalar, "losses": ...}``: the losses in the order of
    ``tasks`` or by their names, None for a task without labels in the batch. The callback then takes the place of
    ``loss.backward()``; precision, gradient accumulation, clipping and the optimiser stay Lightning's. With manual
    optimisation, call ``callback.backward(self, losses)`` in place of ``self.manual_backward(loss)``.

    Args:
        shared: Module -> its shared parameters, heads excluded.
        outer: The outer axis; None only watches: training goes on exactly as without the callback. One that learns has to be
            an attribute of the module too, so that its parameters reach your optimiser.
        tasks: Names of the tasks.
        every: Measure each task in every N-th of the batches that it is in; each costs one backward pass a task. Default: the
            outer axis' own, 10 without one. With accumulation in optimiser steps.
        measure_on: Module -> the part of its shared parameters that the Gramian is taken of, see :func:`grace.backward`.
        edge: See :class:`grace.Watch`; an alarm is a ``UserWarning`` and, as long as it lasts, the value 1 under ``grace/alarm``.

    Raises:
        GraceError: ``training_step`` returns no losses, another number than there are tasks, or other names.
    """

    def __init__(
        self,
        shared: Callable[[Module], Iterable[Tensor]],
        outer: Controller | None = None,
        tasks: Sequence[str] = ("rul", "health"),
        every: int | None = None,
        edge: float = 0.0,
        measure_on: Callable[[Module], Iterable[Tensor]] | None = None,
    ) -> None:
        self.every = (10 if outer is None else outer.measure_every) if every is None else every
        if self.every < 1:
            raise GraceError(f"`every` should be at least 1. Found {every}.")
        self.outer, self.watch = outer, Watch(tasks, edge)
        self._shared: Callable[[Any], Iterable[Tensor]] = shared
        self._measure_on: Callable[[Any], Iterable[Tensor]] | None = measure_on
        self._losses: Sequence[Tensor | None] | None = None
        self._alarm = ""
        self._calls = 0
        self._replaced: dict[str, Any] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Listen to what ``training_step`` returns, and take the place of ``backward``."""
        if stage != "fit" or not pl_module.automatic_optimization:
            return
        step, plain = pl_module.training_step, pl_module.backward

        def training_step(*arguments: Any, **named: Any) -> Any:
            output = step(*arguments, **named)
            self._losses = None if output is None else _losses_of(output, self.watch.tasks)
            return output

        def run_backward(loss: Tensor, *arguments: Any, **named: Any) -> None:
            if self.outer is None:
                self._look(pl_module)
                plain(loss, *arguments, **named)
            else:
                share = trainer.accumulate_grad_batches
                losses = [None if x is None else x / share for x in self._losses or ()]
                self._combine(trainer, pl_module, losses, share)

        self._replaced = {name: vars(pl_module).get(name) for name in ("training_step", "backward")}
        pl_module.training_step = training_step  # type: ignore[method-assign]
        pl_module.backward = run_backward  # type: ignore[method-assign]

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give the module its own methods back."""
        for name, own in self._replaced.items():
            vars(pl_module).pop(name, None)
            if own is not None:
                setattr(pl_module, name, own)
        self._replaced = {}

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Likewise where a training ends by an error or Ctrl-C, when Lightning calls no ``teardown``."""
        self.teardown(trainer, pl_module, "fit")

    def backward(self, module: LightningModule, losses: Losses, *, accumulation: int = 1) -> Weighed | None:
        """In place of ``module.manual_backward(loss)``; without an outer axis it measures and sets no gradient."""
        self._losses = _losses_of({"losses": losses}, self.watch.tasks)
        if self.outer is None:
            self._look(module)
            return None
        return self._combine(module.trainer, module, self._losses, accumulation)

    def _combine(
        self, trainer: Trainer, module: LightningModule, losses: Sequence[Tensor | None], accumulation: int
    ) -> Weighed:
        assert self.outer is not None
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if next(self.outer.buffers()).device != module.device:
            self.outer.to(module.device)
        combined = backward(
            losses,
            self._shared(module),
            self.outer,
            epoch=trainer.current_epoch,
            measure_every=self.every,
            measure_on=None if self._measure_on is None else self._measure_on(module),
            accumulation=accumulation,
            scaler=scaler,
        )
        self._alarm = self.watch(combined) or self._alarm
        return combined

    def _look(self, module: LightningModule) -> None:
        live = [loss for loss in self._losses or () if loss is not None]
        if self._calls % self.every == 0 and len(live) == len(self.watch.tasks):
            read = trainable((self._measure_on or self._shared)(module))
            rows = measure(live, read, Graph.of(live), keep=True)
            self._alarm = self.watch.measured(gramian_of(rows, read)) or self._alarm
        self._calls += 1

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Log what is known and raise the alarm."""
        values = {f"grace/{name}": value for name, value in self.watch.values().items()}
        if self._alarm:
            warnings.warn(self._alarm, stacklevel=2)
            self._alarm = ""
        values["grace/alarm"] = float(self.watch.alarmed)
        pl_module.log_dict(values, on_step=True, on_epoch=False)
        self._losses = None

    def state_dict(self) -> dict[str, Any]:
        """The outer axis' state, for Lightning's checkpoints."""
        return {} if self.outer is None else {"outer": self.outer.state_dict(), "calls": self._calls}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        if self.outer is not None:
            self.outer.load_state_dict(state_dict["outer"])
            self._calls = state_dict["calls"]


def _losses_of(output: Any, tasks: Sequence[str]) -> list[Tensor | None]:
    """The losses in the order of the tasks."""
    losses = output.get("losses") if isinstance(output, Mapping) else None
    by_name = isinstance(losses, Mapping)
    if losses is None or isinstance(losses, Tensor) or (not by_name and len(losses) != len(tasks)):
        found = "none" if losses is None else f"a {type(losses).__name__} of {len(losses)}"
        raise GraceError(
            f"`training_step` should return a dict with 'loss' and 'losses', {len(tasks)} scalars. Found {found} under 'losses'."
        )
    if by_name and not set(losses) <= set(tasks):
        raise GraceError(
            f"`losses` should be named as the tasks of the callback, {', '.join(tasks)}. Found {', '.join(losses)}. Give "
            "GraceCallback(tasks=...) the names of your losses."
        )
    return [losses.get(name) for name in tasks] if by_name else list(losses)
