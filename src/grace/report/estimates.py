"""What the page says of a method on a data set: the rows of the table of each view, side by side, in numbers and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from grace.bench.summary import Row, summarise
from grace.controllers.titles import BASELINES
from grace.core.stats import RATE, Family
from grace.report.frontier import frontier
from grace.report.marks import Mark
from grace.training.record import DONE, Record

VIEWS = {
    "honest": ("honest", "rmse", "score"),
    "honest-uncapped": ("honest", "rmse_uncapped", "score_uncapped"),
    "source": ("source", "rmse", "score"),
}
"""Protocol and the two figures of each way of looking at the records."""

BASELINE = "baseline"
ALONE = ("rul-only", "rul-only-weighted")
"""Methods that share nothing: what sharing is compared with, each for methods of its own RUL loss."""

ADJUSTMENT = f"Benjamini-Hochberg at {100 * RATE:g} %"

LOSS = {"mse": "plain MSE", "weighted_mse": "weighted MSE"}
"""RUL losses (the inner axis) as printed."""


@dataclass(frozen=True)
class Point:
    """One method on one data set in one view."""

    dataset: str
    view: str  # name in VIEWS
    method: str
    rmse: Row  # RMSE, cycles, with its difference to Baseline: a row of bench/summary.py
    score: Row  # NASA score, likewise
    loss: str  # the RUL loss that its records name, as printed; empty where they name none or several
    # RMSE with its difference to RUL alone under the same loss; None where there is nothing to pair, where the method
    # itself shares nothing, and in other views than `honest`
    alone: Row | None
    frontier: bool  # whether no other method here has a lower mean in one figure without a higher one in the other
    lowest: Row  # RMSE with its difference to the lowest mean RMSE of the data set; None in the method that has it

    @staticmethod
    def every(records: Iterable[Record]) -> list[Point]:
        """Every method on every data set in every view that the records hold, in the order of the marks.

        No figure mixes data sets; only the adjustment for many verdicts reaches over them, as the table's does.

        Raises:
            GraceError: Runs of one method, data set and seed twice: mixed settings.
        """
        held = list(records)
        return [point for view in VIEWS for point in _view(held, view)]

    @property
    def shares(self) -> bool:
        """Whether the method trains a second task."""
        return _shares_tasks(self.method)


def _shares_tasks(method: str) -> bool:
    return method not in (*ALONE, *BASELINES)


Rows = Mapping[tuple[str, str], Row]
"""Rows of a table by data set and method."""


def _view(records: Sequence[Record], view: str) -> list[Point]:
    protocol, *names = VIEWS[view]
    held = [record for record in records if record.status == DONE and figures(record, view)]

    def rows(metric: str, reference: str) -> Rows:
        return {(row.dataset, row.method): row for row in summarise(held, metric, protocol, reference)}

    rmse, score = (rows(name, BASELINE) for name in names)
    order = [(d, m) for d in sorted({d for d, _ in rmse}) for m in Mark.every(m for e, m in rmse if e == d)]
    best = _on_frontier(order, rmse, score)
    lowest = _to_lowest(held, {key: rmse[key].value.mean for key in order}, view)
    losses = _losses(held)
    references = [name for name in ALONE if view == "honest" and any(name == method for _, method in rmse)]
    alone = _alone({name: rows("rmse", name) for name in references}, losses)
    return [
        Point(
            dataset=key[0],
            view=view,
            method=key[1],
            rmse=rmse[key],
            score=score[key],
            loss=losses[key],
            alone=alone.get(key),
            frontier=key in best,
            lowest=lowest[key],
        )
        for key in order
    ]


def _on_frontier(order: Iterable[tuple[str, str]], rmse: Rows, score: Rows) -> set[tuple[str, str]]:
    """Which methods are on the frontier of their data set."""
    of: dict[str, list[tuple[str, str]]] = {}
    for key in order:
        of.setdefault(key[0], []).append(key)
    means = {key: (rmse[key].value.mean, score[key].value.mean) for keys in of.values() for key in keys}
    return {keys[index] for keys in of.values() for index in frontier([means[key] for key in keys])}


def _to_lowest(records: Sequence[Record], means: Mapping[tuple[str, str], float], view: str) -> Rows:
    """RMSE with its difference to the lowest mean of the data set; of equal means to the first."""
    protocol, metric, _ = VIEWS[view]
    least: dict[str, str] = {}
    for dataset, method in means:
        if dataset not in least or means[dataset, method] < means[dataset, least[dataset]]:
            least[dataset] = method
    return {(row.dataset, row.method): row for row in against(records, least, metric, protocol)}


def against(
    records: Sequence[Record], references: Mapping[str, str], metric: str, protocol: str = "honest"
) -> list[Row]:
    """Rows of a table whose reference is another one on each data set; adjusted for the differences of all of them."""
    rows = [
        row
        for dataset, reference in references.items()
        for row in summarise([r for r in records if r.spec["dataset"] == dataset], metric, protocol, reference)
    ]
    family = Family.of([row.difference for row in rows])
    return [replace(row, adjusted=p, looked_at=family.looked_at) for row, p in zip(rows, family.adjusted, strict=True)]


def _losses(records: Iterable[Record]) -> dict[tuple[str, str], str]:
    """The RUL loss of each method on each data set, as printed; empty where the records name none or several."""
    found: dict[tuple[str, str], set[str]] = {}
    for record in records:
        spec = record.spec
        inner = spec.get("inner", "")
        name = LOSS.get(inner, inner) if isinstance(inner, str) else ""
        found.setdefault((spec["dataset"], spec["method"]), set()).add(name)
    return {key: names.pop() if len(names) == 1 else "" for key, names in found.items()}


def _alone(tables: Mapping[str, Rows], losses: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], Row]:
    """Of each method that shares, its row in the table whose reference is RUL alone under the same loss."""
    return {
        (dataset, method): row
        for reference, rows in tables.items()
        for (dataset, method), row in rows.items()
        if _shares_tasks(method) and losses[dataset, method] and row.difference is not None
        if losses[dataset, method] == losses.get((dataset, reference))
    }


def figures(record: Record, view: str) -> tuple[float, float] | None:
    """RMSE and score of a run in a view; None where it holds none (no test engines, or no RUL)."""
    protocol, *names = VIEWS[view]
    if protocol == "honest" and record.spec["protocol"] != "honest":
        return None
    found = [(record.source if protocol == "source" else record.test).get(name) for name in names]
    return (found[0], found[1]) if all(isinstance(v, int | float) for v in found) else None  # type: ignore[return-value]
