"""What a race runs: RUL alone in every way that is tried, and each task beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grace.advice.rule import IGNORE
from grace.data.conventions import Conventions
from grace.data.tasks import BOUND, Task
from grace.models.cnn_bilstm_attention import NARROW
from grace.models.units import HAZARD
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec

FOLDS = 3
"""Networks of a lap, each without a fold of the failures."""
WEIGHT = 0.1
"""Of a task beside RUL in units of the cap, unless it has one of its own."""


@dataclass(frozen=True)
class Way:
    """One way to train.

    Attributes:
        size: Size of the network.
        suspended: What windows of suspended units say, see :data:`grace.models.units.SUSPENDED`.
        tasks: Names of the tasks beside RUL; none is RUL alone.
    """

    size: str
    suspended: str = IGNORE
    tasks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For readers."""
        parts = [*(self.tasks or ["RUL alone"]), *([] if self.suspended == IGNORE else [self.suspended])]
        return " + ".join(parts) + (", narrow" if self.size.endswith(NARROW) else "")

    def spec(self, dataset: str, conventions: Conventions, lap: int) -> RunSpec:
        """The run of one lap, whose seed is the lap's number.

        Windows of a table are judged over the whole life, those of C-MAPSS up to the RUL that its test file asks for.
        """
        tasks = [task for task in conventions.tasks if task.name in self.tasks]
        given = {} if conventions.table is None else {"max_validation_rul": 0}
        return run_spec(dataset, f"fixed-{WEIGHT:g}" if tasks else "rul-only", conventions=conventions,
                        tasks=tasks or None, suspended=self.suspended, size=self.size, folds=FOLDS, seed=lap + 1,
                        rul_scale=None if self.suspended == HAZARD else "cap", **given)  # type: ignore[arg-type]  # fmt: skip


def alone(size: str, suspended: bool) -> list[Way]:
    """RUL alone in the ways that a second task is held against, the fastest first: a narrow and a wide trunk, and what suspended
    units say, where there are any; their likelihood on the first trunk alone. Of a size without a narrow one it is that size."""
    said = (IGNORE, BOUND) if suspended else (IGNORE,)
    first, *others = (size + NARROW, size) if has_narrow(size) else (size,)
    told = [Way(first, HAZARD)] if suspended else []
    return [*(Way(first, word) for word in said), *told, *(Way(one, word) for one in others for word in said)]


def beside(tasks: Sequence[Task], size: str, suspended: bool) -> list[Way]:
    """Each task beside RUL, and all of them, with and without the bound of suspended units where there are any."""
    names = [task.name for task in tasks]
    sets = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
    said = (IGNORE, BOUND) if suspended else (IGNORE,)
    return [Way(size, word, some) for some in sets for word in said]


def has_narrow(size: str) -> bool:
    """Whether there is a size like this one with a narrow trunk; of a narrow one there is not."""
    return size in ("statistics", "quantiles")


def weighed(conventions: Conventions, tasks: Sequence[Task] | None = None) -> Conventions:
    """Conventions with these tasks, or their own, each with a weight: :data:`WEIGHT` where it has none."""
    given = conventions.tasks if tasks is None else tasks
    mine = tuple(task if task.weight is not None else replace(task, weight=WEIGHT) for task in given)
    return replace(conventions, tasks=mine)
