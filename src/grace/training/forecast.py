"""A forecast as columns: of a file, of a frame of polars or pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from grace.data.conventions import Conventions
from grace.data.tasks import HEALTH, REGRESSION, STATES
from grace.training.maintenance import Ahead
from grace.training.words import card_of_forecast

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Forecast:
    """``N`` predictions: of each engine one after its last recorded cycle, or one at each inspection; of rows that hold over an
    interval each at the stop of its row.

    Attributes:
        engine: Engine numbers or names, ``[N]``.
        cycle: Recorded cycles, int64 ``[N]``; of a table of the user's own the time of the row.
        rul: Predicted RUL, cycles (or the table's unit) ``[N]``; NaN of a network that was trained on health alone.
        low: Lower end of the interval, at least 0, ``[N]``; NaN where there were too few held-out engines for one, or no RUL.
        high: Upper end; the cap stands for "the cap or more", ``[N]``.
        health: Health state 0, 1 or 2, int64 ``[N]``; of a network that was trained on RUL alone it follows from the RUL.
        note: What should be known of each prediction, texts ``[N]``, mostly empty: a history shorter than the window, gaps in
            columns that had none in training, readings beyond those of training. No number follows from it.
        probability: Probability of each health state, ``[N, 3]``; None of a network that was not trained on them.
        left_out: Engines that cannot be predicted, by name, with the reason; none of the ``N``.
        conventions: Those of the network; they name columns, unit and health states.
        tasks: Of every other task with a column that was trained, by its name: values in units of its label ``[N]``, or the
            probability of each of its classes ``[N, C]``.
        ahead: Probability of failure within horizons, and dates of replacement, where they were asked for.
    """

    engine: NDArray[Any]
    cycle: NDArray[Any]
    rul: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    health: NDArray[np.int64]
    note: NDArray[np.object_]
    probability: NDArray[np.float32] | None
    left_out: Mapping[int | str, str]
    conventions: Conventions
    tasks: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    ahead: Ahead = field(default_factory=Ahead)

    @property
    def names(self) -> tuple[str, str]:
        """What engine and time are called."""
        table = self.conventions.table
        return ("engine", "cycle") if table is None else (table.engine, table.time)

    @property
    def states(self) -> tuple[str, ...]:
        """What the health states are called."""
        own = [task.classes for task in self.conventions.tasks if task.name == HEALTH.name]
        return own[0] if own else STATES

    @property
    def last(self) -> NDArray[np.int64]:
        """The last prediction of each engine, indices ``[E]``."""
        return np.flatnonzero(np.append(self.engine[1:] != self.engine[:-1], True))

    def _repr_html_(self) -> str:
        return card_of_forecast(self)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The predictions by column, ``[N]`` each, in the order of files and frames.

        Engine and time have the names of the table; a name of ours that it has taken is ``predicted_NAME``, and so is that of a
        task which one of the other columns has.
        """
        own: list[tuple[str, NDArray[Any]]] = [("rul", self.rul), ("low", self.low), ("high", self.high)]
        if self.conventions.table is not None:
            own.append(("rul_unit", np.full(len(self.engine), self.conventions.unit)))
        own += self.ahead.columns.items()
        own.append(("health", self.health))
        if self.probability is not None:
            each = self.probability.T.astype(np.float64)  # so that three decimals are three
            own += [(f"p_{name}", column) for name, column in zip(self.states, each, strict=True)]
        found = dict(zip(self.names, (self.engine, self.cycle), strict=True))
        put(found, own)
        put(found, [("note", self.note)])  # before the tasks, one of which may be called so
        note = list(found)[-1]
        put(found, self.by_task())
        found[note] = found.pop(note)
        return found

    def by_task(self) -> list[tuple[str, NDArray[Any]]]:
        """Columns of the tasks: a value, or the most probable class and, as ``p_NAME``, its probability."""
        columns: list[tuple[str, NDArray[Any]]] = []
        for task in self.conventions.tasks:
            if (told := self.tasks.get(task.name)) is None:
                continue
            if task.kind == REGRESSION:
                columns.append((task.name, told))
            else:
                columns += [(task.name, np.array(task.classes)[told.argmax(1)]), (f"p_{task.name}", told.max(1))]
        return columns

    def to_polars(self) -> pl.DataFrame:
        """A row a prediction, and a row for each engine that was left out, with nothing but its name and a note.

        What is not known is null.
        """
        import polars as pl

        columns = self.columns()
        frame = pl.DataFrame({name: np.ascontiguousarray(values) for name, values in columns.items()})
        frame = frame.with_columns(pl.selectors.float().fill_nan(None))
        engine, note = self.names[0], list(columns)[-1]
        left = {engine: list(self.left_out), note: [f"not predicted: {why}" for why in self.left_out.values()]}
        return pl.concat([frame, pl.DataFrame(left)], how="diagonal_relaxed") if self.left_out else frame

    def to_pandas(self) -> Any:
        """As :meth:`to_polars`, as a frame of pandas; what is not known is NaN, NaT or None."""
        import pandas as pd  # type: ignore[import-untyped]  # whoever asks for one has it

        return pd.DataFrame({column.name: column.to_numpy() for column in self.to_polars()})


def put(found: dict[str, NDArray[Any]], columns: Iterable[tuple[str, NDArray[Any]]]) -> None:
    """Add columns to others; a name that is taken is ``predicted_NAME``."""
    for name, values in columns:
        while name in found:
            name = f"predicted_{name}"
        found[name] = values
