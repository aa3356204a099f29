"""Columns that give the end of an engine's life away: what only somebody who knows the end can fill in.

A sensor may rise or fall all life long and is no leak; a leak stands at the same level at the same RUL in *all* engines, to a
degree that no sensor of C-MAPSS or of five real families comes near (``pytest tests/data/test_leaks.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri
from scipy.stats import rankdata

from grace.data.fleet import Fleet

CHANCE = 1e-4
"""What is more probable by chance is no leak."""
TIED = 0.999
"""Correlation in rank from which a column is a function of RUL; the closest that is none, ``soh``, has 0.98."""
EXACT = 0.99999
"""The same of fewer than :data:`MIN_LEVELS` engines, whose lives and curves may be nearly alike by chance."""
RANKED = 0.99
"""Correlation in rank with life from which a constant of engines is a leak; 0.90 at most for what is none."""
MIN_TIED, MIN_LEVELS, MIN_ORDERED = 3, 5, 12
"""Engines from which a column can be told to be a function of RUL; to define failure; to rank as lives do, and not nearly so."""
MIN_CHANGES = 4
"""Changes of level that have to fall on one RUL in a further engine: four engines beside the first for a column of two levels."""
LAST = 0.01
"""Share of the rows before the last beyond the level that defines failure, at most; 0.03 or more for a sensor of C-MAPSS."""
MIN_SPREAD = 1 / 3
"""Least standard deviation of a sensor's last values in C-MAPSS, as a share of that of the sensor."""
SAME_R2 = 0.9999
"""Share of a column's variance in an engine from which a straight line on another column makes it the same."""
FEW = 2_000
"""Rows by which most columns are told to be none before all rows of the sample are ranked."""
Values = NDArray[np.float64]


def leaks(rows: Fleet) -> dict[str, str]:
    """Columns of a sample (:func:`grace.data.tables.sample.sample`) that give the end away, with the reason.

    - A function of RUL or of the share of life, rising or falling, clipped or not: tied to it in rank over all engines in
      which it varies (:data:`TIED`), and not to age.
    - What defines failure: nine in ten engines end beyond a level that 1 % of the rows before lie beyond (:data:`LAST`), and
      last values spread less than any sensor's do (variance below :data:`MIN_SPREAD` squared of the column's, one-sided
      chi-square test at :data:`CHANCE`); and what is the same in another scale.
    - Constants of engines that rank as their lives do.

    Only engines that failed are looked at: of one that was suspended neither RUL nor life is known, and its last row is no end.
    """
    if not len(rows.failures):
        return {}
    rows = rows.select(rows.failures)
    ends, found = _Ends(rows), {}
    columns = {name: rows.taken(np.arange(len(rows.values)), (name,))[:, 0] for name in rows.columns}
    for name, values in columns.items():
        if why := _why(values, ends):
            found[name] = why
    return found | _in_another_scale(columns, found, ends)


@dataclass(frozen=True, eq=False)
class _Ends:
    """What is known of each row of a sample of engines that failed, once they have."""

    rows: Fleet

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        return self.rows.engine_of_row()

    @cached_property
    def last(self) -> NDArray[np.int64]:
        """Last rows of the engines that end with their life, ``[E]`` or fewer."""
        last = self.rows.starts[1:] - 1
        if self.rows.stops is not None:  # each row holds for a while, the last one too
            return np.asarray(last)
        return np.asarray(last[self.rul[last] <= self.rul.min()])

    @cached_property
    def rul(self) -> Values:
        rising = np.asarray(self.rows.rul(), dtype=np.float64)
        if not np.array_equal(rising, self.time):  # RUL with a minus
            return -rising
        ends = rising[self.rows.starts[1:] - 1] if self.rows.stops is None else self.rows.stops
        return np.asarray(ends[self.owner] - rising)

    @cached_property
    def time(self) -> Values:
        return np.asarray(self.rows.time, dtype=np.float64)

    @cached_property
    def age(self) -> Values:
        return self.time - self.time[self.rows.starts[:-1]][self.owner]

    @cached_property
    def lives(self) -> tuple[Values, ...]:
        """Lives of the engines, by three clocks, ``[E]``: from the first row, from time 0, in rows."""
        last = self.rows.starts[1:] - 1
        left = self.time[last] + self.rul[last]
        return left - self.time[self.rows.starts[:-1]], left, self.rows.lengths.astype(np.float64)

    @cached_property
    def clocks(self) -> dict[str, tuple[Values, ...]]:
        """What a leak may be a function of: what it then says, and the clocks of it, ``[R]``."""
        done = np.arange(len(self.owner)) - self.rows.starts[self.owner]
        left = self.rows.lengths[self.owner] - 1.0 - done
        shares = [before / np.maximum(before + self.rul, 1e-12) for before in (self.age, self.time)]
        return {"RUL": (self.rul, left), "the share of life": (*shares, done / np.maximum(done + left, 1))}


def _why(values: Values, ends: _Ends) -> str:
    """Why a column, ``[R]``, gives the end away; empty where it does not."""
    varies = _varies(values, ends.rows)
    if not varies.any():
        return "goes with the length of life" if _ranks_as_lives(values[ends.rows.starts[:-1]], ends) else ""
    here = ~np.isnan(values) & varies[ends.owner]
    said = _function_of(values, here, ends) or _definition(values, ends)
    return "" if said and _tied(values, ends.age, here) else said


