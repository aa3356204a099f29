"""What the page says of a method on a data set: means, intervals and paired differences over seeds, in numbers and words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from grace.bench.published import SOURCE
from grace.bench.summary import LEVEL, values_by_seed
from grace.report.frontier import frontier
from grace.training.record import DONE, Record

VIEWS = {
    "honest": ("honest", "rmse", "score"),
    "honest-uncapped": ("honest", "rmse_uncapped", "score_uncapped"),
    "source": ("source", "rmse", "score"),
}
"""Protocol and the two figures of each way of looking at the records."""

BASELINE = "baseline"
ALONE = ("rul-only", "rul-only-weighted")
"""Methods that share nothing, the first one there is what sharing is compared with."""


@dataclass(frozen=True)
class Estimate:
    """Mean of ``runs`` seeds with Student's 95 % interval; with one seed the ends are NaN."""

    mean: float
    low: float
    high: float
    runs: int

    @property
    def measurable(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Point:
    """One method on one data set in one view.

    Attributes:
        dataset: Data set.
        view: Name in :data:`VIEWS`.
        method: Method.
        seeds: Its seeds, ascending.
        rmse: RMSE, cycles.
        score: NASA score.
        to_baseline: Differences of RMSE and score to Baseline, paired by seed; None where there is nothing to pair.
        to_alone: RMSE difference to RUL alone, likewise.
        frontier: Whether no other method here has a lower mean in one figure without a higher one in the other.
        share: Mean RMSE and score, each from 0 (least of this data set's methods) to 1 (largest): what J weighs.
    """

    dataset: str
    view: str
    method: str
    seeds: tuple[int, ...]
    rmse: Estimate
    score: Estimate
    to_baseline: tuple[Estimate, Estimate] | None
    to_alone: Estimate | None
    frontier: bool
    share: tuple[float, float]


def student(values: Sequence[float]) -> Estimate:
    """Mean and Student's interval of independent values."""
    sample = np.asarray(values, dtype=float)
    mean, runs = float(sample.mean()), len(sample)
    if runs < 2:
        return Estimate(mean, float("nan"), float("nan"), runs)
    half = quantile(runs - 1) * float(sample.std(ddof=1)) / runs**0.5
    return Estimate(mean, mean - half, mean + half, runs)


def quantile(freedom: int) -> float:
    """Half width of Student's 95 % interval in standard errors."""
    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def points(records: Iterable[Record]) -> list[Point]:
    """Every method on every data set in every view that the records hold; data sets are never mixed.

    Raises:
        GraceError: Runs of one method, data set and seed twice: mixed settings.
    """
    every = list(records)
    return [point for view in VIEWS for point in _view(every, view)]


def _view(records: Sequence[Record], view: str) -> list[Point]:
    protocol, *names = VIEWS[view]
    held = [record for record in records if record.status == DONE and figures(record, view)]
    rmse, score = (values_by_seed(held, name, protocol) for name in names)
    return [point for dataset in sorted(rmse) for point in _data_set(dataset, view, rmse[dataset], score[dataset])]


def figures(record: Record, view: str) -> tuple[float, float] | None:
    """RMSE and score of a run in a view; None where it holds none (no test engines, or no RUL)."""
    protocol, *names = VIEWS[view]
    if protocol == "honest" and record.spec["protocol"] != "honest":
        return None
    found = [(record.source if protocol == "source" else record.test).get(name) for name in names]
    return (found[0], found[1]) if all(isinstance(v, int | float) for v in found) else None  # type: ignore[return-value]


Values = Mapping[str, Mapping[int, float]]


def _data_set(dataset: str, view: str, rmse: Values, score: Values) -> list[Point]:
    means = {name: (student([*rmse[name].values()]), student([*score[name].values()])) for name in sorted(rmse)}
    pairs = [(first.mean, second.mean) for first, second in means.values()]
    best = set(frontier(pairs))
    shares = list(zip(*(min_max(column) for column in zip(*pairs, strict=True)), strict=True))
    alone = next((name for name in ALONE if name in rmse), "")
    return [
        Point(
            dataset,
            view,
            name,
            tuple(sorted(rmse[name])),
            *means[name],
            _both(paired(rmse, name, BASELINE), paired(score, name, BASELINE)),
            paired(rmse, name, alone),
            index in best,
            shares[index],
        )
        for index, name in enumerate(means)
    ]


def min_max(values: Sequence[float]) -> list[float]:
    """Values as shares of their range: 0 for the least, 1 for the largest, 0 for all where there is no range."""
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]


def paired(values: Values, method: str, reference: str) -> Estimate | None:
    """Difference of a method to a reference by seed; None for the reference itself or without shared seeds."""
    seeds = sorted(values[method].keys() & values.get(reference, {}).keys())
    if method == reference or not seeds:
        return None
    return student([values[method][seed] - values[reference][seed] for seed in seeds])


def _both(first: Estimate | None, second: Estimate | None) -> tuple[Estimate, Estimate] | None:
    return None if first is None or second is None else (first, second)


def published(datasets: Iterable[str]) -> list[tuple[str, str, float, float, bool]]:
    """Of the source's table: data set, method, RMSE, score and whether it is on the table's own frontier.

    Where the text gives one of the two figures alone there is no point to draw.
    """
    rows = []
    for dataset in datasets:
        found = {name: by_set[dataset] for name, by_set in SOURCE.items() if dataset in by_set}
        both = {n: (p.rmse, p.score) for n, p in found.items() if p.rmse is not None and p.score is not None}
        best = set(frontier([*both.values()]))
        rows += [(dataset, name, rmse, score, i in best) for i, (name, (rmse, score)) in enumerate(both.items())]
    return rows


DIGITS = {"rmse": 2, "score": 0}


def interval_words(estimate: Estimate, digits: int, sign: str = "") -> str:
    """``mean [low, high]``; the mean alone with one seed."""
    mean, low, high = (f"{value:{sign}.{digits}f}" for value in (estimate.mean, estimate.low, estimate.high))
    return mean if math.isnan(estimate.low) else f"{mean} [{low}, {high}]"


def difference_words(difference: Estimate, metric: str) -> str:
    """A paired difference as a sentence's end, e.g. ``0.60 cycles lower RMSE, within noise``."""
    digits = DIGITS[metric]
    size = f"{abs(difference.mean):.{digits}f}"
    way = "lower" if difference.mean < 0 else "higher"
    what = f"{size} cycles {way} RMSE" if metric == "rmse" else f"NASA score {size} {way}"
    if math.isnan(difference.low):
        return f"{what}; one seed tells nothing of the noise"
    low, high = (f"{value:+.{digits}f}" for value in (difference.low, difference.high))
    noise = "beyond noise" if difference.measurable else "within noise"
    return f"{what}, {noise} (95 % interval {low} to {high}, {difference.runs} seeds)"
