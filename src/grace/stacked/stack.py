"""Many trainings of one data set at once: ``R`` replicas that differ in seed and method, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grace.core.gradient_utils import gramian
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import PARTS, WHOLE, CNNBiLSTMAttention
from grace.models.rul_problem import TASKS
from grace.stacked.evaluate import entries, predict
from grace.stacked.layout import State
from grace.stacked.losses import StackedLosses
from grace.stacked.lstm import EAGER, Cell
from grace.stacked.network import StackedNetwork
from grace.stacked.optimiser import step as optimise
from grace.stacked.outer import Group, Outer
from grace.stacked.replica import Replica, Sums
from grace.stacked.windows import ON_DISK, StackedWindows, offsets
from grace.training.protocol import Split
from grace.training.spec import RunSpec

SPREAD = 1_000_003  # of the seeds of an epoch's randomness, as in a separate run


class Stack:
    """Trains replicas in step; each has the numbers that it would have alone, to rounding and but for dropout masks.

    Replicas may have splits, and so steps an epoch, of their own: those that have made theirs wait for the others.
    A replica that has stopped early is frozen and no longer computed.

    Args:
        specs: What is trained; they differ in method, options and seed alone.
        splits: Split of each seed.
        networks: The initial network of each.
        device: ``cpu``, ``cuda``, ...
        cell: Element-wise part of the LSTM.
    """

    def __init__(
        self,
        specs: Sequence[RunSpec],
        splits: dict[int, Split],
        networks: Sequence[CNNBiLSTMAttention],
        device: str = "cpu",
        cell: Cell = EAGER,
    ) -> None:
        self.specs, self.device, self.plan = list(specs), device, specs[0].schedule
        self.seeds = list(splits)
        self.network = StackedNetwork(networks[0], cell)
        self._measured_on_all = specs[0].measure_on == WHOLE
        blocks = PARTS[specs[0].measure_on]
        self._measured_names = [name for name in self.network.parameters.starts if name.split(".")[0] in blocks]
        values = self.network.parameters.pack([dict(network.named_parameters()) for network in networks])
        statistics = self.network.statistics.pack([dict(network.named_buffers()) for network in networks])
        self.state = State.start(values.to(device), statistics.to(device))
        self.best, self.best_statistics = self.state.average.clone(), self.state.average_statistics.clone()
        self.replicas = [Replica(spec, splits[spec.seed], device) for spec in specs]
        self.epoch, self.seconds = 0, 0.0
        parts = list(splits.values())
        self._part_of = torch.tensor([self.seeds.index(spec.seed) for spec in specs], device=device)
        training = [part.train for part in parts if isinstance(part.train, Windows)]
        if len(training) < len(parts):
            raise GraceError(ON_DISK)
        self._train_on = StackedWindows(training, device)
        self._validation = StackedWindows([part.validation for part in parts], device)
        tests = [part.test for part in parts if part.test is not None]
        self._test = StackedWindows(tests, device) if tests and specs[0].watch_test else None
        self.outer = Outer(specs, [replica.per_epoch for replica in self.replicas], device)
        self._losses = StackedLosses(specs, self.network, device)

    @property
    def active(self) -> list[int]:
        """Numbers of the replicas that go on."""
        return [number for number, replica in enumerate(self.replicas) if not replica.finished]

    def run_epoch(self) -> None:
        """Train one epoch of every active replica, evaluate the averaged weights and enter it into the histories."""
        began, active = time.perf_counter(), self.active
        sums = self._train(active)
        means = sums.summaries()
        going = [number for number in active if self.replicas[number].trained(means[number].losses)]
        if going:
            self._evaluate(going, sums)
        self.epoch += 1
        spent = time.perf_counter() - began
        self.seconds += spent
        for number in active:
            self.replicas[number].seconds += spent / len(active)

    def _train(self, active: list[int]) -> Sums:
        """One epoch of steps; nothing in it waits for the device."""
        plan, device = self.plan, self.device
        mixed = [seed * SPREAD + self.epoch for seed in self.seeds]
        by_seed = {replica.spec.seed: replica.per_epoch for replica in self.replicas}
        steps = [by_seed[seed] for seed in self.seeds]
        order = self._train_on.orders(mixed, plan.batch_size, steps)
        shift = None
        if plan.offset:
            shift = plan.offset * offsets(mixed, steps, plan.batch_size, self._train_on.rows.shape[1], device)
        torch.manual_seed(mixed[0])  # dropout; its masks are of the whole stack
        for group in self.outer.groups:
            group.begin_epoch(self.epoch, [replica.rate for replica in self.replicas])
        rates = [replica.rates(self.epoch, max(steps)) for replica in self.replicas]
        table = torch.tensor(rates, device=device).T.contiguous()
        sums, done = Sums(len(self.specs), device), 0
        for until in sorted({self.replicas[number].per_epoch for number in active}):
            rows = [number for number in active if self.replicas[number].per_epoch >= until]
            whole, index = len(rows) == len(self.specs), torch.tensor(rows, device=device)
            state = self.state if whole else self.state.select(index)
            groups = self.outer.at_work(rows)
            part = self._part_of[index]
            own_each = part.tolist() == list(range(len(self.seeds)))  # then nothing has to be copied
            for step in range(done, until):
                x, rul, label = self._train_on.batch(order[step])
                if shift is not None:
                    x = x + shift[step]
                batch = (x, rul, label) if own_each else (x[part], rul[part], label[part])
                self._one_step(state, index, groups, batch, step, table[step, index], sums)
            if not whole:
                self.state.put(index, state)
            done = until
        return sums

    def _one_step(
        self,
        state: State,
        rows: Tensor,
        groups: Sequence[Group],
        batch: tuple[Tensor, Tensor, Tensor],
        step: int,
        rate: Tensor,
        sums: Sums,
    ) -> None:
        leaves = self.network.parameters.leaves(state.values)
        losses = self._losses(batch, rows, leaves, self.network.statistics.views(state.statistics))
        measured = [group for group in groups if group.measures(step, self.epoch)]
        tasks = gram = None
        if measured and self._measured_on_all:
            tasks = self._task_gradients(losses, leaves, state)
            gram = gramian(tasks[..., : self.network.shared_width])
        elif measured:
            gram = self._gramian_of(losses, [leaves[name] for name in self._measured_names])
        weights = self.outer.weigh(groups, rows, losses.detach(), gram, step, self.epoch)
        if measured:
            sums.measured(self.outer.gramians, [number for group in measured for number in group.members])
        if tasks is not None:
            grad = (weights[:, None].to(tasks.dtype) @ tasks)[:, 0]
        else:
            found = torch.autograd.grad((weights * losses).sum(), list(leaves.values()))
            grad = torch.empty_like(state.values).zero_()
            self.network.parameters.write(grad, found)
        plan = self.plan
        optimise(state, grad, rate, plan.weight_decay, plan.clip, plan.average)
        sums.add(rows, losses.detach(), weights)

    def _task_gradients(self, losses: Tensor, leaves: dict[str, Tensor], state: State) -> Tensor:
        """Gradients of every task ``[R, K, P]``, zero where a task does not use a parameter."""
        tasks = state.values.new_zeros(len(losses), len(TASKS), state.values.shape[1])
        for task in range(len(TASKS)):
            keep = task < len(TASKS) - 1
            found = torch.autograd.grad(
                losses[:, task].sum(), list(leaves.values()), retain_graph=keep, allow_unused=True
            )
            self.network.parameters.write(tasks[:, task], found)
        return tasks

    @staticmethod
    def _gramian_of(losses: Tensor, part: list[Tensor]) -> Tensor:
        """Gramians ``[R, K, K]`` on some of the shared parameters; the graph is kept."""
        rows = []
        for task in range(len(TASKS)):
            found = torch.autograd.grad(losses[:, task].sum(), part, retain_graph=True)
            rows.append(torch.cat([gradient.flatten(1) for gradient in found], 1))
        return gramian(torch.stack(rows, 1))

    def _evaluate(self, going: list[int], sums: Sums) -> None:
        rows = torch.tensor(going, device=self.device)
        p = self.network.parameters.views(self.state.average[rows])
        statistics = self.network.statistics.views(self.state.average_statistics[rows])
        replicas = [self.replicas[number] for number in going]
        specs, cap = [replica.spec for replica in replicas], self.specs[0].conventions.cap
        part_of = self._part_of[rows]
        found = predict(self.network, p, statistics, self._validation, part_of, cap)
        made = entries(specs, [replica.split.validation for replica in replicas], found, "validation")
        if self._test is not None:
            on_test = [replica.split.test for replica in replicas if replica.split.test is not None]
            found = predict(self.network, p, statistics, self._test, part_of, cap)
            made = [a | b for a, b in zip(made, entries(specs, on_test, found, "test"), strict=True)]
        summaries = sums.summaries()
        better = [n for n, entry in zip(going, made, strict=True) if self.replicas[n].judged(entry, summaries[n])]
        if better:
            index = torch.tensor(better, device=self.device)
            self.best[index] = self.state.average[index]
            self.best_statistics[index] = self.state.average_statistics[index]

    def best_state(self, number: int) -> dict[str, Tensor]:
        """State dict of the averaged network of a replica's best epoch, on the CPU."""
        row = slice(number, number + 1)
        tensors: dict[str, Any] = self.network.parameters.views(self.best[row])
        tensors |= self.network.statistics.views(self.best_statistics[row])
        return {name: tensor[0].cpu().clone() for name, tensor in tensors.items()}

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed stack needs."""
        return {
            "state": self.state.tensors(),
            "best": self.best,
            "best_statistics": self.best_statistics,
            "outer": [group.state_dict() for group in self.outer.groups],
            "losses": self.outer.losses,
            "gramians": self.outer.gramians,
            "replicas": [replica.state_dict() for replica in self.replicas],
            "epoch": self.epoch,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.state = State(**state["state"])
        self.best, self.best_statistics = state["best"], state["best_statistics"]
        for group, values in zip(self.outer.groups, state["outer"], strict=True):
            group.load_state_dict(values)
        self.outer.losses, self.outer.gramians = state["losses"], state["gramians"]
        for replica, values in zip(self.replicas, state["replicas"], strict=True):
            replica.load_state_dict(values)
        self.epoch, self.seconds = state["epoch"], state["seconds"]
