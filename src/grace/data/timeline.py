"""RUL from the times of whole engines, and what is checked on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.columns import Columns
from grace.errors import GraceError

ALIKE = 20
"""Factor within which all engines' steps of time lie; seconds and minutes, hours and days are further apart."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """Times of whole engines in order.

    Attributes:
        table: What messages call the table.
        columns: Roles of its columns.
        engines: Engines, ``[E]``.
        starts: Row at which each begins, and the count of rows at the end, int64 ``[E + 1]``.
        time: Time of each row in the unit of RUL, ``[R]``, ascending within an engine.
        target: The user's own RUL, ``[R]``, or None.
    """

    table: str
    columns: Columns
    engines: NDArray[Any]
    starts: NDArray[np.int64]
    time: NDArray[Any]
    target: NDArray[Any] | None = None

    def rul(self) -> NDArray[Any]:
        """RUL of each row, ``[R]``: the target, or the engine's last time minus the row's.

        Raises:
            GraceError: A time stands twice in an engine, or a target is negative or rises as time goes on.
        """
        inside = self._inside()
        again = inside & (np.diff(self.time) == 0)
        if again.any():
            row = int(np.argmax(again))
            raise GraceError(
                f"{self.table}, engine {self._engine(row)}: each {self.columns.time} should stand once. Found "
                f"{self.time[row]:g} twice. Drop the repeated rows."
            )
        if self.target is None:
            return np.asarray(np.repeat(self.time[self.starts[1:] - 1], np.diff(self.starts)) - self.time)
        self._check_target(self.target, inside)
        return self.target

    def steps(self) -> NDArray[np.float64]:
        """What the unit of each engine shows in, ``[E]``: the median step of time; with a target, its fall per unit of time.

        NaN where an engine does not show it.
        """
        found = np.full(len(self.engines), np.nan)
        for index, (start, stop) in enumerate(zip(self.starts[:-1], self.starts[1:], strict=True)):
            steps = np.diff(self.time[start:stop])
            if self.target is not None:
                fall = -np.diff(self.target[start:stop])
                found[index] = fall[fall > 0].sum() / steps[fall > 0].sum() if (fall > 0).any() else np.nan
            elif len(steps):
                found[index] = np.median(steps)
        return found

    def _inside(self) -> NDArray[np.bool_]:
        """Whether a row and the next are of one engine, ``[R - 1]``."""
        inside = np.ones(len(self.time) - 1, dtype=np.bool_)
        inside[self.starts[1:-1] - 1] = False
        return inside

    def _engine(self, row: int) -> Any:
        return self.engines[np.searchsorted(self.starts, row, side="right") - 1]

    def _check_target(self, target: NDArray[Any], inside: NDArray[np.bool_]) -> None:
        name, time = self.columns.target, self.columns.time
        if (target < 0).any():
            row = int(np.argmax(target < 0))
            raise GraceError(
                f"{self.table}, engine {self._engine(row)}: {name} should be at least 0. Found {target[row]:g}. Give the RUL of "
                "each row, or leave --target out."
            )
        rises = inside & (np.diff(target) > 0)
        if rises.any():
            row = int(np.argmax(rises))
            raise GraceError(
                f"{self.table}, engine {self._engine(row)}: {name} should never rise as {time} goes on. Found "
                f"{target[row + 1]:g} after {target[row]:g}. Check the column and the order of {time}."
            )


def check_steps(table: str, columns: Columns, engines: NDArray[Any], steps: NDArray[np.float64]) -> None:
    """Refuse engines whose times are in another unit than those of the others.

    Raises:
        GraceError: An engine's step is more than :data:`ALIKE` times larger or smaller than the median engine's.
    """
    known = np.isfinite(steps) & (steps > 0)
    if not known.any():
        return
    middle = float(np.median(steps[known]))
    far = known & ((steps > ALIKE * middle) | (steps < middle / ALIKE))
    if far.any():
        index = int(np.argmax(far))
        what = f"steps of {columns.time}" if not columns.target else f"a fall of {columns.target} per {columns.time}"
        raise GraceError(
            f"{table}: all engines should have one unit of time. Found {what} of {steps[index]:g} in engine {engines[index]}, of "
            f"{middle:g} in the median engine. Convert {columns.time} to {columns.unit} in all of them, or sample alike."
        )
