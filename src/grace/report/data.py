"""Everything that the page's script reads, as JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from grace import __version__
from grace.bench.published import SOURCE, Published
from grace.bench.summary import Row as TableRow
from grace.bench.ways import ALONE, Way, ways
from grace.core.stats import EFFECT, RATE, Estimate
from grace.report import rules
from grace.report.answers import Answer
from grace.report.chart import CONFIG
from grace.report.charts import EPOCHS, specs
from grace.report.cost import PRICES, Cost, costs
from grace.report.differences import differences
from grace.report.estimates import ADJUSTMENT, Point
from grace.report.fleets import fleets
from grace.report.frontier import frontier
from grace.report.marks import Mark
from grace.report.read import Diagnosed, Results, columns_of
from grace.report.words import alone_words, inline, scope, summary

Row = dict[str, Any]
DIGITS = {"rmse": 2, "score": 0}
MANY = 30
"""Price of a cycle late from which costs are whole numbers."""
NOT_GIVEN = "not given"
CAPPED = {"honest": True, "honest-uncapped": False}
"""Views whose predictions the records keep, and whether their labels are capped."""


def page_data(found: Results, evidence: Mapping[str, Any] | None = None) -> Row:
    """What a page holds."""
    every = Point.every(found.records)
    datasets = sorted({r.spec["dataset"] for r in found.records} | {d.dataset for d in found.diagnoses})
    theirs = _published(datasets)
    known = Mark.every([*(r.spec["method"] for r in found.records), *(row["method"] for row in theirs)])
    runs = [columns_of(record) for record in found.records]
    return {
        "version": __version__,
        "datasets": datasets,
        "methods": {name: asdict(mark) for name, mark in known.items()},
        "answers": [asdict(answer) for answer in Answer.every(found.records)],
        "differences": differences(found.records),
        "scope": scope(found.records),
        "summary": summary(found, every),
        "points": [_point_row(point) for point in every],
        "published": theirs,
        "alone": {name: alone_words([p for p in every if p.dataset == name], known) for name in datasets},
        "engines": _shared(runs),
        "runs": sorted(runs, key=lambda run: (run["dataset"], list(known).index(run["method"]), run["seed"])),
        "diagnoses": [_diagnosis_row(d) for d in found.diagnoses],
        "ways": [_way_row(way) for way in ways(found.few_failures)],
        "decision": rules.exported(),
        "evidence": evidence,
        "fleets": fleets(found.records, found.histories),
        "left_out": [
            {"name": name, "reason": reason}
            for name, reason in (*found.left_out, *(evidence or {}).get("left_out", ()))
        ],
        "prices": [int(price) if price.is_integer() else price for price in PRICES.tolist()],
        "many": MANY,
        "costs": {view: _costs(costs(found.records, capped)) for view, capped in CAPPED.items()},
        "config": CONFIG,
        "epochs": EPOCHS,
        "specs": specs(known),
    }


def _shared(runs: Sequence[Row]) -> list[Row]:
    """Tables of engines, each once; the runs keep its number."""
    tables: list[Row] = []
    for run in runs:
        if run["engines"] not in tables:
            tables.append(run["engines"])
        run["engines"] = tables.index(run["engines"])
    return tables


def _point_row(point: Point) -> Row:
    """A method on a data set in a view: numbers for the charts, words for the lists."""
    row: Row = {
        "dataset": point.dataset,
        "view": point.view,
        "method": point.method,
        "engines": "" if math.isnan(point.rmse.engines) else f"{point.rmse.engines:.2f}",
    }
    row |= {"frontier": True} if point.frontier else {}
    figures = {"rmse": point.rmse, "score": point.score}
    for name, found in figures.items():
        row |= _ends(name, found.value)
        row[f"{name}_interval"] = found.value.text(DIGITS[name])
    if point.alone is not None and point.alone.difference is not None:
        row |= _ends("alone", point.alone.difference)
        row["to_alone"] = f"under {inline(point.loss)}: {_difference_words(point.alone)}"
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in row.items()}


def _costs(of: Mapping[tuple[str, str], Cost]) -> dict[str, dict[str, Row]]:
    """Costs by data set and method, with the decimals that are shown."""
    found: dict[str, dict[str, Row]] = {}
    for (dataset, method), cost in of.items():
        found.setdefault(dataset, {})[method] = {
            "cycles": [float(f"{value:.6g}") for value in (cost.early, cost.late)],
            "lines": [[place, *(_six(value) for value in line)] for place, *line in cost.lines],
            "half": [*map(_hundredths, cost.half, PRICES)],
            "standing": ",".join(f"{mark}{len(list(run))}" for mark, run in groupby(cost.standing)),
        }
    return found


def _six(value: float) -> float | None:
    """Six significant digits; None for NaN."""
    return None if math.isnan(value) else float(f"{value:.6g}")


def _hundredths(value: float, price: float) -> float | None:
    """As many decimals as are shown at a price; None for NaN."""
    if math.isnan(value):
        return None
    kept = round(float(value), 2 if price < MANY else 0)
    return int(kept) if kept.is_integer() else kept


def _ends(name: str, estimate: Estimate) -> Row:
    """A mean and the ends of its interval, where there is one."""
    known = not math.isnan(estimate.low)
    return {name: estimate.mean} | ({f"{name}_low": estimate.low, f"{name}_high": estimate.high} if known else {})


def _difference_words(row: TableRow) -> str:
    """The paired difference of an RMSE as a sentence's end, e.g. ``0.60 cycles lower RMSE, within noise (95 % interval ...)``."""
    assert row.difference is not None
    difference = row.difference
    what = f"{abs(difference.mean):.2f} cycles {'lower' if difference.mean < 0 else 'higher'} RMSE"
    if difference.n < 2:
        return f"{what}; one seed tells nothing of the noise"
    noise = "beyond noise" if difference.measurable else "within noise"
    words = f"{what}, {noise} (95 % interval {difference.low:+.2f} to {difference.high:+.2f}, {difference.n} seeds)"
    if not difference.measurable:
        return words
    remains = "remains" if row.adjusted <= RATE else "does not remain"
    return f"{words}, which {remains} after {ADJUSTMENT} ({row.looked_at} looked at)"


