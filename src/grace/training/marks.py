"""What should be known of a prediction: how much of its window was recorded, and which readings are beyond those of training.

A mark changes no number. It says that the network was never trained on anything like this window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grace.data.conditions import Rows
from grace.data.fleet import MISSING, Fleet, missing
from grace.data.seen import Seen
from grace.data.zones import text_of_time

MARGIN, MEAN_MARGIN = 1.0, 0.5
"""Standard deviations beyond the range of the training units from which a reading, and the mean of a window, is marked: of units
like those of training some exceed the range a little."""
NAMED = 3
"""Columns that are named, at most; of more the number is said."""


class Marks:
    """Marks of ``N`` windows, after one look at the scaled rows of each network.

    Args:
        fleet: Units.
        ends: Row of each window's end, int64 ``[N]``.
        features: Columns that the networks see.
        window: Rows of a full window.
        time: What the time is called.
    """

    def __init__(
        self, fleet: Fleet, ends: NDArray[np.int64], features: tuple[str, ...], window: int, time: str
    ) -> None:
        self.fleet, self.ends, self.features, self.window, self.time = fleet, ends, features, window, time
        first = np.maximum(fleet.starts[fleet.engine_at(ends)], ends - window + 1)
        inside = np.zeros(len(fleet.values) + 1, dtype=np.int64)
        np.add.at(inside, first, 1)
        np.add.at(inside, ends + 1, -1)
        read = np.cumsum(inside[:-1]) > 0
        self.rows = np.flatnonzero(read)
        place = np.cumsum(read) - 1
        self.begin, self.stop = place[first], place[ends] + 1
        self._readings: NDArray[np.float32] | None = None
        self._means = np.full((len(features), len(ends)), np.nan)
        self._known = True

    def look(self, seen: Seen | None, scaled: Rows) -> None:
        """At scaled rows ``[R, F]``, beside what this network was trained on; what one of several has seen is not marked."""
        self._known = self._known and seen is not None
        if seen is None or not self._known:
            return
        if self._readings is None:
            self._readings = np.full((len(self.features), len(self.rows)), np.nan, dtype=np.float32)
        part = scaled[self.rows]
        full = self.stop - self.begin == self.window
        for index in range(len(self.features)):
            values = part[:, index].astype(np.float64)
            _nearest(self._readings[index], seen.beyond(0, index, values))
            cut = np.clip(values, seen.low[0, index] - MARGIN, seen.high[0, index] + MARGIN)  # a spike is no drift
            total = np.append(0.0, np.cumsum(cut))
            means = (total[self.stop] - total[self.begin]) / (self.stop - self.begin)
            _nearest(self._means[index], np.where(full, seen.beyond(1, index, means), 0.0))

    def notes(self) -> NDArray[np.object_]:
        """The marks of each window in words, texts ``[N]``; mostly empty."""
        said: list[list[str]] = [[] for _ in self.ends]
        count = self.stop - self.begin
        for window in map(int, np.flatnonzero(count < self.window)):
            said[window].append(f"{count[window]} of {self.window} rows of history")
        self._gaps(said)
        if self._known and self._readings is not None:
            self._beyond(said, self._readings)
        return np.array(
            ["; ".join(marks) for marks in said], dtype=object
        )  # as text all would be as long as the longest

    def _gaps(self, said: list[list[str]]) -> None:
        """Columns with gaps, without a feature that tells the network so."""
        for name in self.features:
            if missing(name) not in self.fleet.columns or missing(name) in self.features:
                continue
            gone = self._in_windows(self.fleet.taken(self.rows, (missing(name),))[:, 0] > 0)
            for window in map(int, np.flatnonzero(gone)):
                rows = self.stop[window] - self.begin[window]
                said[window].append(f"{name}: {gone[window]} of the last {rows} readings missing")

    def _beyond(self, said: list[list[str]], readings: NDArray[np.float32]) -> None:
        """Readings and means beyond the margin, the farthest columns first."""
        found: dict[int, list[tuple[float, str]]] = {}
        for index, name in enumerate(self.features):
            if name.endswith(MISSING):
                continue
            far = np.abs(readings[index]) > MARGIN
            out, drift = self._in_windows(far), np.abs(self._means[index]) > MEAN_MARGIN
            for window in map(int, np.flatnonzero((out > 0) | drift)):
                own = slice(self.begin[window], self.stop[window])
                words = (
                    self._said(name, self.rows[own], readings[index, own], far[own])
                    if out[window]
                    else (abs(m := float(self._means[index, window])), f"drift: the mean of {name} is {_beside(m)}")
                )
                found.setdefault(window, []).append(words)
        for window, marks in found.items():
            ordered = [text for _, text in sorted(marks, key=lambda mark: -mark[0])]
            more = [f"{len(ordered) - NAMED} more columns beyond it"] if len(ordered) > NAMED else []
            said[window] += ordered[:NAMED] + more

    def _said(
        self, name: str, rows: NDArray[np.int64], beyond: NDArray[np.float32], far: NDArray[np.bool_]
    ) -> tuple[float, str]:
        """How far readings of a window are beyond the range, and the words for it: of one row alone, its time and value."""
        at = int(np.argmax(np.abs(beyond)))
        distance = float(beyond[at])
        if far.sum() == 1:
            row = rows[at : at + 1]
            value, when = self.fleet.taken(row, (name,))[0, 0], text_of_time(time_at(self.fleet, row), 0)
            return abs(distance), f"spike: {name} is {value:.6g} at {self.time} {when}, {_beside(distance)}"
        return abs(distance), f"{name} is {_beside(distance)}, {far.sum()} of the last {len(far)} rows are beyond it"

    def _in_windows(self, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of the rows ``[P]`` that windows read are so, in each window ``[N]``."""
        total = np.append(0, np.cumsum(rows))
        return np.asarray(total[self.stop] - total[self.begin])


def time_at(fleet: Fleet, rows: NDArray[np.int64]) -> NDArray[np.generic]:
    """Times of some rows as in the file; without any the count of the unit's rows, ``[N]``."""
    if fleet.row_time is not None:
        return np.asarray(fleet.row_time[rows])
    engine = fleet.engine_at(rows)
    if fleet.time is None:
        return np.asarray(rows - fleet.starts[engine] + 1)
    last = rows == fleet.starts[engine + 1] - 1
    return np.asarray(fleet.last_time[engine] if fleet.last_time is not None and last.all() else fleet.time[rows])


def _nearest(kept: NDArray[np.floating], other: NDArray[np.float64]) -> None:
    """Keep what is least beyond a range, at first anything (NaN); what is beyond no known range (NaN) is beyond none."""
    nearer = ~(np.abs(other) >= np.abs(kept))
    kept[nearer] = np.where(np.isnan(other), 0.0, other)[nearer]


def _beside(distance: float) -> str:
    size = abs(distance)
    number = f"{size:,.0f} SD" if 10 <= size < 1e6 else f"{size:.2g} SD" if np.isfinite(size) else "far"
    return f"{number} {'above' if distance > 0 else 'below'} anything seen in training"
