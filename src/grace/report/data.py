"""Everything that the page's script reads, as JSON values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from grace import __version__
from grace.report import panels, rules
from grace.report.chart import CONFIG
from grace.report.estimates import (
    DIGITS,
    Estimate,
    Point,
    difference_words,
    interval_words,
    points,
    published,
    quantile,
)
from grace.report.marks import Mark, marks
from grace.report.read import Material, as_json
from grace.report.runs import run_of
from grace.report.tradeoff import REGIMES
from grace.report.words import scope, summary

Row = dict[str, Any]


def page_data(found: Material) -> Row:
    """What a page holds.

    Raises:
        GraceError: Runs of one method, data set and seed twice: mixed settings.
    """
    every = points(found.records)
    known = marks([*(r.spec["method"] for r in found.records), *(name for _, name, *_ in published(_datasets(found)))])
    runs = [run_of(record) for record in found.records]
    seeds = max((p.rmse.runs for p in every), default=1)
    return {
        "version": __version__,
        "datasets": _datasets(found),
        "methods": {name: asdict(mark) for name, mark in known.items()},
        "scope": scope(found.records),
        "summary": summary(found, every),
        "points": [point_row(point, known[point.method]) for point in every],
        "published": published_rows(_datasets(found), known),
        "quantiles": [round(quantile(freedom), 6) for freedom in range(1, max(seeds, 2))],
        "engines": _shared(runs),
        "runs": sorted(runs, key=lambda run: (run["dataset"], list(known).index(run["method"]), run["seed"])),
        "diagnoses": [as_json(d) for d in found.diagnoses],
        "decision": rules.exported(),
        "left_out": [asdict(item) for item in found.left_out],
        "regimes": REGIMES,
        "config": CONFIG,
        "specs": panels.specs(known),
    }


def _datasets(found: Material) -> list[str]:
    return sorted({r.spec["dataset"] for r in found.records} | {d.dataset for d in found.diagnoses})


def _shared(runs: Sequence[Row]) -> list[Row]:
    """Tables of engines, each once; the runs keep its number."""
    tables: list[Row] = []
    for run in runs:
        if run["engines"] not in tables:
            tables.append(run["engines"])
        run["engines"] = tables.index(run["engines"])
    return tables


def point_row(point: Point, mark: Mark) -> Row:
    """A method on a data set in a view: numbers for the charts, words for the lists."""
    row: Row = {
        "dataset": point.dataset,
        "view": point.view,
        "method": point.method,
        "title": mark.title,
        "whose": "ours",
        "frontier": point.frontier,
        "share": list(point.share),
    }
    for name, digits in DIGITS.items():
        estimate: Estimate = getattr(point, name)
        row |= {name: estimate.mean, f"{name}_words": interval_words(estimate, digits)}
        if not math.isnan(estimate.low):
            row |= {f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    if point.to_baseline is not None:
        pairs = zip(point.to_baseline, DIGITS, strict=True)
        row["to_baseline"] = [difference_words(difference, name) for difference, name in pairs]
    if point.to_alone is not None:
        row["to_alone"] = difference_words(point.to_alone, "rmse")
        row |= {"alone": point.to_alone.mean}
        if not math.isnan(point.to_alone.low):
            row |= {"alone_low": point.to_alone.low, "alone_high": point.to_alone.high}
    return _six_digits(row)


def published_rows(datasets: Sequence[str], known: dict[str, Mark]) -> list[Row]:
    """The source's figures as rows of the same charts."""
    return [
        {
            "dataset": dataset,
            "method": name,
            "title": known[name].title,
            "whose": "published",
            "frontier": best,
            "rmse": rmse,
            "score": score,
            "rmse_words": f"{rmse:g}",
            "score_words": f"{score:g}",
        }
        for dataset, name, rmse, score, best in published(datasets)
    ]


def _six_digits(row: Row) -> Row:
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in row.items()}
