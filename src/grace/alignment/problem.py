"""What is diagnosed: networks, their batches and the losses of their tasks; a fleet's, or a user's own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from grace.core.fit import Losses
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.prepare import Prepared
from grace.data.tasks import BOUND, HEALTH, RUL
from grace.errors import GraceError, check_one_of
from grace.models.rul_problem import RULProblem, usual_history, usual_size
from grace.models.second_tasks import Head
from grace.models.units import statistics_of

REFERENCE_EPOCHS = 500  # the source's full training


class Problem(Protocol):
    """What can be diagnosed: a network, its batches and the losses of its ``K`` tasks."""

    def model(self) -> nn.Module:
        """A freshly initialised network, from torch's global random state."""
        ...

    def shared(self, model: Any) -> list[nn.Parameter]:
        """The parameters that all tasks share."""
        ...

    def batches(self, seed: int) -> Iterator[Any]:
        """An endless stream of training batches."""
        ...

    def losses(self, model: Any, batch: Any) -> Sequence[Tensor]:
        """The ``K`` scalar losses of one batch, from one forward pass."""
        ...


@dataclass(frozen=True)
class Facts:
    """What a report says of a problem besides what was measured of it."""

    name: str  # title of the report
    tasks: tuple[str, ...]
    conventions: dict[str, object]  # what moves a number
    near_failure_share: float | None = None  # see Diagnosis
    conditions: int | None = None  # likewise
    training_steps: float | None = None  # steps of one training, which the cost is a share of; None if it is not known
    training: str = "training"  # that training in words
    # of an RUL in cycles: cycles per unit of its loss, the cap in cycles, the name of its unit, and whether the last task is a
    # bound of it
    rul: tuple[float, float, str, bool] | None = None
    data: str = "data"  # what the interval takes as given
    alike: bool = False  # whether all networks start from the same values


class FleetProblem(RULProblem):
    """RUL and the conventions' tasks on the windows of a fleet, as a :class:`Problem`.

    Each loss is taken on windows of its own where its labels are known on others than RUL's, as in a training
    (:class:`~grace.data.draws.Draws`): all gradients of a Gramian are then of one forward pass over all of these windows.

    Args:
        fleet: Training engines; RUL is learned from those that failed.
        conventions: How recordings become windows, targets and labels.
        size: Size of the network: ``statistics``, ``quantiles``, ``compact``, ``paper`` or ``tiny``; None: see
            :func:`~grace.models.rul_problem.usual_size`.
        inner: RUL loss: ``mse`` or ``weighted_mse``.
        batch_size: Windows in a batch.
        min_history: Shortest history of a window, cycles; what is missing is padded at the front, as in a training. 0 takes full
            windows only; None: :func:`~grace.models.rul_problem.usual_history`.
        suspended: ``ignore``, or ``bound``: a task of its own, the last one, is that RUL of suspended engines is no less than
            what they ran.

    Raises:
        GraceError: A parameter is out of range, or the fleet cannot be used (see :mod:`grace.data.prepare`).
    """

    fleet: Fleet
    conventions: Conventions
    min_history: int
    prepared: Prepared

    def __init__(
        self,
        fleet: Fleet,
        conventions: Conventions | None = None,
        *,
        size: str | None = None,
        inner: str = "weighted_mse",
        batch_size: int = 128,
        min_history: int | None = None,
        suspended: str = "ignore",
    ) -> None:
        conventions = conventions or Conventions()
        size = size or usual_size(conventions)
        min_history = usual_history(size) if min_history is None else min_history
        check_one_of("suspended", suspended, ("ignore", BOUND))
        bound = suspended == BOUND and len(fleet.failures) < len(fleet.engines)
        prepared = Prepared.of(fleet, conventions, min_history, statistics_of(size) is not None, bound)
        super().__init__(
            prepared.windows,
            conventions.cap,
            size,
            inner=inner,
            batch_size=batch_size,
            beside=prepared.beside,
            heads=Head.every(conventions),
            apart=bound,
            every=prepared.every,
        )
        vars(self).update(fleet=fleet, conventions=conventions, min_history=min_history, prepared=prepared)

    @property
    def _cut_from_rul(self) -> bool:
        """Whether all labels follow from RUL."""
        return self.conventions.tasks == (HEALTH,) and HEALTH.name not in self.fleet.labels

    def _windows_a_batch(self) -> dict[str, int]:
        """Windows of a batch that each loss is a mean over, by its name."""
        parts = self.draws.parts(self.batch_size)
        sides = {name: parts.get(name, parts[RUL]) for name in self.tasks}
        return {name: side.stop - side.start for name, side in sides.items()}

    def read_in(self, unit: str) -> tuple[RULProblem, Facts]:
        """The problem with the RUL head in a recipe's unit, and its facts."""
        prepared, conventions = self.prepared, self.conventions
        given = {f.name: getattr(self, f.name) for f in fields(RULProblem) if f.init}
        probed = RULProblem(**given | {"unit": unit}, made=self.draws)
        measured_as: dict[str, object] = {
            "labels": "cut from RUL" if self._cut_from_rul else "own",
            "suspended": BOUND if self.apart else "ignore",
            "min_history": self.min_history or conventions.window,
            "size": self.size,
            "inner_loss": self.inner,
            "batch_size": self.batch_size,
            "rul_head_unit": unit,
            "rows_and_features": list(self.windows.rows.shape),
        }
        if self.beside:
            measured_as["windows_a_batch"] = self._windows_a_batch()
        return probed, Facts(
            self.fleet.name,
            probed.tasks,
            conventions.to_json() | measured_as,
            prepared.near_failure_share,
            prepared.conditions,
            REFERENCE_EPOCHS * len(self.windows) / min(self.batch_size, len(self.windows)),
            f"{REFERENCE_EPOCHS} epochs",
            (probed.scale, conventions.cap, conventions.unit, self.apart),
            "engines",
        )


