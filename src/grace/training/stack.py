"""The engine: trainings of one data set at once, ``R`` replicas that differ in seed and method, epoch by epoch; a run is one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from grace.alignment.probe import initialised_model
from grace.clock import part
from grace.core.fit import Weighed, fit
from grace.core.replicas import gramians_of_replicas, step_of_replicas
from grace.data.draws import Draws
from grace.data.resident import Batch
from grace.errors import GraceError
from grace.models.function import Networks
from grace.models.heads import WHOLE, MultiHead
from grace.models.losses import Losses
from grace.models.lstm import EAGER, Cell
from grace.models.rul_problem import RULProblem, resident, resident_draws
from grace.models.second_tasks import Head
from grace.models.units import UNITS
from grace.training.evaluate import predict_all, together
from grace.training.layout import Layout, State, check_tensors
from grace.training.optimiser import RowOptimiser
from grace.training.outer import Outer
from grace.training.protocol import Split
from grace.training.replica import Replica, Sums
from grace.training.schedule import Schedule
from grace.training.spec import RunSpec

STARTS = 7_919  # between the seeds of two initialisations of one run
SPREAD = 1_000_003  # between the seeds of two runs' epochs
DROPOUT = 1 << 40  # so that masks and offsets of one epoch have streams of their own


class Stack:
    """Trains replicas in step; each has the numbers that it would have alone, to rounding. Sets the global seed.

    Replicas may have splits, and so steps an epoch, of their own: those that have made theirs wait for the others.
    A replica that has stopped early is frozen and no longer computed. Each epoch's randomness is a function of (seed, epoch),
    so that no generator is kept.

    Args:
        specs: What is trained; they differ in method, options and seed alone.
        splits: Split of each seed.
        cell: Element-wise part of the LSTM in training; a compiled one is compiled anew for every shape.
        monitor_every: Steps between two measurements of the Gramian for display, in runs whose method needs none; 0: never.
            They are passes of their own, so that watching moves no number.

    Raises:
        GraceError: A split of one of several runs fills no batch.
    """

    def __init__(
        self,
        specs: Sequence[RunSpec],
        splits: dict[int, Split],
        device: str = "cpu",
        cell: Cell = EAGER,
        monitor_every: int = 0,
    ) -> None:
        self.specs, self.device, self.plan = list(specs), device, specs[0].schedule
        self._train_on = {
            seed: resident_draws(split.train, split.beside, specs[0].size, device) for seed, split in splits.items()
        }
        networks = _initial_networks(specs, splits, self._train_on, device)
        self.shape, self._cell = networks[0], cell
        named, shared = dict(self.shape.named_parameters()), {id(p) for p in self.shape.shared_parameters()}
        self._shared = [name for name, p in named.items() if id(p) in shared]
        self._own = [name for name in named if name not in self._shared]
        self._measured = [n for n in self._shared if n.split(".")[0] in self.shape.parts[specs[0].measure_on]]
        self.parameters = Layout.of(named)
        self.statistics = Layout.of({name: b for name, b in self.shape.named_buffers() if b.is_floating_point()})
        values = self.parameters.pack([dict(network.named_parameters()) for network in networks])
        statistics = self.statistics.pack([dict(network.named_buffers()) for network in networks])
        self.state = State.start(values.to(device), statistics.to(device))
        self.best, self.best_statistics = self.state.average.clone(), self.state.average_statistics.clone()
        self.replicas = [Replica(spec, splits[spec.seed]) for spec in specs]
        one, parts = specs[0], next(iter(self._train_on.values())).parts(self.plan.batch_size)
        cap, heads = float(one.conventions.cap), Head.every(one.conventions)
        self._of = Losses(cap, one.rul_scale, heads, parts, one.suspended)
        self.epoch, self.seconds = 0, 0.0
        self._validation = {seed: resident(split.validation, specs[0].size, device) for seed, split in splits.items()}
        tests = {seed: split.test for seed, split in splits.items() if split.test is not None and specs[0].watch_test}
        self._test = {seed: resident(windows, specs[0].size, device) for seed, windows in tests.items()}
        self.outer = Outer(specs, [replica.per_epoch for replica in self.replicas], device, monitor_every)

    @property
    def active(self) -> list[int]:
        """Numbers of the replicas that go on."""
        return [number for number, replica in enumerate(self.replicas) if not replica.finished]

    def run_epoch(self) -> None:
        """Train one epoch of every active replica, evaluate the averaged weights and enter it into the histories."""
        began, active = time.perf_counter(), self.active
        means = self.train_epoch(active).summaries()
        going = [number for number in active if self.replicas[number].trained(means[number])]
        if going:
            self._evaluate(going)
        self.epoch += 1
        spent = time.perf_counter() - began
        self.seconds += spent
        for number in active:
            self.replicas[number].seconds += spent / len(active)

    def train_epoch(self, active: list[int]) -> Sums:
        """One epoch of steps of the replicas at ``active``; nothing in it waits for the device."""
        for group in self.outer.groups:
            group.begin_epoch(self.epoch, [replica.rate for replica in self.replicas])
        longest = max(replica.per_epoch for replica in self.replicas)
        rates = torch.tensor([replica.rates(self.epoch, longest) for replica in self.replicas], device=self.device).T
        mixed = {seed: seed * SPREAD + self.epoch for seed in self._train_on}
        draws = {seed: drawn(self._train_on[seed], self.plan, mixed[seed], self.device) for seed in mixed}
        streams = [torch.Generator(self.device).manual_seed(mixed[spec.seed] + DROPOUT) for spec in self.specs]
        sums, done = Sums(len(self.specs), len(self.specs[0].tasks), self.device), 0
        for until in sorted({self.replicas[number].per_epoch for number in active}):
            rows = [number for number in active if self.replicas[number].per_epoch >= until]
            batches = self._batches(rows, draws, until - done)
            self._train(rows, batches, rates[done:until], [streams[row] for row in rows], done, sums)
            done = until
        return sums

    def _batches(self, rows: list[int], draws: dict[int, Iterator[Batch]], steps: int) -> Iterator[Batch]:
        """Batches ``[n, B, ...]`` of the replicas at ``rows``; one seed, one batch."""
        seeds = [self.specs[row].seed for row in rows]
        for _ in range(steps):
            found = {seed: next(draws[seed]) for seed in dict.fromkeys(seeds)}
            yield Batch(*(together(list(side)) for side in zip(*(found[seed] for seed in seeds), strict=True)))

    def _train(
        self,
        rows: list[int],
        batches: Iterator[Batch],
        rates: Tensor,
        streams: list[torch.Generator],
        first: int,
        sums: Sums,
    ) -> None:
        """Some steps of an epoch, from step ``first``, of the replicas at ``rows``."""
        index = torch.tensor(rows, device=self.device)
        whole, groups = len(rows) == len(self.specs), self.outer.at_work(rows)
        state = self.state if whole else self.state.select(index)
        optimiser = RowOptimiser(state, self.parameters, rates[:, index], self.plan)
        leaves = optimiser.leaves
        network = self.shape.together(leaves, self.statistics.views(state.statistics), True, streams, self._cell)
        shared, own, measured = ([leaves[n] for n in names] for names in (self._shared, self._own, self._measured))
        part = None if self.specs[0].measure_on == WHOLE else measured

        def backward(found: Tensor, number: int) -> Weighed:
            step, detached = first + number, found.detach()

            def weigh(gram: Tensor | None) -> tuple[Tensor, Tensor | None]:
                return self.outer.weigh(groups, index, detached, gram, step)

            due = any(group.measures(step) for group in groups)
            watched = None
            if not due and any(group.watched(step) for group in groups):
                watched = gramians_of_replicas(found, measured, retain_graph=True)
                self.outer.gramians[index] = watched
            weights, gram = step_of_replicas(found, weigh, shared, own, due=due, measure_on=part)
            return Weighed(detached, weights, watched if gram is None else gram)

        for number, step in enumerate(fit(batches, partial(self._losses, network, rows), backward, optimiser), first):
            for group in groups:
                group.step(number)
            sums.add(index, step.losses, step.weights)
            if step.gramian is not None:
                seen = [group for group in groups if group.measures(number) or group.watched(number)]
                sums.measured(self.outer.gramians, [member for group in seen for member in group.members])
        if not whole:
            self.state.put(index, state)

    @part("steps: forward")
    def _losses(self, network: Networks, rows: list[int], batch: Batch) -> Tensor:
        """Losses ``[n, K]`` of the replicas at ``rows``."""
        with _precision(self.device, self.specs[0].precision):
            inners = [self.specs[row].inner for row in rows]
            return torch.stack(self._of(network.emitted(batch.x), batch, inners, network.scale), 1)

    @part("evaluation of epochs")
    def _evaluate(self, going: list[int]) -> None:
        rows, specs = torch.tensor(going, device=self.device), [self.specs[number] for number in going]
        p = self.parameters.views(self.state.average[rows])
        network = self.shape.together(p, self.statistics.views(self.state.average_statistics[rows]), False)
        chosen_on = predict_all(network, [self._validation[spec.seed] for spec in specs], specs)
        on_test = predict_all(network, [self._test[spec.seed] for spec in specs], specs) if self._test else []
        better = []
        for place, (number, spec) in enumerate(zip(going, specs, strict=True)):
            replica = self.replicas[number]
            found = chosen_on[place].figures(replica.split.validation.truth, spec.conventions.cycle)
            entry = {"validation_rmse": found["rmse"]}
            if not spec.trains("rul"):
                entry["validation_f1"] = found["macro_f1"]
            if on_test and replica.split.test is not None:
                found = on_test[place].figures(replica.split.test.truth, spec.conventions.cycle)
                entry |= {"test_rmse": found["rmse"], "test_score": found["score"]}
            better += [number] if replica.judged(entry) else []
        if better:
            index = torch.tensor(better, device=self.device)
            self.best[index] = self.state.average[index]
            self.best_statistics[index] = self.state.average_statistics[index]

    def best_model(self, number: int) -> MultiHead:
        """The averaged network of a replica's best epoch, in evaluation mode."""
        spec, split = self.replicas[number].spec, self.replicas[number].split
        row = slice(number, number + 1)
        tensors = self.parameters.views(self.best[row]) | self.statistics.views(self.best_statistics[row])
        columns, cap = split.train.rows.shape[1], spec.conventions.cap
        heads = Head.every(spec.conventions)
        model = UNITS[spec.rul_scale].network(spec.size, columns, cap, split.train.timed, heads=heads)
        # all but BatchNorm's counters, which nobody reads
        model.load_state_dict({name: tensor[0] for name, tensor in tensors.items()}, strict=False)
        return model.to(self.device).eval()

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed stack needs to equal an uninterrupted one bit for bit."""
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
        """Go on from a saved state; of the errors for values of another kind one where it is of other networks."""
        check_tensors(state["state"], self.state.tensors())
        check_tensors(state, {name: value for name, value in self.state_dict().items() if isinstance(value, Tensor)})
        self.state = State(**state["state"])
        self.best, self.best_statistics = state["best"], state["best_statistics"]
        for group, values in zip(self.outer.groups, state["outer"], strict=True):
            group.load_state_dict(values)
        self.outer.losses, self.outer.gramians = state["losses"], state["gramians"]
        for replica, values in zip(self.replicas, state["replicas"], strict=True):
            replica.load_state_dict(values)
        self.epoch, self.seconds = int(state["epoch"]), float(state["seconds"])


def _precision(device: str, precision: str) -> AbstractContextManager[None]:
    """What a forward pass runs in."""
    if precision == "bfloat16":
        return torch.autocast(torch.device(device).type, torch.bfloat16)
    return nullcontext()


@part("initial networks")
def _initial_networks(
    specs: Sequence[RunSpec], splits: dict[int, Split], train_on: dict[int, Draws], device: str
) -> list[MultiHead]:
    """The initial network of each run: of its seed, and alive under its RUL loss."""
    drawn: dict[tuple[int, str], Any] = {}
    for spec in specs:
        split, size = splits[spec.seed], spec.schedule.batch_size
        if len(specs) > 1 and len(split.train) < size:
            raise GraceError(
                f"Every split of a stack should fill a batch of {size} windows. Found {len(split.train)} with seed "
                f"{spec.seed}. Train these runs one by one."
            )
        if (spec.seed, spec.inner) not in drawn:
            problem = RULProblem(
                split.train,
                spec.conventions.cap,
                spec.size,
                spec.rul_scale,
                spec.inner,
                size,
                device,
                split.beside,
                Head.every(spec.conventions),
                spec.suspended,
                every=split.every,
                made=train_on[spec.seed],
            )
            seed = spec.seed + STARTS * spec.start
            torch.manual_seed(seed)
            drawn[spec.seed, spec.inner] = initialised_model(problem, seed)[0]
    return [drawn[spec.seed, spec.inner] for spec in specs]


def drawn(draws: Draws, plan: Schedule, seed: int, device: str) -> Iterator[Batch]:
    """Endless batches; each feature of each window is shifted by a constant of its own, see :class:`Schedule`."""
    noise = torch.Generator(device).manual_seed(seed)
    for batch in draws.stream(plan.batch_size, seed):
        if plan.offset and batch.x.dim() == 3:  # statistics have noise of their own
            count, _, features = batch.x.shape
            shift = torch.randn(count, 1, features, generator=noise, device=device)
            yield batch._replace(x=batch.x + plan.offset * shift)
        else:
            yield batch
