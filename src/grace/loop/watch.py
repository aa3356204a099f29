"""Watch alignment in any training loop: rho with its running interval, ratio and weights, and an alarm."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from torch import Tensor

from grace.core.fit import Weighed
from grace.core.gradient_utils import cosines, norm_ratio
from grace.core.stats import student
from grace.errors import GraceError

WINDOW = 50
MIN_MEASUREMENTS = 10  # measurements before an alarm


class Watch:
    """Collects what :func:`grace.backward` returns.

    For each pair of tasks the mean cosine over the last ``window`` measurements with Student's interval
    (:func:`grace.core.stats.student`). It is over batches of this one training: it says nothing of other
    initialisations (see :func:`grace.diagnose`), and neighbouring batches are alike, so that it is narrow rather than wide.

    Args:
        tasks: Names of the tasks, in the order of the losses.
        edge: The alarm is raised where the whole interval of a pair lies below this. 0: the tasks have turned against each
            other. The study of RUL and health state puts the edge at 0.18 (``grace.alignment.decide.STUDY``).
        window: Measurements that the interval is over.

    Raises:
        GraceError: Fewer than two tasks, a name twice, or a window under 2.

    Example:
        >>> watch = Watch(("rul", "health"))
        >>> watch.values()
        {}
    """

    def __init__(self, tasks: Sequence[str], edge: float = 0.0, window: int = WINDOW) -> None:
        self.tasks, self.edge = tuple(tasks), edge
        if len(set(self.tasks)) < max(2, len(self.tasks)):
            raise GraceError(
                f"`tasks` should name two tasks or more, each once. Found {', '.join(self.tasks) or 'none'}."
            )
        if window < 2:
            raise GraceError(f"`window` should be at least 2 measurements. Found {window}.")
        self._pairs = list(combinations(range(len(self.tasks)), 2))
        self._rho: dict[tuple[int, int], deque[float]] = {pair: deque(maxlen=window) for pair in self._pairs}
        self._ratio, self._weights = math.nan, [math.nan] * len(self.tasks)
        self._low: set[tuple[int, int]] = set()

    def __call__(self, step: Weighed) -> str:
        """Take in one step; the alarm in words where a pair has just turned, else an empty text."""
        self._weights = step.weights.tolist()
        return "" if step.gramian is None else self.measured(step.gramian)

    def measured(self, gramian: Tensor) -> str:
        """Take in one Gramian ``[K, K]``, NaN for an absent task; the alarm as above."""
        rho = cosines(gramian)
        for pair in self._pairs:
            if bool((gramian[pair, pair] > 0).all()):  # a zero or absent gradient has no cosine
                self._rho[pair].append(float(rho[pair]))
        self._ratio = float(norm_ratio(gramian))
        return self._alarm()

    def rho(self, first: int = 0, second: int = 1) -> tuple[float, float, float]:
        """Mean cosine of a pair and its running interval; NaN before two measurements."""
        seen = np.array(self._rho[min(first, second), max(first, second)])
        if len(seen) < 2:
            return math.nan, math.nan, math.nan
        found = student(seen)
        return found.mean, found.low, found.high

    @property
    def alarmed(self) -> bool:
        """Whether the interval of some pair lies below the edge now."""
        return bool(self._low)

    def values(self) -> dict[str, float]:
        """What is known, by name, for any logger: ``rho/A-B``, its ends, ``ratio`` and ``weight/A``."""
        found: dict[str, float] = {}
        for a, b in self._pairs:
            name = f"rho/{self.tasks[a]}-{self.tasks[b]}"
            found |= dict(zip((name, f"{name}/low", f"{name}/high"), self.rho(a, b), strict=True))
        found["ratio"] = self._ratio
        found |= {f"weight/{name}": weight for name, weight in zip(self.tasks, self._weights, strict=True)}
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def _alarm(self) -> str:
        low = {
            pair for pair in self._pairs if len(self._rho[pair]) >= MIN_MEASUREMENTS and self.rho(*pair)[2] < self.edge
        }
        new, self._low = low - self._low, low
        lines = []
        for a, b in sorted(new):
            mean, below, above = self.rho(a, b)
            lines.append(
                f"rho of {self.tasks[a]} and {self.tasks[b]} has turned below {self.edge:+.2f}: {mean:+.3f} "
                f"[{below:+.3f}, {above:+.3f}] over the last {len(self._rho[a, b])} measured batches. The tasks ask the shared "
                "parameters for different things: compare with a training without the second."
            )
        return " ".join(lines)
