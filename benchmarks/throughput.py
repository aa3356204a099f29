"""Windows per second of training on one thread: GRACE, an idiomatic PyTorch loop, and Lightning with rul-datasets.

All train the same network, GRACE as its one function and the others by PyTorch's layers, with both losses at 0.5 / 0.5, clipped,
with AdamW. GRACE's own loop does more in the same step: the random offsets of its recipe, and the moving average of the weights.
They take turns.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from layers import ByLayers
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from grace.core.weighted_mse import INNER
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.windows import Windows
from grace.models.units import UNITS
from grace.training.protocol import Split
from grace.training.run_spec import run_spec
from grace.training.schedule import Schedule
from grace.training.spec import RunSpec
from grace.training.stack import Stack

SIZES = {"compact": (60, 128), "paper": (30, 256)}
"""Window and batch of each size, as its schedule has them."""

ALONE = "network alone"
"""Both passes of the network without a loop around them."""

STACKS = {"compact": (2,), "paper": (1,)}
"""Replicas of the stacks that are measured on one thread; the GPU's are in benchmarks/gpu.py."""


def spec_of(size: str, steps: int) -> RunSpec:
    """The spec that all of them train."""
    window, batch = SIZES[size]
    plan = replace(Schedule.named(size), steps=steps, batch_size=batch)
    conventions = Conventions(window=window)
    return run_spec("FD001", "baseline", size=size, schedule=plan, conventions=conventions)


class Grace:
    """The training engine: ``replicas`` seeds in one process, on the same split, as it would have them from files."""

    def __init__(self, spec: RunSpec, windows: Any, steps: int, replicas: int = 1) -> None:
        specs = [replace(spec, seed=spec.seed + number) for number in range(replicas)]
        splits = {one.seed: windows for one in specs}
        self._stack = Stack(specs, splits)
        self._rows = list(range(replicas))
        self.windows = replicas * spec.schedule.batch_size * self._stack.replicas[0].per_epoch

    def seconds(self) -> float:
        """Seconds of an epoch of ``steps`` steps of all replicas."""
        began = time.perf_counter()
        self._stack.train_epoch(self._rows)
        self._stack.epoch += 1
        return time.perf_counter() - began