def _varies(values: Values, rows: Fleet) -> NDArray[np.bool_]:
    """Whether a column varies inside each engine, ``[E]``."""
    starts = rows.starts[:-1]
    low = np.fmin.reduceat(values, starts)
    return np.asarray(np.fmax.reduceat(values, starts) > low)


def _function_of(values: Values, here: NDArray[np.bool_], ends: _Ends) -> str:
    engines, counts = np.unique(ends.owner[here], return_counts=True)
    changes = (len(np.unique(values[here])) - 1) * (len(engines) - 1)
    if len(engines) < MIN_TIED or changes < MIN_CHANGES or by_chance(counts) > CHANCE:
        return ""
    least = TIED if len(engines) >= MIN_LEVELS else EXACT
    for name, clocks in ends.clocks.items():
        if any(_tied(values, clock, here, least) for clock in clocks):
            return f"says {name} itself"
    return ""


def by_chance(rows: NDArray[np.int64]) -> float:
    """Chance that something that comes once, in any row of an engine, comes at the end in engines of so many rows, ``[E]``."""
    return float(np.exp(-np.log(rows).sum()))


def _tied(values: Values, clock: Values, here: NDArray[np.bool_], least: float = TIED) -> bool:
    """Whether a column rises or falls with a clock and is the same where that is the same; few rows are looked at first."""
    at = np.flatnonzero(here)
    few = at[:: max(len(at) // FEW, 1)]
    return all(_correlation(values[some], clock[some]) >= least for some in (few, at))


def _correlation(values: Values, clock: Values) -> float:
    """Correlation of a column's ranks in the order of a clock with the ranks in their own order, the larger of both senses.

    1 if and only if the column is a monotone function of the clock, ties allowed: what is the same by the clock stands in
    the order that fits least. A constant gives 1.
    """
    ranks = rankdata(values) - (len(values) + 1) / 2
    own, total = np.sort(ranks), float(ranks @ ranks)
    if total == 0:
        return 1.0
    ordered = (ranks[np.lexsort((-sense * ranks, sense * clock))] for sense in (1, -1))
    return max(float(one @ own) / total for one in ordered)


def _definition(values: Values, ends: _Ends) -> str:
    last, before = _sides(values, ends)
    if len(last) < MIN_LEVELS or not len(before) or not _alike(last, np.concatenate([last, before])):
        return ""
    for sense, words in ((1, "or more"), (-1, "or less")):
        level = float(np.quantile(sense * last, 0.1, method="lower"))
        if np.mean(sense * before >= level) < LAST:
            return f"defines failure: engines end at {sense * level:g} {words} and hardly get there before"
    return ""


def _sides(values: Values, ends: _Ends) -> tuple[Values, Values]:
    """Values of a column in the last rows and in those before, of engines that end with their life."""
    before = np.isin(ends.owner, ends.owner[ends.last])
    before[ends.last] = False
    last, others = values[ends.last], values[before]
    return last[~np.isnan(last)], others[~np.isnan(others)]


def _alike(last: Values, every: Values) -> bool:
    """Whether last values spread less than a sensor's do; a column of few levels spreads by a step at least."""
    free, step = len(last) - 1, float(np.diff(np.unique(every)).min())
    limit = MIN_SPREAD**2 * every.var() * chdtri(free, 1 - CHANCE) / free
    return bool(last.var(ddof=1) + step**2 / 12 < limit)


def _ranks_as_lives(values: Values, ends: _Ends) -> bool:
    """Whether constants of engines, ``[E]``, rank as their lives do; of few engines, are these but for one number."""
    known = ~np.isnan(values)
    for life in ends.lives:
        ours, theirs = values[known], life[known]
        several = min(len(np.unique(ours)), len(np.unique(theirs)))
        if len(ours) < MIN_ORDERED:
            gap = ours - theirs
            if several >= MIN_TIED and np.ptp(gap) <= 1e-9 * np.abs(theirs).max():
                return True
        elif several >= MIN_ORDERED and _correlation(ours, theirs) >= RANKED:
            return True
    return False


def _in_another_scale(columns: Mapping[str, Values], found: Mapping[str, str], ends: _Ends) -> dict[str, str]:
    """Columns that are straight lines of one that defines failure, in most engines."""
    defining = [name for name, why in found.items() if why.startswith("defines")]
    other = [name for name in columns if name not in found]
    pairs = ((name, one) for name in other for one in defining if _same(columns[name], columns[one], ends))
    return {name: f"is {one} in another scale" for name, one in pairs}


def _same(values: Values, others: Values, ends: _Ends) -> bool:
    shares = []
    for start, stop in zip(ends.rows.starts[:-1], ends.rows.starts[1:], strict=True):
        known = ~np.isnan(values[start:stop]) & ~np.isnan(others[start:stop])
        x, y = values[start:stop][known], others[start:stop][known]
        if len(x) > MIN_TIED and np.ptp(x) > 0 and np.ptp(y) > 0:
            shares.append(np.corrcoef(x, y)[0, 1] ** 2)
    return len(shares) >= MIN_LEVELS and float(np.median(shares)) >= SAME_R2