@dataclass(frozen=True, eq=False)
class ModuleProblem:
    """A user's network, loader and losses as a :class:`Problem`.

    Where ``maker`` gives the same tensors again and again (one pretrained network, or new heads on one backbone), each training
    works on a copy: the next one starts where this one did, and the caller's network stays as it is.
    """

    maker: Callable[[], nn.Module]  # makes a network
    loader: Iterable[Any]  # batches, pass after pass, in an order from torch's global random state, which is seeded
    loss_function: Callable[[Any, Any], Losses]  # `(model, batch)` -> losses
    shared_of: Callable[[Any], Iterable[Tensor]]  # model -> the parameters that the tasks share
    parameter: str = "make_model"  # what the caller calls `maker`
    again: bool = field(init=False)  # whether `maker` gives the same tensors again and again
    alike: bool = field(init=False)  # whether all its networks start from the same values

    def __post_init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            first, second = (self._values(seed) for seed in range(2))
        again = not {id(value) for value in first}.isdisjoint(map(id, second))
        alike = len(first) == len(second) and all(map(torch.equal, first, second))
        vars(self).update(again=again, alike=alike)

    def _values(self, seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        model = self.maker()
        if not isinstance(model, nn.Module):
            raise GraceError(f"`{self.parameter}` should return a torch.nn.Module. Found a {type(model).__name__}.")
        return list(model.state_dict(keep_vars=True).values())

    def model(self) -> nn.Module:
        """A freshly initialised network."""
        return copy.deepcopy(self.maker()) if self.again else self.maker()

    def shared(self, model: Any) -> list[nn.Parameter]:
        """The parameters that all tasks share."""
        return list(self.shared_of(model))  # type: ignore[arg-type]

    def batches(self, seed: int) -> Iterator[Any]:
        """The loader's batches, pass after pass."""
        while True:
            empty = True
            for batch in self.loader:
                empty = False
                yield batch
            if empty:
                raise GraceError(
                    "`batches` should give batches in every pass, as a DataLoader or a list does. Found none. Was it an "
                    "iterator, which is used up after one pass?"
                )

    def losses(self, model: Any, batch: Any) -> list[Tensor]:
        """The losses of one batch, all present."""
        found = self.loss_function(model, batch)
        values = list(found.values()) if isinstance(found, Mapping) else list(found)
        if any(loss is None for loss in values):
            raise GraceError(
                f"A diagnosis should have every task's labels in every batch. Found none for task {values.index(None)}. Give it "
                "the batches that hold all."
            )
        return values  # type: ignore[return-value]