def _published(datasets: Iterable[str]) -> list[Row]:
    """The source's table as rows of the same charts, with its own frontier; what the text does not give is marked."""
    rows: list[Row] = []
    for dataset in datasets:
        found = {name: by_set.get(dataset, Published()) for name, by_set in SOURCE.items()}
        both = {n: (p.rmse, p.score) for n, p in found.items() if p.rmse is not None and p.score is not None}
        best = {[*both][index] for index in frontier([*both.values()])}
        if any(dataset in by_set for by_set in SOURCE.values()):
            rows += [_published_row(dataset, name, figures, name in best) for name, figures in found.items()]
    return rows


def _published_row(dataset: str, method: str, found: Published, best: bool) -> Row:
    row: Row = {"dataset": dataset, "method": method, "engines": ""} | ({"frontier": True} if best else {})
    for figure, value in (("rmse", found.rmse), ("score", found.score)):
        row |= (
            {f"{figure}_interval": NOT_GIVEN} if value is None else {figure: value, f"{figure}_interval": f"{value:g}"}
        )
    if found.rmse is not None:
        row["rmse_interval"] += ", no SD given" if found.sd is None else f", SD {found.sd:g}"
    return row


def _way_row(way: Way) -> Row:
    """A way to learn from few failures: numbers for the chart, words for the table."""
    row: Row = {"name": way.name, "fleets": way.rmse.n, "rmse_words": f"{way.rmse.mean:.2f}"}
    row |= {"difference": 0.0} if way.name == ALONE else {}
    words = dict.fromkeys(("difference_words", "change_words", "effect"), "")
    if way.difference is not None and way.change is not None:
        row |= _ends("difference", way.difference)
        words["difference_words"], words["change_words"] = way.difference.text(2, "+"), way.change.text(1, "+")
        words["effect"] = EFFECT[way.difference.verdict]
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in (row | words).items()}


def _diagnosis_row(found: Diagnosed) -> Row:
    e = found.evidence
    assert e.near_failure_share is not None  # a diagnosis of other tasks than RUL is left out when it is read
    return {
        "dataset": found.dataset,
        "recipe": e.recipe,
        "rho": round(e.rho, 4),
        "low": round(e.low, 4),
        "high": round(e.high, 4),
        "ratio": float(f"{e.ratio:.6g}"),
        "near_failure_share": round(e.near_failure_share, 6),
        "conditions": e.conditions,
        "inits": e.inits,
        "reliable": e.reliable,
        "batches": found.batches,
        "settled": found.settled,
        "elsewhere": found.elsewhere,
    }
