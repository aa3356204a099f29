"""Statistics of records: per data set only, with intervals; numpy alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grace.controllers.titles import TITLES
from grace.errors import GraceError
from grace.training.record import DONE, Record

DRAWS, LEVEL = 10_000, 0.95
PROTOCOLS = ("honest", "source")
METRICS = ("rmse", "score", "rmse_uncapped", "score_uncapped", "macro_f1")
LARGER_IS_BETTER = ("macro_f1",)


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % bootstrap interval, NaN with a single seed."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One method on one data set.

    Attributes:
        dataset: Data set.
        method: Method.
        runs: Seeds.
        value: Mean and interval over seeds.
        sd: Standard deviation over seeds; NaN with one.
        difference: Paired difference to the reference method, by seed; None for the reference, or where no seeds are shared.
        rank: Rank among the methods of this data set by mean, 1 is best.
        rank_low: Lower end of the rank's 95 % bootstrap interval.
        rank_high: Upper end.
    """

    dataset: str
    method: str
    runs: int
    value: Estimate
    sd: float
    difference: Estimate | None
    rank: int
    rank_low: int
    rank_high: int


def summarise(
    records: Iterable[Record], metric: str = "rmse", protocol: str = "honest", reference: str = "baseline"
) -> list[Row]:
    """Rows by data set, and within it by method in the order of the table of methods.

    Seeds are drawn with replacement, the same draw for all methods of a data set (they share splits by seed). With five
    seeds a percentile interval is somewhat too narrow: it covers about 85 to 90 % of the time.

    A data set without test engines is summarised on its validation engines, which the epoch was chosen on; whoever shows that has
    to say so (:func:`grace.bench.tables.report` does).

    Args:
        records: Finished runs; failed ones are left out.
        metric: A name in :data:`METRICS`.
        protocol: ``honest``, or ``source``: the best epoch on the test set (RMSE and score only), optimistic.
        reference: Method that differences are taken to.

    Raises:
        GraceError: An unknown metric or protocol, a figure that the records do not hold, or runs of one method, data set
            and seed twice: mixed settings.
    """
    values = values_by_seed(records, metric, protocol)
    rows = []
    known = list(TITLES)
    for dataset, found in sorted(values.items()):
        methods = dict(sorted(found.items(), key=lambda item: known.index(item[0]) if item[0] in known else len(known)))
        rows += _data_set(dataset, methods, reference, -1 if metric in LARGER_IS_BETTER else 1)
    return rows


def figures_of(record: Record) -> dict[str, float]:
    """Figures on the test engines, or on the validation engines where a data set has no test engines."""
    return record.test or record.validation


def mean_across_data_sets(*_: object) -> None:
    """Refused: a mean over data sets would weigh cycles of different fleets alike, and hide where a method fails.

    Raises:
        GraceError: Always.
    """
    raise GraceError(
        "A table should be per data set. Found a request for a mean across data sets: their RMSEs have different scales and "
        "engines, and the score is a sum over 100 to 259 engines, so the largest set would decide. Compare row by row."
    )


def values_by_seed(records: Iterable[Record], metric: str, protocol: str) -> dict[str, dict[str, dict[int, float]]]:
    """A figure of finished runs by data set, method and seed; arguments and errors as :func:`summarise`."""
    if metric not in METRICS:
        raise GraceError(f"`metric` should be one of {', '.join(METRICS)}. Found {metric!r}.")
    if protocol not in PROTOCOLS:
        raise GraceError(f"`protocol` should be one of {', '.join(PROTOCOLS)}. Found {protocol!r}.")
    values: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for record in records:
        if record.status != DONE or (protocol == "honest" and record.spec["protocol"] != "honest"):
            continue
        figures = figures_of(record) if protocol == "honest" else record.source
        if metric not in figures:
            raise GraceError(
                f"Record {record.id} should hold {metric} under the protocol {protocol}. Found none of it."
            )
        dataset, method, seed = (record.spec[name] for name in ("dataset", "method", "seed"))
        if seed in values[dataset][method]:
            raise GraceError(
                f"Records should hold {method} on {dataset} with seed {seed} once. Found it with different settings, "
                f"one in {record.id}. Keep sweeps of different settings in different folders."
            )
        values[dataset][method][seed] = figures[metric]
    return values


def _data_set(dataset: str, methods: dict[str, dict[int, float]], reference: str, sign: int) -> list[Row]:
    seeds = sorted({seed for found in methods.values() for seed in found})
    table = np.array([[found.get(seed, np.nan) for seed in seeds] for found in methods.values()])
    drawn = np.random.default_rng(0).integers(0, len(seeds), (DRAWS, len(seeds)))
    means = np.array([_means(row, drawn) for row in table])  # [methods, draws]
    ranks = np.argsort(np.argsort(sign * np.nan_to_num(means, nan=np.inf), axis=0), axis=0) + 1
    order = np.argsort(np.argsort(sign * np.nanmean(table, axis=1))) + 1
    rows = []
    for index, (name, row) in enumerate(zip(methods, table, strict=True)):
        low, high = np.percentile(ranks[index], [2.5, 97.5], method="nearest")
        count = int(np.isfinite(row).sum())
        rows.append(
            Row(
                dataset=dataset,
                method=name,
                runs=count,
                value=_estimate(row, drawn),
                sd=float(np.nanstd(row, ddof=1)) if count > 1 else float("nan"),
                difference=_difference(row, methods, table, reference, name, drawn),
                rank=int(order[index]),
                rank_low=int(low),
                rank_high=int(high),
            )
        )
    return rows


def _difference(
    row: NDArray[np.float64],
    methods: dict[str, dict[int, float]],
    table: NDArray[np.float64],
    reference: str,
    name: str,
    drawn: NDArray[np.int64],
) -> Estimate | None:
    if name == reference or reference not in methods:
        return None
    paired = row - table[list(methods).index(reference)]
    return _estimate(paired, drawn) if np.isfinite(paired).any() else None


def _estimate(row: NDArray[np.float64], drawn: NDArray[np.int64]) -> Estimate:
    if np.isfinite(row).sum() < 2:  # one seed has no spread to draw from
        return Estimate(float(np.nanmean(row)), float("nan"), float("nan"))
    draws = _means(row, drawn)
    low, high = np.nanpercentile(draws, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Estimate(float(np.nanmean(row)), float(low), float(high))


def _means(row: NDArray[np.float64], drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of each draw over the seeds that are there; NaN where a draw holds none of them."""
    sample = row[drawn]
    there = np.isfinite(sample)
    count = there.sum(axis=1)
    total = np.where(there, sample, 0.0).sum(axis=1)
    means: NDArray[np.float64] = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return means