class WindowDataset(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Windows as a tutorial has them: one array a sample, made when it is asked for."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        w = self._windows
        rows = np.maximum(np.arange(w.ends[index] - w.width + 1, w.ends[index] + 1), w.first[index])
        return torch.from_numpy(w.rows[rows]), torch.tensor(w.rul[index]), torch.tensor(w.label[index])


class Loop:
    """Dataset, DataLoader, nn.LSTM, AdamW: the loop of a tutorial; with autocast where the spec's precision is bfloat16."""

    def __init__(self, spec: RunSpec, windows: Any, steps: int) -> None:
        torch.manual_seed(0)
        self._steps, self.windows, self._low = steps, steps * spec.schedule.batch_size, spec.precision == "bfloat16"
        self._loader = DataLoader(WindowDataset(windows.train), spec.schedule.batch_size, shuffle=True, drop_last=True)
        self._model = ByLayers(UNITS["cycles"].network(spec.size, windows.train.rows.shape[1], 125)).train()
        self._optimiser = torch.optim.AdamW(self._model.parameters(), lr=1e-3, weight_decay=1e-4)

    def seconds(self) -> float:
        """Seconds of ``steps`` steps."""
        began, total = time.perf_counter(), 0.0
        for step, (x, rul, label) in enumerate(self._loader):
            if step == self._steps:
                break
            with torch.autocast("cpu", torch.bfloat16, enabled=self._low):
                predicted, logits = self._model(x)
                loss = 0.5 * INNER["mse"](predicted, rul, 125.0) + 0.5 * nn.functional.cross_entropy(logits, label)
            self._optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimiser.step()
            total += loss.item()
        return time.perf_counter() - began


class Alone:
    """Forward and backward pass of the network and nothing else: no loop on its operations can be faster."""

    def __init__(self, spec: RunSpec, windows: Any, steps: int) -> None:
        torch.manual_seed(0)
        self._steps, self.windows = steps, steps * spec.schedule.batch_size
        self._batch = next(iter(Loop(spec, windows, steps)._loader))
        self._model = ByLayers(UNITS["cycles"].network(spec.size, windows.train.rows.shape[1], 125)).train()

    def seconds(self) -> float:
        """Seconds of ``steps`` pairs of passes."""
        x, rul, label = self._batch
        began = time.perf_counter()
        for _ in range(self._steps):
            predicted, logits = self._model(x)
            loss = 0.5 * INNER["mse"](predicted, rul, 125.0) + 0.5 * nn.functional.cross_entropy(logits, label)
            torch.autograd.grad(loss, list(self._model.parameters()))
        return time.perf_counter() - began


def lightning_installed() -> bool:
    """Whether Lightning and rul-datasets can be compared with."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import lightning
            import rul_datasets  # noqa: F401
    except ImportError:
        return False
    return bool(lightning.__version__)


class Lightning:
    """Lightning's trainer on the data module of rul-datasets, whose files lie in ``root``/CMAPSS."""

    def __init__(self, spec: RunSpec, windows: Any, steps: int) -> None:
        import lightning
        import rul_datasets

        class Module(lightning.LightningModule):
            """The same network and losses; health states from the target."""

            def __init__(self) -> None:
                super().__init__()
                self.model = ByLayers(UNITS["cycles"].network(spec.size, 14, 125))
                self.began = self.spent = 0.0

            def training_step(self, batch: Any, _: int) -> Tensor:
                x, rul = batch
                predicted, logits = self.model(x.mT)
                label = 2 - torch.bucketize(rul, torch.tensor([30.0, 70.0]), right=True)
                loss = 0.5 * INNER["mse"](predicted, rul, 125.0) + 0.5 * nn.functional.cross_entropy(logits, label)
                self.log("loss", loss)
                return loss

            def configure_optimizers(self) -> Any:
                return torch.optim.AdamW(self.parameters(), lr=1e-3, weight_decay=1e-4)

            def on_train_epoch_start(self) -> None:
                self.began = time.perf_counter()

            def on_train_epoch_end(self) -> None:
                self.spent = time.perf_counter() - self.began

        torch.manual_seed(0)
        reader = rul_datasets.CmapssReader(1, window_size=spec.conventions.window, max_rul=125)
        self._data = rul_datasets.RulDataModule(reader, spec.schedule.batch_size)
        self._module, self._steps, self._lightning = Module(), steps, lightning
        self.windows = steps * spec.schedule.batch_size

    def seconds(self) -> float:
        """Seconds of ``steps`` steps, between the start and the end of Lightning's epoch."""
        trainer = self._lightning.Trainer(
            accelerator="cpu",
            max_epochs=1,
            limit_train_batches=self._steps,
            limit_val_batches=0,
            gradient_clip_val=1.0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(self._module, train_dataloaders=self._data.train_dataloader())
        return float(self._module.spent)

    def prepare(self) -> None:
        """Read the files."""
        self._data.prepare_data()
        self._data.setup()


def rates(size: str, steps: int, rounds: int, fleet: Fleet, peers: bool = True) -> dict[str, list[float]]:
    """Windows per second of each way, interleaved, after a round of warm-up.

    Args:
        size: ``compact`` or ``paper``.
        steps: Optimiser steps in a round.
        rounds: Rounds.
        fleet: Training engines.
        peers: Compare in bfloat16, with the network alone, and with Lightning and rul-datasets too; the last reads FD001 from
            its own folder, :func:`link_for_rul_datasets`.
    """
    spec = spec_of(size, steps)
    split = Split.of(spec, fleet, None)
    ways: dict[str, Any] = {"GRACE": Grace(spec, split, steps), "PyTorch loop": Loop(spec, split, steps)}
    if peers:
        low = replace(spec, precision="bfloat16")
        ways |= {"GRACE, bfloat16": Grace(low, split, steps), "PyTorch loop, bfloat16": Loop(low, split, steps)}
        ways[ALONE] = Alone(spec, split, steps)
    for replicas in STACKS[size]:
        ways[f"GRACE, stack of {replicas}"] = Grace(spec, split, steps, replicas)
    found: dict[str, list[float]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if peers and lightning_installed():
            logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
            ways["Lightning, rul-datasets"] = lightning = Lightning(spec, split, steps)
            lightning.prepare()
        for round_number in range(rounds + 1):
            for name, way in ways.items():
                rate = way.windows / way.seconds()
                if round_number:
                    found.setdefault(name, []).append(rate)
    return found


def link_for_rul_datasets(data: Path, scratch: Path) -> None:
    """Show rul-datasets a writable folder of links to the files; to be called before it is imported."""
    folder = scratch / "CMAPSS"
    folder.mkdir(parents=True, exist_ok=True)
    for path in data.glob("*_FD00?.txt"):
        if path.name.startswith(("train_", "test_", "RUL_")):
            (folder / path.name).symlink_to(path.resolve())
    os.environ["RUL_DATASETS_DATA_ROOT"] = str(scratch)
