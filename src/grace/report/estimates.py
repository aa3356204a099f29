"""What the page says of a method on a data set: the rows of the table of each view, side by side, in numbers and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grace.bench.summary import Row, summarise, values_by_seed
from grace.controllers.titles import BASELINES
from grace.core.stats import RATE
from grace.report.frontier import frontier
from grace.report.marks import Mark
from grace.report.standing import standings
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
    # mean RMSE and score, each from 0 (least of this data set's methods) to 1 (largest): what J weighs
    share: tuple[float, float]
    standing: str  # how it stands at every price of a late failure, see standing.py

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
    shares, best = _shares(rmse, score)
    by_seed = [values_by_seed(held, name, protocol) for name in names]
    standing = standings(by_seed[0], by_seed[1], shares) if held else {}
    losses = _losses(held)
    references = [name for name in ALONE if view == "honest" and any(name == method for _, method in rmse)]
    alone = _alone({name: rows("rmse", name) for name in references}, losses)
    return [
        Point(
            dataset=dataset,
            view=view,
            method=method,
            rmse=rmse[dataset, method],
            score=score[dataset, method],
            loss=losses[dataset, method],
            alone=alone.get((dataset, method)),
            frontier=(dataset, method) in best,
            share=shares[dataset][method],
            standing=standing[dataset, method],
        )
        for dataset, found in shares.items()
        for method in found
    ]


def _shares(rmse: Rows, score: Rows) -> tuple[dict[str, dict[str, tuple[float, float]]], set[tuple[str, str]]]:
    """Means as shares of their range by data set and method, and who is on the frontier of its data set."""
    shares, best = {}, set()
    for dataset in sorted({dataset for dataset, _ in rmse}):
        methods = list(Mark.every(method for d, method in rmse if d == dataset))
        pairs = [(rmse[dataset, m].value.mean, score[dataset, m].value.mean) for m in methods]
        columns = (_min_max(column) for column in zip(*pairs, strict=True))
        shares[dataset] = dict(zip(methods, zip(*columns, strict=True), strict=True))
        best |= {(dataset, methods[index]) for index in frontier(pairs)}
    return shares, best


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


def _min_max(values: Sequence[float]) -> list[float]:
    """Values as shares of their range: 0 for the least, 1 for the largest, 0 for all where there is no range."""
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]
