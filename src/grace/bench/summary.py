"""Statistics of records: per data set only, with intervals; no torch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from grace.controllers.titles import TITLES
from grace.core.stats import RATE, UNCLEAR, Estimate, Family, paired, rmse_error, student
from grace.errors import GraceError, check_one_of
from grace.training.record import DONE, Record

PROTOCOLS = ("honest", "source")
METRICS = ("rmse", "score", "rmse_uncapped", "score_uncapped", "macro_f1")
LARGER_IS_BETTER = ("macro_f1",)
NAMED = ("dataset", "method", "seed", "protocol")
"""What a spec has to say for its record to stand in a table."""

Values = Mapping[str, Mapping[int, float]]
"""A figure by method and seed."""


@dataclass(frozen=True)
class Row:
    """One method on one data set.

    Attributes:
        value: Mean over seeds with Student's interval.
        sd: Standard deviation over seeds; NaN with one.
        engines: Standard error over the test engines, which all seeds share (RMSE alone); NaN where it is not known.
        difference: Paired difference to the reference method, by seed; None for the reference, or where no seeds are shared.
        adjusted: Its p value after Benjamini and Hochberg's adjustment for all differences of the table; NaN without one.
        looked_at: How many differences of the table have a p value.
        rank: Rank among the methods of this data set by mean, 1 is best.
        rank_low: 1 and the methods that are measurably better, paired by seed.
        rank_high: All methods less those that are measurably worse.
    """

    dataset: str
    method: str
    value: Estimate
    sd: float
    engines: float
    difference: Estimate | None
    adjusted: float
    looked_at: int
    rank: int
    rank_low: int
    rank_high: int

    @property
    def verdict(self) -> str:
        """Of the difference: ``lower``, ``higher`` or ``unclear``; empty where there is none."""
        return "" if self.difference is None else self.difference.verdict

    @property
    def adjusted_verdict(self) -> str:
        """The verdict where it remains after the adjustment, else ``unclear``; empty where there is none."""
        return self.verdict if self.adjusted <= RATE or not self.verdict else UNCLEAR


def summarise(
    records: Iterable[Record], metric: str = "rmse", protocol: str = "honest", reference: str = "baseline"
) -> list[Row]:
    """Rows by data set, and within it by method in the order of the table of methods.

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
    every, known = list(records), list(TITLES)
    rows: list[Row] = []
    for dataset, found in sorted(values_by_seed(every, metric, protocol).items()):
        methods = dict(sorted(found.items(), key=lambda item: known.index(item[0]) if item[0] in known else len(known)))
        errors = dict.fromkeys(methods, math.nan)
        if protocol == "honest" and metric in ("rmse", "rmse_uncapped"):
            errors = {name: engine_error(_runs(every, dataset, name), metric == "rmse") for name in methods}
        rows += _data_set(dataset, methods, reference, errors, -1 if metric in LARGER_IS_BETTER else 1)
    family = Family.of([row.difference for row in rows])
    return [replace(row, adjusted=p, looked_at=family.looked_at) for row, p in zip(rows, family.adjusted, strict=True)]


def _runs(records: Sequence[Record], dataset: str, method: str) -> list[Record]:
    keys = ("dataset", "method", "protocol")
    return [r for r in records if r.status == DONE and [r.spec[key] for key in keys] == [dataset, method, "honest"]]


def engine_error(records: Sequence[Record], capped: bool = True) -> float:
    """Standard error over test engines, which all read, of the mean RMSE of some runs; NaN where they hold no predictions."""
    squared = []
    for record in records:
        cap = record.spec.get("conventions", {}).get("cap", math.nan)
        if not record.predictions or (capped and math.isnan(cap)):
            return math.nan
        true = np.asarray(record.predictions["true"], dtype=float)
        label = np.minimum(true, cap) if capped else true
        squared.append((np.asarray(record.predictions["rul"], dtype=float) - label) ** 2)
    if len({len(row) for row in squared}) != 1:
        return math.nan
    return rmse_error(np.mean(squared, axis=0))


def values_by_seed(records: Iterable[Record], metric: str, protocol: str) -> dict[str, dict[str, dict[int, float]]]:
    """A figure of finished runs by data set, method and seed; arguments and errors as :func:`summarise`."""
    check_one_of("metric", metric, METRICS)
    check_one_of("protocol", protocol, PROTOCOLS)
    values: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for record in records:
        if missing := [name for name in NAMED if name not in record.spec]:
            raise GraceError(
                f"Record {record.id} should have {missing[0]} in its spec. Found none. Remove it and make it again."
            )
        if record.status != DONE or (protocol == "honest" and record.spec["protocol"] != "honest"):
            continue
        figures = (record.test or record.validation) if protocol == "honest" else record.source
        if figures.get(metric) is None:
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


def _data_set(dataset: str, methods: Values, reference: str, errors: Mapping[str, float], sign: int) -> list[Row]:
    means = {name: student([*found.values()]) for name, found in methods.items()}
    order = sorted(methods, key=lambda name: sign * means[name].mean)
    least, most = _ranks(methods, sign)
    return [
        Row(
            dataset=dataset,
            method=name,
            value=means[name],
            sd=float(np.std([*found.values()], ddof=1)) if len(found) > 1 else math.nan,
            engines=errors[name],
            difference=None if name == reference else paired(found, methods.get(reference, {})),
            adjusted=math.nan,
            looked_at=0,
            rank=order.index(name) + 1,
            rank_low=least[name],
            rank_high=most[name],
        )
        for name, found in methods.items()
    ]


def _ranks(methods: Mapping[str, Mapping[int, float]], sign: int) -> tuple[dict[str, int], dict[str, int]]:
    """Lowest and highest rank that the measurable differences leave each method."""
    least, most = dict.fromkeys(methods, 1), dict.fromkeys(methods, len(methods))
    for first, second in combinations(methods, 2):
        found = paired(methods[first], methods[second])
        if found is not None and found.measurable:
            better, worse = (first, second) if sign * found.mean < 0 else (second, first)
            least[worse] += 1
            most[better] -= 1
    return least, most
