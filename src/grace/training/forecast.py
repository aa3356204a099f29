"""A forecast as columns: of a file, of a frame of polars or pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from grace.data.conventions import Conventions
from grace.data.tasks import HEALTH, REGRESSION, STATES
from grace.data.zones import column_of, zone_of
from grace.training.maintenance import DIGITS, SHARE, Ahead, decimals_of
from grace.training.words import card_of_forecast

if TYPE_CHECKING:
    import polars as pl

Kept = Callable[[NDArray[Any], int | None], NDArray[Any]]
"""What is kept of numbers: to some decimals, or to :data:`DIGITS` digits (None)."""


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
        return self._columns(lambda values, decimals: values)

    def _columns(self, kept: Kept) -> dict[str, NDArray[Any]]:
        """The columns with their numbers as they are kept, engine and time as they are."""
        time = decimals_of(self.conventions.cap)
        sides = (("rul", self.rul), ("low", self.low), ("high", self.high))
        own: list[tuple[str, NDArray[Any]]] = [(name, kept(values, time)) for name, values in sides]
        if self.conventions.table is not None:
            own.append(("rul_unit", np.full(len(self.engine), self.conventions.unit)))
        decimals = self.ahead.decimals(time)
        own += [(name, kept(values, decimals[name])) for name, values in self.ahead.columns.items()]
        own.append(("health", self.health))
        if self.probability is not None:
            each = self.probability.T.astype(np.float64)  # so that three decimals are three
            own += [(f"p_{name}", kept(column, SHARE)) for name, column in zip(self.states, each, strict=True)]
        found = dict(zip(self.names, (self.engine, self.cycle), strict=True))
        put(found, own)
        put(found, [("note", self.note)])  # before the tasks, one of which may be called so
        note = list(found)[-1]
        put(found, self._by_task(kept))
        found[note] = found.pop(note)
        return found

    def _by_task(self, kept: Kept) -> list[tuple[str, NDArray[Any]]]:
        """Columns of the tasks: a value, or the most probable class and, as ``p_NAME``, its probability."""
        columns: list[tuple[str, NDArray[Any]]] = []
        for task in self.conventions.tasks:
            if (told := self.tasks.get(task.name)) is None:
                continue
            if task.kind == REGRESSION:
                columns.append((task.name, kept(told, None)))
            else:
                share = kept(told.max(1), SHARE)
                columns += [(task.name, np.array(task.classes)[told.argmax(1)]), (f"p_{task.name}", share)]
        return columns

    def to_polars(self) -> pl.DataFrame:
        """A row a prediction, and a row for each engine that was left out, with nothing but its name and a note.

        What is not known is null.
        """
        return self._frame(self.columns())

    def written(self) -> pl.DataFrame:
        """As :meth:`to_polars`, with numbers as files have them; engine and time are the user's, and stay as they are.

        Probabilities have three decimals; RUL, dates and costs three or more, as many as make six digits of the cap and of the
        cost of a planned replacement; values of tasks six digits.
        """
        return self._frame(self._columns(_rounded))

    def _frame(self, columns: dict[str, NDArray[Any]]) -> pl.DataFrame:
        import polars as pl

        frame = pl.DataFrame([column_of(name, values) for name, values in columns.items()])
        frame = frame.with_columns(pl.selectors.float().fill_nan(None))
        engine, note = self.names[0], list(columns)[-1]
        left = {engine: list(self.left_out), note: [f"not predicted: {why}" for why in self.left_out.values()]}
        return pl.concat([frame, pl.DataFrame(left)], how="diagonal_relaxed") if self.left_out else frame

    def to_pandas(self) -> Any:
        """As :meth:`to_polars`, as a frame of pandas; what is not known is NaN, NaT or None."""
        import pandas as pd  # type: ignore[import-untyped]  # whoever asks for one has it

        frame, zone = pd.DataFrame({column.name: column.to_numpy() for column in self.to_polars()}), zone_of(self.cycle)
        if zone is not None:
            frame[self.names[1]] = frame[self.names[1]].dt.tz_localize("UTC").dt.tz_convert(zone)
        return frame


def _rounded(values: NDArray[Any], decimals: int | None) -> NDArray[Any]:
    """Numbers to some decimals; None: to :data:`DIGITS` digits."""
    if decimals is not None:
        return np.asarray(values.round(decimals))
    return np.array([float(f"{value:.{DIGITS}g}") for value in values.tolist()])


def put(found: dict[str, NDArray[Any]], columns: Iterable[tuple[str, NDArray[Any]]]) -> None:
    """Add columns to others; a name that is taken is ``predicted_NAME``."""
    for name, values in columns:
        while name in found:
            name = f"predicted_{name}"
        found[name] = values
